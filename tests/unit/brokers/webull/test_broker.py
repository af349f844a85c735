"""Webull at its venue: the phone's approval, tokens renewed ahead, pages, refusals, doubt."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from engine.asking import Rank, asking
from engine.brokers import Absent, Odd, StreamUp, Unclear, Warned
from engine.brokers._wire.http import Answer
from engine.brokers.webull import Webull
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    OrderRejected,
    WrongEnvironment,
)
from engine.domain.order import OrderType, Side
from tests.conformance import webull_bench
from tests.conformance.broker_bench import START
from tests.conformance.venue_bench import VenueBench

D = Decimal
BUY, SELL, LIMIT = Side.BUY, Side.SELL, OrderType.LIMIT


@pytest.fixture
async def shares():
    bench = webull_bench.stocks()
    (await bench.open_venue()).late = timedelta(days=1)  # these tests let days go by in a moment
    yield bench
    await bench.stop()


# -- logging in -------------------------------------------------------------------------------


async def test_a_token_that_waits_for_the_phone_is_said_in_a_sentence_and_works_later(
    shares: VenueBench,
) -> None:
    shares.venue.phone_approves_at_once = False
    with pytest.raises(BrokerAuthError, match=r"on the phone.*Webull app.*15 days"):
        await shares.start()
    assert len(shares.venue.tokens) == 1
    shares.venue.approve()
    await shares.start()
    assert len(shares.venue.tokens) == 1, "the approved token is the one that was asked for"
    assert (await shares.submit(BUY, 1, LIMIT, limit="2.00")).state == "accepted"


async def test_a_person_has_five_minutes_for_a_code_before_the_next_is_sent(
    shares: VenueBench,
) -> None:
    """Each try of a desk that waits sent another: four in a minute, each in place of the last."""
    shares.venue.phone_approves_at_once = False
    for _ in range(18):
        with pytest.raises(BrokerAuthError, match="on the phone"):
            await shares.start()
        shares.clock.advance(15)
    assert len(shares.venue.log.of("POST", "create")) == 1
    shares.clock.advance(31)
    with pytest.raises(BrokerAuthError, match="on the phone"):
        await shares.start()
    assert len(shares.venue.log.of("POST", "create")) == 2, "nobody saw it: the next one"
    shares.venue.approve()
    await shares.start()
    assert len(shares.venue.log.of("POST", "create")) == 2


async def test_an_approved_token_outlives_the_process(shares: VenueBench) -> None:
    await shares.start()
    await shares.restart()
    assert len(shares.venue.tokens) == 1
    assert not shares.venue.log.of("POST", "create")[1:]


async def test_who_listens_before_the_first_login_works_hears_what_comes_after_it(
    shares: VenueBench,
) -> None:
    shares.venue.phone_approves_at_once = False
    shares.broker = shares.build(shares.venue.url, "", shares.clock)
    with pytest.raises(BrokerAuthError):
        await shares.broker.connect()
    heard = shares.broker.events()
    shares.venue.approve()
    await shares.broker.connect()
    async with asyncio.timeout(5):
        assert isinstance(await anext(heard), StreamUp)


async def test_a_token_near_its_end_is_renewed_while_it_still_works(shares: VenueBench) -> None:
    """O-19."""
    await shares.start()
    (text,) = shares.venue.tokens
    shares.clock.advance(12.5 * 24 * 3600)
    async with shares.eager(60):
        await asyncio.wait_for(asked(shares, "create", 2), 20)
    assert shares.venue.tokens[text][1] > shares.clock.now() + timedelta(days=14)
    assert await shares.broker.open_orders("main") == []


async def test_a_renewal_that_needs_the_phone_is_said_once_and_the_old_token_works_on(
    shares: VenueBench,
) -> None:
    await shares.start()
    venue = shares.venue
    venue.phone_approves_at_once, venue.renewals_need_the_phone = False, True
    shares.clock.advance(12.5 * 24 * 3600)
    async with shares.eager(900):
        await shares.until(lambda: any(isinstance(e, Warned) for e in shares.told))
        await asyncio.wait_for(asked(shares, "check", 5), 20)
    (warned,) = [event for event in shares.told if isinstance(event, Warned)]
    assert "phone" in warned.note
    assert await shares.broker.open_orders("main") == []
    venue.approve()
    async with shares.eager(900):
        await asyncio.wait_for(asked(shares, "check", len(venue.log.of("POST", "check")) + 1), 20)
    assert len(venue.tokens) == 2
    assert await shares.broker.open_orders("main") == []


async def asked(bench: VenueBench, what: str, times: int) -> None:
    while len(bench.venue.log.of("POST", what)) < times:  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(0.005)


async def test_a_token_that_was_taken_away_is_noticed_and_named(shares: VenueBench) -> None:
    await shares.start()
    shares.venue.tokens.clear()
    with pytest.raises(BrokerAuthError, match="phone"):
        await shares.broker.open_orders("main")
    with pytest.raises(BrokerAuthError):
        await shares.submit(BUY, 1, LIMIT, limit="2.00")
    assert await shares.at_venue() == []


async def test_one_401_in_between_is_asked_about_and_the_question_repeated(
    shares: VenueBench,
) -> None:
    await shares.start()
    shares.venue.faults.strikes = lambda request: "open-orders" in request.path
    shares.venue.faults.expired_token = 1
    assert await shares.broker.open_orders("main") == []


async def test_one_401_about_the_token_ends_no_start(shares: VenueBench) -> None:
    """A slip, and what was held without a stop waited for seconds more; people were told a lie."""
    await shares.start()
    shares.venue.faults.strikes = lambda request: "/auth/tokens" in request.path
    shares.venue.faults.expired_token = 1
    await shares.restart()
    assert await shares.broker.open_orders("main") == []
    shares.venue.faults.expired_token = 2
    with pytest.raises(BrokerAuthError, match="401"):
        await shares.restart()


async def test_a_401_stands_where_nobody_says_what_became_of_the_token(
    shares: VenueBench,
) -> None:
    await shares.start()
    shares.venue.tokens.clear()
    shares.venue.faults.lacks = ("/auth/tokens/check",)
    with pytest.raises(BrokerAuthError, match="401"):
        await shares.broker.open_orders("main")


@pytest.mark.parametrize(
    "body", [None, [], {}, {"token": None, "status": "NORMAL"}, {"token": "x", "expires": "soon"}]
)
async def test_an_odd_answer_about_the_token_is_no_answer(
    shares: VenueBench, monkeypatch: pytest.MonkeyPatch, body: object
) -> None:
    await shares.start()

    async def says(*_: object, **__: object) -> Answer:
        return Answer(status=200, body=body, headers={})

    monkeypatch.setattr(shares.broker._line.wire, "read", says)
    with pytest.raises(BrokerUnavailable, match="without one"):
        await shares.broker._line.login.again()


@pytest.mark.parametrize(
    ("environment", "rest"),
    [("paper", "https://api.webull.com"), ("live", "https://api.sandbox.webull.com")],
)
async def test_paper_and_live_are_not_mixed_up(
    shares: VenueBench, environment: str, rest: str
) -> None:
    """O-24: nothing is sent to the wrong side."""
    settings = Webull.Settings(environment=environment, rest_url=rest)
    assert Webull.mixed_up(settings, {}).startswith("environment: must be ")
    assert Webull.mixed_up(Webull.Settings(environment=environment), {}) == ""
    shares.settings = lambda *_: settings
    with pytest.raises(WrongEnvironment, match=r"paper.*live|live.*paper"):
        await shares.start()


async def test_an_account_that_the_login_does_not_reach_is_refused_by_our_name(
    shares: VenueBench,
) -> None:
    shares.numbers = {"main": "WB70000001", "spare": "WB79999999"}
    shares.terms = shares.terms.__class__(start_cash_usd={"main": D(1), "spare": D(1)})
    with pytest.raises(BrokerAuthError, match="spare") as caught:
        await shares.start()
    assert "WB79999999" not in str(caught.value)


async def test_the_only_account_needs_no_number_and_several_need_one(shares: VenueBench) -> None:
    broker = shares.build(shares.venue.url, shares.venue.ws_url, shares.clock)
    object.__setattr__(broker.setup, "accounts", {"main": None})
    with pytest.raises(BrokerAuthError, match="reaches 2 accounts"):
        await broker.connect()
    await broker.close()


# -- reading ----------------------------------------------------------------------------------


async def test_lists_are_read_to_their_last_page(shares: VenueBench) -> None:
    await shares.start()
    shares.venue.largest_page = 2
    sent = [(await shares.submit(BUY, 1, LIMIT, limit="1.00")).broker_id for _ in range(5)]
    assert [o.broker_id for o in await shares.broker.open_orders("main")] == sent
    listed = await shares.broker.orders_since("main", START)
    assert {o.broker_id for o in listed} == set(sent)


async def test_a_list_that_breaks_off_is_no_list(shares: VenueBench) -> None:
    """I-27."""
    await shares.start()
    shares.venue.largest_page = 2
    for _ in range(5):
        await shares.submit(BUY, 1, LIMIT, limit="1.00")
    shares.venue.faults.strikes = lambda request: "pagination_key" in request.query
    shares.venue.faults.reject_500 = 100
    with pytest.raises(BrokerUnavailable):
        await shares.broker.open_orders("main")


async def test_history_is_asked_in_windows_that_webull_takes(shares: VenueBench) -> None:
    await shares.start()
    shares.clock.advance(20 * 24 * 3600)
    later = shares.clock.now() + timedelta(days=5)
    shares.venue.tokens = dict.fromkeys(shares.venue.tokens, ("NORMAL", later))
    await shares.broker.orders_since("main", START)
    asked = shares.venue.log.of("GET", "historical-orders")
    assert len(asked) == 4


@pytest.mark.parametrize(("who", "margin_s"), [(Rank.NAKED, 5), (Rank.COMPARE, 15)])
async def test_in_haste_no_more_is_listed_than_has_to_be(shares: VenueBench, who, margin_s) -> None:
    """Each hundred orders take a second: what a clock hides is asked for alone."""
    await shares.start()
    shares.clock.advance(60)
    with asking(who):
        await shares.broker.orders_since("main", shares.clock.now())
    asked = shares.venue.log.of("GET", "historical-orders")[-1].query["start_time"]
    early = shares.clock.now() - datetime.fromisoformat(asked)
    assert early == timedelta(seconds=margin_s)


async def test_what_was_placed_by_a_clock_ten_minutes_ahead_is_listed(shares: VenueBench) -> None:
    await shares.start()
    await shares.broker.orders_since("main", shares.clock.now())
    asked = shares.venue.log.of("GET", "historical-orders")[-1].query["end_time"]
    assert datetime.fromisoformat(asked) > shares.clock.now() + timedelta(minutes=10)


async def test_what_worked_at_the_last_look_and_left_the_lists_is_asked_for_alone(
    shares: VenueBench,
) -> None:
    """Orders are listed by when they were placed, and the list of what is over may lag."""
    await shares.start()
    order = await shares.submit(BUY, 1, LIMIT, limit="1.00")
    await shares.broker.orders_since("main", shares.clock.now())
    shares.clock.advance(7200)
    await shares.broker.cancel("main", order.client_order_id)
    shares.clock.advance(1)
    await shares.venue.exchange.settle()

    async def empty(*_: object) -> list[object]:
        return []

    shares.venue.exchange.orders_since = empty
    (seen,) = await shares.broker.orders_since("main", shares.clock.now())
    assert (seen.client_order_id, seen.state) == (order.client_order_id, "canceled")


async def test_two_orders_under_one_number_are_both_listed_with_their_own_executions(
    shares: VenueBench,
) -> None:
    """Where Webull counts anew; we are asked by our own ids."""
    group = shares.venue._group

    async def one_number(order: object) -> object:
        answer = await group(order)
        answer["orders"][0]["order_id"] = "W1"
        return answer

    shares.venue._group = one_number
    await shares.start()
    sent = []
    for limit in ("2.05", "2.06"):
        sent.append((await shares.submit(BUY, 1, LIMIT, limit=limit)).client_order_id)
        await shares.pass_latency()
        await shares.quote(shares.it, "2.00", "2.01")
    found = await shares.broker.fills_since("main", START)
    assert sorted(f.client_order_id for f in found) == sorted(sent)
    assert len({f.execution_id for f in found}) == 2


@pytest.mark.parametrize("said", [None, ""])
async def test_what_is_answered_without_our_id_is_what_was_asked_for(
    shares: VenueBench, said: object
) -> None:
    """Its fill was found 20 s later, in a list: what it brought stood bare meanwhile."""
    await shares.start()
    order = await shares.submit(BUY, 1, LIMIT, limit="1.00")
    group = shares.venue._group

    async def nameless(one: object) -> object:
        answer = await group(one)
        answer["orders"][0]["client_order_id"] = said
        return answer

    shares.venue._group = nameless
    assert (await shares.seen(order)).client_order_id == order.client_order_id


async def test_an_unknown_status_is_shown_once_and_counts_as_unknown(shares: VenueBench) -> None:
    """O-20."""
    await shares.start()
    order = await shares.submit(BUY, 1, LIMIT, limit="1.00")
    group = shares.venue._group

    async def odd(one: object) -> object:
        said = await group(one)
        said["orders"][0]["status"] = "HALF_BAKED"
        return said

    shares.venue._group = odd
    for _ in range(3):
        assert (await shares.seen(order)).state == "unknown"
    await shares.until(lambda: any(isinstance(e, Odd) for e in shares.told))
    odd_ones = [event for event in shares.told if isinstance(event, Odd)]
    assert len(odd_ones) == 1
    assert "HALF_BAKED" in odd_ones[0].note
    assert "HALF_BAKED" in odd_ones[0].raw, "people are told of each once, by this"


@pytest.mark.parametrize(
    ("status", "code", "found"),
    [
        (404, "ORDER_NOT_FOUND", Absent),
        (417, "ORDER_NOT_FOUND", Absent),
        (417, "OAUTH_OPENAPI_ORDER_NOT_FOUND", Absent),
        (417, "OPENAPI_ORDER_NOT_FOUND", Absent),
        (404, "ROUTE_NOT_FOUND", Unclear),
        (400, "ACCOUNT_NOT_FOUND", Unclear),
        (417, "OAUTH_OPENAPI_ACCOUNT_NOT_FOUND", Unclear),
        (417, "OAUTH_OPENAPI_PARAM_ERR", Unclear),
        (417, "INVALID_PARAMETER", Unclear),
        (403, "FORBIDDEN", Unclear),
    ],
)
async def test_only_an_answer_that_says_so_proves_absence(
    shares: VenueBench, status: int, code: str, found: type
) -> None:
    await shares.start()
    shares.venue.get_says = (status, {"error_code": code})
    assert isinstance(await shares.broker.find("main", "TSX"), found)


async def test_an_answer_about_another_order_proves_no_absence(
    shares: VenueBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-08: what was asked for may be there all the same, and would be sent once more."""
    await shares.start()
    order = await shares.submit(Side.BUY, 1, OrderType.LIMIT, limit="1.95")
    rows = await shares.broker._got("main", order.client_order_id)  # type: ignore[attr-defined]

    async def other_rows(*_: object) -> object:
        return rows

    monkeypatch.setattr(shares.broker, "_got", other_rows)
    assert await shares.broker.find("main", "TSX") == Unclear()


