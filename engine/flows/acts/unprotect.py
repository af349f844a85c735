"""A trader takes protective stops back: what is held stands without, and people are told."""

from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, TradeStreamError
from engine.domain.order import Order, Purpose
from engine.domain.record import changed
from engine.flows.exits import settle
from engine.flows.orders import call_off


def stops(desk: Desk) -> list[Order]:
    """Protective orders that work."""
    found = desk.book.orders.values()
    return [o for o in found if o.purpose is Purpose.STOP and call_off.may_cancel(o)]


async def run(desk: Desk, who: Who) -> dict[str, str]:
    """No stop is wanted any more of any open trade; order id -> what became of its stop.

    A stop set again afterwards is sent as always.

    Raises:
        NotAllowed: nothing was changed.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was changed.")
    tally: dict[str, str] = {}
    for trade_id in dict.fromkeys(o.trade_id for o in stops(desk)):
        try:
            await _drop(desk, who, trade_id, tally)
        except TradeStreamError as error:  # one that fails does not keep the others back
            tally[trade_id] = f"⚠ its stop stays: {error}"
    return tally


async def _drop(desk: Desk, who: Who, trade_id: str, tally: dict[str, str]) -> None:
    """No stop of one trade; nothing when it ended while its lock was waited for."""
    trade = desk.book.trades.get(trade_id)
    if trade is None:
        return
    async with desk.lock(f"trade:{trade_id}"):
        async with desk.lock(trade.account):
            trade = desk.book.trades.get(trade_id)
            if trade is None:
                return
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
            is_asked = await call_off.ask_cancel(desk, order, f"stop taken back by {who.name}")
            tally[order.order_id] = "cancelling" if is_asked else "⚠ it is being answered"
    await settle.run(desk, trade_id)
