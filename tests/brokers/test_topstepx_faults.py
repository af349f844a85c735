"""TopStepX alone: success=false, orders without tags, hubs that fall silent or lie."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from engine.brokers import (
    Absent,
    BalanceSeen,
    BrokerFill,
    BrokerOrder,
    Odd,
    OrderRequest,
    OrderSeen,
    PositionSeen,
    Seen,
    StreamDown,
    StreamUp,
    Unclear,
)
from engine.brokers.topstepx.api import PLACE
from engine.domain.errors import BrokerUnavailable, OrderRejected, OrderStateUnknown
from engine.domain.order import OrderType, Side
from tests.conformance import topstepx_bench
from tests.conformance.broker_bench import START
from tests.conformance.topstepx_bench import TopstepBench
from tests.venues.topstepx import not_published

D = Decimal
BUY, SELL, LIMIT, STOP = Side.BUY, Side.SELL, OrderType.LIMIT, OrderType.STOP
PLACE_PATH, MODIFY_PATH = "/api/Order/place", "/api/Order/modify"
CANCEL_PATH, OPEN_PATH = "/api/Order/cancel", "/api/Order/searchOpen"
SEARCH_PATH = "/api/Order/search"


@pytest.fixture
async def bench() -> AsyncIterator[TopstepBench]:
    made = topstepx_bench.bench()
    made.impatient()
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


def entry(bench: TopstepBench) -> OrderRequest:
    return bench.request(BUY, 1, LIMIT, limit="1.95")


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - venue and adapter tell nobody
            await asyncio.sleep(0.002)


def told(bench: TopstepBench, kind: type) -> list[Any]:
    return [event for event in bench.told if isinstance(event, kind)]


# -- 200 and success=false --------------------------------------------------------------------


@pytest.mark.parametrize(("code", "name"), sorted(PLACE.items()))
async def test_a_refusal_that_proves_itself_is_one_with_the_brokers_own_word(
    bench: TopstepBench, code: int, name: str
) -> None:
    bench.venue.refuse_with[PLACE_PATH] = [code]
    request = entry(bench)
    with pytest.raises(OrderRejected) as caught:
        await bench.broker.submit(request)
    assert caught.value.code == name
    assert await bench.at_venue() == []
    assert isinstance(await bench.broker.find(bench.account, request.client_order_id), Absent)


@pytest.mark.parametrize("code", [6, 7, 11, 99])
@pytest.mark.parametrize("is_done", [True, False])
async def test_a_failure_that_proves_nothing_is_doubt_until_it_is_looked_up(
    bench: TopstepBench, code: int, is_done: bool
) -> None:
    """Codes 6 (OrderPending) and 7 (UnknownError), and what nobody has seen yet."""
    said = bench.venue.answer_with if is_done else bench.venue.refuse_with
    said[PLACE_PATH] = [code]
    request = entry(bench)
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    assert bench.venue.log.n_acts == 1, "sent again by itself"
    assert len(await bench.at_venue()) == is_done
    await bench.restart()
    found = await bench.broker.find(bench.account, request.client_order_id)
    assert isinstance(found, Seen if is_done else Absent)


async def test_a_question_that_is_refused_says_why(bench: TopstepBench) -> None:
    """An account that the firm has reset: people read a number."""
    bench.venue.refuse_with["/api/Position/searchOpen"] = [1]
    with pytest.raises(BrokerUnavailable, match=r"code 1 \(refused by the firm\)"):
        await bench.broker.positions(bench.account)


@pytest.mark.parametrize("said", [None, True, 0, "9001"])
async def test_an_order_that_is_taken_without_its_number_is_doubt_and_found_by_its_tag(
    bench: TopstepBench, monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    """O-20: under no number, or somebody else's, it could be neither cancelled nor told."""
    act = bench.broker._api.act  # type: ignore[attr-defined]

    async def unnumbered(*what: Any, **more: Any) -> Any:
        return {**await act(*what, **more), "orderId": said}

    monkeypatch.setattr(bench.broker._api, "act", unnumbered)  # type: ignore[attr-defined]
    request = entry(bench)
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    assert bench.venue.log.n_acts == 1, "sent again by itself"
    assert isinstance(await bench.broker.find(bench.account, request.client_order_id), Seen)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1, OrderRejected),
        (2, OrderRejected),
        (3, OrderRejected),
        (6, OrderRejected),
        (4, OrderStateUnknown),
        (5, OrderStateUnknown),
    ],
)
async def test_a_cancel_that_fails_says_what_is_proved(
    bench: TopstepBench, code: int, error: type[Exception]
) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    bench.venue.refuse_with[CANCEL_PATH] = [code]
    with pytest.raises(error):
        await bench.broker.cancel(bench.account, order.client_order_id)
    assert (await bench.seen(order)).state == "accepted"


