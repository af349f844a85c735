"""E*TRADE as it behaves: tokens that sleep and die, lists with gaps, previews that lapse."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from engine.asking import Rank, asking, rank
from engine.brokers import (
    Absent,
    Odd,
    OrderRequest,
    OrderSeen,
    Seen,
    StreamDown,
    StreamUp,
    Unclear,
    Warned,
)
from engine.brokers.etrade import Etrade, link
from engine.brokers.etrade import broker as etrade_broker
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    OrderRejected,
    OrderStateUnknown,
    WrongEnvironment,
)
from engine.domain.instrument import stock
from engine.domain.order import OrderType, Side, Tif
from tests.conformance.broker_bench import HIGH_CALL, START
from tests.conformance.etrade_bench import EtradeBench
from tests.conformance.etrade_bench import bench as new_bench
from tests.venues.etrade import KEY, SECRET, TOKEN_SECRET, EtradeVenue

D = Decimal
BUY, SELL, LIMIT = Side.BUY, Side.SELL, OrderType.LIMIT
EVENING = datetime(2026, 11, 19, 3, 30, tzinfo=UTC)  # 22:30 in New York, the 18th


@pytest.fixture
async def bench():
    made = new_bench()
    made.impatient()
    try:
        yield await made.start()
    finally:
        await made.stop()


def venue(bench: EtradeBench) -> EtradeVenue:
    assert isinstance(bench.venue, EtradeVenue)
    return bench.venue


def entry(bench: EtradeBench, qty: int = 1, limit: str = "1.95") -> OrderRequest:
    return bench.request(BUY, qty, LIMIT, limit=limit)


# -- the login --------------------------------------------------------------------------------


async def test_the_owner_lets_us_in_through_the_terminal(bench: EtradeBench) -> None:
    await bench.crash()
    bench.tokens.kept.clear()
    broker = bench.build(bench.venue.url, bench.venue.ws_url, bench.clock)
    with pytest.raises(BrokerAuthError, match="tradestream broker connect etrade"):
        await broker.connect()
    page = await broker.authorize_url()
    assert page == f"{bench.venue.url}/authorize?key={KEY}&token=request%2F0%3D"
    with pytest.raises(BrokerAuthError):
        await broker.finish("WRONG")
    assert await broker.finish(f" {venue(bench).code}\n") == "until 2026-11-19 00:00 in New York"
    await broker.connect()
    assert await broker.open_orders("main") == []
    await broker.close()


async def test_a_code_without_a_page_is_refused(bench: EtradeBench) -> None:
    with pytest.raises(BrokerAuthError, match="page first"):
        await bench.broker.finish("Y27X25")


@pytest.mark.parametrize(("key", "secret"), [("other", SECRET), (KEY, "other")])
async def test_wrong_keys_are_told_at_the_start(bench: EtradeBench, key: str, secret: str) -> None:
    await bench.crash()
    bench.secrets = {"key": key, "secret": secret}
    broker = bench.build(bench.venue.url, "", bench.clock)
    with pytest.raises(BrokerAuthError):
        await broker.connect()
    await broker.close()
    assert await bench.at_venue() == []


async def test_a_token_that_slept_is_woken_by_the_next_question(bench: EtradeBench) -> None:
    for held in venue(bench).tokens.values():
        held.used_at -= timedelta(hours=3)
    assert await bench.broker.open_orders("main") == []
    assert len(bench.venue.log.of("GET", "renew_access_token")) == 1


async def test_an_order_that_meets_a_sleeping_token_is_not_sent_again_by_itself(
    bench: EtradeBench,
) -> None:
    for held in venue(bench).tokens.values():
        held.used_at -= timedelta(hours=3)
    request = entry(bench)
    with pytest.raises(BrokerAuthError):
        await bench.broker.submit(request)
    assert bench.venue.log.n_acts == 0
    assert (await bench.broker.submit(request)).state == "accepted"  # the desk asked again
    assert len(await bench.at_venue()) == 1


async def test_an_order_refused_for_its_token_is_in_no_doubt_though_nobody_wakes_it(
    bench: EtradeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.impatient(8.0)
    await bench.restart()
    monkeypatch.setattr(link, "RENEWED_S", 0.05)
    for held in venue(bench).tokens.values():
        held.used_at -= timedelta(hours=3)
    bench.venue.faults.strikes = lambda request: request.path == "/oauth/renew_access_token"
    bench.venue.faults.hang = 99
    async with asyncio.timeout(2):
        with pytest.raises(BrokerAuthError):
            await bench.broker.submit(entry(bench))
    assert await bench.at_venue() == []


@pytest.mark.parametrize("is_slip", [True, False])
async def test_a_question_does_not_wait_for_a_token_service_that_hangs(
    bench: EtradeBench, monkeypatch: pytest.MonkeyPatch, is_slip: bool
) -> None:
    """One refusal by mistake, and the look whether a stop was over took as long as any answer."""
    bench.impatient(8.0)
    await bench.restart()
    monkeypatch.setattr(link, "RENEWED_S", 0.2)
    tokens = venue(bench).tokens.values()
    for held in tokens:
        held.used_at -= timedelta(hours=3)
    bench.venue.faults.strikes = lambda request: request.path == "/oauth/renew_access_token"
    bench.venue.faults.hang = 99
    async with asyncio.timeout(4):
        asked = asyncio.create_task(bench.broker.open_orders("main"))
        await bench.venue.faults.is_hanging.wait()
        if is_slip:
            for held in tokens:
                held.used_at = bench.clock.now()
            assert await asked == []
        else:
            with pytest.raises(BrokerUnavailable, match="no answer about tokens"):
                await asked


async def test_a_token_is_kept_awake_while_nothing_is_asked(bench: EtradeBench) -> None:
    """O-19."""
    for _ in range(50):
        bench.clock.advance(60 * 5)
        if await bench.until(lambda: bool(bench.venue.log.of("GET", "renew")), 0.05):
            break
    assert bench.venue.log.of("GET", "renew_access_token")
    assert await bench.broker.open_orders("main") == []


async def test_a_token_that_was_refused_by_mistake_is_tried_again(bench: EtradeBench) -> None:
    """Nobody has to come to a browser for a slip of the token service."""
    tokens = dict(venue(bench).tokens)
    venue(bench).tokens.clear()
    with pytest.raises(BrokerAuthError, match="does not know our token"):
        await bench.broker.positions("main")
    venue(bench).tokens.update(tokens)
    n_asked = len(bench.venue.log.of("GET", "renew_access_token"))
    bench.clock.advance(30)
    async with asyncio.timeout(10):  # nothing is told of it
        log = bench.venue.log
        while not await bench.until(
            lambda: len(log.of("GET", "renew_access_token")) > n_asked, 0.02
        ):
            pass
        while not await bench.until(lambda: not bench.broker._login._dead, 0.02):
            pass
    assert (await bench.broker.submit(entry(bench))).state == "accepted"


async def test_a_start_amid_such_a_slip_finds_the_token_good_again(bench: EtradeBench) -> None:
    """Nobody watched it yet: the desk stayed locked out until its owner came."""
    await bench.crash()
    tokens = dict(venue(bench).tokens)
    venue(bench).tokens.clear()
    broker = bench.build(bench.venue.url, "", bench.clock)
    for _ in range(2):
        with pytest.raises(BrokerAuthError, match="does not know our token"):
            await broker.connect()
    venue(bench).tokens.update(tokens)
    await broker.connect()
    assert await broker.positions("main") == []
    await broker.close()


async def test_an_exit_does_not_wait_for_the_next_look_after_such_a_slip(
    bench: EtradeBench,
) -> None:
    """What was held had no stop for half a minute, though the token was good again."""
    await bench.quote(bench.it, "1.90", "1.95")
    await bench.submit(BUY, 1, LIMIT, limit="1.95")
    await bench.pass_latency()
    tokens = dict(venue(bench).tokens)
    venue(bench).tokens.clear()
    stop = bench.request(SELL, 1, OrderType.STOP, stop="1.50", reduces=True)
    for _ in range(3):
        with pytest.raises(BrokerAuthError):
            await bench.broker.submit(stop)
    assert len(bench.venue.log.of("GET", "renew_access_token")) == 1, "not with every exit"
    venue(bench).tokens.update(tokens)
    bench.clock.advance(5)
    with pytest.raises(BrokerAuthError):
        await bench.broker.submit(entry(bench))
    assert (await bench.broker.submit(stop)).state == "accepted"


async def test_the_end_of_the_login_is_told_ahead_and_when_it_comes(bench: EtradeBench) -> None:
    """O-19: the owner has to come every New York day."""
    bench.clock.advance((EVENING - START).total_seconds())
    await bench.until(lambda: False, 0.05)
    bench.clock.advance(45 * 60)
    assert await bench.until(lambda: any(isinstance(e, Warned) for e in bench.told))
    (ahead,) = [e for e in bench.told if isinstance(e, Warned)]
    assert "midnight" in ahead.note
    bench.clock.advance(60 * 60)
    assert await bench.until(lambda: any(isinstance(e, StreamDown) for e in bench.told))
    n_asked = len(bench.venue.log.requests)
    for _ in range(3):
        with pytest.raises(BrokerAuthError, match="tradestream broker connect"):
            await bench.broker.submit(entry(bench))
        with pytest.raises(BrokerAuthError):
            await bench.broker.positions("main")
    assert len(bench.venue.log.requests) == n_asked, "a dead token was sent all the same"
    bench.connect_owner()
    bench.clock.advance(60)
    n_told = len(bench.told)
    await bench.until(lambda: any(isinstance(e, StreamUp) for e in bench.told[n_told:]))
    assert (await bench.broker.submit(entry(bench))).state == "accepted"


@pytest.mark.parametrize("text", ['{"token": "canar', "{}", "[]"])
async def test_a_token_file_that_was_spoilt_is_said_without_what_it_holds(
    bench: EtradeBench, text: str
) -> None:
    await bench.crash()
    bench.tokens.kept["etrade"] = text
    broker = bench.build(bench.venue.url, "", bench.clock)
    with pytest.raises(BrokerAuthError, match="cannot be read: run") as caught:
        await broker.connect()
    await broker.close()
    assert caught.value.__suppress_context__


async def test_a_token_of_live_is_not_used_in_the_sandbox(bench: EtradeBench) -> None:
    """O-24."""
    await bench.crash()
    text = bench.tokens.kept["etrade"].replace('"paper"', '"live"')
    bench.tokens.kept["etrade"] = text
    broker = bench.build(bench.venue.url, "", bench.clock)
    with pytest.raises(WrongEnvironment, match="set to paper, and was connected for live"):
        await broker.connect()
    await broker.close()
    assert bench.venue.log.requests == [] or bench.venue.log.n_acts == 0


@pytest.mark.parametrize(
    ("environment", "url", "other"),
    [("paper", "https://api.etrade.com", "live"), ("live", "https://apisb.etrade.com", "paper")],
)
async def test_the_address_of_the_other_environment_is_refused(
    bench: EtradeBench, environment: str, url: str, other: str
) -> None:
    """O-24."""
    bench.settings = lambda u, _: Etrade.Settings(
        environment=environment, rest_url=url, token_url=u
    )
    broker = bench.build(bench.venue.url, "", bench.clock)
    with pytest.raises(WrongEnvironment, match=f"environment is {environment}.* {other} address"):
        await broker.connect()
    await broker.close()


@pytest.mark.parametrize("url", ["http://etrade.example", "ftp://127.0.0.1", "https://a@b.c", "x"])
def test_an_address_that_would_show_the_keys_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Etrade.Settings(rest_url=url)


async def test_an_account_that_the_login_does_not_reach_is_refused(bench: EtradeBench) -> None:
    await bench.crash()
    for numbers in ({"main": "99999999"}, {"main": "00000001"}, {"main": None}):
        bench.numbers = numbers
        broker = bench.build(bench.venue.url, "", bench.clock)
        with pytest.raises(BrokerAuthError) as caught:
            await broker.connect()
        assert "84010429" not in str(caught.value)
        await broker.close()


async def test_the_clock_of_the_desk_may_be_some_minutes_off_not_more(bench: EtradeBench) -> None:
    theirs = bench.venue.clock
    bench.venue.clock = type(theirs)(theirs.now() + timedelta(minutes=4))
    assert await bench.broker.accounts()
    bench.venue.clock = type(theirs)(theirs.now() + timedelta(minutes=9))
    with pytest.raises(BrokerAuthError):
        await bench.broker.accounts()
    bench.venue.clock = theirs


async def test_no_key_and_no_token_is_logged(
    bench: EtradeBench, caplog: pytest.LogCaptureFixture
) -> None:
    """X-05."""
    caplog.set_level(logging.DEBUG)
    await bench.broker.submit(entry(bench))
    await bench.broker.check()
    for canary in (KEY, SECRET, TOKEN_SECRET, "access-canary", "84010429"):
        assert canary not in caplog.text


# -- orders -----------------------------------------------------------------------------------


def told_otherwise(bench: EtradeBench, monkeypatch: pytest.MonkeyPatch, body: Any) -> None:
    """Orders are placed, and answered by something else."""
    real = bench.broker._link.wire.act

    async def act(method: Any, path: str, **more: Any) -> Any:
        answer = await real(method, path, **more)
        return replace(answer, body=body) if path.endswith("place.json") else answer

    monkeypatch.setattr(bench.broker._link.wire, "act", act)


async def test_a_service_that_is_not_available_refuses_nothing(
    bench: EtradeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_otherwise(bench, monkeypatch, {"Error": {"code": 100, "message": "not available"}})
    request = entry(bench)
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    assert isinstance(await bench.broker.find("main", request.client_order_id), Seen)


async def test_a_preview_that_lapsed_is_a_refusal_and_no_order(bench: EtradeBench) -> None:
    venue(bench).quirks.expire_previews = 1
    request = entry(bench)
    with pytest.raises(OrderRejected, match="101"):
        await bench.broker.submit(request)
    assert isinstance(await bench.broker.find("main", request.client_order_id), Absent)
    assert (await bench.broker.submit(request)).state == "accepted"


async def test_an_answer_without_a_number_is_doubt_and_then_found(bench: EtradeBench) -> None:
    venue(bench).quirks.no_order_ids = 1
    request = entry(bench)
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    found = await bench.broker.find("main", request.client_order_id)
    assert isinstance(found, Seen)
    assert found.order.client_order_id == request.client_order_id
    await bench.broker.cancel("main", request.client_order_id)


@pytest.mark.parametrize("fault", ["reject_500", "reset", "cut_json", "no_json", "html_502"])
async def test_a_preview_without_an_answer_means_that_nothing_was_placed(
    bench: EtradeBench, fault: str
) -> None:
    bench.venue.faults.strikes = lambda request: request.path.endswith("preview.json")
    setattr(bench.venue.faults, fault, 1)
    with pytest.raises(BrokerUnavailable):
        await bench.broker.submit(entry(bench))
    assert await bench.at_venue() == []
    assert bench.venue.log.n_acts == 0


async def test_two_alike_without_an_answer_are_told_apart_when_both_are_there(
    bench: EtradeBench,
) -> None:
    bench.venue.faults.accept_then_reset = 2
    pair = [entry(bench), entry(bench)]
    for request in pair:
        with pytest.raises(OrderStateUnknown):
            await bench.broker.submit(request)
        bench.clock.advance(1)
    found = [await bench.broker.find("main", r.client_order_id) for r in pair]
    assert all(isinstance(f, Seen) for f in found)
    assert len({f.order.broker_id for f in found}) == 2


async def test_two_alike_of_which_one_arrived_are_nobodys_guess(bench: EtradeBench) -> None:
    bench.venue.faults.accept_then_reset = 1
    pair = [entry(bench), entry(bench)]
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(pair[0])
    bench.venue.faults.reset = 1
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(pair[1])
    bench.clock.advance(60)
    for request in pair:
        found = await bench.broker.find("main", request.client_order_id)
        assert isinstance(found, Unclear)
        assert len(found.candidates) == 1
    n_acts = bench.venue.log.n_acts
    with pytest.raises(OrderStateUnknown, match="not known yet"):
        await bench.broker.cancel("main", pair[0].client_order_id)
    assert bench.venue.log.n_acts == n_acts, "nothing is cancelled under no number"
    (there,) = found.candidates
    await bench.broker.recognise("main", pair[0].client_order_id, there.broker_id)  # by a person
    found = await bench.broker.find("main", pair[0].client_order_id)
    assert isinstance(found, Seen)
    assert isinstance(await bench.broker.find("main", pair[1].client_order_id), Absent)


async def test_an_order_of_another_shape_is_not_taken_for_ours(bench: EtradeBench) -> None:
    bench.venue.faults.reset = 1
    request = entry(bench)
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    await bench.venue.exchange.submit(
        bench.request(BUY, 1, LIMIT, limit="1.94", account="84010429")
    )
    await bench.venue.exchange.submit(
        bench.request(BUY, 1, LIMIT, HIGH_CALL, limit="1.95", account="84010429")
    )
    found = await bench.broker.find("main", request.client_order_id)
    assert found == Unclear(), "too early to say"
    bench.clock.advance(60)
    assert isinstance(await bench.broker.find("main", request.client_order_id), Absent)


async def test_a_list_that_lags_proves_nothing_of_an_order_with_a_number(
    bench: EtradeBench,
) -> None:
    order = await bench.broker.submit(entry(bench))
    venue(bench).quirks.hidden_orders = True
    bench.clock.advance(60)
    assert isinstance(await bench.broker.find("main", order.client_order_id), Unclear)


async def test_lists_are_read_to_their_end(bench: EtradeBench) -> None:
    """I-27."""
    venue(bench).quirks.page = 2
    for n in range(5):
        await bench.broker.submit(entry(bench, limit=f"1.9{n}"))
    for instrument in (bench.it, HIGH_CALL):
        await bench.hold(1, instrument)
    assert len(await bench.broker.open_orders("main")) == 5
    assert len(await bench.broker.orders_since("main", START)) == 7
    caps = bench.broker.caps
    assert caps.recent_lists > caps.working_lists == 3, "what works is listed in fewer requests"
    assert len(await bench.broker.fills_since("main", START)) == 2
    await bench.hold(1, bench.request(BUY, 1).legs[0].instrument)
    assert len(await bench.broker.positions("main")) == 2


async def test_one_whose_number_is_known_is_read_no_further_than_to_it(bench: EtradeBench) -> None:
    """Of two requests a second a look takes one, however long the day's list is."""
    venue(bench).quirks.page = 2
    names = [await bench.broker.submit(entry(bench, limit=f"1.9{n}")) for n in range(5)]
    since = len(bench.venue.log.of("GET", "/orders.json"))
    for order, pages in zip(reversed(names), (1, 1, 2, 2, 3), strict=True):
        found = await bench.broker.find("main", order.client_order_id)
        assert isinstance(found, Seen)
        assert found.order.client_order_id == order.client_order_id
        asked = len(bench.venue.log.of("GET", "/orders.json"))
        assert asked - since == pages
        since = asked


