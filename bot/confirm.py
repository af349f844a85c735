"""One confirmation before anything that costs money: who asked, once, within its time."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import discord

from bot import reply, text
from bot.cards import message
from bot.errors import sentence
from bot.lasting import Lasting, below
from bot.reply import Press, Sent
from engine.domain.errors import ApprovalExpired
from engine.domain.quote import Leg, UnitQuote
from engine.reports import instruments_of

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

_MAX_OPEN = 5
_DRIFT_PCT = Decimal("0.5")
_QUICK_S, _STEP_S = 1.0, 3.0
"""An action that takes longer shows that it is under way, and so often where it has got to."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked. Its words and figures are made anew whenever it is put."""

    title: str
    yes: str
    """On the button: a verb and what it is done to."""
    body: Callable[[], str]
    """Raises UserError when there is nothing to ask any more."""
    action: Callable[[Press], Awaitable[str]]
    """Runs once if the answer is yes; what to say afterwards."""
    price: Callable[[], UnitQuote | None] | None = None
    """A price that must not have moved far since the question was put."""
    unit: tuple[Leg, ...] = ()
    """What that is the price of."""
    state: Callable[[], object] | None = None
    """What must not have changed at all since."""
    step: Callable[[], str] = str
    """What is being done, while the action takes its time."""


@dataclass(kw_only=True)
class Waiting:
    """A question that was put to a person and not answered yet."""

    question: Question
    user_id: int
    ends_at: float
    quote: UnitQuote | None
    state: object
    sent: Sent | None = field(default=None)
    """Where it stands, so that it can be closed when its time is over."""
    is_forgotten: bool = False
    """Newer ones took its place: it stands there still, and does nothing."""

    def has_changed(self) -> bool:
        """Whether the yes was said to something that is no longer so."""
        question = self.question
        if question.state is not None and question.state() != self.state:
            return True
        now = question.price() if question.price is not None else None
        if now is None or self.quote is None:
            return False
        slack = max(self.quote.ask - self.quote.bid, abs(self.quote.mid) * _DRIFT_PCT / 100)
        return abs(now.mid - self.quote.mid) > slack


class Confirmations:
    """Open confirmations of this process; a restart ends them, which is safe."""

    def __init__(self) -> None:
        self._open: dict[str, Waiting] = {}
        self._timers: set[asyncio.Task[None]] = set()

    def add(self, waiting: Waiting, now: float) -> str:
        """Keep it; its token. A person's oldest gives way: a new question is never refused.

        What he wants to close or to stop must not wait for what he left open.
        """
        self._open = {k: w for k, w in self._open.items() if w.ends_at > now}
        mine = [k for k, w in self._open.items() if w.user_id == waiting.user_id]
        for oldest in mine[: max(len(mine) - _MAX_OPEN + 1, 0)]:
            self._open.pop(oldest).is_forgotten = True
        token = secrets.token_hex(8)
        self._open[token] = waiting
        return token

    def find(self, token: str, now: float) -> Waiting:
        """The open question behind a button.

        Raises:
            ApprovalExpired: its time is over, it was answered, or the desk was restarted.
        """
        waiting = self._open.get(token)
        if waiting is None or waiting.ends_at <= now:
            raise ApprovalExpired("This confirmation is over. Nothing was done by it; ask again.")
        return waiting

    def use(self, token: str) -> Waiting | None:
        """Use it up; None when somebody was quicker."""
        return self._open.pop(token, None)

    def close_later(self, app: "App", token: str, wait_s: float) -> None:
        """Take its buttons away when its time is over."""
        waiting = self._open[token]

        async def close() -> None:
            await app.clock.sleep(wait_s)
            if self._open.pop(token, None) is None and not waiting.is_forgotten:
                return
            log.info("confirmation of user %s expired: %s", waiting.user_id, waiting.question.title)
            await _show(
                waiting.sent,
                reply.badged(app, f"⌛ {waiting.question.title} Not answered; nothing was done."),
            )

        task = asyncio.create_task(close(), name=f"confirmation {token}")
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)

    async def close(self) -> None:
        """Forget all of them."""
        self._open.clear()
        timers = list(self._timers)
        for task in timers:
            task.cancel()
        await asyncio.gather(*timers, return_exceptions=True)


class ConfirmButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:confirm:(?P<token>[0-9a-f]{16}):(?P<verb>yes|no)",
):
    """Yes or no."""

    def __init__(self, token: str, verb: str, label: str = "Cancel") -> None:
        style = discord.ButtonStyle.danger if verb == "yes" else discord.ButtonStyle.secondary
        super().__init__(
            discord.ui.Button(label=label[:80], style=style, custom_id=f"ts:confirm:{token}:{verb}")
        )
        self.token, self.verb = token, verb

    async def callback(self, interaction: Press) -> None:
        """Do it once, or drop it. Whoever may not answer leaves it as it is."""
        await reply.defer(interaction)
        try:
            await interaction.client.app.gate.admit(interaction)
            said = await self._answer(interaction.client.app, interaction)
        except ApprovalExpired as error:
            said = sentence(error)
        except Exception as error:  # noqa: BLE001 - the outermost edge of every button
            await reply.answer(interaction, error)
            return
        if said:
            await _replace(interaction, said)

    async def _answer(self, app: "App", press: Press) -> str:
        """What to put in the question's place; empty when it was put anew."""
        waiting = app.confirmations.find(self.token, app.clock.monotonic())
        if self.verb == "no" and press.user.id == waiting.user_id:
            app.confirmations.use(self.token)
            return f"✖ {waiting.question.title} Cancelled; nothing was done."
        app.gate.require_answer(press, waiting.user_id)
        if app.confirmations.use(self.token) is None:
            raise ApprovalExpired("This confirmation is over. Nothing was done by it; ask again.")
        if self.verb == "no":
            return f"✖ {waiting.question.title} Cancelled; nothing was done."
        if waiting.has_changed():
            await _ask_again(app, press, waiting)
            return ""
        return await _run(press, waiting.question)


async def _run(press: Press, question: Question) -> str:
    """Act; what came of it, or what went wrong. A slow action shows that it is under way."""
    task = asyncio.ensure_future(question.action(press))
    shown, wait_s = "", _QUICK_S
    try:
        while not (await asyncio.wait({task}, timeout=wait_s))[0]:
            wait_s, step = _STEP_S, text.shorten(question.step(), 200)
            words = f"⏳ {text.shorten(question.yes, 80)}: under way …"
            words += f" ({step})" if step else ""
            if words != shown:
                await _show_step(press, words)
            shown = words
        return await task
    except Exception as error:  # noqa: BLE001 - the outermost edge of every button
        return sentence(error)
    finally:
        task.cancel()  # where its press is ended before it


async def _show_step(press: Press, words: str) -> None:
    """What cannot be shown must not end what is being done; elsewhere only the outcome is said."""
    try:
        await _put_in(press, words)
    except Exception as error:  # noqa: BLE001 - an answer of Discord's may be unreadable too
        log.info("a step could not be shown: %s", type(error).__name__)


async def _replace(press: Press, said: str) -> None:
    """Put the outcome where the question stood; elsewhere when that is closed."""
    try:
        await _put_in(press, said)
    except reply.UNWELL as error:
        log.info("the question could not be closed: %s", error)
        await reply.say(press, said)


async def _put_in(press: Press, said: str) -> None:
    words = reply.badged(press.client.app, said)
    await press.edit_original_response(content=words, embed=None, view=None)


async def _show(sent: Sent | None, said: str) -> None:
    if sent is None:
        return
    try:
        await sent.edit(content=said, embed=None, view=None)
    except reply.UNWELL as error:
        log.info("the question could not be closed: %s", error)


async def ask_first(app: "App", asker: Press | discord.Message, question: Question) -> None:
    """Put a question; its action runs once if the person says yes in time.

    Raises:
        UserError: there is nothing to ask.
    """
    person = asker.author if isinstance(asker, discord.Message) else asker.user
    waiting, view, embed = _put(app, question, person.id)
    if isinstance(asker, discord.Message):
        waiting.sent = await asker.reply(embed=embed, view=view, mention_author=False)
    else:
        waiting.sent = await reply.say(asker, view=view, embed=embed)


async def _ask_again(app: "App", press: Press, old: Waiting) -> None:
    """The same question in the same place, with the figures of now."""
    waiting, view, embed = _put(app, old.question, old.user_id, is_again=True)
    waiting.sent = old.sent
    try:
        await press.edit_original_response(content=None, embed=embed, view=view)
    except reply.UNWELL:
        waiting.sent = await reply.say(press, view=view, embed=embed)


def _put(
    app: "App", question: Question, user_id: int, *, is_again: bool = False
) -> tuple[Waiting, discord.ui.View, discord.Embed]:
    """Open a question with the price and the state of now."""
    now, seconds = app.clock.monotonic(), app.config.discord.confirm_expiry_s
    body = question.body()
    waiting = Waiting(
        question=question,
        user_id=user_id,
        ends_at=now + seconds,
        quote=question.price() if question.price is not None else None,
        state=question.state() if question.state is not None else None,
    )
    token = app.confirmations.add(waiting, now)
    app.confirmations.close_later(app, token, seconds)
    view = below((ConfirmButton(token, "yes", question.yes), ConfirmButton(token, "no")))
    embed = message.question(
        title=question.title,
        lines=body.splitlines(),
        stamp=app.reading.frame().stamp("confirmation", instruments_of(question.unit)),
        ends_at=app.clock.now() + timedelta(seconds=seconds),
        again="Something moved since you were asked. Please look again." if is_again else "",
    )
    return waiting, view, embed