async def test_the_answers_sentence_is_shown_without_account_numbers(bench: TopstepBench) -> None:
    bench.venue.refuse_with[PLACE_PATH] = [2]
    with pytest.raises(OrderRejected, match="refused by the firm"):
        await bench.submit(BUY, 1, LIMIT, limit="1.95")
    with pytest.raises(OrderRejected) as caught:
        await bench.submit(BUY, 10**6, LIMIT, limit="1.95")
    assert "41001" not in str(caught.value)


# -- looking up -------------------------------------------------------------------------------


async def test_an_open_list_that_lies_does_not_make_an_order_absent(bench: TopstepBench) -> None:
    """O-08: filled orders leave it, and it may lag."""
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    bench.venue.lost = [OPEN_PATH]
    assert (await bench.seen(order)).state == "accepted"


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_list_that_lags_brings_nothing_back_that_is_over(
    bench: TopstepBench, is_told: bool
) -> None:
    """A stop that was cancelled counted as working for as long, and what it was for stood bare."""
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    venue, said = bench.venue, bench.venue._said
    before = await venue._open_orders({"accountId": 41001})
    venue.faults.drop_frames = 0 if is_told else 99
    await bench.wait(1)
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.pass_latency()

    def lags(path: str, body: dict[str, Any]) -> web.Response:
        answer: web.Response = said(path, before if path == OPEN_PATH else body)
        return answer

    venue._said = lags
    if not is_told:
        await bench.broker.orders_since(bench.account, START)
    assert (await bench.seen(order)).state == "canceled"
    listed = await bench.broker.orders_since(bench.account, START)
    assert [o.state for o in listed] == ["canceled"]
    assert await bench.broker.open_orders(bench.account) == []


async def test_lists_that_lack_what_they_have_shown_prove_no_absence(bench: TopstepBench) -> None:
    """A second stop in place of one that lives would sell twice."""
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert await bench.broker.orders_since("main", START)
    bench.venue.lost = [OPEN_PATH, SEARCH_PATH] * 50
    with pytest.raises(BrokerUnavailable, match="lacks 1"):
        await bench.broker.find("main", order.client_order_id)
    bench.venue.lost = []
    assert (await bench.seen(order)).state == "accepted"
    bench.venue.lost = [OPEN_PATH, SEARCH_PATH] * 50
    with pytest.raises(BrokerUnavailable):
        await bench.broker.find("main", order.client_order_id)
    await bench.wait(301)
    assert isinstance(await bench.broker.find("main", order.client_order_id), Absent), "it is gone"


