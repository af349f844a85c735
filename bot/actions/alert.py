"""#alert SPY > 600: be told when a price passes a level."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Said, Values
from bot.text import safe_line
from engine.domain.desk import Who

if TYPE_CHECKING:
    from bot.app import App


class Alert(Action):
    """A rule of /notify, told in the room and to its owner."""

    forms = ("alert UNIT SIGN PRICE",)
    examples = ("alert SPY > 600",)
    says = "be told when a price passes a level"
    permission = "#alert"
    press = "notify rule-add"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """In force at once."""
        del asker
        rule = await app.notifier.add(
            who,
            kind="price",
            symbol=found["UNIT"],
            condition=f"{found['SIGN']} {found['PRICE']:f}",
            channels=("discord", "dm"),
        )
        return [f"🔔 {safe_line(rule.words, 60)} · rule {rule.rule_id}"]
