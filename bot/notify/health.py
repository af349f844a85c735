"""Something is not well: ``any``, or part of its name such as ``storage`` or ``alpaca``."""

from typing import TYPE_CHECKING

from bot.notify import Kind, Rule

if TYPE_CHECKING:
    from bot.app import App


class Health(Kind):
    """Parts as /health summary names them."""

    hint = "`any`, or a part such as `storage` or `alpaca`"

    def check(self, condition: str) -> None:
        """Any word will do."""

    async def met(self, app: "App", rule: Rule) -> str:
        """The first part that fits."""
        wanted = rule.condition.strip().lower()
        for part, why in {**app.desk.health, **app.desk.gates}.items():
            name = "the books" if part == "*" else part
            if wanted == "any" or wanted in name.lower():
                return f"{name}: {why}"
        return ""