async def test_ids_and_codes_may_come_as_text_but_not_be_missing(bench: TopstepBench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    said, changes = bench.venue._said, dict[str, Any]()

    def as_text(path: str, body: dict[str, Any]) -> web.Response:
        answer: web.Response = said(path, body)
        told = json.loads(str(answer.text))
        for row in told.get("orders", ()):
            row |= {n: str(row[n]) for n in ("id", "accountId", "status", "side")} | changes
        return web.json_response(told)

    bench.venue._said = as_text
    assert (await bench.seen(order)).state == "accepted"
    changes["id"] = None
    for question in (bench.broker.open_orders("main"), bench.broker.orders_since("main", START)):
        with pytest.raises(BrokerUnavailable, match="without an id"):
            await question


async def test_a_status_that_nobody_has_seen_is_unknown_and_the_stream_lives_on(
    bench: TopstepBench,
) -> None:
    """O-20."""
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    bench.venue.status_of[int(order.broker_id)] = 12
    assert (await bench.seen(order)).state == "unknown"
    assert (await bench.seen(order)).raw_state == "12"
    bench.venue.status_of.clear()
    await bench.pass_latency()
    await bench.quote(bench.it, "1.80", "1.90")
    assert bench.told_states(order)[-1] == "filled"


@pytest.mark.parametrize(("status", "word"), [(8, "Suspended"), (0, "None"), (12, "12")])
async def test_an_order_that_may_not_work_is_told_once_whatever_shows_it(
    bench: TopstepBench, status: int, word: str
) -> None:
    """A stop was suspended at the firm, counted as protection, and nobody was told."""
    order = await bench.submit(BUY, 1, LIMIT, limit="1.90")
    bench.venue.status_of[int(order.broker_id)] = status
    for _ in range(2):
        await bench.broker.find(bench.account, order.client_order_id)
        await bench.broker.open_orders(bench.account)
    await until(lambda: bool(told(bench, Odd)))
    (odd,) = told(bench, Odd)
    assert f"{order.client_order_id} is {word}" in odd.note


@pytest.mark.parametrize("is_done", [True, False])
async def test_a_modification_in_doubt_is_told_by_the_order_itself(
    bench: TopstepBench, is_done: bool
) -> None:
    old = await bench.submit(BUY, 2, LIMIT, limit="1.90")
    said = bench.venue.answer_with if is_done else bench.venue.refuse_with
    said[MODIFY_PATH] = [5]
    new = bench.request(BUY, 2, LIMIT, limit="1.92")
    with pytest.raises(OrderStateUnknown):
        await bench.broker.replace(bench.account, old.client_order_id, new)
    await bench.restart()
    found = await bench.broker.find(bench.account, new.client_order_id)
    assert isinstance(found, Seen if is_done else Absent)
    assert (await bench.seen(old)).state == ("replaced" if is_done else "accepted")
    assert len(await bench.broker.open_orders(bench.account)) == 1


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("is_refused", [True, False])
async def test_a_modification_in_doubt_may_be_asked_for_again_and_a_refusal_does_not_undo_it(
    bench: TopstepBench, is_done: bool, is_refused: bool
) -> None:
    """A stop stayed at its old price for half a minute: "is being modified already"."""
    old = await bench.submit(BUY, 2, LIMIT, limit="1.90")
    said = bench.venue.answer_with if is_done else bench.venue.refuse_with
    said[MODIFY_PATH] = [5]
    new = bench.request(BUY, 2, LIMIT, limit="1.92")
    with pytest.raises(OrderStateUnknown):
        await bench.broker.replace(bench.account, old.client_order_id, new)
    other = bench.request(BUY, 2, LIMIT, limit="1.93")
    with pytest.raises(OrderRejected):  # by us, or by the order itself, which has moved
        await bench.broker.replace(bench.account, old.client_order_id, other)
    if is_refused:
        bench.venue.refuse_with[MODIFY_PATH] = [3]
    if is_done or is_refused:
        with pytest.raises(OrderRejected):
            await bench.broker.replace(bench.account, old.client_order_id, new)
    else:
        await bench.broker.replace(bench.account, old.client_order_id, new)
    found = await bench.broker.find(bench.account, new.client_order_id)
    assert isinstance(found, Seen) is (is_done or not is_refused)
    assert len(await bench.broker.open_orders(bench.account)) == 1


async def test_an_open_list_of_before_a_modification_does_not_prove_that_it_never_came(
    bench: TopstepBench,
) -> None:
    """A second stop beside the one that was moved would sell twice."""
    old = await bench.submit(BUY, 2, LIMIT, limit="1.90")
    said, before = bench.venue._said, list[str]()

    def lagging(path: str, body: dict[str, Any]) -> web.Response:
        answer: web.Response = said(path, body)
        if path != OPEN_PATH:
            return answer
        before.append(str(answer.text))
        return web.json_response(json.loads(before[0]))

    bench.venue._said = lagging
    bench.venue.faults.drop_frames = 100
    bench.venue.answer_with[MODIFY_PATH] = [5]
    new = bench.request(BUY, 2, LIMIT, limit="1.92")
    with pytest.raises(OrderStateUnknown):
        await bench.broker.replace(bench.account, old.client_order_id, new)
    assert isinstance(await bench.broker.find(bench.account, new.client_order_id), Seen)
    assert (await bench.seen(old)).state == "replaced"


@pytest.mark.parametrize("n_lost_frames", [0, 100])
async def test_an_order_that_no_list_shows_yet_is_modified_by_the_number_that_it_was_given(
    bench: TopstepBench, n_lost_frames: int
) -> None:
    """For 8 s a stop could not be moved: our own look-up found nothing, and nothing was asked."""
    bench.venue.faults.drop_frames = n_lost_frames
    bench.venue.lost = [OPEN_PATH, SEARCH_PATH] * 50
    old = await bench.submit(BUY, 2, LIMIT, limit="1.90")
    await bench.settle()
    for price in ("1.92", "1.90", "1.94"):  # back again as well: the last answer is no list
        new = bench.request(BUY, 2, LIMIT, limit=price)
        report = await bench.broker.replace(bench.account, old.client_order_id, new)
        assert (report.state, report.limit) == ("accepted", new.limit)
        working = [o.limit for o in await bench.at_venue() if o.state == "accepted"]
        assert working == [new.limit]
        gone, old = old, report
    bench.venue.lost = []
    assert (await bench.seen(old)).limit == report.limit
    assert (await bench.seen(gone)).state == "replaced"
    assert len(await bench.broker.open_orders(bench.account)) == 1


async def test_a_price_that_lists_of_before_still_show_is_asked_for_all_the_same(
    bench: TopstepBench,
) -> None:
    """Moved and moved back within their lag: nothing was sent the second time, and it was kept."""
    first = await bench.submit(BUY, 2, LIMIT, limit="1.90")
    said, before = bench.venue._said, dict[str, str]()

    def lagging(path: str, body: dict[str, Any]) -> web.Response:
        answer: web.Response = said(path, body)
        if path in (OPEN_PATH, SEARCH_PATH):
            return web.json_response(json.loads(before.setdefault(path, str(answer.text))))
        return answer

    bench.venue._said = lagging
    await bench.broker.orders_since(bench.account, START)
    there = bench.request(BUY, 2, LIMIT, limit="1.92")
    await bench.broker.replace(bench.account, first.client_order_id, there)
    back = bench.request(BUY, 2, LIMIT, limit="1.90")
    await bench.broker.replace(bench.account, there.client_order_id, back)
    assert [o.limit for o in await bench.at_venue() if o.state == "accepted"] == [back.limit]


async def test_an_order_that_was_told_as_over_is_not_modified_though_no_list_shows_it(
    bench: TopstepBench,
) -> None:
    bench.venue.lost = [OPEN_PATH, SEARCH_PATH] * 50
    old = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    await bench.pass_latency()
    await bench.quote(bench.it, "1.80", "1.90")
    assert bench.told_states(old)[-1] == "filled"
    n_acts = bench.venue.log.n_acts
    new = bench.request(BUY, 1, LIMIT, limit="1.96")
    with pytest.raises(OrderRejected, match="is Filled, not working"):
        await bench.broker.replace(bench.account, old.client_order_id, new)
    with pytest.raises(OrderRejected, match="no order NEVER-SENT"):
        await bench.broker.replace(bench.account, "NEVER-SENT", new)
    assert bench.venue.log.n_acts == n_acts


async def test_fills_belong_to_the_life_of_the_order_that_they_came_in(
    bench: TopstepBench,
) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    old = await bench.submit(BUY, 2, LIMIT, limit="1.90")
    new = bench.request(BUY, 2, LIMIT, limit="2.00")
    await bench.broker.replace(bench.account, old.client_order_id, new)
    await bench.restart()
    await bench.pass_latency()
    await bench.quote(bench.it, "1.90", "1.95", sizes=(9, 9))
    assert [f.client_order_id for f in await bench.fills()] == [new.client_order_id]
    assert [f.client_order_id for f in bench.told_fills()] == [new.client_order_id]
    assert bench.told_states(old)[-1:] in ([], ["replaced"])


# -- the hub ----------------------------------------------------------------------------------


async def test_a_fill_that_is_told_before_its_order_was_answered_is_ours(
    bench: TopstepBench,
) -> None:
    """The answer never comes, the stream does: the order is asked for by its number."""
    await bench.quote(bench.it, "2.00", "2.10")
    request = bench.request(BUY, 1)
    bench.venue.faults.accept_then_hang = 1
    bench.venue.faults.drop_frames = 1  # that of the order
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    await bench.pass_latency()
    assert [f.client_order_id for f in bench.told_fills()] == [request.client_order_id]


async def test_a_trade_whose_order_cannot_be_looked_up_is_put_aside_not_booked_as_foreign(
    bench: TopstepBench,
) -> None:
    frame = bench.venue._trade_row(_strange_fill(bench))
    bench.venue.lost = ["/api/Order/search"]
    await bench.venue._broadcast({"type": 1, "target": "GatewayUserTrade", "arguments": [frame]})
    await until(lambda: bool(told(bench, Odd)))
    assert bench.told_fills() == []
    (odd,) = told(bench, Odd)
    assert "41001" not in odd.raw + odd.note


def _strange_fill(bench: TopstepBench) -> BrokerFill:
    return BrokerFill(
        execution_id="elsewhere",
        client_order_id="NOTAG-elsewhere",
        broker_id="1",
        account="41001",
        instrument=bench.it,
        leg=0,
        side=BUY,
        qty=D(1),
        price=D(6700),
        fee_usd=D(0),
        executed_at=bench.clock.now(),
    )


BAD_FRAMES: dict[str, Any] = {
    "no JSON": "{not json",
    "a list": [1, 2],
    "an unknown type": {"type": 42, "item": "x"},
    "an unknown target": {"type": 1, "target": "GatewayUserRisk", "arguments": [{"a": 1}]},
    "an order without fields": {"type": 1, "target": "GatewayUserOrder", "arguments": [{"id": 1}]},
    "a trade of nothing": {
        "type": 1,
        "target": "GatewayUserTrade",
        "arguments": [{"action": 0, "data": {"accountId": 41001, "orderId": 5}}],
    },
    "a position of no contract": {
        "type": 1,
        "target": "GatewayUserPosition",
        "arguments": [{"accountId": 41001, "size": 1, "type": 1}],
    },
    "orders, and none of them": {"type": 1, "target": "GatewayUserOrder", "arguments": []},
    "a trade in an empty envelope": {
        "type": 1,
        "target": "GatewayUserTrade",
        "arguments": [{"action": 0, "data": []}],
    },
}


@pytest.mark.parametrize("what", BAD_FRAMES)
async def test_a_message_that_cannot_be_read_is_shown_and_the_next_one_is_heard(
    bench: TopstepBench, what: str
) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    frame = BAD_FRAMES[what]
    for socket in bench.venue.sockets:
        if isinstance(frame, str):
            await socket.send_str(frame + "\x1e")
        else:
            await bench.venue.send(socket, frame)
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.pass_latency()
    assert bench.told_states(order)[-1] == "canceled"
    assert len(told(bench, Odd)) == 1
    assert "41001" not in told(bench, Odd)[0].raw
    assert len(told(bench, StreamUp)) == 1


async def test_bare_rows_enveloped_rows_and_several_in_a_list_are_all_heard(
    bench: TopstepBench,
) -> None:
    row = {"id": 41001, "name": "x", "balance": D(50_500), "canTrade": True}
    for argument in (row, {"action": 1, "data": row}, [{"action": 1, "data": row}]):
        frame = {"type": 1, "target": "GatewayUserAccount", "arguments": [argument]}
        await bench.venue._broadcast(frame)
    await until(lambda: len(told(bench, BalanceSeen)) == 3)
    assert {e.balance.cash_usd for e in told(bench, BalanceSeen)} == {D(50_500)}


async def test_a_position_that_is_gone_is_told_as_flat(bench: TopstepBench) -> None:
    await bench.hold(2)
    row = bench.venue._position_rows("41001")[0]
    frame = {"type": 1, "target": "GatewayUserPosition", "arguments": [{"action": 2, "data": row}]}
    await bench.venue._broadcast(frame)
    await until(
        lambda: bool(told(bench, PositionSeen)) and told(bench, PositionSeen)[-1].position.qty == 0
    )
    assert told(bench, PositionSeen)[-1].position.account == "main"


async def test_a_hub_that_says_goodbye_is_reconnected_and_the_gap_is_named(
    bench: TopstepBench,
) -> None:
    at = bench.clock.now()
    await bench.venue.stop_talking()
    await until(lambda: bool(told(bench, StreamDown)))
    bench.clock.advance(1)
    await until(lambda: len(told(bench, StreamUp)) == 2)
    assert told(bench, StreamUp)[-1].gap_from == at


async def test_a_hub_that_falls_silent_is_noticed_within_half_a_minute(
    bench: TopstepBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket stays open, no byte comes: neither events nor pings."""

    async def nothing(socket: object, frame: object) -> None:
        del socket, frame

    monkeypatch.setattr(bench.venue, "send", nothing)
    began = bench.clock.now()
    while not told(bench, StreamDown):
        bench.clock.advance(1)
        await asyncio.sleep(0.005)
        assert (bench.clock.now() - began).total_seconds() <= 60
    assert 20 <= (bench.clock.now() - began).total_seconds() <= 31


async def test_a_hub_that_pings_is_not_given_up(bench: TopstepBench) -> None:
    for _ in range(40):
        bench.clock.advance(5)
        await asyncio.sleep(0.005)
    assert told(bench, StreamDown) == []


async def test_a_hub_that_refuses_the_token_gets_a_new_one(bench: TopstepBench) -> None:
    bench.venue.expire_tokens()
    await bench.venue.drop_streams()
    await until(lambda: bool(told(bench, StreamDown)))
    async with bench.eager():
        await until(lambda: len(told(bench, StreamUp)) == 2)
    assert bench.venue.n_open_hubs == 1


# -- brackets ---------------------------------------------------------------------------------


async def test_children_of_two_like_brackets_are_never_taken_for_each_other(
    bench: TopstepBench,
) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    stops: list[OrderRequest] = []
    for _ in range(2):
        stop = bench.request(SELL, 1, STOP, stop="1.70", reduces=True)
        await bench.submit(BUY, 1, LIMIT, limit="1.95", attached=(stop,))
        stops.append(stop)
    await bench.restart()
    numbers = [(await bench.seen(stop)).broker_id for stop in stops]
    assert len(set(numbers)) == 2
    assert numbers == sorted(numbers)
    (first, _), entries = stops, await bench.broker.open_orders(bench.account)
    assert first.client_order_id in {o.client_order_id for o in entries}


async def test_an_order_from_the_firms_own_app_is_nobodys_of_ours(bench: TopstepBench) -> None:
    """O-16."""
    body = {"accountId": 41001, "contractId": "CON.F.US.MES.Z26", "type": 1, "side": 0, "size": 1}
    await bench.venue._place(body | {"limitPrice": D(6695)})
    await bench.settle()
    (order,) = await bench.broker.open_orders(bench.account)
    assert order.client_order_id == ""
    assert _last(bench).client_order_id == ""


def hide_tags(bench: TopstepBench, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = bench.venue._order_row

    def untagged(order: BrokerOrder) -> dict[str, Any]:
        return {name: said for name, said in plain(order).items() if name != "customTag"}

    monkeypatch.setattr(bench.venue, "_order_row", untagged)


@pytest.mark.parametrize("n_alike", [0, 1, 2])
async def test_an_order_whose_answer_and_tag_are_lost_is_found_by_what_it_was_sent_as(
    bench: TopstepBench, monkeypatch: pytest.MonkeyPatch, n_alike: int
) -> None:
    """It passed for one that never arrived: what it had bought was adopted without a stop."""
    await bench.quote(bench.it, "2.00", "2.10")
    before = await bench.submit(BUY, 1)  # alike, and known before
    await bench.pass_latency()
    hide_tags(bench, monkeypatch)
    request = bench.request(BUY, 1)
    bench.venue.faults.accept_then_hang = min(n_alike, 1)
    bench.venue.faults.hang = 1 - min(n_alike, 1)
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    if n_alike == 2:  # somebody's own
        body = {"accountId": 41001, "contractId": "CON.F.US.MES.Z26", "type": 2, "side": 0}
        await bench.venue._place(body | {"size": 1})
    await bench.pass_latency()
    found = await bench.broker.find(bench.account, request.client_order_id)
    assert type(found) is (Absent, Seen, Unclear)[n_alike]
    if isinstance(found, Seen):
        assert found.order.client_order_id == request.client_order_id
        assert found.order.broker_id != before.broker_id
        fills = await bench.broker.fills_since(bench.account, START)
        assert request.client_order_id in [fill.client_order_id for fill in fills]


async def test_an_order_whose_tag_is_said_nowhere_is_known_by_its_number_even_after_a_crash(
    bench: TopstepBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published list of an order's fields does not promise its tag."""
    hide_tags(bench, monkeypatch)
    books, taken = bench.broker._books, bench.broker._api.act  # type: ignore[attr-defined]

    async def shown_first(*args: Any, **more: Any) -> Any:
        answer = await taken(*args, **more)
        await books.open_rows(bench.account)
        return answer

    monkeypatch.setattr(bench.broker._api, "act", shown_first)  # type: ignore[attr-defined]
    order = await bench.submit(BUY, 2, LIMIT, limit="1.95")
    assert (await bench.seen(order)).state == "accepted"
    await bench.crash()
    await bench.start()
    bench.broker.recall(bench.account, order.client_order_id, order.broker_id)
    new = bench.request(BUY, 2, LIMIT, limit="1.96")
    await bench.broker.replace(bench.account, order.client_order_id, new)
    await until(lambda: (order.client_order_id, "replaced") in _states(bench))
    await bench.broker.cancel(bench.account, new.client_order_id)
    await bench.pass_latency()
    assert "canceled" in [there.state for there in await bench.at_venue()]


def _states(bench: TopstepBench) -> list[tuple[str, str]]:
    return [(e.order.client_order_id, e.order.state) for e in told(bench, OrderSeen)]


def _last(bench: TopstepBench) -> BrokerOrder:
    order = told(bench, OrderSeen)[-1].order
    assert isinstance(order, BrokerOrder)
    return order


async def test_an_update_that_leaves_the_tag_out_is_still_of_our_order(
    bench: TopstepBench,
) -> None:
    order = await bench.submit(BUY, 2, LIMIT, limit="1.95")
    await bench.settle()
    (there,) = await bench.at_venue()
    row = bench.venue._order_row(there) | {"customTag": None, "fillVolume": 1}
    await bench.venue._broadcast({"type": 1, "target": "GatewayUserOrder", "arguments": [row]})
    await until(lambda: _last(bench).filled == 1)
    assert _last(bench).client_order_id == order.client_order_id


# -- contract count ---------------------------------------------------------------------------


async def test_every_kind_of_request_body_is_what_was_published(bench: TopstepBench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    stop = bench.request(SELL, 1, STOP, stop="1.70", reduces=True)
    target = bench.request(SELL, 1, LIMIT, limit="2.60", reduces=True)
    old = await bench.submit(BUY, 1, LIMIT, limit="1.95", attached=(stop, target))
    await bench.submit(BUY, 1)
    await bench.submit(SELL, 1, STOP, stop="1.60", reduces=True)
    await bench.submit(SELL, 1, OrderType.TRAILING, trail="0.20", reduces=True)
    new = bench.request(BUY, 1, LIMIT, limit="1.96")
    await bench.broker.replace(bench.account, old.client_order_id, new)
    await bench.broker.cancel(bench.account, new.client_order_id)
    await bench.pass_latency()
    await bench.broker.check()
    await bench.broker.orders_since(bench.account, bench.clock.now())
    await bench.fills()
    await bench.position()
    log = bench.venue.log
    kinds = sorted({seen.path for seen in log.requests})
    against = not_published() or "the published swagger, unknown keys refused, answers too"
    print(f"\ntopstepx: {log.n_checked} bodies of {len(kinds)} kinds against {against}")  # noqa: T201
    assert log.n_checked >= 15
    assert len(kinds) >= 11
    assert log.violations == []


# -- gateways that say less -------------------------------------------------------------------


async def test_a_hub_that_never_confirms_is_listened_to_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.brokers.topstepx.signalr._CONFIRM_S", 0.05)
    made = topstepx_bench.bench()
    venue = await made.open_venue()
    spoken = venue.send

    async def no_completions(socket: Any, frame: Any) -> None:
        if not (isinstance(frame, dict) and frame.get("type") == 3):
            await spoken(socket, frame)

    monkeypatch.setattr(venue, "send", no_completions)
    try:
        await made.start()
        order = await made.submit(BUY, 1, LIMIT, limit="1.95")
        await made.broker.cancel(made.account, order.client_order_id)
        await made.pass_latency()
        assert made.told_states(order)[-1] == "canceled"
    finally:
        await made.stop()


async def test_without_a_list_of_all_contracts_each_is_looked_up_when_it_is_needed(
    bench: TopstepBench,
) -> None:
    bench.venue.refuse_with["/api/Contract/available"] = [99]
    await bench.restart()
    assert (await bench.submit(BUY, 1, LIMIT, limit="1.95")).state == "accepted"
    assert len(bench.venue.log.of("POST", "/api/Contract/search")) == 1
    assert (await bench.broker.front("MNQ")).key == "/MNQZ26"
