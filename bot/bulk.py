"""Many approvals at once: a menu, then one question with the totals."""

import asyncio
from typing import TYPE_CHECKING, Any, Literal

import discord

from bot import reply, text
from bot.confirm import Question, ask_first
from bot.lasting import Lasting, below, choices
from bot.reply import Press
from engine.domain.desk import Approval
from engine.domain.errors import NotAllowed, TradeStreamError, UserError
from engine.domain.money import ZERO
from engine.flows.trades import approve

if TYPE_CHECKING:
    from bot.app import App

Kind = Literal["approve", "reject"]
Filter = Literal["all", "options", "stocks", "futures", "spreads", "crypto"]
_MOST = 25
_SHOWN = 12
_ASSET = {"options": "option", "stocks": "stock", "futures": "future", "spreads": "spread"}


def waiting(app: "App", which: Filter, kind: Kind) -> list[Approval]:
    """Questions that can be answered with one word, the soonest to end first."""
    book = app.desk.book
    found = sorted(book.approvals.values(), key=lambda a: a.expires_at)
    if kind == "approve":
        found = [a for a in found if a.kind == "entry"]
    if which == "all":
        return found[:_MOST]
    asset = _ASSET.get(which, which)
    trades = book.trades
    return [a for a in found if (t := trades.get(a.trade_id)) and t.asset == asset][:_MOST]


def about(app: "App", alert_id: str) -> list[Approval]:
    """Entries that one alert asks for: of several trades, or of one in several accounts."""
    found = app.desk.book.approvals.values()
    return [a for a in found if a.alert_id == alert_id and a.kind == "entry"]


class BulkSelect(
    Lasting[discord.ui.Select[Any]],
    template=r"ts:bulk:(?P<kind>approve|reject)",
):
    """Which of them?"""

    def __init__(self, kind: str, options: list[discord.SelectOption] | None = None) -> None:
        shown = options or [discord.SelectOption(label="…", value="none")]
        super().__init__(
            discord.ui.Select(
                placeholder=f"Which ones to {kind}?",
                options=shown,
                min_values=1,
                max_values=len(shown),
                custom_id=f"ts:bulk:{kind}",
            )
        )
        self.kind = kind

    async def callback(self, interaction: Press) -> None:
        """Put the question with the totals."""
        await reply.defer(interaction)
        app, chosen = interaction.client.app, choices(interaction)
        kind: Kind = "approve" if self.kind == "approve" else "reject"

        async def work() -> None:
            app.gate.require(interaction, "approvals bulk")
            await ask_first(app, interaction, question(app, kind, chosen))

        await reply.handled(interaction, work)


def view(app: "App", kind: Kind, found: list[Approval]) -> discord.ui.View:
    """The menu of these."""
    options = [
        discord.SelectOption(
            label=text.shorten(app.reading.named(a), 100) or a.approval_id,
            value=a.approval_id,
            description=a.approval_id[:100],
        )
        for a in found
    ]
    return below([BulkSelect(kind, options)])


def question(app: "App", kind: Kind, ids: list[str]) -> Question:
    """Decide all of these?

    Raises:
        UserError: none of them waits any more.
    """
    book = app.desk.book

    def open_ones() -> list[Approval]:
        found = [a for i in ids if (a := book.approvals.get(i)) is not None]
        if not found:
            raise UserError("All of them are decided already. Nothing was done.")
        return found

    def body() -> str:
        found = open_ones()
        notional, risk = ZERO, ZERO
        for one in found:
            intent = book.intents.get(one.intent_id)
            notional += one.notional_usd or ZERO
            risk += (intent.risk_usd if intent else None) or ZERO
        rows = [f"• {text.safe_line(app.reading.named(a), 80)}" for a in found[:_SHOWN]]
        rest = len(found) - _SHOWN
        return "\n".join(
            [
                f"**{len(found)}** · exposure {text.usd(notional)} · at risk {text.usd(risk)}",
                *rows,
                *([f"and {rest} more"] if rest > 0 else []),
            ]
        )

    async def go(press: Press) -> str:
        who = app.gate.require(press, "approvals bulk")
        failed: list[str] = []
        found = open_ones()
        decide = approve.approve if kind == "approve" else approve.reject
        said = await asyncio.gather(  # a broker that is slow to answer holds no other one up
            *(decide(app.desk, one.approval_id, one.version, who) for one in found),
            return_exceptions=True,
        )
        for one, error in zip(found, said, strict=True):
            if isinstance(error, TradeStreamError):
                sign = "⛔" if isinstance(error, NotAllowed) else "⚠"
                failed.append(f"{sign} {one.approval_id}: {text.safe_line(str(error), 150)}")
            elif isinstance(error, BaseException):
                raise error
        word = "approved" if kind == "approve" else "rejected"
        return "\n".join([f"✔ {len(found) - len(failed)} of {len(found)} {word}.", *failed])

    n = len(open_ones())
    return Question(
        title=f"{kind.capitalize()} {n} at once?",
        yes=f"{kind.capitalize()} {n}",
        body=body,
        action=go,
        state=lambda: [(a.approval_id, a.version) for i in ids if (a := book.approvals.get(i))],
    )
