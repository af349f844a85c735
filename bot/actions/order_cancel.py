"""#order-TS… cancel: take a working entry back."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Offer, Said, Values
from bot.actions._order import order_id_of
from bot.questions.cancel import cancel_question
from engine.domain.desk import Who
from engine.domain.order import Purpose

if TYPE_CHECKING:
    from bot.app import App


class OrderCancel(Action):
    """What protects a trade is moved, not cancelled."""

    forms = ("ORDER cancel",)
    examples = ("order-TS… cancel",)
    says = "take a working entry back"
    permission = "#order"
    press = "order cancel"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The question."""
        del asker
        return [cancel_question(app, order_id_of(app, found["ORDER"]), who)]

    def offers(self, app: "App") -> Iterable[Offer]:
        """Every working entry."""
        for order in app.desk.book.orders.values():
            if order.purpose is Purpose.ENTRY and order.state.is_at_broker:
                label = order.legs[0].instrument.label
                yield Offer(
                    text=f"order-{order.order_id} cancel",
                    label=f"Cancel {label}",
                    detail=f"{order.side} {order.qty:f} {label}",
                )
