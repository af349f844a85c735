"""What any network may do to any broker: the error says what is proved, and nothing is doubled.

Every row strikes one request of every adapter at its venue: the class of the error, the number of
orders that the venue holds, the number of requests that it heard, and what a look by the same
client id finds after a restart.
"""

import asyncio
import json
import sys
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from engine.brokers import (
    Absent,
    BrokerOrder,
    Filled,
    Odd,
    OrderRequest,
    Seen,
    StreamDown,
    StreamUp,
)
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    CredentialsRefused,
    OrderRejected,
    OrderStateUnknown,
    RateLimited,
    ServerFailed,
)
from engine.domain.order import OrderType, Side
from tests.conformance.broker_bench import START, gist
from tests.conformance.venue_bench import VenueBench

BUY, SELL, LIMIT = Side.BUY, Side.SELL, OrderType.LIMIT
HOUR = timedelta(hours=1)

NOT_DONE: dict[str, type[Exception]] = {
    "hang": OrderStateUnknown,
    "reject_500": ServerFailed,
    "reset": OrderStateUnknown,
    "html_502": OrderStateUnknown,
    "limit_429": RateLimited,
    "expired_token": CredentialsRefused,
}
DONE: dict[str, type[Exception]] = {
    "accept_then_hang": OrderStateUnknown,
    "accept_then_504": OrderStateUnknown,
    "accept_then_reset": OrderStateUnknown,
    "accept_then_html_502": OrderStateUnknown,
    "cut_json": OrderStateUnknown,
    "no_json": OrderStateUnknown,
}
BARE = [(400, ""), (403, "{}"), (404, ""), (408, ""), (409, "{}"), (422, '{"detail": "no"}')]
SPOILT = ("reject_500", "reset", "html_502", "cut_json", "no_json")
"""What may happen to an answer to a question."""


def entry(bench: VenueBench, **more: object) -> OrderRequest:
    return bench.request(BUY, 1, LIMIT, limit="1.95", **more)


async def struck(bench: VenueBench, fault: str, error: type[Exception]) -> OrderRequest:
    """An order whose request is struck; heard once, whatever became of it."""
    request = entry(bench)
    before = bench.venue.log.n_acts
    setattr(bench.venue.faults, fault, 1)
    async with bench.out_of_patience():
        with pytest.raises(error) as caught:
            await bench.broker.submit(request)
    assert type(caught.value) is error
    assert bench.venue.log.n_acts - before == 1, "sent again by itself"
    return request


async def sure(bench: VenueBench, client_order_id: str, *, n: int) -> None:
    """What is known of an order after a restart: there is one, or none, or nobody can say."""
    found = await bench.broker.find(bench.account, client_order_id)
    if not bench.broker.caps.finds_by_client_id:
        assert not isinstance(found, Absent if n else Seen)
    elif n:
        assert isinstance(found, Seen)
        assert found.order.client_order_id == client_order_id
    else:
        assert isinstance(found, Absent)


# -- an order is sent -------------------------------------------------------------------------


@pytest.mark.parametrize("fault", NOT_DONE)
async def test_a_submit_that_was_not_done_leaves_no_order(bench: VenueBench, fault: str) -> None:
    request = await struck(bench, fault, NOT_DONE[fault])
    assert await bench.at_venue() == []
    await bench.restart()
    await sure(bench, request.client_order_id, n=0)
    assert (await bench.broker.submit(request)).state == "accepted"
    assert len(await bench.at_venue()) == 1


@pytest.mark.parametrize("fault", DONE)
async def test_a_submit_that_was_done_is_in_doubt_and_is_found_under_its_id(
    bench: VenueBench, fault: str
) -> None:
    request = await struck(bench, fault, DONE[fault])
    assert len(await bench.at_venue()) == 1
    await bench.restart()
    await sure(bench, request.client_order_id, n=1)
    (order,) = await bench.broker.open_orders(bench.account)
    assert (order.qty, order.limit, order.side) == (request.qty, request.limit, request.side)


