"""#AAPL close: all of it, so many, or such a share."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Offer, Said, Values
from bot.actions._one import named_trades, trade_of
from bot.buttons.trade import close_question
from bot.questions.close_each import close_symbol, is_one_thing
from engine.domain.desk import Who
from engine.flows.trades import follow, manage

if TYPE_CHECKING:
    from bot.app import App


class Close(Action):
    """Exits are never held back; a click confirms."""

    forms = ("HELD close", "HELD close PCT", "HELD close QTY")
    examples = ("AAPL close", "AAPL close 25", "AAPL close 50%")
    says = "close all, so many or a share, at market"
    permission = "#close"
    press = "press close"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The question with the estimated P&L."""
        del asker, who
        qty, percent = found.get("QTY"), found.get("PCT")
        if qty is None and percent is None:
            percent = Decimal(100)
        held = manage.of_symbol(app.desk, found["HELD"])
        if percent is not None and len(held) > 1 and is_one_thing(held):
            return [close_symbol(app, found["HELD"], percent)]
        trade = trade_of(app, found["HELD"])
        return [close_question(app, trade.trade_id, qty=qty, percent=percent)]

    def offers(self, app: "App") -> Iterable[Offer]:
        """Half and all of every position."""
        for trade in named_trades(app):
            detail = follow.label(trade)
            yield Offer(text=f"{trade.symbol} close", label=f"Close {trade.symbol}", detail=detail)
            if trade.qty_open > 1:
                yield Offer(
                    text=f"{trade.symbol} close 50%",
                    label=f"Close half of {trade.symbol}",
                    detail=detail,
                )
