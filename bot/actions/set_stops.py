"""#set-stops [2%]: trail everything whose stop is not tighter already."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from bot import text
from bot.actions import Action, Asker, Offer, Said, Values
from bot.confirm import Question
from bot.reply import Press
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, TradeStreamError, UserError
from engine.domain.trade import Trade
from engine.flows.trades import manage

if TYPE_CHECKING:
    from bot.app import App

_USUAL = Decimal(2)
_SHOWN = 20
Row = tuple[Trade, Decimal]
"""A trade and where its stop would stand."""


class SetStops(Action):
    """A stop that is tighter stays as it is; none is ever loosened."""

    forms = ("set-stops [TRAIL]",)
    examples = ("set-stops", "set-stops 3%")
    says = "trail everything that lacks a tighter stop"
    permission = "#set-stops"
    press = "press stop"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The table, and the question."""
        del asker
        if not who.may_trade:
            raise NotAllowed("Only a trader may do this. Nothing was changed.")
        return [stops_question(app, found.get("TRAIL", _USUAL))]

    def offers(self, app: "App") -> Iterable[Offer]:
        """While something would change."""
        rows, _ = planned(app, _USUAL)
        if rows:
            yield Offer(
                text="set-stops", label="Trail all by 2 %", detail=text.count(len(rows), "stop")
            )


def planned(app: "App", percent: Decimal) -> tuple[list[Row], list[str]]:
    """Trades whose stop would move, and those of which it cannot be told."""
    if not 0 < percent < 100:
        raise UserError("the distance must be above 0 and below 100. Nothing was changed.")
    rows: list[Row] = []
    odd: list[str] = []
    for trade in app.desk.book.open_trades():
        if app.desk.quote(trade.legs) is None:
            odd.append(f"{trade.symbol}: no fresh price")
            continue
        start = manage.trail_start(app.desk, trade, percent)
        if trade.stop is None or (start - trade.stop.price) * trade.direction > 0:
            rows.append((trade, start))
    return rows, odd


def _count(rows: list[Row]) -> str:
    return "1 stop trails" if len(rows) == 1 else f"{len(rows)} stops trail"


def stops_question(app: "App", percent: Decimal) -> Question:
    """Trail all of these?

    Raises:
        UserError: every stop is tighter already.
    """

    def wanted() -> list[Row]:
        rows, _ = planned(app, percent)
        if not rows:
            raise UserError(
                f"Every stop is tighter than {percent:f} % already, or has no fresh price. Nothing "
                "was changed."
            )
        return rows

    def body() -> str:
        rows, odd = wanted(), planned(app, percent)[1]
        table = [["", "stop", "to"]]
        for trade, start in rows[:_SHOWN]:
            of = trade.legs[0].instrument
            old = "none" if trade.stop is None else text.price_tight(trade.stop.price, of)
            table.append(
                [
                    of.label if len(trade.legs) == 1 else trade.symbol,
                    old,
                    text.price_tight(start, of),
                ]
            )
        lines = [
            f"**{_count(rows)}** by {percent:f} % from here",
            text.table(table, "lrr"),
        ]
        if len(rows) > _SHOWN:
            lines.append(f"and {len(rows) - _SHOWN} more")
        return "\n".join([*lines, *(f"⚠ {text.safe_line(o, 100)}" for o in odd[:5])])

    async def go(press: Press) -> str:
        who = app.gate.require(press, "press stop")
        rows, failed = wanted(), []
        for trade, _ in rows:
            try:
                await manage.trail(app.desk, trade.trade_id, who, percent=percent)
            except TradeStreamError as error:
                failed.append(f"⚠ {text.safe_line(trade.symbol, 40)}: {error}")
        return "\n".join([f"✔ {len(rows) - len(failed)} of {len(rows)} stops trail.", *failed])

    wanted()
    return Question(
        title="Trail these stops?",
        yes="Set stops",
        body=body,
        action=go,
        state=lambda: [(t.trade_id, t.stop) for t, _ in planned(app, percent)[0]],
    )
