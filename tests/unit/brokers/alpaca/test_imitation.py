"""The imitation speaks as Alpaca does: its library's own models read every word of it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from alpaca.trading.enums import OrderStatus
from alpaca.trading.models import Order, Position, TradeAccount, TradeUpdate

from engine.brokers.alpaca import reading
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg
from tests.conformance.alpaca_bench import AlpacaBench
from tests.conformance.alpaca_bench import bench as new_bench
from tests.conformance.broker_bench import CALL, HIGH_CALL, SPY
from tests.venues.alpaca import AlpacaVenue

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP = OrderType.LIMIT, OrderType.STOP


@pytest.fixture
async def bench() -> AsyncIterator[AlpacaBench]:
    made = new_bench("stock")
    try:
        yield await made.start()  # type: ignore[misc]
    finally:
        await made.stop()


async def test_the_library_reads_every_order_and_update(bench: AlpacaBench) -> None:
    venue = bench.venue
    assert isinstance(venue, AlpacaVenue)
    frames: list[Any] = []
    inner = venue._send_all

    async def send_all(frame: Any) -> None:
        frames.append(frame)
        await inner(frame)

    venue._send_all = send_all  # type: ignore[method-assign]
    await bench.hold(2, SPY)
    target = bench.request(SELL, 1, LIMIT, limit="2.60", reduces=True)
    stop = bench.request(SELL, 1, STOP, stop="1.70", reduces=True)
    await bench.submit(BUY, 1, LIMIT, limit="1.95", attached=(target, stop))
    await bench.quote(CALL, "3.00", "3.10")
    await bench.quote(HIGH_CALL, "1.00", "1.10")
    legs = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))
    await bench.submit(BUY, 1, LIMIT, legs=legs, limit="2.20")
    await bench.pass_latency()
    gone = await bench.submit(BUY, 1, LIMIT, limit="1.00")
    await bench.broker.cancel("main", gone.client_order_id)
    await bench.pass_latency()
    said = [await venue._json(name, is_nested=True) for name in venue.asked]
    read = [Order(**one) for one in said]
    assert len(read) == 6
    assert {order.status for order in read} >= {
        OrderStatus.FILLED,
        OrderStatus.NEW,
        OrderStatus.HELD,
        OrderStatus.CANCELED,
    }
    updates = [TradeUpdate(**frame["data"]) for frame in frames]
    assert {update.event for update in updates} == {"new", "fill", "canceled"}


async def test_the_library_reads_money_and_holdings(bench: AlpacaBench) -> None:
    venue = bench.venue
    assert isinstance(venue, AlpacaVenue)
    await bench.hold(-2, SPY)
    (held,) = [Position(**one) for one in await venue._get_positions(None)]  # type: ignore[arg-type]
    assert (held.symbol, held.qty, held.side.value) == ("SPY", "-2", "short")
    account = TradeAccount(**await venue._get_account(None))  # type: ignore[arg-type]
    assert account.cash is not None


def test_every_status_of_the_library_is_known() -> None:
    assert {s.value for s in OrderStatus if reading.state_of(s.value, D(0)) == "unknown"} == set()