# -- orders -----------------------------------------------------------------------------------


async def test_a_refusal_carries_webulls_code_and_no_account_number(shares: VenueBench) -> None:
    await shares.start()
    with pytest.raises(OrderRejected) as caught:
        await shares.submit(BUY, 1_000_000, LIMIT, limit="2.00")
    assert caught.value.code == "INSUFFICIENT_BUYING_POWER"
    assert "WB7" not in str(caught.value)


async def test_shares_that_are_not_held_are_sold_short_and_held_ones_are_sold(
    shares: VenueBench,
) -> None:
    await shares.start()
    await shares.hold(2)
    await shares.submit(SELL, 2, LIMIT, limit="2.50")
    with pytest.raises(OrderRejected, match="would_flip"):
        await shares.submit(SELL, 3, LIMIT, limit="2.50")
    short = shares.request(SELL, 1, LIMIT, shares.it2, limit="2.50")
    await shares.broker.submit(short)
    sides = [r.body["new_orders"][0]["side"] for r in shares.venue.log.of("POST", "place")]
    assert sides == ["BUY", "SELL", "SHORT"]


async def test_an_exit_needs_no_question_before_it_is_sent(shares: VenueBench) -> None:
    await shares.start()
    await shares.hold(2)
    before = len(shares.venue.log.requests)
    await shares.submit(SELL, 2, LIMIT, limit="2.50", reduces=True)
    assert len(shares.venue.log.requests) == before + 1


