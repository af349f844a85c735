"""Alpaca's connection at its venue: who it logs in as, and what only Alpaca does."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError

from engine.brokers import (
    Absent,
    BrokerOrder,
    Filled,
    Odd,
    OrderRequest,
    OrderSeen,
    Seen,
    StreamDown,
    StreamUp,
    Unclear,
    Warned,
)
from engine.brokers.alpaca import Alpaca, books, rest
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    NotOffered,
    OrderRejected,
    OrderStateUnknown,
    WrongEnvironment,
)
from engine.domain.instrument import crypto, option
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.conformance.alpaca_bench import AlpacaBench
from tests.conformance.alpaca_bench import bench as new_bench
from tests.conformance.broker_bench import CALL, HIGH_CALL, SPY, START
from tests.venues import alpaca_words as words
from tests.venues.alpaca import KEY, SECRET, AlpacaVenue

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP, MARKET = OrderType.LIMIT, OrderType.STOP, OrderType.MARKET


@pytest.fixture
async def bench() -> AsyncIterator[AlpacaBench]:
    made = new_bench("stock")
    try:
        yield await made.start()  # type: ignore[misc]
    finally:
        await made.stop()


def venue(bench: AlpacaBench) -> AlpacaVenue:
    assert isinstance(bench.venue, AlpacaVenue)
    return bench.venue


# -- who it is (O-24) ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "key", "more", "names"),
    [
        ("paper", "AKLIVE", {}, "key"),
        ("live", "PKPAPER", {}, "key"),
        ("paper", "PKPAPER", {"rest_url": "https://api.alpaca.markets"}, "rest_url"),
        ("live", "AKLIVE", {"stream_url": "wss://paper-api.alpaca.markets/stream"}, "stream_url"),
    ],
)
def test_keys_and_addresses_of_the_other_side_are_named(
    environment: Any, key: str, more: dict[str, str], names: str
) -> None:
    settings = Alpaca.Settings(environment=environment, **more)
    wrong = Alpaca.mixed_up(settings, {"key": SecretStr(key)})
    assert wrong.startswith(f"{names}: ")
    assert environment in wrong
    assert key not in wrong


@pytest.mark.parametrize(("environment", "key"), [("paper", "PK1"), ("live", "AK1")])
def test_keys_of_the_right_side_are_fine(environment: Any, key: str) -> None:
    settings = Alpaca.Settings(environment=environment)
    assert Alpaca.mixed_up(settings, {"key": SecretStr(key)}) == ""


@pytest.mark.parametrize("url", ["http://example.com", "ftp://127.0.0.1", "https://me@example.com"])
def test_keys_go_nowhere_in_the_clear(url: str) -> None:
    with pytest.raises(ValidationError):
        Alpaca.Settings(rest_url=url)


def test_each_side_has_its_own_addresses() -> None:
    paper, live = Alpaca.Settings(), Alpaca.Settings(environment="live")
    assert (paper.rest, paper.stream) == (
        "https://paper-api.alpaca.markets",
        "wss://paper-api.alpaca.markets/stream",
    )
    assert (live.rest, live.stream) == (
        "https://api.alpaca.markets",
        "wss://api.alpaca.markets/stream",
    )
    ours = Alpaca.Settings(rest_url="http://127.0.0.1:1/v2", stream_url="ws://127.0.0.1:2")
    assert (ours.rest, ours.stream) == ("http://127.0.0.1:1", "ws://127.0.0.1:2/stream")


async def test_a_live_account_behind_a_paper_configuration_is_refused() -> None:
    made = new_bench()
    made.connect_faults = lambda v: v.facts.update(account_number="927721227")  # type: ignore[attr-defined]
    try:
        with pytest.raises(WrongEnvironment, match="live"):
            await made.start()
    finally:
        made.broker = None
        await made.stop()


@pytest.mark.parametrize(
    "numbers", [{"main": "PA3CANARY001", "other": "PA3CANARY002"}, {"main": "PA3ANOTHER000"}]
)
async def test_a_login_reaches_its_one_account_alone(
    bench: AlpacaBench, numbers: dict[str, str]
) -> None:
    bench.numbers = numbers
    stranger = bench.build(bench.venue.url, bench.venue.ws_url, bench.clock)
    with pytest.raises(BrokerAuthError) as caught:
        await stranger.connect()
    await stranger.close()
    assert "PA3" not in str(caught.value)


async def test_wrong_keys_are_refused_and_never_repeated_back() -> None:
    made = new_bench(secrets={"key": "PKWRONG", "secret": "wrong-canary"})
    try:
        with pytest.raises(BrokerAuthError) as caught:
            await made.start()
        assert "canary" not in str(caught.value)
    finally:
        made.broker = None
        await made.stop()


async def test_it_may_be_connected_again_after_it_failed(bench: AlpacaBench) -> None:
    venue(bench).facts["account_number"] = "927721227"
    with pytest.raises(WrongEnvironment):
        await bench.broker.connect()
    with pytest.raises(BrokerUnavailable):
        await bench.broker.positions("main")
    venue(bench).facts.clear()
    await bench.broker.connect()
    assert (await bench.submit(BUY, 1, LIMIT, limit="1.95")).state == "accepted"


async def test_nothing_is_written_down_that_opens_the_account(
    bench: AlpacaBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await bench.restart()
    venue(bench).faults.unknown_frames = 1
    await bench.submit(BUY, 1, LIMIT, limit="1.95")
    await bench.settle()
    said = caplog.text + repr(bench.told) + repr(bench.broker)
    for canary in (KEY, SECRET, "PA3CANARY001"):
        assert canary not in said


# -- one connection, nothing sent twice -------------------------------------------------------


async def test_twenty_orders_one_after_the_other_use_one_connection(bench: AlpacaBench) -> None:
    peers = set()
    inner = venue(bench)._note

    async def note(request: web.Request) -> None:
        peers.add(request.transport.get_extra_info("peername") if request.transport else None)
        await inner(request)

    venue(bench)._note = note  # type: ignore[method-assign]
    for _ in range(20):
        await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert len(peers) == 1


async def test_a_burst_leaves_side_by_side() -> None:
    """None is answered before all have come: one after the other would never be."""
    bench = new_bench("stock")
    try:
        await bench.start()
        inner, all_came, came = venue(bench)._post_order, asyncio.Event(), []

        async def together(request: web.Request) -> Any:
            came.append(request)
            if len(came) == 20:
                all_came.set()
            await all_came.wait()
            return await inner(request)

        venue(bench)._post_order = together  # type: ignore[method-assign]
        asked = [bench.submit(BUY, 1, LIMIT, limit="1.95") for _ in range(20)]
        assert {order.state for order in await asyncio.gather(*asked)} == {"accepted"}
    finally:
        await bench.stop()


def test_the_library_is_told_to_send_once() -> None:
    from engine.brokers.alpaca.sdk import Client

    client = Client("PK", "s", "http://127.0.0.1:1", connect_s=1, read_s=2, version="v2")
    assert (client._retry, client._retry_codes, client._use_raw_data) == (0, [], True)
    for address in ("http://x", "https://x"):
        adapter = client._session.get_adapter(address)
        assert adapter.max_retries.total == 0  # type: ignore[attr-defined]
    client.close()


async def test_usage_is_counted(bench: AlpacaBench) -> None:
    before = bench.broker.usage.n_calls
    await bench.broker.positions("main")
    assert bench.broker.usage.n_calls == before + 1
    assert (bench.broker.usage.limit, bench.broker.usage.remaining) == (200, 199)


# -- refusals and answers -----------------------------------------------------------------------


def answering(bench: AlpacaBench, status: int, text: str, kind: str = "application/json") -> None:
    """The next requests that act, and questions too, get this and nothing else."""

    async def early(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, content_type=kind)

    venue(bench).faults.strikes = lambda _: True
    venue(bench)._early = early  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("status", "text", "error", "code"),
    [
        (403, '{"code":40310000,"message":"insufficient buying power"}', OrderRejected, "40310000"),
        (422, '{"code":42210000,"message":"sub-penny"}', OrderRejected, "42210000"),
        (422, '{"message":"no code"}', OrderRejected, "422"),
        (403, '{"message":"forbidden."}', BrokerAuthError, None),
        (401, '{"code":40110000,"message":"not authorized"}', BrokerAuthError, None),
        (408, '{"message":"timeout"}', OrderStateUnknown, None),
        (302, "", OrderStateUnknown, None),
        (404, "<html>no such page</html>", OrderStateUnknown, None),
        (400, '"text"', OrderStateUnknown, None),
        (200, "[]", OrderStateUnknown, None),
        (200, "", OrderStateUnknown, None),
        (200, '{"id":"x"}', OrderStateUnknown, None),
    ],
)
async def test_what_an_answer_to_an_order_proves(
    bench: AlpacaBench, status: int, text: str, error: type[Exception], code: str | None
) -> None:
    answering(bench, status, text)
    with pytest.raises(error) as caught:
        await bench.submit(BUY, 1, LIMIT, limit="1.95")
    if isinstance(caught.value, OrderRejected):
        assert caught.value.code == code


async def test_an_answer_for_another_order_is_doubt(bench: AlpacaBench) -> None:
    other = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    answering(bench, 200, json.dumps({"id": "x", "client_order_id": other.client_order_id}))
    with pytest.raises(OrderStateUnknown):
        await bench.submit(BUY, 1, LIMIT, limit="1.95")


async def test_a_gateways_404_proves_no_absence(bench: AlpacaBench) -> None:
    answering(bench, 404, '{"code":40410000,"message":"order not found"}')
    assert isinstance(await bench.broker.find("main", "TS000000000000009999"), Absent)
    answering(bench, 404, '{"error":"no route"}')
    assert isinstance(await bench.broker.find("main", "TS000000000000009999"), Unclear)
    answering(bench, 404, "<html>", "text/html")
    with pytest.raises(BrokerUnavailable):
        await bench.broker.find("main", "TS000000000000009999")


async def test_a_404_that_gives_no_reason_to_a_question_is_no_offer(bench: AlpacaBench) -> None:
    answering(bench, 404, '"Not Found"')
    with pytest.raises(NotOffered):
        await bench.broker.positions("main")


async def test_lists_are_read_to_their_end(
    bench: AlpacaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "_ORDERS", 3)
    monkeypatch.setattr(books, "_ACTIVITIES", 2)
    await bench.quote(SPY, "2.00", "2.00")
    for _ in range(8):
        await bench.submit(BUY, 1, LIMIT, SPY, limit="2.00")
        await bench.wait(0.5)
        await bench.quote(SPY, "2.00", "2.00")
    live = [await bench.submit(BUY, 1, LIMIT, limit="1.00") for _ in range(1)]
    assert len(await bench.broker.orders_since("main", START)) == 9
    assert len(await bench.broker.fills_since("main", START)) == 8
    assert len(await bench.broker.open_orders("main")) == len(live)


async def test_executions_are_read_to_their_end_though_pages_are_shorter_than_asked(
    bench: AlpacaBench,
) -> None:
    await bench.quote(SPY, "2.00", "2.00")
    for _ in range(7):
        await bench.submit(BUY, 1, LIMIT, SPY, limit="2.00")
        await bench.wait(0.5)
        await bench.quote(SPY, "2.00", "2.00")
    whole = venue(bench)._get_activities

    async def cut(request: web.Request) -> Any:
        return (await whole(request))[:3]

    venue(bench)._get_activities = cut  # type: ignore[method-assign]
    assert len(await bench.broker.fills_since("main", START)) == 7


async def test_an_answer_that_comes_by_the_byte_keeps_no_thread(
    bench: AlpacaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's time-outs count from byte to byte: eight such answers would end all reading."""
    monkeypatch.setattr(rest, "CONNECT_S", 0.1)
    monkeypatch.setattr(rest, "READ_S", 0.2)

    async def trickling(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100000"})
        await answer.prepare(request)
        with suppress(ConnectionError):
            while True:
                await answer.write(b" ")
                await asyncio.sleep(0.05)
        return answer

    venue(bench).faults.strikes = lambda _: True
    venue(bench)._early = trickling  # type: ignore[method-assign]
    asked = bench.broker._rest
    n_threads = rest._THREADS["read"]
    questions = (asked.act("GET", f"/orders/{n}", "read") for n in range(n_threads))
    ended = await asyncio.gather(*questions, return_exceptions=True)
    assert [type(error) for error in ended] == [OrderStateUnknown] * n_threads
    async with asyncio.timeout(20):
        assert await asked._threads["read"].run(lambda: "free") == "free"


async def test_a_start_reads_the_days_orders_once(bench: AlpacaBench) -> None:
    """Executions and orders are asked for side by side; both need the same list."""
    await bench.hold(1)
    await bench.restart()
    n_before = len(bench.venue.log.of("GET", "/v2/orders"))
    fills, orders = await asyncio.gather(
        bench.broker.fills_since("main", START), bench.broker.orders_since("main", START)
    )
    assert [f.client_order_id for f in fills] == [o.client_order_id for o in orders]
    assert len(bench.venue.log.of("GET", "/v2/orders")) == n_before + 1


async def test_a_list_that_does_not_end_is_no_list(
    bench: AlpacaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "_ORDERS", 2)
    for _ in range(4):
        await bench.submit(BUY, 1, LIMIT, limit="1.00")
    with pytest.raises(BrokerUnavailable):
        await bench.broker.open_orders("main")  # sent in one moment: no page can follow another


async def test_an_old_order_that_ended_since_is_listed(bench: AlpacaBench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.00", tif=Tif.GTC)
    await bench.wait(3 * 86_400)
    since = bench.clock.now()
    await bench.broker.cancel("main", order.client_order_id)
    await bench.pass_latency()
    (seen,) = await bench.broker.orders_since("main", since)
    assert (seen.broker_id, seen.state) == (order.broker_id, "canceled")


async def test_many_old_orders_are_asked_for_in_one_list(bench: AlpacaBench) -> None:
    for _ in range(12):
        await bench.submit(BUY, 1, LIMIT, limit="1.00", tif=Tif.GTC)
    await bench.wait(3 * 86_400)
    before = bench.broker.usage.n_calls
    assert await bench.broker.orders_since("main", bench.clock.now()) == []
    assert bench.broker.usage.n_calls - before == 2


async def test_money_tells_what_else_decides(bench: AlpacaBench) -> None:
    venue(bench).facts |= {"pattern_day_trader": True, "daytrade_count": 3}
    balance = await bench.broker.balance("main")
    assert balance.facts["pattern_day_trader"] == "True"
    assert balance.facts["daytrade_count"] == "3"
    assert balance.equity_usd == balance.cash_usd == 100_000


async def test_trying_it_out_names_each_part(bench: AlpacaBench) -> None:
    checks = {check.name: check for check in await bench.broker.check()}
    assert {n: c.is_ok for n, c in checks.items()} == {
        "auth": True,
        "account": True,
        "quote": True,
        "orders": True,
        "dry run": None,
    }
    venue(bench).facts["trading_blocked"] = True
    checks = {check.name: check for check in await bench.broker.check()}
    assert checks["account"].is_ok is False


# -- brackets and pairs -----------------------------------------------------------------------


def bracket(bench: AlpacaBench, qty: int = 2) -> OrderRequest:
    target = bench.request(SELL, qty, LIMIT, limit="2.60", reduces=True)
    stop = bench.request(SELL, qty, STOP, stop="1.70", reduces=True)
    return bench.request(BUY, qty, LIMIT, limit="2.05", attached=(target, stop))


async def test_children_are_known_by_our_ids_although_alpaca_gives_its_own(
    bench: AlpacaBench,
) -> None:
    entry = bracket(bench)
    await bench.broker.submit(entry)
    target, stop = entry.attached
    assert (await bench.seen(stop)).raw_state == "held"
    ids = {o.client_order_id for o in await bench.broker.open_orders("main")}
    assert ids == {entry.client_order_id, target.client_order_id, stop.client_order_id}
    await bench.restart()
    seen = await bench.seen(stop)
    assert (seen.client_order_id, seen.stop, seen.qty) == (stop.client_order_id, D("1.70"), D(2))
    assert not any(isinstance(e, Odd) for e in bench.told)  # held until its entry has filled


async def test_children_of_an_entry_that_never_came_are_absent(bench: AlpacaBench) -> None:
    entry = bracket(bench)
    venue(bench).faults.reset = 1
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(entry)
    assert isinstance(await bench.broker.find("main", entry.attached[1].client_order_id), Absent)


async def test_children_of_an_unanswered_entry_are_found(bench: AlpacaBench) -> None:
    entry = bracket(bench)
    venue(bench).faults.accept_then_reset = 1
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(entry)
    await bench.restart()
    target = await bench.broker.find("main", entry.attached[0].client_order_id)
    assert isinstance(target, Seen)
    assert target.order.limit == D("2.60")


async def test_children_wait_for_the_whole_entry(bench: AlpacaBench) -> None:
    entry = bracket(bench, qty=10)
    await bench.broker.submit(entry)
    await bench.pass_latency()
    await bench.quote(SPY, "1.99", "2.04", sizes=(9, 4))
    assert (await bench.seen(entry)).filled == 4
    assert (await bench.seen(entry.attached[1])).raw_state == "held"
    assert bench.broker.caps.by_kind["stock"].waits_for_whole


async def test_a_childs_fill_is_told_under_our_id(bench: AlpacaBench) -> None:
    entry = bracket(bench)
    await bench.broker.submit(entry)
    await bench.pass_latency()
    await bench.quote(SPY, "1.99", "2.04")
    await bench.pass_latency()
    await bench.quote(SPY, "1.60", "1.65")
    stop = entry.attached[1]
    fills = [e.fill for e in bench.told if isinstance(e, Filled)]
    assert [f.client_order_id for f in fills] == [entry.client_order_id, stop.client_order_id]
    listed = await bench.fills()
    assert [f.client_order_id for f in listed] == [f.client_order_id for f in fills]
    assert (await bench.seen(entry.attached[0])).state == "canceled"


async def test_a_held_stop_can_be_moved(bench: AlpacaBench) -> None:
    entry = bracket(bench)
    await bench.broker.submit(entry)
    stop = entry.attached[1]
    new = bench.request(SELL, 2, STOP, stop="1.80", reduces=True)
    moved = await bench.broker.replace("main", stop.client_order_id, new)
    assert (moved.client_order_id, moved.stop) == (new.client_order_id, D("1.80"))
    assert (await bench.seen(stop)).state == "replaced"


async def test_a_target_and_its_stop_go_out_as_one(bench: AlpacaBench) -> None:
    await bench.hold(2, SPY)
    stop = bench.request(SELL, 2, STOP, stop="1.80", reduces=True, oco_group="exit")
    target = bench.request(
        SELL, 2, LIMIT, limit="2.50", reduces=True, oco_group="exit", attached=(stop,)
    )
    await bench.broker.submit(target)
    await bench.pass_latency()
    assert len(await bench.broker.open_orders("main")) == 2
    await bench.quote(SPY, "1.75", "1.80")
    assert (await bench.seen(stop)).state == "filled"
    assert (await bench.seen(target)).state == "canceled"
    assert await bench.position() == 0


async def test_a_working_exit_holds_its_shares(bench: AlpacaBench) -> None:
    await bench.hold(2, SPY)
    await bench.submit(SELL, 2, STOP, stop="1.80", reduces=True)
    with pytest.raises(OrderRejected) as caught:
        await bench.submit(SELL, 2, MARKET, reduces=True)
    assert caught.value.code == "40310000"
    assert bench.broker.caps.by_kind["stock"].locks_units


# -- spreads ----------------------------------------------------------------------------------

SPREAD = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-2))