async def test_what_filled_before_a_start_is_looked_for_among_what_has_filled(
    bench: EtradeBench,
) -> None:
    """It stood ten pages deep: a start took 10 s."""
    venue(bench).quirks.page = 2
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    for n in range(6):
        await bench.broker.submit(entry(bench, limit=f"1.9{n}"))
    await bench.quote(bench.it, "2.00", "2.00")
    await bench.pass_latency()
    await bench.venue.exchange.settle()
    bench.clock.advance(1)
    await bench.restart()
    for pages in (1, 4):
        since = len(bench.venue.log.of("GET", "/orders.json"))
        found = await bench.broker.find("main", order.client_order_id)
        assert isinstance(found, Seen)
        assert (found.order.state, found.order.filled) == ("filled", 1)
        assert [fill.qty for fill in found.order.fills] == [1]
        assert len(bench.venue.log.of("GET", "/orders.json")) - since == pages
        await bench.broker.orders_since("main", START)  # from now on lists are known


async def test_a_stop_that_somebody_cancelled_before_a_start_is_looked_for_by_its_symbol(
    bench: EtradeBench,
) -> None:
    """It stood ten pages deep, and what it was for was bare for 15 s."""
    venue(bench).quirks.page = 2
    order = await bench.submit(BUY, 1, LIMIT, limit="1.00")
    mine, bench.it = bench.it, stock("QQQ")
    other = replace(entry(bench), legs=bench.request(BUY, 1).legs)
    for n in range(6):
        name = order.client_order_id[:-2] + f"A{n}"
        await bench.broker.submit(replace(other, client_order_id=name))
    bench.it = mine
    await bench.venue.exchange.cancel(bench.numbers["main"], order.client_order_id)
    await bench.pass_latency()
    await bench.venue.exchange.settle()
    bench.clock.advance(1)
    await bench.restart()
    since = len(bench.venue.log.of("GET", "/orders.json"))
    found = await bench.broker.find("main", order.client_order_id)
    assert isinstance(found, Seen)
    assert found.order.state == "canceled"
    assert len(bench.venue.log.of("GET", "/orders.json")) - since == 2


