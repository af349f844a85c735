"""A trader takes protective stops back: what is held stands without, and people are told."""

from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed
from engine.domain.order import Order, Purpose
from engine.domain.record import changed
from engine.flows import send, settle


def stops(desk: Desk) -> list[Order]:
    """Protective orders that work."""
    found = desk.book.orders.values()
    return [o for o in found if o.purpose is Purpose.STOP and send.may_cancel(o)]


async def run(desk: Desk, who: Who) -> dict[str, str]:
    """No stop is wanted any more of any open trade; order id -> what became of its stop.

    A stop set again afterwards is sent as always.

    Raises:
        NotAllowed: nothing was changed.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was changed.")
    tally: dict[str, str] = {}
    for trade_id in {o.trade_id for o in stops(desk)}:
        trade = desk.book.trades.get(trade_id)
        if trade is None:
            continue
        async with desk.lock(f"trade:{trade_id}"):
            async with desk.lock(trade.account):
                trade = desk.book.trades[trade_id]
                await desk.commit(
                    desk.event(
                        "stop.dropped",
                        trade.alert_id,
                        changed(trade, stop=None),
                        desk.note("admin", f"⚠ {who.name} took the stop of {trade.symbol} back."),
                        actor=f"user:{who.user_id}",
                        cards=(("trade", trade_id, "orders"),),
                        trade_id=trade_id,
                    )
                )
            for order in desk.book.orders_of(trade_id):
                if order.purpose is not Purpose.STOP or order.state.is_terminal:
                    continue
                is_asked = await send.ask_cancel(desk, order, f"stop taken back by {who.name}")
                tally[order.order_id] = "cancelling" if is_asked else "⚠ it is being answered"
        await settle.run(desk, trade_id)
    return tally