async def _spread(bench: AlpacaBench) -> OrderRequest:
    await bench.quote(CALL, "3.00", "3.10")
    await bench.quote(HIGH_CALL, "1.00", "1.10")
    request = bench.request(BUY, 2, LIMIT, legs=SPREAD, limit="1.20")
    await bench.broker.submit(request)
    await bench.pass_latency()
    return request


async def test_each_leg_of_a_spread_is_told_at_its_own_price(bench: AlpacaBench) -> None:
    request = await _spread(bench)
    legs = [(f.leg, f.side, f.qty, f.price) for f in bench.told_fills()]
    assert legs == [(0, BUY, D(2), D("3.10")), (1, SELL, D(4), D("1.00"))]
    assert {f.client_order_id for f in bench.told_fills()} == {request.client_order_id}
    assert bench.told_fills() == await bench.fills()


async def test_a_spreads_fills_are_ours_after_a_restart(bench: AlpacaBench) -> None:
    request = await _spread(bench)
    before = bench.told_fills()
    await bench.restart()
    assert await bench.fills() == before
    seen = await bench.seen(request)
    assert (seen.state, seen.filled, seen.limit) == ("filled", D(2), D("1.2"))
    assert {leg.instrument: leg.ratio for leg in seen.legs} == {CALL: 1, HIGH_CALL: -2}
    assert await bench.broker.open_orders("main") == []