@pytest.mark.parametrize("bare", BARE)
async def test_a_no_without_a_word_of_the_broker_proves_nothing(
    bench: VenueBench, bare: tuple[int, str]
) -> None:
    """Something on the way can have said it: a stop that was there counted as refused."""
    faults, request = bench.venue.faults, entry(bench)
    faults.bare, faults.accept_then_bare = bare, 1
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    assert len(await bench.at_venue()) == 1
    await bench.restart()
    await sure(bench, request.client_order_id, n=1)


@pytest.mark.parametrize("fault", ["accept_then_hang", "accept_then_504", "cut_json"])
async def test_the_same_id_again_after_doubt_makes_no_second_order(
    bench: VenueBench, fault: str
) -> None:
    bench.promises(dedupes_client_id=True)
    request = await struck(bench, fault, DONE[fault])
    with pytest.raises(OrderRejected):
        await bench.broker.submit(request)
    assert len(await bench.at_venue()) == 1


def _noes(text: str) -> dict[str, tuple[int, Any]]:
    """How each broker says no, in these words."""
    return {
        "alpaca": (422, {"code": 42210000, "message": text}),
        "etrade": (400, {"Error": {"code": 1037, "message": text}}),
        "schwab": (400, {"message": text}),
        "tastytrade": (422, {"error": {"code": "not_permitted", "message": text}}),
        "topstepx": (200, {"success": False, "errorCode": 2, "errorMessage": text, "orderId": 0}),
        "webull": (417, {"error_code": "NO", "message": text}),
    }


