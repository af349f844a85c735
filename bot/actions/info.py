"""#AAPL: the position's card with its buttons."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Card, Offer, Said, Values
from bot.buttons.trade import trade_view
from bot.cards import trade_card
from bot.reading.news import NewsReading
from engine.domain.desk import Who
from engine.flows.trades import follow, manage

if TYPE_CHECKING:
    from bot.app import App

_MOST = 5


class Info(Action):
    """Looking costs nothing."""

    forms = ("HELD", "HELD info")
    examples = ("AAPL",)
    says = "the position: P&L, stop, target, buttons"
    permission = "#position"
    press = "positions"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """One card per trade; the first with what is written about it, where that is at hand."""
        del asker, who
        symbol = found["HELD"]
        news = await NewsReading(app).of_trade(manage.of_symbol(app.desk, symbol)[0])
        trades = manage.of_symbol(app.desk, symbol)[:_MOST]
        return [
            Card(
                embed=trade_card.show(app.reading.live_trade(t), () if n else news),
                view=trade_view(t),
            )
            for n, t in enumerate(trades)
        ]

    def offers(self, app: "App") -> Iterable[Offer]:
        """Every position."""
        return [
            Offer(text=t.symbol, label=f"Look at {t.symbol}", detail=follow.label(t))
            for t in app.desk.book.open_trades()
        ]
