"""#AAPL target 185: where to take profit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Said, Values
from bot.actions._one import trade_of
from bot.text import safe_line
from engine.domain.desk import Who
from engine.flows.trades import manage

if TYPE_CHECKING:
    from bot.app import App


class Target(Action):
    """One target for all that is open."""

    forms = ("HELD target TARGET",)
    examples = ("AAPL target 185",)
    says = "one target for all of it"
    permission = "#target"
    press = "press target"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """What it was and what it is."""
        del asker
        trade = trade_of(app, found["HELD"])
        old = ", ".join(str(t.price) for t in trade.targets if not t.is_hit) or "n/a"
        await manage.set_target(app.desk, trade.trade_id, who, found["TARGET"])
        return [f"✔ {safe_line(trade.symbol, 40)} target {old} → {found['TARGET']}"]
