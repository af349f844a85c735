"""#cancel-all: every working entry; what protects a trade stays."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Offer, Said, Values
from bot.cancelling import cancel_all_question
from engine.domain.desk import Who
from engine.domain.order import Purpose

if TYPE_CHECKING:
    from bot.app import App


class CancelAll(Action):
    """Entries only, unless a further click says otherwise."""

    forms = ("cancel-all",)
    examples = ("cancel-all",)
    says = "cancel working entries; stops stay"
    permission = "#cancel-all"
    press = "order cancel"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The list."""
        del asker, found
        return [cancel_all_question(app, who)]

    def offers(self, app: "App") -> Iterable[Offer]:
        """While entries work."""
        orders = app.desk.book.orders.values()
        n = sum(o.purpose is Purpose.ENTRY and o.state.is_at_broker for o in orders)
        return [Offer(text="cancel-all", label="Cancel entries", detail=f"{n} work")] if n else []
