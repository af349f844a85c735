"""#watch SPY: put it on the watchlist."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Said, Values
from bot.text import safe_line
from engine.domain.desk import Who
from engine.flows.common import watchlist

if TYPE_CHECKING:
    from bot.app import App


class Watch(Action):
    """As /watchlist add."""

    forms = ("watch UNIT",)
    examples = ("watch TSLA",)
    says = "put a symbol on the watchlist"
    permission = "#watch"
    press = "watchlist add"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """Done at once."""
        del asker
        told = await watchlist.add(app.desk, who, [str(found["UNIT"])], why="#watch")
        return [f"{'✔' if o.is_done else '⚠'} {o.symbol} {safe_line(o.said, 160)}" for o in told]
