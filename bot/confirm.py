"""One confirmation before anything that costs money: who asked, once, within its time."""

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import discord

from bot import errors
from engine.domain.errors import ApprovalExpired, NotAllowed, UserError
from engine.domain.quote import UnitQuote

if TYPE_CHECKING:
    from bot.app import App

Press = discord.Interaction[Any]

_MAX_OPEN = 5
_DRIFT_PCT = Decimal("0.5")


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A question that was asked and not answered yet."""

    user_id: int
    ends_at: float
    action: Callable[[Press], Awaitable[str]]
    drift: Callable[[], UnitQuote | None] | None
    price: Decimal | None
    slack: Decimal
    """How far the price may move before the question is put again."""
    title: str
    body: str
    yes: str


class Confirmations:
    """Open confirmations of this process; a restart ends them, which is safe."""

    def __init__(self) -> None:
        self._open: dict[str, Waiting] = {}

    def add(self, waiting: Waiting, now: float) -> str:
        """Keep it; its token.

        Raises:
            UserError: the person has too many open already.
        """
        self._open = {k: w for k, w in self._open.items() if w.ends_at > now}
        if sum(w.user_id == waiting.user_id for w in self._open.values()) >= _MAX_OPEN:
            raise UserError(
                f"You have {_MAX_OPEN} open confirmations. Answer one first; nothing was done."
            )
        token = secrets.token_hex(8)
        self._open[token] = waiting
        return token

    def take(self, token: str, user_id: int, now: float) -> Waiting:
        """Use it up.

        Raises:
            ApprovalExpired, NotAllowed.
        """
        waiting = self._open.get(token)
        if waiting is None or waiting.ends_at <= now:
            raise ApprovalExpired("This confirmation has expired. Nothing was done; ask again.")
        if waiting.user_id != user_id:
            raise NotAllowed("Only the person who asked may confirm this. Nothing was done.")
        del self._open[token]
        return waiting


class ConfirmButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"ts:confirm:(?P<token>[0-9a-f]{16}):(?P<verb>yes|no)",
):
    """Yes or no."""

    def __init__(self, token: str, verb: str, label: str = "Cancel") -> None:
        style = discord.ButtonStyle.danger if verb == "yes" else discord.ButtonStyle.secondary
        super().__init__(
            discord.ui.Button(label=label[:80], style=style, custom_id=f"ts:confirm:{token}:{verb}")
        )
        self.token, self.verb = token, verb

    @classmethod
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id alone."""
        del interaction, item
        return cls(match["token"], match["verb"])

    async def callback(self, interaction: Press) -> None:
        """Do it once, or drop it."""
        app = interaction.client.app
        try:
            await interaction.response.defer()
            waiting = app.confirmations.take(
                self.token, interaction.user.id, app.desk.clock.monotonic()
            )
            if self.verb == "no":
                said = "Cancelled. Nothing was done."
            elif _has_drifted(waiting):
                await _ask(app, interaction, waiting)
                return
            else:
                said = await waiting.action(interaction)
        except Exception as error:  # noqa: BLE001 - the outermost edge of every button
            said = errors.sentence(error)
        try:
            await interaction.edit_original_response(content=said, embed=None, view=None)
        except discord.HTTPException:
            await errors.say(interaction, said)


def _has_drifted(waiting: Waiting) -> bool:
    if waiting.drift is None or waiting.price is None:
        return False
    now = waiting.drift()
    return now is not None and abs(now.mid - waiting.price) > waiting.slack


async def ask_first(
    app: "App",
    press: Press | discord.Message,
    *,
    title: str,
    body: str,
    yes: str,
    action: Callable[[Press], Awaitable[str]],
    drift: Callable[[], UnitQuote | None] | None = None,
) -> None:
    """Ask the person privately; ``action`` runs once if he says yes in time."""
    waiting = Waiting(
        user_id=(press.author if isinstance(press, discord.Message) else press.user).id,
        ends_at=0,
        action=action,
        drift=drift,
        price=None,
        slack=Decimal(0),
        title=title,
        body=body,
        yes=yes,
    )
    await _ask(app, press, waiting)


async def _ask(app: "App", press: Press | discord.Message, waiting: Waiting) -> None:
    """Put the question, with the price as it is now."""
    now = app.desk.clock.monotonic()
    quote = waiting.drift() if waiting.drift else None
    is_again = waiting.price is not None
    fresh = Waiting(
        user_id=waiting.user_id,
        ends_at=now + app.config.discord.confirm_expiry_s,
        action=waiting.action,
        drift=waiting.drift,
        price=quote.mid if quote else None,
        slack=max(quote.ask - quote.bid, abs(quote.mid) * _DRIFT_PCT / 100)
        if quote
        else Decimal(0),
        title=waiting.title,
        body=waiting.body,
        yes=waiting.yes,
    )
    token = app.confirmations.add(fresh, now)
    view = discord.ui.View(timeout=None)
    view.add_item(ConfirmButton(token, "yes", waiting.yes))
    view.add_item(ConfirmButton(token, "no"))
    price = f" · now {quote.bid} / {quote.ask}" if quote else ""
    again = "The price has moved since you were asked. " if is_again else ""
    seconds = app.config.discord.confirm_expiry_s
    embed = discord.Embed(
        title=waiting.title[:256],
        description=f"{again}{waiting.body}{price}\n{app.reading.badges()} · {seconds:.0f} s",
        colour=discord.Colour.orange(),
    )
    if isinstance(press, discord.Message):
        await press.reply(embed=embed, view=view, mention_author=False)
    else:
        await errors.say(press, "", view=view, embed=embed)