async def test_a_refusal_is_told_in_the_brokers_words_without_our_keys_and_numbers(
    bench: VenueBench,
) -> None:
    """X-05: it is shown in Discord."""
    number = bench.numbers[bench.account]
    given = bench.broker.setup.secrets
    keys = [given[name].get_secret_value() for name in given if name != "user"]
    status, body = _noes(f"account {number} of {' '.join(keys)} may not")[bench.venue.name]

    async def no(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    bench.venue.faults.strikes = lambda request: "order" in request.path.lower()
    bench.venue._early = no  # type: ignore[method-assign]
    with pytest.raises(OrderRejected, match="may not") as caught:
        await bench.broker.submit(entry(bench))
    assert not any(secret in str(caught.value) for secret in (number, *keys))
    hidden = bench.broker.unnamed(f"order of {number} refused")
    assert hidden == "order of *** refused", "what a list says of a refused order is shown too"


async def test_nobody_listening_means_that_nothing_was_sent(bench: VenueBench) -> None:
    await bench.venue.stop()
    try:
        with pytest.raises(BrokerUnavailable):
            await bench.broker.submit(entry(bench))
    finally:
        await bench.venue.start()
    assert await bench.at_venue() == []


@pytest.mark.parametrize(("said", "least"), [("7", 7), (None, 1), ("soon", 1)])
async def test_a_pause_that_was_asked_for_is_kept(
    bench: VenueBench, said: str | None, least: float
) -> None:
    """O-18."""
    bench.venue.faults.retry_after = said
    bench.venue.faults.limit_429 = 1
    with pytest.raises(RateLimited) as caught:
        await bench.broker.submit(entry(bench))
    assert caught.value.retry_after_s >= least
    heard = bench.venue.log.n_acts
    with pytest.raises(RateLimited):
        await bench.broker.submit(entry(bench))
    assert bench.venue.log.n_acts == heard
    bench.clock.advance(caught.value.retry_after_s + 1)
    assert (await bench.broker.submit(entry(bench))).state == "accepted"


async def test_an_exit_goes_out_while_entries_are_paused(bench: VenueBench) -> None:
    """O-18."""
    await bench.hold(1)
    bench.venue.faults.retry_after = "30"
    bench.venue.faults.limit_429 = 1
    with pytest.raises(RateLimited):
        await bench.broker.submit(entry(bench))
    out = await bench.submit(SELL, 1, LIMIT, limit="2.60", reduces=True)
    assert out.state == "accepted"
    await bench.broker.cancel(bench.account, out.client_order_id)


async def test_one_answer_that_does_not_come_holds_nothing_else_up(bench: VenueBench) -> None:
    """O-07, P-03."""
    bench.venue.faults.hang = 1
    stuck = asyncio.create_task(bench.broker.submit(entry(bench)))
    while not bench.venue.log.n_acts:  # noqa: ASYNC110 - the venue tells nobody when it hears
        await asyncio.sleep(0.001)
    assert (await bench.broker.submit(entry(bench))).state == "accepted"
    assert await bench.broker.open_orders(bench.account)
    assert not stuck.done()
    async with bench.out_of_patience():
        with pytest.raises(OrderStateUnknown):
            await stuck


async def test_whoever_gives_up_waiting_leaves_one_order(bench: VenueBench) -> None:
    bench.venue.faults.accept_then_hang = 1
    request = entry(bench)
    task = asyncio.create_task(bench.broker.submit(request))
    while not await bench.at_venue():  # noqa: ASYNC110 - the venue tells nobody when it accepts
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises((asyncio.CancelledError, OrderStateUnknown)):
        await task
    await bench.restart()
    assert len(await bench.at_venue()) == 1
    await sure(bench, request.client_order_id, n=1)


@pytest.mark.parametrize("jump_h", [-1, 1])
async def test_a_wall_clock_that_jumps_costs_no_order_and_no_connection(
    bench: VenueBench, jump_h: int
) -> None:
    """M-03: ours and the broker's were both set."""
    first = await bench.broker.submit(entry(bench))
    bench.clock.jump(bench.clock.now() + jump_h * HOUR)
    second = await bench.broker.submit(entry(bench))
    live = {o.broker_id for o in await bench.broker.open_orders(bench.account)}
    assert live == {first.broker_id, second.broker_id}
    assert len(await bench.at_venue()) == 2


# -- an order is cancelled or replaced --------------------------------------------------------


async def working(bench: VenueBench) -> BrokerOrder:
    return await bench.submit(BUY, 2, LIMIT, limit="1.95")


@pytest.mark.parametrize("fault", [*NOT_DONE, *DONE])
async def test_a_cancel_says_whether_it_is_in_doubt(bench: VenueBench, fault: str) -> None:
    order = await working(bench)
    before = bench.venue.log.n_acts
    setattr(bench.venue.faults, fault, 1)
    # A cancellation may well be answered without a body: nothing is cut or unreadable then.
    try:
        async with bench.out_of_patience():
            await bench.broker.cancel(bench.account, order.client_order_id)
    except (NOT_DONE | DONE)[fault]:
        pass
    else:
        assert fault in ("cut_json", "no_json")
    assert bench.venue.log.n_acts - before == 1, "sent again by itself"
    await bench.pass_latency()
    (there,) = await bench.at_venue()
    assert there.state == ("accepted" if fault in NOT_DONE else "canceled")
    await bench.restart()
    assert (await bench.seen(order)).state == there.state


@pytest.mark.parametrize("fault", [*NOT_DONE, *DONE])
async def test_a_replacement_in_doubt_never_leaves_two_live_orders(
    bench: VenueBench, fault: str
) -> None:
    bench.needs(has_replace=True)
    old = await working(bench)
    new = bench.request(BUY, 2, LIMIT, limit="1.97")
    before = bench.venue.log.n_acts
    setattr(bench.venue.faults, fault, 1)
    async with bench.out_of_patience():
        with pytest.raises((NOT_DONE | DONE)[fault]):
            await bench.broker.replace(bench.account, old.client_order_id, new)
    assert bench.venue.log.n_acts - before == 1, "sent again by itself"
    await bench.pass_latency()
    live = [o for o in await bench.at_venue() if o.state == "accepted"]
    assert [o.limit for o in live] == [(old if fault in NOT_DONE else new).limit]
    await bench.restart()
    (seen,) = await bench.broker.open_orders(bench.account)
    assert (seen.qty, seen.limit) == (live[0].qty, live[0].limit)


# -- questions --------------------------------------------------------------------------------


def strike_questions(bench: VenueBench) -> None:
    venue = bench.venue
    venue.faults.strikes = lambda request: not venue.acts(request)


async def ask_all(bench: VenueBench) -> list[object]:
    broker, account = bench.broker, bench.account
    return [
        len(await broker.open_orders(account)),
        len(await broker.orders_since(account, START)),
        [gist(fill) for fill in await broker.fills_since(account, START)],
        [(p.instrument, p.qty) for p in await broker.positions(account)],
        (await broker.balance(account)).cash_usd,
    ]


async def test_a_start_that_was_answered_with_502_connects_once_it_is_answered(
    bench: VenueBench,
) -> None:
    """Whoever connects has waited already: no breaker adds half a minute to it."""
    await bench.crash()
    bench.broker = bench.build(bench.venue.url, bench.venue.ws_url, bench.clock)
    bench.venue.faults.strikes = lambda _: True
    bench.venue.faults.html_502 = 6
    for _ in range(7):
        bench.clock.advance(3)
        try:
            await bench.broker.connect()
        except BrokerUnavailable:
            continue
        break
    assert await bench.broker.open_orders(bench.account) == []


@pytest.mark.parametrize("fault", SPOILT)
async def test_a_spoilt_answer_to_a_question_changes_no_answer(
    bench: VenueBench, fault: str
) -> None:
    """I-27: asked again, or refused; never half an answer."""
    await bench.hold(2)
    await working(bench)
    truth = await ask_all(bench)
    strike_questions(bench)
    for _ in range(3):
        setattr(bench.venue.faults, fault, 1)
        try:
            assert await ask_all(bench) == truth
        except BrokerUnavailable:
            bench.clock.advance(61)


@pytest.mark.parametrize("fault", [*SPOILT, "limit_429", "expired_token"])
@pytest.mark.parametrize(
    "question", ["open_orders", "orders_since", "fills_since", "positions", "balance", "find"]
)
async def test_a_question_that_is_never_answered_is_no_empty_answer(
    bench: VenueBench, fault: str, question: str
) -> None:
    """O-08, I-27: not flat, not without orders, not absent."""
    await bench.hold(1)
    order = await working(bench)
    strike_questions(bench)
    setattr(bench.venue.faults, fault, 1000)
    more = {
        "orders_since": (START,),
        "fills_since": (START,),
        "find": (order.client_order_id,),
    }.get(question, ())
    try:
        answer = await getattr(bench.broker, question)(bench.account, *more)
    except (BrokerUnavailable, BrokerAuthError):
        return
    assert question == "find", answer
    assert not isinstance(answer, Absent)


# -- the stream -------------------------------------------------------------------------------


async def two_fills(bench: VenueBench) -> BrokerOrder:
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 1))
    order = await bench.submit(BUY, 2, LIMIT, limit="2.10")
    await bench.pass_latency()
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 1))
    return order


