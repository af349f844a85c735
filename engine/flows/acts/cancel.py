"""A trader takes a working entry back: what is not filled of it is cancelled."""

from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, TradeStreamError, UserError
from engine.domain.order import Order, OrderState, Purpose
from engine.flows.orders import call_off


def entry(desk: Desk, order_id: str, who: Who) -> Order:
    """The entry that would be cancelled.

    Raises:
        NotAllowed: not a trader. UserError: there is none that may be, and what to do instead.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may cancel an order. Nothing was changed.")
    order = desk.book.orders.get(order_id)
    if order is None or order.state.is_terminal:
        raise UserError("That order is over or not known. Nothing was changed.")
    if order.purpose is not Purpose.ENTRY:
        raise UserError(
            "That order takes risk away: it is moved or replaced, never just cancelled. Set "
            "another stop, or close the trade. Nothing was changed."
        )
    if order.state is OrderState.PENDING_APPROVAL:
        raise UserError("That entry waits for approval: reject it there. Nothing was changed.")
    return order


async def run(desk: Desk, order_id: str, who: Who, reason: str = "") -> str:
    """Ask the broker to cancel an entry; what to say.

    Raises:
        NotAllowed, UserError: nothing was asked.
    """
    order = entry(desk, order_id, who)
    words = f"cancelled by {who.name}" + (f": {reason}" if reason else "")
    if order.state is OrderState.PENDING_CANCEL:
        return await _once_more(desk, order, who, words)
    if not await call_off.ask_cancel(desk, order, words):
        raise UserError("It cannot be cancelled at this moment: it is being answered. Try again.")
    after = desk.book.orders.get(order_id)
    if after is None or after.state is OrderState.CANCELED:
        return "✔ cancelled"
    if after.state is OrderState.FILLED:
        return "⚠ It was filled before the cancellation; the trade is open."
    return "⏳ Cancellation asked; the card shows when the broker confirms."


async def _once_more(desk: Desk, order: Order, who: Who, words: str) -> str:
    """It is being cancelled: his word is written down, so that nothing is sent in its place."""
    event = desk.event(
        "order.cancel",
        order.alert_id,
        actor=f"user:{who.user_id}",
        order_id=order.order_id,
        why=words,
    )
    await desk.commit(event)
    return "⏳ It is being cancelled already; nothing is sent in its place."


async def run_all(desk: Desk, who: Who) -> dict[str, str]:
    """Every working entry; order id -> what happened to it.

    Raises:
        NotAllowed: not a trader.
    """
    tally: dict[str, str] = {}
    for order in entries(desk, who):
        try:
            tally[order.order_id] = await run(desk, order.order_id, who, "cancel all")
        except TradeStreamError as error:
            tally[order.order_id] = f"⚠ {error}"
    return tally


def entries(desk: Desk, who: Who) -> list[Order]:
    """All entries that are at a broker.

    Raises:
        NotAllowed: not a trader.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may cancel orders. Nothing was changed.")
    orders = desk.book.orders.values()
    return [o for o in orders if o.purpose is Purpose.ENTRY and o.state.is_at_broker]
