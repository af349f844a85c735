"""The Broker contract: holdings, cash and fees, and what a crash may not lose or double."""

from contextlib import suppress
from decimal import Decimal

import pytest
from aiohttp import web

from engine.brokers import Absent, BrokerOrder, Unclear
from engine.domain.errors import BrokerUnavailable
from engine.domain.order import OrderType, Side, Tif
from engine.flows.common.answers import QUIET
from tests.conformance.broker_bench import MES, SPY, START, Bench, gist
from tests.conformance.venue_bench import VenueBench

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP = OrderType.LIMIT, OrderType.STOP


# -- holdings and money -----------------------------------------------------------------------


async def test_positions_are_the_sum_of_signed_fills(bench: Bench) -> None:
    await bench.hold(5)
    await bench.quote(bench.it, "2.00", "2.10")
    await bench.submit(SELL, 2)
    await bench.pass_latency()
    (held,) = await bench.broker.positions(bench.account)
    assert (held.instrument, held.qty) == (bench.it, D(3))
    assert held.qty == sum(f.qty * f.side.sign for f in await bench.fills())


async def test_the_average_price_is_that_of_what_is_held(bench: Bench) -> None:
    await bench.hold(1, at="2.00")
    await bench.hold(3, at="3.00")
    (held,) = await bench.broker.positions(bench.account)
    assert held.avg_price == bench.px("2.75")
    await bench.submit(SELL, 2)
    await bench.pass_latency()
    (held,) = await bench.broker.positions(bench.account)
    assert held.avg_price == bench.px("2.75")


async def test_a_flat_instrument_is_no_position(bench: Bench) -> None:
    await bench.hold(1)
    await bench.submit(SELL, 1)
    await bench.pass_latency()
    assert await bench.broker.positions(bench.account) == []


async def test_selling_short_and_flipping_is_counted_right(bench: Bench) -> None:
    await bench.hold(-2, at="2.00")
    await bench.hold(5, at="3.00")
    (held,) = await bench.broker.positions(bench.account)
    assert (held.qty, held.avg_price) == (D(3), bench.px("3.00"))


async def test_cash_moves_by_price_times_multiplier_and_fee(bench: Bench) -> None:
    if bench.it.kind == "future":
        pytest.skip("a future is not paid for")
    before = await bench.cash_now()
    await bench.hold(3, at="2.00")
    (fill,) = await bench.fills()
    assert fill.fee_usd >= 0
    assert await bench.cash_now() == before - 6 * bench.it.multiplier - fill.fee_usd


async def test_futures_move_only_what_they_realise(bench: Bench) -> None:
    bench.needs("future")
    before = await bench.cash_now()
    await bench.hold(2, MES, at="6700.00")
    fees = sum(f.fee_usd for f in await bench.fills())
    assert await bench.cash_now() == before - fees
    await bench.quote(MES, "6710.00", "6710.25")
    await bench.submit(SELL, 2, LIMIT, MES, limit="6710.00")
    await bench.pass_latency()
    fees = sum(f.fee_usd for f in await bench.fills())
    assert await bench.cash_now() == before + 2 * 10 * 5 - fees


async def test_shares_pay_their_price_once(bench: Bench) -> None:
    bench.needs("stock")
    before = await bench.cash_now()
    await bench.hold(10, SPY, at="600.00")
    (fill,) = await bench.fills()
    assert await bench.cash_now() == before - 6_000 - fill.fee_usd


async def test_accounts_do_not_mix(bench: Bench) -> None:
    other = bench.second_account()
    await bench.hold(1)
    assert await bench.broker.positions(other) == []
    assert await bench.broker.fills_since(other, START) == []
    cash = (await bench.broker.balance(other)).cash_usd
    assert cash == 50_000


async def test_an_unknown_account_is_never_read_as_empty(bench: Bench) -> None:
    for ask in (bench.broker.positions, bench.broker.open_orders, bench.broker.balance):
        with pytest.raises(BrokerUnavailable):
            await ask("nobody")


@pytest.mark.parametrize("said", [None, [None], "x", 7])
async def test_an_answer_of_another_shape_is_no_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    if not isinstance(bench, VenueBench):
        pytest.skip("nothing is asked outside")
    order = await bench.submit(BUY, 1, LIMIT, limit="1.50")
    ask, account = bench.broker, bench.account
    await ask.orders_since(account, START)  # what was never told may be no part of the offer
    await ask.fills_since(account, START)

    async def odd(_: web.StreamResponse) -> web.StreamResponse:
        return web.json_response(said)

    monkeypatch.setattr(bench.venue, "_late", odd)
    for answer in (
        ask.positions(account),
        ask.open_orders(account),
        ask.orders_since(account, START),
        ask.fills_since(account, START),
        ask.balance(account),
    ):
        with pytest.raises(QUIET):
            await answer
    with suppress(*QUIET):
        assert isinstance(await ask.find(account, order.client_order_id), Unclear)