async def test_what_such_a_look_sees_is_told_with_its_fills_and_says_nothing_of_the_rest(
    bench: EtradeBench,
) -> None:
    venue(bench).quirks.page = 2
    for n in range(4):
        await bench.broker.submit(entry(bench, limit=f"1.9{n}"))
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    await bench.quote(bench.it, "2.00", "2.00")
    await bench.pass_latency()
    await bench.broker.orders_since("main", START)
    assert bench.broker.caps.recent_lists == 3
    await bench.venue.exchange.settle()
    found = await bench.broker.find("main", order.client_order_id)
    assert isinstance(found, Seen)
    assert [fill.qty for fill in found.order.fills] == [1]
    assert bench.broker.caps.recent_lists == 3, "one page of them was read"


async def test_what_a_look_for_one_order_shows_of_another_is_told_with_its_fills_once(
    bench: EtradeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry's fill was read beside another trade's stop, and heard of 6 s later."""
    await bench.quote(bench.it, "2.03", "2.05")
    entered = await bench.submit(BUY, 2, LIMIT, limit="2.00")
    resting = await bench.broker.submit(entry(bench, limit="1.50"))
    monkeypatch.setattr(bench, "look", bench.settle)  # no poll comes before it
    await bench.quote(bench.it, "1.99", "2.00", (1, 1))
    await bench.pass_latency()
    bench.told.clear()
    for _ in range(3):
        await bench.broker.find("main", resting.client_order_id)
    await asyncio.sleep(0.01)
    (said,) = [e.order for e in bench.told if isinstance(e, OrderSeen)]
    assert (said.client_order_id, said.filled) == (entered.client_order_id, 1)
    assert [fill.qty for fill in said.fills] == [1]


async def test_one_whose_executions_cannot_be_read_hides_no_other_from_a_look(
    bench: EtradeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop's end would never be heard of, and nothing sent in its place."""
    await bench.quote(bench.it, "2.03", "2.05")
    entered = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    resting = await bench.broker.submit(entry(bench, limit="1.50"))
    monkeypatch.setattr(bench, "look", bench.settle)
    await bench.quote(bench.it, "1.99", "2.00")
    await bench.pass_latency()

    def unreadable(order: Any, read: Any) -> None:
        del read
        if order.client_order_id == entered.client_order_id:
            raise BrokerUnavailable("executions that cannot be read")

    monkeypatch.setattr(bench.broker._orders, "executions", unreadable)
    assert isinstance(await bench.broker.find("main", resting.client_order_id), Seen)


@pytest.mark.parametrize("n_faults", [1, 2])
@pytest.mark.parametrize("fault", ["reject_500", "reset", "cut_json", "no_json", "html_502"])
async def test_a_preview_of_an_exit_that_failed_is_asked_for_again_at_once(
    bench: EtradeBench, fault: str, n_faults: int
) -> None:
    """It waited for the desk's next try: a stop came 5 s after its fill, 8 s after two slips."""
    await bench.hold(1)
    previews = []

    def strikes(request: Any) -> bool:
        is_one = request.path.endswith("preview.json")
        previews.extend([request.path] * is_one)
        return is_one

    bench.venue.faults.strikes = strikes
    setattr(bench.venue.faults, fault, n_faults)
    order = await bench.submit(SELL, 1, LIMIT, limit="1.50", reduces=True)
    assert order.state == "accepted"
    assert len(previews) >= n_faults
    assert len([o for o in await bench.at_venue() if o.side is SELL]) == 1


async def test_a_preview_of_an_exit_passes_with_a_token_that_was_woken(bench: EtradeBench) -> None:
    await bench.hold(1)
    for held in venue(bench).tokens.values():
        held.used_at -= timedelta(hours=3)
    order = await bench.submit(SELL, 1, LIMIT, limit="1.50", reduces=True)
    assert order.state == "accepted"


@pytest.mark.parametrize(("reduces", "n_previews"), [(True, 3), (False, 1)])
async def test_a_preview_of_an_exit_is_asked_for_again_and_of_an_entry_waited_for(
    bench: EtradeBench, monkeypatch: pytest.MonkeyPatch, reduces: bool, n_previews: int
) -> None:
    monkeypatch.setattr(etrade_broker, "_HANGS_S", 0.02)
    await bench.hold(1)
    plain, begun = bench.broker._preview, []

    async def slow(key: str, request: OrderRequest) -> Any:
        begun.append(key)
        await asyncio.sleep(0.1)
        return await plain(key, request)

    bench.broker._preview = slow
    side = SELL if reduces else BUY
    await bench.submit(side, 1, LIMIT, limit="1.50", reduces=reduces)
    assert len(begun) == n_previews


async def test_an_exit_goes_on_with_its_order_before_others_begin(bench: EtradeBench) -> None:
    await bench.hold(1)
    ranks = []
    turn = bench.broker._wire.lanes.turn_in_time

    async def noted(lane: Any) -> None:
        ranks.append((lane, rank()))
        await turn(lane)

    bench.broker._wire.lanes.turn_in_time = noted
    with asking(Rank.BARE):
        await bench.submit(SELL, 1, OrderType.STOP, stop="1.50", reduces=True)
    assert ranks == [("exit", Rank.BARE), ("exit", Rank.BEGUN)]


async def test_a_number_that_was_given_anew_is_looked_for_in_the_whole_list(
    bench: EtradeBench,
) -> None:
    venue(bench).quirks.page = 1
    await bench.broker.submit(entry(bench, limit="1.94"))
    order = await bench.broker.submit(entry(bench))
    sent = bench.broker._sent.get(order.client_order_id)
    sent.legs = (replace(sent.legs[0], instrument=HIGH_CALL),)
    since = len(bench.venue.log.of("GET", "/orders.json"))
    assert isinstance(await bench.broker.find("main", order.client_order_id), Unclear)
    assert len(bench.venue.log.of("GET", "/orders.json")) - since == 3, "one page, then both"


async def test_lists_of_one_without_brackets_are_read(bench: EtradeBench) -> None:
    venue(bench).quirks.bare_lists = True
    await bench.hold(1)
    assert len(await bench.broker.positions("main")) == 1
    assert len(await bench.broker.orders_since("main", START)) == 1


async def test_a_status_nobody_has_seen_is_shown_once_and_polled(bench: EtradeBench) -> None:
    """O-20."""
    order = await bench.broker.submit(entry(bench))
    venue(bench).quirks.odd_status = 2
    for _ in range(2):
        (seen,) = await bench.broker.orders_since("main", START)
        assert (seen.state, seen.raw_state) == ("unknown", "AWAITING_MOONRISE")
        assert seen.client_order_id == order.client_order_id
    (seen,) = await bench.broker.orders_since("main", START)
    assert seen.state == "accepted"
    await bench.until(lambda: any(isinstance(e, Odd) for e in bench.told))
    assert len([e for e in bench.told if isinstance(e, Odd)]) == 1


async def test_a_fund_bought_by_hand_hides_no_order_and_no_absence(bench: EtradeBench) -> None:
    venue(bench).quirks.foreign_row = True
    await bench.hold(2)
    assert [p.qty for p in await bench.broker.positions("main")] == [D(2)]
    assert len(await bench.broker.orders_since("main", START)) == 1
    request = entry(bench)
    bench.venue.faults.reset = 1
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    bench.clock.advance(60)
    assert isinstance(await bench.broker.find("main", request.client_order_id), Unclear)


async def test_neither_number_nor_key_of_an_account_is_shown(bench: EtradeBench) -> None:
    """X-05."""
    number = bench.numbers["main"]
    assert bench.broker.unnamed(f"{number} is {venue(bench).key(number)}") == "*** is ***"


async def test_an_execution_by_hand_that_cannot_be_read_hides_none_of_ours(
    bench: EtradeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = EtradeVenue._leg

    def odd(self, order, n, fills):  # type: ignore[no-untyped-def]
        row = whole(self, order, n, fills)
        return row if order.qty == 2 else {**row, "averageExecutionPrice": "none"}

    monkeypatch.setattr(EtradeVenue, "_leg", odd)
    by_hand = bench.request(BUY, 3, LIMIT, limit="2.50", account="84010429")
    await bench.venue.exchange.submit(by_hand)
    await bench.hold(2)
    assert [f.qty for f in await bench.fills()] == [D(2)]


async def test_an_order_of_days_ago_is_still_found(bench: EtradeBench) -> None:
    order = await bench.broker.submit(
        bench.request(BUY, 1, LIMIT, limit="1.00", tif=Tif.GTC, instrument=HIGH_CALL)
    )
    await bench.wait(24 * 3600)
    await bench.restart()
    found = await bench.broker.find("main", order.client_order_id)
    assert isinstance(found, Seen)
    recent = await bench.broker.orders_since("main", bench.clock.now())
    assert [o.client_order_id for o in recent] == [order.client_order_id]


async def test_an_order_of_the_owners_own_app_is_a_strangers(bench: EtradeBench) -> None:
    """O-16."""
    await bench.venue.exchange.submit(
        bench.request(BUY, 3, LIMIT, limit="1.90", account="84010429")
    )
    (order,) = await bench.broker.open_orders("main")
    assert (order.client_order_id, order.qty) == ("", D(3))
    with pytest.raises(OrderRejected):
        await bench.broker.cancel("main", "TSNOBODYSENT")


# -- executions out of sums ---------------------------------------------------------------------


async def parts(bench: EtradeBench) -> list[tuple[str, Decimal, Decimal]]:
    return [(f.execution_id, f.qty, f.price) for f in await bench.fills()]


async def test_executions_are_the_same_after_a_restart_and_cost_what_was_paid(
    bench: EtradeBench,
) -> None:
    """O-09."""
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 3))
    order = await bench.broker.submit(bench.request(BUY, 5, LIMIT, limit="2.50"))
    await bench.pass_latency()
    first = await parts(bench)
    assert first == [(f"{order.broker_id}-0-1", D(3), D("2.1"))]
    await bench.restart()
    assert await parts(bench) == first
    await bench.quote(bench.it, "2.20", "2.30", sizes=(9, 2))
    both = await parts(bench)
    assert both == [*first, (f"{order.broker_id}-0-2", D(2), D("2.5"))]
    await bench.restart()
    assert await parts(bench) == both


