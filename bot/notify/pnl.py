"""The day's result passes a level: ``day < -500``, ``open > 2%``."""

from typing import TYPE_CHECKING

from bot import text
from bot.notify import Kind, Rule
from bot.notify._compare import comparison
from bot.reading.status import status_of
from engine.reports import Missing

if TYPE_CHECKING:
    from bot.app import App

_NAMES = ("day", "open")


class Pnl(Kind):
    """Of all accounts together, in dollars or in percent of equity."""

    hint = "`day < -500`, `day > 2%` or `open < -300`"

    def check(self, app: "App", condition: str) -> None:
        """A name, a sign, dollars or percent."""
        del app
        comparison(condition, _NAMES, self.hint)

    async def met(self, app: "App", rule: Rule) -> str:
        """An unknown figure tells nothing."""
        wanted = comparison(rule.condition, _NAMES, self.hint)
        report = status_of(app)
        value = report.pnl_today_usd if wanted.name == "day" else report.open_usd
        if isinstance(value, Missing):
            return ""
        shown = text.usd(value, sign=True)
        if wanted.is_percent:
            known = [a.equity_usd for a in report.accounts if not isinstance(a.equity_usd, Missing)]
            equity = sum(known)
            if len(known) < len(report.accounts) or equity <= 0:
                return ""
            value = value / equity * 100
        what = "the day's result" if wanted.name == "day" else "the open result"
        return f"{what} is {shown}, {rule.condition}" if wanted.holds(value) else ""
