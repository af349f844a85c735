"""Answers to people: privately, by whichever door is still open, never silence, never raising."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import aiohttp
import discord

from bot import text
from bot.errors import root_of, sentence
from bot.pace import TooMuch

log = logging.getLogger(__name__)

Press = discord.Interaction[Any]

UNWELL = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, RuntimeError)
"""Whatever a call to Discord may end in: refused, too late, cut off, client closed meanwhile."""

_ACK_S = 2.0
"""How long work waits for Discord to take the acknowledgement; its own window is 3 s."""
_AGAIN_S = 0.5
_LONGEST = 2000
_THINKING = "thinking"
_pending: set[asyncio.Task[None]] = set()


class Sent(Protocol):
    """An answer that can be changed later."""

    async def edit(
        self, *, content: str | None, embed: discord.Embed | None, view: discord.ui.View | None
    ) -> Any:
        """Show something else in its place."""


async def defer(press: Press) -> None:
    """Acknowledge a button or dialog at once; the work goes on even when that is lost (D-09)."""
    await _acknowledge(press, press.response.defer(ephemeral=True))


async def think(press: Press, *, private: bool) -> None:
    """Acknowledge a command; its privacy is decided here and cannot be changed later."""
    press.extras[_THINKING] = "private" if private else "public"
    await _acknowledge(press, press.response.defer(ephemeral=private, thinking=True))


async def _acknowledge(press: Press, answer: Awaitable[object]) -> None:
    async def send() -> None:
        try:
            await answer
        except UNWELL as error:
            log.info("interaction %s was not acknowledged: %s", press.id, error)

    task = asyncio.create_task(send(), name=f"acknowledge {press.id}")
    _pending.add(task)
    task.add_done_callback(_pending.discard)
    await asyncio.wait({task}, timeout=_ACK_S)


async def handled(press: Press, work: Callable[[], Awaitable[str | None]]) -> None:
    """Run what a press asks for; the person hears the result or a kind refusal."""
    try:
        said = await work()
    except Exception as error:  # noqa: BLE001 - the outermost edge of every button
        await answer(press, error)
        return
    if said:
        await say(press, said)


async def answer(press: Press, error: BaseException) -> None:
    """Tell the sender privately what went wrong, whatever was answered before.

    One who floods the desk is answered after everybody else.
    """
    said = sentence(error)
    if isinstance(getattr(error, "original", error), TooMuch):
        ends_at = asyncio.get_running_loop().time() + _ACK_S
        press.client.app.throttled.add(lambda: say(press, said), ends_at=ends_at)
        return
    offer = getattr(root_of(error), "offer", None)
    await say(press, said, view=offer() if offer is not None else None)


def badged(app: Any, words: str) -> str:
    """A short answer with the mode below it: whether it was about real money is never a guess."""
    badge = f"\n-# {app.reading.badges()}"
    return f"{words[: _LONGEST - len(badge)]}{badge}" if words else ""


async def say(
    press: Press,
    words: str = "",
    *,
    view: discord.ui.View | None = None,
    embed: discord.Embed | None = None,
) -> Sent | None:
    """A private answer; None when every door was closed."""
    shown: dict[str, Any] = {"content": badged(press.client.app, words) if embed is None else words}
    if view is not None:
        shown["view"] = view
    if embed is not None:
        shown["embed"] = embed
    for door in (_respond, _complete, _follow_up, _write, _point):
        try:
            sent = await door(press, shown)
        except UNWELL as error:
            log.info("%s to interaction %s failed: %s", door.__name__, press.id, error)
        else:
            if sent is not None:
                return sent
    log.warning("the answer to user %s was lost", press.user.id)
    return None


async def progress(press: Press, words: str) -> None:
    """How far a long answer is, in its place; nothing is lost when that does not arrive."""
    try:
        await press.edit_original_response(content=words)
    except UNWELL as error:
        log.info("progress of interaction %s failed: %s", press.id, error)


async def report(
    press: Press,
    embed: discord.Embed,
    *,
    view: discord.ui.View | None = None,
    files: tuple[discord.File, ...] = (),
) -> None:
    """Fill the place that :func:`think` has opened."""
    more: dict[str, Any] = {} if view is None else {"view": view}
    try:
        await press.edit_original_response(
            content=None, embed=embed, attachments=list(files), **more
        )
    except UNWELL as error:
        log.info("report to interaction %s failed: %s", press.id, error)
        await say(press, embed=embed.copy().set_image(url=None), view=view)
    else:
        press.extras.pop(_THINKING, None)


async def _respond(press: Press, shown: dict[str, Any]) -> Sent | None:
    """The first answer, when nothing was answered yet."""
    if press.response.is_done():
        return None
    made = await press.response.send_message(ephemeral=True, **shown)
    return made.resource if isinstance(made.resource, discord.InteractionMessage) else None


async def _complete(press: Press, shown: dict[str, Any]) -> Sent | None:
    """The place of a command that thinks; a public one is given back, answers are private."""
    kind = press.extras.pop(_THINKING, "")
    if kind == "public":
        await press.delete_original_response()
    return await press.edit_original_response(**shown) if kind == "private" else None


async def _follow_up(press: Press, shown: dict[str, Any]) -> Sent | None:
    """A further message; once more after a moment when the line was cut."""
    try:
        return await press.followup.send(ephemeral=True, wait=True, **shown)
    except (aiohttp.ClientError, OSError, TimeoutError):
        await asyncio.sleep(_AGAIN_S)
        return await press.followup.send(ephemeral=True, wait=True, **shown)


async def _write(press: Press, shown: dict[str, Any]) -> Sent | None:
    """A direct message: the interaction is dead (15 min), and the room is not the place."""
    return await press.user.send(**shown)


async def _point(press: Press, shown: dict[str, Any]) -> Sent | None:
    """Direct messages are closed too: say in the room that there is something, not what."""
    del shown
    if not isinstance(press.channel, discord.TextChannel | discord.Thread):
        return None
    return await press.channel.send(
        f"{text.safe_line(press.user.display_name, 40)}: the answer to your request could not be "
        "delivered privately. See /positions for how things stand."
    )