async def test_what_nobody_looked_at_in_between_is_one_execution_at_the_average(
    bench: EtradeBench,
) -> None:
    order = await bench.broker.submit(bench.request(BUY, 5, LIMIT, limit="2.50"))
    bench.clock.advance(1)
    for ask, size in (("2.10", 3), ("2.30", 2)):
        bench.board.put(bench.quote_of(bench.it, "2.00", ask, sizes=(9, size)))
        await bench.venue.exchange.settle()
    assert await parts(bench) == [(f"{order.broker_id}-0-1", D(5), D("2.26"))]


@pytest.mark.parametrize("price", [0, None, "0.00"])
async def test_an_execution_waits_for_its_price_and_never_costs_nothing(
    bench: EtradeBench, monkeypatch: pytest.MonkeyPatch, price: Any
) -> None:
    """Shares were booked at 0 dollars, as the quantity was told a moment before the average."""
    whole = EtradeVenue._leg

    def unpriced(self, order, n, fills):  # type: ignore[no-untyped-def]
        return {**whole(self, order, n, fills), "averageExecutionPrice": price}

    with monkeypatch.context() as early:
        early.setattr(EtradeVenue, "_leg", unpriced)
        await bench.hold(3)
        assert await bench.fills() == []
    bench.venue._over.clear()  # type: ignore[attr-defined]
    (fill,) = await bench.fills()
    assert (fill.qty, fill.price) == (D(3), D(2))