async def test_a_frame_told_twice_is_the_same_fill_twice(bench: VenueBench) -> None:
    """O-09: over the stream, by asking, and after a restart."""
    bench.promises(has_stream=True)
    bench.venue.faults.duplicate_frames = 100
    await two_fills(bench)
    told = {gist(fill) for fill in bench.told_fills()}
    assert len(told) == 2
    assert told == {gist(fill) for fill in await bench.fills()}
    await bench.restart()
    assert told == {gist(fill) for fill in await bench.fills()}


async def test_frames_in_another_order_lose_nothing(bench: VenueBench) -> None:
    """O-10."""
    bench.promises(has_stream=True)
    bench.venue.faults.reorder_frames = 3
    order = await two_fills(bench)
    assert {f.execution_id for f in bench.told_fills()} == {
        f.execution_id for f in await bench.fills()
    }
    assert (await bench.seen(order)).state == "filled"


async def test_a_frame_of_an_unknown_kind_is_shown_and_the_stream_lives_on(
    bench: VenueBench,
) -> None:
    """O-20."""
    bench.promises(has_stream=True)
    bench.venue.faults.unknown_frames = 1
    await two_fills(bench)
    odd = [event for event in bench.told if isinstance(event, Odd)]
    assert odd
    for canary in (*bench.secrets.values(), *bench.tokens.kept.values()):
        assert not any(canary in event.raw for event in odd)
    assert len({fill.execution_id for fill in bench.told_fills()}) == 2


