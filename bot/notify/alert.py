"""An alert of a room gets somewhere: ``any``, ``rejected``, ``held``, ``filled``, ``closed``."""

from typing import TYPE_CHECKING

from bot.notify import Kind, Rule
from engine.domain import words
from engine.domain.desk import AlertState
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App

_STATES = {
    "rejected": (AlertState.REJECTED, AlertState.RISK_REJECTED, AlertState.ERROR),
    "held": (AlertState.HELD,),
    "filled": (AlertState.FILLED, AlertState.MANAGED),
    "closed": (AlertState.CLOSED,),
}


class Alert(Kind):
    """Alerts as they advance, of one symbol when a symbol is given."""

    is_event = True
    hint = "`any`, `rejected`, `held`, `filled` or `closed`"

    def check(self, app: "App", condition: str) -> None:
        """One of the words."""
        del app
        if condition.strip().lower() not in ("any", *_STATES):
            raise UserError(f"condition: must be {self.hint}. Nothing was changed.")

    async def met(self, app: "App", rule: Rule) -> str:
        """What has come about since the last look; several at once are told together."""
        wanted = rule.condition.strip().lower()
        found = [
            f"{alert.symbol or alert.alert_id}: {words.ALERT[alert.state]}"
            for alert in app.notifier.news(rule)
            if (wanted == "any" or alert.state in _STATES[wanted])
            and rule.symbol in ("", alert.symbol)
        ]
        return f"alert {', '.join(dict.fromkeys(found))}" if found else ""
