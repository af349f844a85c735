"""A price passes a level: ``> 190``."""

from typing import TYPE_CHECKING

from bot.notify import Kind, Rule
from bot.notify._compare import comparison, middle

if TYPE_CHECKING:
    from bot.app import App


class Price(Kind):
    """The middle of the newest quote."""

    hint = "`> 190` or `< 175.50`"
    needs_symbol = True

    def check(self, app: "App", condition: str) -> None:
        """A sign and a price."""
        del app
        comparison(condition, ("",), self.hint)

    async def met(self, app: "App", rule: Rule) -> str:
        """An old quote tells nothing."""
        mid = middle(app, self.watches(app, rule))
        if mid is None or not comparison(rule.condition, ("",), self.hint).holds(mid):
            return ""
        return f"{rule.symbol} is at {mid.normalize():f}, {rule.condition}"