async def test_a_dropped_stream_comes_back_and_names_its_gap(bench: VenueBench) -> None:
    """O-17: what was filled meanwhile is there to be asked for."""
    bench.promises(has_stream=True)
    await bench.quote(bench.it, "2.00", "2.10")
    before = bench.clock.now()
    n_told = len(bench.told)
    bench.venue.is_deaf = True
    await bench.venue.drop_streams()
    assert await bench.until(lambda: any(isinstance(e, StreamDown) for e in bench.told[n_told:]))
    order = await bench.broker.submit(bench.request(BUY, 1, LIMIT, limit="2.10"))
    bench.clock.advance(0.2)
    await bench.venue.exchange.settle()
    bench.venue.is_deaf = False
    async with bench.eager():
        is_back = await bench.until(
            lambda: any(isinstance(e, StreamUp) for e in bench.told[n_told:]), 10
        )
    assert is_back
    up = next(e for e in bench.told[n_told:] if isinstance(e, StreamUp))
    assert up.gap_from is not None
    assert up.gap_from >= before
    missed = await bench.broker.fills_since(bench.account, up.gap_from)
    assert [fill.broker_id for fill in missed] == [order.broker_id]


async def test_a_lost_frame_can_be_asked_for(bench: VenueBench) -> None:
    bench.venue.faults.drop_frames = 1000
    order = await bench.broker.submit(bench.request(BUY, 1, LIMIT, limit="2.10"))
    bench.board.put(bench.quote_of(bench.it, "2.00", "2.10"))
    bench.clock.advance(0.2)
    await bench.venue.exchange.settle()
    assert [f.broker_id for f in await bench.fills()] == [order.broker_id]
    assert (await bench.seen(order)).state == "filled"


# -- kill -9 ----------------------------------------------------------------------------------


async def killed(bench: VenueBench, broker: str, moment: str, what: str, key: str) -> None:
    """Another process does it and is killed by the broker at that moment of its request."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.brokers.child",
        broker,
        bench.venue.url,
        bench.venue.ws_url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    bench.venue.faults.kill_pid, bench.venue.faults.kill_at = child.pid, moment
    told = {"now": bench.clock.now().isoformat(), "tokens": bench.tokens.kept, "id": key}
    child.stdin.write(json.dumps(told | {"what": what}).encode() + b"\n")
    await child.communicate()
    assert child.returncode == -9, "it was to die"


@pytest.mark.parametrize(("moment", "n"), [("request", 0), ("accepted", 1)])
async def test_a_process_killed_while_it_sends_leaves_what_the_broker_has(
    bench: VenueBench, broker: str, moment: str, n: int
) -> None:
    """O-01, O-02: one order or none, and the next process finds out which."""
    await bench.crash()
    request = entry(bench)
    await killed(bench, broker, moment, "submit", request.client_order_id)
    assert len(await bench.at_venue()) in ((n,) if n else (0, 1))
    held = len(await bench.at_venue())
    await bench.start()
    await sure(bench, request.client_order_id, n=held)
    if bench.broker.caps.dedupes_client_id and held:
        with pytest.raises(OrderRejected):
            await bench.broker.submit(request)
        assert len(await bench.at_venue()) == 1


async def test_a_process_killed_while_it_cancels_leaves_one_cancelled_order(
    bench: VenueBench, broker: str
) -> None:
    bench.promises(finds_by_client_id=True)
    order = await working(bench)
    await bench.crash()
    await killed(bench, broker, "accepted", "cancel", order.client_order_id)
    await bench.start()
    await bench.pass_latency()
    (there,) = await bench.at_venue()
    assert there.state == (await bench.seen(order)).state == "canceled"


async def test_every_fill_that_was_told_is_listed_with_the_same_id(bench: VenueBench) -> None:
    bench.promises(has_stream=True)
    await two_fills(bench)
    told = [event.fill for event in bench.told if isinstance(event, Filled)]
    assert {f.execution_id for f in told} == {f.execution_id for f in await bench.fills()}
