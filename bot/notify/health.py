"""Something is not well: ``any``, or part of its name such as ``storage`` or ``alpaca``."""

from typing import TYPE_CHECKING

from bot.notify import Kind, Rule
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App

_PARTS = (
    *("discord", "discord server", "message content", "commands", "panel", "room", "card"),
    *("the books", "storage", "intake", "halt", "reconcile", "cash", "fill", "settle", "trade"),
    *("broker", "feed", "prop", "exit rule", "job", "task", "listener", "rule"),
)
"""What the desk's own health calls its parts; behind many of them a name of their own follows."""
_ALSO = {"gateway": "discord", "books": "the books"}


class Health(Kind):
    """Parts as /health detailed names them."""

    hint = "`any`, or a part such as `storage` or `paper`"

    def check(self, app: "App", condition: str) -> None:
        """Only what there is can fail: another word would never be told of."""
        wanted = _plain(condition)
        known = {*_PARTS, *app.desk.brokers, *app.work.names(), *_now(app)}
        fits = any(_is_meant(wanted, name) for name in known)
        if not fits and not wanted.startswith(tuple(f"{p} " for p in _PARTS)):
            parts = ", ".join((*_PARTS, *sorted(app.desk.brokers)))
            raise UserError(f"condition: must be `any` or one of {parts}. Nothing was changed.")

    async def met(self, app: "App", rule: Rule) -> str:
        """The first part that fits."""
        wanted = _plain(rule.condition)
        for name, why in _now(app).items():
            if _is_meant(wanted, name):
                return f"{name}: {why}"
        return ""


def _plain(condition: str) -> str:
    return " ".join(condition.lower().split())


def _is_meant(wanted: str, name: str) -> bool:
    words = {wanted, _ALSO.get(wanted, wanted)}
    return wanted == "any" or any(word in name.lower() for word in words)


def _now(app: "App") -> dict[str, str]:
    """What is not well at this moment."""
    ill = {**app.desk.health, **app.desk.gates}
    return {"the books" if part == "*" else part: why for part, why in ill.items()}
