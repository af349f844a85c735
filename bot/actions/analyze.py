"""#AAPL analyze: levels, momentum, risk, and both set-ups with their size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Card, Said, Values
from bot.cards import market as market_card
from bot.reading.market import MarketReading, by_its_underlying
from engine.domain.desk import Who
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App


class Analyze(Action):
    """As /analyze of one symbol, without its picture."""

    forms = ("UNIT analyze", "buy UNIT analyze", "sell UNIT analyze")
    examples = ("AAPL analyze",)
    says = "levels, momentum, risk and set-ups"
    permission = "#analyze"
    press = "analyze"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """Looking costs nothing."""
        del asker, who
        market = MarketReading(app)
        wanted = market.named(str(found["UNIT"]))
        if wanted.kind == "option":
            raise UserError(by_its_underlying(wanted))
        return [Card(embed=market_card.analysis(await market.analysis([wanted], "quick")))]
