"""A symbol's quotes get poor: ``below C``."""

import re
from typing import TYPE_CHECKING

from bot.notify import Kind, Rule
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App

_FORM = re.compile(r"(?i)below ([A-D])")


class Quality(Kind):
    """Grades A to F as /data quality shows them."""

    hint = "`below C`"
    needs_symbol = True

    def check(self, app: "App", condition: str) -> None:
        """A letter."""
        del app
        self._letter(condition)

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
