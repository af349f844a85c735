"""A symbol's quotes get poor: ``below C``."""

import re
from typing import TYPE_CHECKING

from bot.notify import Kind, Rule
from engine.domain.errors import UserError
from engine.domain.instrument import Instrument
from engine.market import new_york_date
from engine.symbols import instrument_named

if TYPE_CHECKING:
    from bot.app import App

_FORM = re.compile(r"(?i)below ([A-D])")


class Quality(Kind):
    """Grades A to F as /data quality shows them."""

    hint = "`below C`"
    needs_symbol = True

    def check(self, condition: str) -> None:
        """A letter."""
        self._letter(condition)

    def watches(self, app: "App", rule: Rule) -> Instrument | None:
        """What it is about."""
        return instrument_named(rule.symbol, new_york_date(app.clock.now()))

    async def met(self, app: "App", rule: Rule) -> str:
        """A symbol that was never quoted tells nothing."""
        instrument = self.watches(app, rule)
        graded = None if instrument is None else app.quality.of(instrument, app.clock.now())
        if graded is None or graded.grade.value <= self._letter(rule.condition):
            return ""
        return f"quotes of {rule.symbol} are graded {graded.grade.value}"

    def _letter(self, condition: str) -> str:
        found = _FORM.fullmatch(condition.strip())
        if found is None:
            raise UserError(f"condition: write it like {self.hint}. Nothing was changed.")
        return found[1].upper()