async def test_the_ways_that_it_can_be_checked(shares: VenueBench) -> None:
    await shares.start()
    checks = {check.name: check.is_ok for check in await shares.broker.check()}
    assert checks["auth"] is True
    assert checks["account main"] is True
    assert checks["quote"] is None


async def test_every_request_that_a_day_makes_is_one_that_webull_publishes(
    shares: VenueBench, capsys: pytest.CaptureFixture[str]
) -> None:
    n = 0
    for bench in (shares, webull_bench.bench()):
        if bench.venue is None:
            await bench.open_venue()
        await bench.start()
        caps = bench.broker.caps.by_kind[bench.it.kind]
        await bench.hold(10)
        more = {
            OrderType.MARKET: {},
            OrderType.LIMIT: {"limit": "2.60"},
            OrderType.STOP: {"stop": "1.50"},
            OrderType.STOP_LIMIT: {"stop": "1.50", "limit": "1.45"},
            OrderType.TRAILING: {"trail": "0.20"},
        }
        for type_ in caps.order_types:
            for tif in caps.tifs:
                order = await bench.submit(SELL, 1, type_, tif=tif, reduces=True, **more[type_])
                await bench.broker.preview(bench.request(BUY, 1, LIMIT, limit="1.90"))
                if type_ is not OrderType.MARKET:
                    await bench.broker.cancel("main", order.client_order_id)
        n += len(bench.venue.log.of("POST", "/trading/orders/"))
        assert bench.venue.log.violations == []
        if bench is not shares:
            await bench.stop()
    assert n > 30
    with capsys.disabled():
        print(f"\nwebull: {n} order bodies checked against its golden bodies")  # noqa: T201