async def test_a_leg_told_by_itself_is_the_same_execution(bench: AlpacaBench) -> None:
    request = await _spread(bench)
    leg = (await venue(bench)._json(request.client_order_id))["legs"][1]
    (listed,) = [f for f in await bench.fills() if f.leg == 1]
    more = {
        "execution_id": listed.execution_id,
        "price": "1",
        "qty": "4",
        "timestamp": words.stamp(listed.executed_at),
    }
    await venue(bench)._broadcast(venue(bench)._update("fill", leg, **more))
    await bench.until(lambda: len(bench.told_fills()) == 3)
    assert bench.told_fills()[-1] == listed


# -- the stream -------------------------------------------------------------------------------


async def told(bench: AlpacaBench, frame: Any) -> list[Any]:
    n = len(bench.told)
    await venue(bench)._broadcast(frame)
    await bench.until(lambda: len(bench.told) > n)
    return bench.told[n:]


async def test_an_unknown_status_is_shown_and_decides_nothing(bench: AlpacaBench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    said = await venue(bench)._json(order.client_order_id) | {"status": "beamed_up"}
    await venue(bench)._broadcast(venue(bench)._update("new", said))
    assert await bench.until(lambda: any(isinstance(e, Odd) for e in bench.told))

    def seen() -> list[BrokerOrder]:
        return [e.order for e in bench.told if isinstance(e, OrderSeen)]

    assert await bench.until(lambda: any(o.raw_state == "beamed_up" for o in seen()))
    assert (seen()[-1].state, seen()[-1].raw_state) == ("unknown", "beamed_up")


@pytest.mark.parametrize("word", ["suspended", "held", "beamed_up", "done_for_day"])
async def test_an_order_that_may_not_work_is_told_once_though_no_frame_says_so(
    bench: AlpacaBench, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    said = venue(bench)._order

    def idle(*args: Any, **more: Any) -> dict[str, Any]:
        return said(*args, **more) | {"status": word}

    monkeypatch.setattr(venue(bench), "_order", idle)
    await bench.broker.find("main", order.client_order_id)
    await bench.broker.open_orders("main")
    assert await bench.until(lambda: any(isinstance(e, Odd) for e in bench.told))
    (odd,) = [e for e in bench.told if isinstance(e, Odd)]
    assert f"{order.client_order_id} is {word}" in odd.note


@pytest.mark.parametrize(
    "frame",
    [
        "no json",
        ["a", "list"],
        {"stream": "something_else", "data": {}},
        {"stream": "trade_updates", "data": {"event": "fill"}},
        {"stream": "trade_updates", "data": {"event": "new", "order": {"id": "x"}}},
        {"stream": "trade_updates", "data": {"event": "fill", "order": "text"}},
    ],
)
async def test_what_cannot_be_read_is_shown_and_the_next_is_heard(
    bench: AlpacaBench, frame: Any
) -> None:
    (odd, *_) = await told(bench, frame)
    assert isinstance(odd, Odd)
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    await bench.settle()
    assert bench.told_states(order) == ["accepted"]


async def test_a_fill_of_an_order_that_the_account_does_not_have_is_none(
    bench: AlpacaBench,
) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    await bench.settle()
    said = await venue(bench)._json(order.client_order_id)
    said |= {"id": "11111111-2222-4333-8444-555555555555", "client_order_id": "theirs"}
    said |= {"status": "filled", "filled_qty": "1"}
    at = words.stamp(bench.clock.now())
    frame = venue(bench)._update("fill", said, execution_id="e9", price="1.95", qty="1")
    frame["data"]["timestamp"] = at
    events = await told(bench, frame)
    assert [type(event) for event in events] == [Odd]
    assert bench.told_fills() == []


async def test_half_a_fill_is_shown_and_the_order_still_tells_what_is_filled(
    bench: AlpacaBench,
) -> None:
    order = await bench.submit(BUY, 2, LIMIT, limit="1.95")
    said = await venue(bench)._json(order.client_order_id)
    said |= {"status": "partially_filled", "filled_qty": "1"}
    frame = venue(bench)._update("partial_fill", said, price="1.95", qty=None)
    await told(bench, frame)
    await bench.until(lambda: bench.told_states(order)[-1:] == ["partial"])
    assert any(isinstance(event, Odd) for event in bench.told)
    assert bench.told_states(order)[-1] == "partial"
    assert bench.told_fills() == []


async def test_a_bust_and_a_correction_name_what_they_undo(bench: AlpacaBench) -> None:
    await bench.hold(2, SPY)
    (fill,) = bench.told_fills()
    said = await venue(bench)._json(fill.client_order_id)
    at = words.stamp(bench.clock.now())
    common = {"previous_execution_id": fill.execution_id, "timestamp": at}
    bust = venue(bench)._update("trade_bust", said, execution_id="b1", qty="2", **common)
    more = {"execution_id": "c1", "price": "1.99", "qty": "2"}
    correction = venue(bench)._update("trade_correct", said, **more, **common)
    for frame, kind, price in ((bust, "bust", D(0)), (correction, "correct", D("1.99"))):
        events = await told(bench, frame)
        (one,) = [e.fill for e in events if isinstance(e, Filled)]
        assert (one.kind, one.of, one.price) == (kind, fill.execution_id, price)


async def test_a_stream_that_is_refused_is_told_and_orders_go_on(bench: AlpacaBench) -> None:
    venue(bench).is_deaf = True
    await bench.restart()
    assert await bench.until(lambda: any(isinstance(e, StreamDown) for e in bench.told))
    assert not any(isinstance(event, StreamUp) for event in bench.told)
    assert (await bench.submit(BUY, 1, LIMIT, limit="1.95")).state == "accepted"
    venue(bench).is_deaf = False
    async with bench.eager():
        assert await bench.until(lambda: any(isinstance(e, StreamUp) for e in bench.told), 10)


# -- replacing --------------------------------------------------------------------------------


async def test_a_fill_in_flight_while_it_is_replaced_never_makes_the_total_more(
    bench: AlpacaBench,
) -> None:
    """O-21: the entry was for ten; three fill between our look and Alpaca's."""
    await bench.quote(SPY, "2.00", "2.10", sizes=(9, 3))
    old = await bench.submit(BUY, 10, LIMIT, limit="1.90")
    await bench.pass_latency()
    inner = venue(bench)._patch_order

    async def fills_first(request: web.Request) -> Any:
        bench.board.put(bench.quote_of(SPY, "1.85", "1.89", (9, 3)))
        await venue(bench).exchange.settle()
        return await inner(request)

    venue(bench)._patch_order = fills_first  # type: ignore[method-assign]
    new = bench.request(BUY, 10, LIMIT, limit="2.20")
    await bench.broker.replace("main", old.client_order_id, new)
    await bench.pass_latency()
    await bench.quote(SPY, "2.10", "2.15", sizes=(9, 99))
    await bench.pass_latency()
    assert await bench.position(SPY) <= 10


async def test_a_replacement_of_an_order_that_is_going_is_refused(bench: AlpacaBench) -> None:
    order = await bench.submit(BUY, 2, LIMIT, limit="1.95")
    await bench.broker.cancel("main", order.client_order_id)
    with pytest.raises(OrderRejected):
        await bench.broker.replace(
            "main", order.client_order_id, bench.request(BUY, 2, LIMIT, limit="1.97")
        )


# -- changed in Alpaca's own app ----------------------------------------------------------------


def reported(bench: AlpacaBench, order: BrokerOrder) -> list[tuple[str, str, Any]]:
    """What was told of it: state, Alpaca's id, limit or stop."""
    seen = [e.order for e in bench.told if isinstance(e, OrderSeen)]
    mine = [o for o in seen if o.client_order_id == order.client_order_id]
    return [(o.state, o.broker_id, o.stop or o.limit) for o in mine]


@pytest.mark.parametrize("fault", ["", "drop_frames", "reorder_frames", "duplicate_frames"])
async def test_an_order_that_somebody_changes_in_the_app_stays_ours(
    bench: AlpacaBench, fault: str
) -> None:
    """The new one passed for a stranger's, and held the shares: no exit got out."""
    await bench.hold(2, SPY)
    stop = await bench.submit(SELL, 2, STOP, stop="1.50", reduces=True)
    await bench.settle()
    if fault:
        setattr(venue(bench).faults, fault, 2)
    one = await venue(bench).by_hand(stop.broker_id, stop_price="1.60")
    await bench.settle()
    now = await venue(bench).by_hand(one, stop_price="1.70")
    await bench.settle()
    listed = await bench.broker.open_orders("main")
    assert [(o.client_order_id, o.broker_id) for o in listed] == [(stop.client_order_id, now)]
    before = bench.broker.usage.n_calls
    recent = await bench.broker.orders_since("main", START)
    assert bench.broker.usage.n_calls - before == 1, "one list, however often it was changed"
    (seen,) = [o for o in recent if o.client_order_id == stop.client_order_id]
    found = await bench.seen(stop)
    assert seen == found == listed[0]
    assert (found.broker_id, found.state, found.stop) == (now, "accepted", D("1.70"))
    told = reported(bench, stop)
    assert all(state == "accepted" for state, *_ in told)
    assert fault == "drop_frames" or told[-1] == ("accepted", now, D("1.70"))
    await bench.settle()
    notes = [e.note for e in bench.told if isinstance(e, Warned)]
    (note,) = [n for n in notes if now in n]
    assert f"order {stop.client_order_id} was changed outside TradeStream" in note
    assert "sell 2 SPY, stop 1.7" in note
    await bench.broker.cancel("main", stop.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(stop)).state == "canceled"
    assert not await bench.broker.open_orders("main")


@pytest.mark.parametrize("is_recalled", [False, True])
async def test_what_somebody_changed_while_nobody_listened_is_cancelled(
    bench: AlpacaBench, is_recalled: bool
) -> None:
    """Twice, days ago: its first number, which the books know, is over."""
    order = await bench.submit(BUY, 2, LIMIT, limit="1.00", tif=Tif.GTC)
    await bench.crash()
    await bench.wait(3 * 86_400)
    one = await venue(bench).by_hand(order.broker_id, limit_price="1.10")
    await venue(bench).by_hand(one, limit_price="1.20")
    bench.told = []
    await bench.start()
    if is_recalled:
        bench.broker.recall("main", order.client_order_id, order.broker_id)
    await bench.broker.cancel("main", order.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "canceled"


async def test_what_somebody_changed_and_filled_while_nobody_listened_is_ours(
    bench: AlpacaBench,
) -> None:
    """Its fill was booked as a stranger's, without a stop."""
    await bench.quote(SPY, "2.00", "2.10")
    order = await bench.submit(BUY, 2, LIMIT, limit="1.00", tif=Tif.GTC)
    await bench.crash()
    bench.clock.advance(7 * 86_400)
    now = await venue(bench).by_hand(order.broker_id, limit_price="2.20", qty="3")
    bench.clock.advance(1)
    bench.board.put(bench.quote_of(SPY, "2.00", "2.10"))
    await venue(bench).exchange.settle()
    await bench.start()
    (fill,) = await bench.broker.fills_since("main", bench.clock.now() - timedelta(hours=1))
    assert (fill.client_order_id, fill.broker_id, fill.qty) == (order.client_order_id, now, 3)
    assert not await bench.broker.open_orders("main")
    seen = await bench.seen(order)
    assert (seen.state, seen.filled, seen.qty) == ("filled", 3, 3)


async def test_what_an_order_had_filled_before_somebody_changed_it_counts_on(
    bench: AlpacaBench,
) -> None:
    """And the desk replaces what it is now, not what it was."""
    await bench.quote(SPY, "2.00", "2.10", sizes=(9, 2))
    order = await bench.submit(BUY, 5, LIMIT, limit="2.10")
    await bench.pass_latency()
    assert (await bench.seen(order)).filled == 2
    await bench.quote(SPY, "2.20", "2.30")
    await venue(bench).by_hand(order.broker_id, limit_price="2.00", qty="3")
    await bench.settle()
    seen = await bench.seen(order)
    assert (seen.state, seen.filled, seen.qty) == ("accepted", 2, 5)
    new = bench.request(BUY, 5, LIMIT, limit="2.15")
    moved = await bench.broker.replace("main", order.client_order_id, new)
    assert (moved.client_order_id, moved.filled, moved.qty) == (new.client_order_id, 2, 5)
    await bench.settle()
    assert (await bench.seen(order)).state == "replaced"
    await bench.quote(SPY, "2.05", "2.10", sizes=(9, 99))
    await bench.pass_latency()
    assert await bench.position(SPY) == 5


@contextmanager
def changing(bench: AlpacaBench, broker_id: str) -> Iterator[None]:
    """While it lasts, Alpaca says that an order's change is still under way."""
    with pytest.MonkeyPatch.context() as lag:
        said = venue(bench)._order

        def lagging(*args: Any, **more: Any) -> dict[str, Any]:
            body = said(*args, **more)
            late = {"status": "pending_replace", "replaced_by": None}
            return body | (late if body["id"] == broker_id else {})

        lag.setattr(venue(bench), "_order", lagging)
        yield


async def test_a_fill_of_what_somebody_made_of_an_order_is_ours_though_its_change_is_not_told_yet(
    bench: AlpacaBench,
) -> None:
    await bench.quote(SPY, "2.00", "2.10")
    order = await bench.submit(BUY, 2, LIMIT, limit="1.00")
    await bench.settle()
    with changing(bench, order.broker_id):
        now = await venue(bench).by_hand(order.broker_id, limit_price="2.20")
        await bench.quote(SPY, "2.00", "2.10")
        await bench.pass_latency()
        assert [(f.client_order_id, f.broker_id) for f in bench.told_fills()] == [
            (order.client_order_id, now)
        ]
        (listed,) = await bench.fills()
        assert listed.client_order_id == order.client_order_id
    assert (await bench.seen(order)).state == "filled"


async def test_what_was_nobodys_while_its_change_was_under_way_is_looked_at_again_once_it_fills(
    bench: AlpacaBench,
) -> None:
    """No frame tells of it: its fill would be booked as a stranger's, without a stop."""
    await bench.quote(SPY, "2.00", "2.10")
    order = await bench.submit(BUY, 2, LIMIT, limit="1.00")
    await bench.settle()
    venue(bench).faults.drop_frames = 99
    with changing(bench, order.broker_id):
        now = await venue(bench).by_hand(order.broker_id, limit_price="1.10")
        listed = await bench.broker.open_orders("main")
        assert {o.client_order_id for o in listed if o.broker_id == now} == {""}
    await bench.quote(SPY, "1.00", "1.05")
    await bench.pass_latency()
    (fill,) = await bench.fills()
    assert (fill.client_order_id, fill.broker_id) == (order.client_order_id, now)


async def test_a_change_that_is_told_without_the_new_number_is_looked_up(
    bench: AlpacaBench,
) -> None:
    order = await bench.submit(BUY, 2, LIMIT, limit="1.95")
    await bench.settle()
    venue(bench).faults.drop_frames = 2
    now = await venue(bench).by_hand(order.broker_id, limit_price="1.96")
    await bench.settle()
    said = await venue(bench)._json(order.client_order_id) | {"replaced_by": None}
    await venue(bench)._broadcast(venue(bench)._update("replaced", said))
    assert await bench.until(lambda: any(of[1] == now for of in reported(bench, order)))
    assert {state for state, *_ in reported(bench, order)} == {"accepted"}


async def test_a_change_that_alpaca_refuses_leaves_the_order_as_it_was(
    bench: AlpacaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one is shown beside it, and rejected: ours works on."""
    order = await bench.submit(BUY, 2, LIMIT, limit="1.95")
    await bench.settle()
    said = await venue(bench)._json(order.client_order_id)
    new = said | {"id": "22222222-2222-4333-8444-555555555555", "client_order_id": "theirs"}
    new |= {"replaces": order.broker_id, "status": "rejected", "limit_price": "9999"}
    inner = venue(bench)._get_order

    async def both(request: web.Request) -> Any:
        return new if request.match_info["id"] == new["id"] else await inner(request)

    monkeypatch.setattr(venue(bench), "_get_order", both)
    await venue(bench)._broadcast(venue(bench)._update("rejected", new))
    assert await bench.until(
        lambda: any(isinstance(e, OrderSeen) and e.order.broker_id == new["id"] for e in bench.told)
    )
    assert {state for state, *_ in reported(bench, order)} == {"accepted"}
    await bench.broker.cancel("main", order.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "canceled"


async def test_a_bracket_s_stop_that_somebody_moves_in_the_app_stays_ours(
    bench: AlpacaBench,
) -> None:
    entry = bracket(bench)
    await bench.broker.submit(entry)
    stop = entry.attached[1]
    now = await venue(bench).by_hand((await bench.seen(stop)).broker_id, stop_price="1.80")
    listed = {o.client_order_id: o for o in await bench.broker.open_orders("main")}
    assert listed.keys() == {entry.client_order_id, *(c.client_order_id for c in entry.attached)}
    assert listed[stop.client_order_id].broker_id == now
    await bench.restart()
    seen = await bench.seen(stop)
    assert (seen.client_order_id, seen.broker_id, seen.stop) == (
        stop.client_order_id,
        now,
        D("1.80"),
    )


# -- ends of options, coins -------------------------------------------------------------------


async def test_an_option_that_ends_worthless_leaves_by_an_expiry(bench: AlpacaBench) -> None:
    """M-05: no order did it."""
    gone = option("SPY", START.date(), D(600), "C")
    await bench.hold(2, gone)
    await bench.quote(SPY, "590.00", "590.02")
    since = bench.clock.now()
    await bench.wait(6 * 3600 - 10)
    await bench.quote(SPY, "590.00", "590.02")
    await bench.wait(60)
    ends = [f for f in await bench.broker.fills_since("main", since) if f.kind != "fill"]
    assert [(f.kind, f.instrument, f.side, f.qty, f.price) for f in ends] == [
        ("expiry", gone, SELL, D(2), D(0))
    ]
    assert await bench.broker.positions("main") == []


async def test_an_end_that_is_entered_days_later_is_not_missed(bench: AlpacaBench) -> None:
    """M-06: found on Monday, dated Friday, and asked for since Monday morning."""
    row = {
        "id": "20261113000000000::5f596936",
        "activity_type": "OPASN",
        "date": "2026-11-13",
        "symbol": "SPY261113C00600000",
        "qty": "2",
        "net_amount": "0",
    }

    async def entered(_: web.Request) -> Any:
        return [row]

    venue(bench)._get_activities = entered  # type: ignore[method-assign]
    (end,) = await bench.broker.fills_since("main", START)
    assert (end.kind, end.qty, end.executed_at < START) == ("exercise", D(2), True)


async def test_coins_trade_in_parts_and_until_cancelled(bench: AlpacaBench) -> None:
    pair = crypto("BTC")
    await bench.quote(pair, "60000.00", "60010.00")
    with pytest.raises(OrderRejected):
        await bench.submit(BUY, "0.001", LIMIT, pair, limit="60010")
    order = await bench.submit(BUY, "0.001", LIMIT, pair, limit="60010", tif=Tif.GTC)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "filled"
    (held,) = await bench.broker.positions("main")
    assert (held.instrument, held.qty) == (pair, D("0.001"))
    (fill,) = await bench.fills()
    assert fill.instrument == pair


async def test_what_was_sent_before_this_login_is_cancelled_though_nothing_can_be_read(
    bench: AlpacaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exits always pass."""
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="1.00")
    await bench.restart()
    bench.broker.recall("main", order.client_order_id, order.broker_id)
    with monkeypatch.context() as blind:
        blind.setattr(
            bench.broker._rest, "read", AsyncMock(side_effect=BrokerUnavailable("alpaca: 500"))
        )
        await bench.broker.cancel("main", order.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "canceled"


# -- the contract -----------------------------------------------------------------------------


async def test_every_request_is_one_that_alpaca_publishes(bench: AlpacaBench) -> None:
    """The number of bodies and questions checked is printed (``-s``)."""
    await bench.broker.submit(bracket(bench))
    await _spread(bench)
    for kind, prices in (
        (MARKET, {}),
        (LIMIT, {"limit": "1.95"}),
        (STOP, {"stop": "700"}),
        (OrderType.STOP_LIMIT, {"stop": "700", "limit": "701"}),
        (OrderType.TRAILING, {"trail": "0.20"}),
    ):
        for tif in Tif:
            order = await bench.submit(BUY, 1, kind, tif=tif, **prices)  # type: ignore[arg-type]
            if kind is LIMIT:
                new = bench.request(BUY, 1, LIMIT, limit="1.96", tif=tif)
                await bench.broker.replace("main", order.client_order_id, new)
                await bench.broker.cancel("main", new.client_order_id)
    await bench.submit(BUY, "0.001", LIMIT, crypto("BTC"), limit="60000", tif=Tif.GTC)
    await bench.broker.check()
    await bench.broker.fills_since("main", START - timedelta(days=1))
    await bench.broker.orders_since("main", START)
    log = venue(bench).log
    n_bodies = len([seen for seen in log.requests if seen.body is not None])
    against = "published schema and golden bodies" if words.VALIDATORS else "golden bodies"
    print(f"\nalpaca: {log.n_checked} requests, {n_bodies} bodies checked against {against}")  # noqa: T201
    assert n_bodies >= 15
    assert log.violations == []