async def test_a_fill_that_is_taken_back_is_a_bust(
    bench: EtradeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.hold(3)
    (told,) = await bench.fills()
    whole = EtradeVenue._leg

    def less(self, order, n, fills):  # type: ignore[no-untyped-def]
        row = whole(self, order, n, fills)
        return {**row, "filledQuantity": 1.0, "averageExecutionPrice": 2.0}

    monkeypatch.setattr(EtradeVenue, "_leg", less)
    bench.venue._over.clear()  # type: ignore[attr-defined]
    assert [f.kind for f in await bench.fills()] == ["fill"], "it may be a list of before"
    bench.clock.advance(10)
    fills = await bench.fills()
    assert [(f.kind, f.of, f.qty) for f in fills] == [
        ("fill", "", D(3)),
        ("bust", told.execution_id, D(3)),
        ("fill", "", D(1)),
    ]
    assert len({f.execution_id for f in fills}) == 3


# -- the count --------------------------------------------------------------------------------


async def test_every_body_is_one_that_the_documentation_allows(bench: EtradeBench) -> None:
    for instrument in (bench.it, HIGH_CALL):
        await bench.hold(2, instrument)
    for kind, more in (
        (OrderType.STOP, {"stop": "1.50"}),
        (OrderType.STOP_LIMIT, {"stop": "1.50", "limit": "1.40"}),
        (LIMIT, {"limit": "2.50"}),
    ):
        order = await bench.submit(SELL, 1, kind, reduces=True, **more)
        await bench.broker.cancel("main", order.client_order_id)
        await bench.pass_latency()
    await bench.submit(SELL, 1, OrderType.MARKET, reduces=True)
    log = bench.venue.log
    bodies = [r for r in log.requests if r.body is not None]
    print(f"E*TRADE: {len(bodies)} request bodies against the documented keys and words")  # noqa: T201 - shown by -s
    assert len(bodies) > 12
    assert log.violations == []
