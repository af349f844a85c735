"""What a story sets going on the side in the stories above it: exits settled, books compared."""

from engine.desk import Desk
from engine.domain.order import Purpose
from engine.domain.trade import TradeState


def settle_soon(desk: Desk, trade_id: str) -> None:
    """Bring the trade's exits to what is wanted now, on the side."""
    if _has_no_exits(desk, trade_id):
        return
    desk.spawn(desk.settle(desk, trade_id), f"settle {trade_id}")


def _has_no_exits(desk: Desk, trade_id: str) -> bool:
    """Its entry works: nothing is held, nothing is wanted of it and nothing has to end."""
    trade = desk.book.trades.get(trade_id)
    if trade is None or trade.state is not TradeState.PENDING or trade.closes:
        return False
    return all(order.purpose is Purpose.ENTRY for order in desk.book.orders_of(trade_id))


def compare_later(desk: Desk, broker: str, pause_s: float, why: str) -> None:
    """Compare the books when lists that lag have caught up; once at a time for each reason."""

    async def compare() -> None:
        await desk.clock.sleep(pause_s)
        await desk.compare(desk, broker)

    desk.vigil(compare, f"{why} at {broker}")
