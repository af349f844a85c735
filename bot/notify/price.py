"""A price passes a level: ``> 190``."""

from typing import TYPE_CHECKING

from bot.notify import Kind, Rule
from bot.notify._compare import comparison
from engine.domain.instrument import Instrument
from engine.market import new_york_date
from engine.symbols import instrument_named

if TYPE_CHECKING:
    from bot.app import App


class Price(Kind):
    """The middle of the newest quote."""

    hint = "`> 190` or `< 175.50`"
    needs_symbol = True

    def check(self, condition: str) -> None:
        """A sign and a price."""
        comparison(condition, ("",), self.hint)

    def watches(self, app: "App", rule: Rule) -> Instrument | None:
        """What it is about."""
        return instrument_named(rule.symbol, new_york_date(app.clock.now()))

    async def met(self, app: "App", rule: Rule) -> str:
        """An old quote tells nothing."""
        instrument = self.watches(app, rule)
        quote = app.board.last(instrument) if instrument is not None else None
        if quote is None or quote.bid is None or quote.ask is None:
            return ""
        age_s = (app.clock.now() - quote.received_at).total_seconds()
        if age_s > float(app.desk.settings.max_quote_age_s):
            return ""
        mid = (quote.bid + quote.ask) / 2
        if not comparison(rule.condition, ("",), self.hint).holds(mid):
            return ""
        return f"{rule.symbol} is at {mid.normalize():f}, {rule.condition}"