async def test_a_closed_broker_is_never_read_as_empty(bench: Bench) -> None:
    await bench.broker.close()
    for ask in (bench.broker.positions, bench.broker.open_orders, bench.broker.balance):
        with pytest.raises(BrokerUnavailable):
            await ask(bench.account)
    with pytest.raises(BrokerUnavailable):
        await bench.submit(BUY, 1)
    with pytest.raises(BrokerUnavailable):
        await bench.broker.find(bench.account, bench.id())


# -- after a crash ----------------------------------------------------------------------------


def _by_id(orders: list[BrokerOrder]) -> dict[str, tuple[object, ...]]:
    return {
        o.broker_id: (o.state, o.side, o.legs, o.qty, o.filled, o.type, o.limit, o.stop)
        for o in orders
    }


async def _book(bench: Bench) -> tuple[object, ...]:
    broker, account = bench.broker, bench.account
    return (
        _by_id(await broker.open_orders(account)),
        _by_id(await broker.orders_since(account, START)),
        [gist(fill) for fill in await broker.fills_since(account, START)],
        await broker.positions(account),
        (await broker.balance(account)).cash_usd,
        (await broker.balance(account)).buying_power_usd,
    )


async def test_a_crash_changes_nothing_in_the_book(bench: Bench) -> None:
    await bench.hold(3)
    await bench.hold(2, bench.it2, at="1.50")
    await bench.submit(SELL, 3, LIMIT, limit="2.50", reduces=True)
    await bench.submit(BUY, 4, LIMIT, limit="1.00")
    before = await _book(bench)
    await bench.restart()
    assert await _book(bench) == before


async def test_an_accepted_order_survives_a_crash_right_after_its_acceptance(
    bench: Bench,
) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    await bench.restart()
    seen = await bench.seen(order)
    assert _by_id([seen]) == _by_id([order])
    if bench.broker.caps.finds_by_client_id:
        assert seen.client_order_id == order.client_order_id


async def test_working_orders_go_on_after_a_crash(bench: Bench) -> None:
    bench.needs(type=STOP)
    await bench.hold(2)
    stop = await bench.submit(SELL, 2, STOP, stop="1.50", reduces=True)
    await bench.restart()
    await bench.wait(1)
    await bench.quote(bench.it, "1.40", "1.50")
    assert (await bench.seen(stop)).state == "filled"
    assert await bench.position() == 0


async def test_a_fill_before_a_crash_is_there_afterwards_and_once(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="2.10")
    await bench.pass_latency()
    before = [gist(fill) for fill in await bench.fills()]
    await bench.restart()
    assert [gist(fill) for fill in await bench.fills()] == before
    await bench.quote(bench.it, "2.00", "2.10")
    await bench.wait(1)
    assert [gist(fill) for fill in await bench.fills()] == before
    assert await bench.position() == (await bench.seen(order)).filled == 1


async def test_a_partly_filled_order_goes_on_with_its_rest(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 2))
    order = await bench.submit(BUY, 5)
    await bench.pass_latency()
    await bench.restart()
    await bench.quote(bench.it, "2.00", "2.10")
    fills = await bench.fills()
    assert [fill.qty for fill in fills] == [D(2), D(3)]
    assert len({fill.execution_id for fill in fills}) == 2
    assert (await bench.seen(order)).state == "filled"


async def test_an_asked_cancellation_survives_a_crash(bench: Bench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.restart()
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "canceled"


async def test_bracket_and_oco_survive_a_crash(bench: Bench) -> None:
    bench.needs(type=STOP, has_brackets=True)
    await bench.quote(bench.it, "2.00", "2.10")
    lasts = Tif.GTC in bench.broker.caps.by_kind[bench.it.kind].tifs
    tif = Tif.GTC if lasts else Tif.DAY
    target = bench.request(SELL, 2, LIMIT, limit="2.60", tif=tif)
    stop = bench.request(SELL, 2, STOP, stop="1.70", tif=tif)
    await bench.submit(BUY, 2, LIMIT, limit="2.10", tif=tif, attached=(target, stop))
    await bench.restart()
    await bench.wait(1)
    await bench.quote(bench.it, "2.00", "2.10")
    await bench.restart()
    await bench.wait(1)
    await bench.quote(bench.it, "2.70", "2.80")
    assert (await bench.seen(target)).state == "filled"
    assert (await bench.seen(stop)).state == "canceled"


async def test_an_order_that_never_arrived_is_absent_after_a_crash(bench: Bench) -> None:
    bench.promises(finds_by_client_id=True)
    request = bench.request(BUY, 1, LIMIT, limit="2.00")
    await bench.restart()
    assert isinstance(await bench.broker.find(bench.account, request.client_order_id), Absent)


async def test_ten_restarts_change_nothing(bench: Bench) -> None:
    await bench.hold(1)
    await bench.submit(SELL, 1, LIMIT, limit="2.50", reduces=True)
    before = await _book(bench)
    for _ in range(10):
        await bench.restart()
    assert await _book(bench) == before
