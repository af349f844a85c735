"""#AAPL stop 175: move the protective stop."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Said, Values
from bot.actions._one import trade_of
from bot.questions.loosen_stop import loosen_question
from bot.text import safe_line
from engine.domain.desk import Who
from engine.flows.trades import loosen, manage

if TYPE_CHECKING:
    from bot.app import App


class Stop(Action):
    """Tightening is done at once; loosening asks, and stays inside the most a trade may risk."""

    forms = ("HELD stop STOP",)
    examples = ("AAPL stop 175",)
    says = "move the stop; a looser one asks first"
    permission = "#stop"
    press = "press stop"
    asks = "one click when it loosens"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """What it was and what it is."""
        del asker
        trade, price = trade_of(app, found["HELD"]), found["STOP"]
        if loosen.is_looser(trade, price):
            return [loosen_question(app, trade.trade_id, price, who)]
        before = "n/a" if trade.stop is None else str(trade.stop.price)
        await manage.set_stop(app.desk, trade.trade_id, who, price)
        return [f"✔ {safe_line(trade.symbol, 40)} stop {before} → {price}"]
