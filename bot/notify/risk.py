"""A limit is nearly used up: ``lost today > 80%``, ``positions > 90%``; or entries are off."""

from typing import TYPE_CHECKING

from bot.notify import Kind, Rule
from bot.notify._compare import Comparison, comparison
from engine.domain.errors import UserError
from engine.reports.limits import used_pct

if TYPE_CHECKING:
    from bot.app import App

_NAMES = ("", "lost today", "below peak", "at work", "entries", "positions")
_OFF = "entries off"


class Risk(Kind):
    """Gauges as /risk-limits shows them; without a name any of them."""

    hint = "`lost today > 80%`, `> 90%` (any limit) or `entries off`"

    def check(self, app: "App", condition: str) -> None:
        """A gauge and a percentage."""
        del app
        if condition.strip().lower() != _OFF:
            self._wanted(condition)

    async def met(self, app: "App", rule: Rule) -> str:
        """The fullest gauge that fits."""
        report = app.reading.limits()
        if rule.condition.strip().lower() == _OFF:
            return (
                "" if report.may_enter else f"no entries: {report.halted or 'a limit is in force'}"
            )
        wanted = self._wanted(rule.condition)
        full = [
            (used, gauge.name, account.account)
            for account in report.accounts
            for gauge in account.gauges
            if wanted.name in ("", gauge.name)
            and (used := used_pct(gauge)) is not None
            and wanted.holds(used)
        ]
        if not full:
            return ""
        used, name, account = max(full)
        return f"{account}: {name} is at {used:.0f} % of its limit"

    def _wanted(self, condition: str) -> Comparison:
        found = comparison(condition, _NAMES, self.hint)
        if not found.is_percent:
            raise UserError(f"condition: write it like {self.hint}. Nothing was changed.")
        return found
