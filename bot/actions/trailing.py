"""#AAPL trailing 2%: trail the stop from now on."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Offer, Said, Values
from bot.actions._one import named_trades, trade_of
from bot.text import safe_line
from engine.domain.desk import Who
from engine.flows.trades import follow, manage

if TYPE_CHECKING:
    from bot.app import App


class Trailing(Action):
    """Never worse than where the stop stands."""

    forms = ("HELD trailing TRAIL", "HELD trailing ATR")
    examples = ("AAPL trailing 2%", "AAPL trailing 2atr")
    says = "trail the stop from here, by percent or ATR"
    permission = "#trailing"
    press = "press stop"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """What the stop was and is."""
        del asker
        trade = trade_of(app, found["HELD"])
        before = "n/a" if trade.stop is None else str(trade.stop.price)
        after = await manage.trail(
            app.desk, trade.trade_id, who, percent=found.get("TRAIL"), atr=found.get("ATR")
        )
        stop = "n/a" if after.stop is None else str(after.stop.price)
        name = safe_line(trade.symbol, 40)
        waits = manage.until_atr(app.desk, after)
        return [f"✔ {name} stop {before} → {stop}, trailing from here{waits}"]

    def offers(self, app: "App") -> Iterable[Offer]:
        """For what does not trail yet."""
        return [
            Offer(
                text=f"{t.symbol} trailing 2%",
                label=f"Trail {t.symbol} by 2 %",
                detail=follow.label(t),
            )
            for t in named_trades(app)
            if t.stop is None or t.stop.kind != "trailing"
        ]
