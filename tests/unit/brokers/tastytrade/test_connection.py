"""The tastytrade connection at its venue: what is its own, beside the suites of all brokers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from json import dumps, loads
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from engine.asking import Rank, asking
from engine.brokers import Absent, Odd, OrderSeen, Seen, StreamDown, StreamUp, Unclear
from engine.brokers._wire.http import Answer
from engine.brokers._wire.lanes import Lanes
from engine.brokers._wire.usage import Usage
from engine.brokers.tastytrade import Tastytrade, broker, login, reading, translate
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    NotOffered,
    OrderRejected,
    OrderStateUnknown,
    WrongEnvironment,
)
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.conformance.broker_bench import CALL, HIGH_CALL, START
from tests.conformance.tastytrade_bench import NUMBERS
from tests.conformance.tastytrade_bench import bench as make
from tests.conformance.venue_bench import VENUE, VenueBench
from tests.sim import LoopClock, run
from tests.venues import tastytrade_words
from tests.venues.tastytrade import LIVES_S, TastytradeVenue

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP = OrderType.LIMIT, OrderType.STOP
SPREAD = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))


class Bench(VenueBench):
    """With the venue as what it is."""

    venue: TastytradeVenue


@pytest.fixture
async def bench() -> AsyncIterator[Any]:
    made = make()
    await made.open_venue()
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def shut() -> AsyncIterator[Any]:
    """The venue is open, nobody is connected."""
    made = make()
    await made.open_venue()
    try:
        yield made
    finally:
        await made.stop()


async def eventually(is_so: Callable[[], bool]) -> None:
    """For what the venue hears and tells nobody."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.002)


def asked(bench: Any, method: str, part: str) -> int:
    return len(bench.venue.log.of(method, part))


def odd(bench: Any) -> list[Odd]:
    return [event for event in bench.told if isinstance(event, Odd)]


# -- login ------------------------------------------------------------------------------------


async def test_the_token_is_renewed_ahead_of_its_end_without_being_asked(bench: Any) -> None:
    before = bench.venue.n_renewals
    bench.clock.advance(LIVES_S * (1 - login.AHEAD) + 1)
    await eventually(lambda: bench.venue.n_renewals > before)
    assert bench.venue.n_renewals == before + 1


async def test_a_token_that_ended_while_nobody_ran_is_renewed_before_the_order(bench: Any) -> None:
    bench.clock.advance(10_000)
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert order.state == "accepted"


@pytest.mark.parametrize("said", [60, "60", D("60.0")])
async def test_a_tokens_life_counts_however_its_number_is_spelled(
    bench: Any, monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    own = bench.broker._login
    given = {"access_token": "tt-canary-token", "expires_in": said}
    ask = AsyncMock(return_value=Answer(status=200, body=given, headers={}))
    monkeypatch.setattr(own._token_wire, "read", ask)
    await own.refresh(force=True)
    bench.clock.advance(59)
    await own.refresh()
    assert ask.await_count == 2


async def test_a_reading_that_got_401_is_asked_again_with_a_new_token_once(bench: Any) -> None:
    before = bench.venue.n_renewals
    bench.venue.tokens.clear()
    assert await bench.broker.positions(bench.account) == []
    assert bench.venue.n_renewals == before + 1


async def test_many_readings_with_a_dead_token_share_one_renewal(bench: Any) -> None:
    before = bench.venue.n_renewals
    bench.venue.tokens.clear()
    await asyncio.gather(*(bench.broker.positions(bench.account) for _ in range(8)))
    assert bench.venue.n_renewals == before + 1


async def test_an_order_that_got_401_was_not_taken_and_the_next_one_is(bench: Any) -> None:
    await bench.hold(1)
    n = len(await bench.at_venue())
    bench.venue.tokens.clear()
    with pytest.raises(BrokerAuthError):
        await bench.submit(SELL, 1, LIMIT, limit="2.50", reduces=True)
    assert len(await bench.at_venue()) == n
    order = await bench.submit(SELL, 1, LIMIT, limit="2.50", reduces=True)
    assert order.state == "accepted"


@pytest.mark.parametrize("name", ["client_secret", "refresh_token"])
async def test_a_key_that_is_not_accepted_is_named_as_such(shut: Any, name: str) -> None:
    shut.secrets = {**shut.secrets, name: "wrong-canary"}
    with pytest.raises(BrokerAuthError, match="invalid_grant") as caught:
        await shut.start()
    assert "canary" not in str(caught.value)


async def test_a_missing_secret_is_named(shut: Any) -> None:
    shut.secrets = {"client_secret": "x"}
    with pytest.raises(BrokerAuthError, match="refresh_token"):
        await shut.start()


# -- paper or live ----------------------------------------------------------------------------


@pytest.mark.parametrize(("environment", "level"), [("paper", "api"), ("live", "demo")])
async def test_a_login_of_the_other_environment_is_refused(
    shut: Any, environment: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-24."""
    monkeypatch.setattr("engine.brokers.tastytrade.broker.is_loopback", lambda _: False)
    shut.venue.level = level
    settings = shut.settings
    shut.settings = lambda *urls: settings(*urls).model_copy(update={"environment": environment})
    with pytest.raises(WrongEnvironment, match=environment):
        await shut.start()


async def test_an_imitation_that_repeats_the_published_level_is_paper_all_the_same(
    shut: Any,
) -> None:
    shut.venue.level = "api"
    await shut.start()
    assert shut.broker.caps.is_paper


async def test_live_is_live_and_says_so(shut: Any) -> None:
    shut.venue.level = "api"
    settings = shut.settings
    shut.settings = lambda *urls: settings(*urls).model_copy(update={"environment": "live"})
    await shut.start()
    assert not shut.broker.caps.is_paper
    (request, *_) = shut.venue.log.of("GET", "/customers/me/accounts")
    assert "Accept-Version" in request.headers


@pytest.mark.parametrize(
    ("environment", "key", "url"),
    [
        ("paper", "rest_url", "https://api.tastyworks.com"),
        ("paper", "stream_url", "wss://streamer.tastyworks.com"),
        ("live", "token_url", "https://api.cert.tastyworks.com"),
    ],
)
def test_an_address_of_the_other_environment_is_refused_at_start(
    environment: Any, key: str, url: str
) -> None:
    settings = Tastytrade.Settings(environment=environment, **{key: url})
    assert Tastytrade.mixed_up(settings, {}).startswith(f"{key}: ")
    assert Tastytrade.mixed_up(Tastytrade.Settings(environment=environment), {}) == ""


def test_an_address_that_is_not_sealed_leads_to_this_machine_or_nowhere() -> None:
    with pytest.raises(ValidationError):
        Tastytrade.Settings(rest_url="http://example.com")


# -- accounts ---------------------------------------------------------------------------------


async def test_a_login_with_two_accounts_needs_their_numbers(shut: Any) -> None:
    shut.build = _with_accounts(shut, {"main": None})
    with pytest.raises(BrokerAuthError, match="2 that may trade"):
        await shut.start()


async def test_the_only_account_that_may_trade_needs_no_number(shut: Any) -> None:
    shut.venue.closed_accounts = {NUMBERS["other"]}
    shut.build = _with_accounts(shut, {"main": None})
    await shut.start()
    assert (await shut.broker.balance("main")).cash_usd == 100_000


@pytest.mark.parametrize("why", ["unknown", "closed", "one"])
async def test_accounts_that_cannot_be_are_refused_without_their_numbers(
    shut: Any, why: str
) -> None:
    accounts = {
        "unknown": {"main": "5WT99999"},
        "closed": {"main": NUMBERS["main"]},
        "one": {"main": NUMBERS["main"], "other": NUMBERS["main"]},
    }[why]
    shut.venue.closed_accounts = {NUMBERS["main"]} if why == "closed" else set()
    shut.build = _with_accounts(shut, accounts)
    with pytest.raises(BrokerAuthError) as caught:
        await shut.start()
    assert "5WT" not in str(caught.value)


def _with_accounts(bench: Any, accounts: dict[str, str | None]) -> Any:
    build = bench.build

    def built(url: str, ws_url: str, clock: Any) -> Tastytrade:
        broker = build(url, ws_url, clock)
        return Tastytrade(broker.settings, replace(broker.setup, accounts=accounts))

    return built


async def test_all_accounts_of_the_login_are_listed(bench: Any) -> None:
    listed = await bench.broker.accounts()
    assert [a.number for a in listed] == list(NUMBERS.values())
    assert {(a.kind, a.is_paper, a.may_trade) for a in listed} == {("margin", True, True)}


async def test_a_balance_says_what_else_decides_whether_it_may_trade(bench: Any) -> None:
    facts = (await bench.broker.balance(bench.account)).facts
    assert (facts["day trades"], facts["closing only"]) == ("0", "no")


@pytest.mark.parametrize("status", [404, 200])
async def test_a_block_that_was_told_stands_when_it_is_told_no_more(
    bench: Any, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    said = tastytrade_words.trading_status(NUMBERS["main"], START) | {"is-closing-only": True}
    monkeypatch.setattr(tastytrade_words, "trading_status", lambda *_: said)
    bench.clock.advance(reading._STATUS_AGE_S)
    assert (await bench.broker.balance(bench.account)).facts["closing only"] == "yes"
    bench.venue.faults.lacks, bench.venue.faults.lacks_by = ("/trading-status",), status
    bench.clock.advance(reading._STATUS_AGE_S)
    assert (await bench.broker.balance(bench.account)).facts["closing only"] == "yes"


# -- dry run ----------------------------------------------------------------------------------


async def test_an_entry_is_tried_first_and_an_exit_goes_at_once(bench: Any) -> None:
    await bench.hold(1)
    assert (asked(bench, "POST", "/orders/dry-run"), bench.venue.log.n_acts) == (1, 1)
    await bench.submit(SELL, 1, LIMIT, limit="2.50", reduces=True)
    assert (asked(bench, "POST", "/orders/dry-run"), bench.venue.log.n_acts) == (1, 2)


async def test_what_the_dry_run_refuses_is_never_sent(bench: Any) -> None:
    with pytest.raises(OrderRejected):
        await bench.submit(BUY, 1, LIMIT, limit="2.005")
    assert bench.venue.log.n_acts == 0


async def test_an_error_beside_a_dry_run_refuses_it(bench: Any) -> None:
    bench.venue.errors_beside = [{"code": "cannot_trade_symbol", "message": "Halted"}]
    with pytest.raises(OrderRejected) as caught:
        await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert caught.value.code == "cannot_trade_symbol"
    assert bench.venue.log.n_acts == 0


@pytest.mark.parametrize("fault", ["hang", "reject_500", "reset", "html_502"])
async def test_a_dry_run_without_an_answer_means_that_nothing_was_sent(
    bench: Any, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.brokers.tastytrade.broker.DRY_RUN_S", 0.1)
    bench.venue.faults.strikes = lambda request: request.path.endswith("/dry-run")
    setattr(bench.venue.faults, fault, 9)
    with pytest.raises(BrokerUnavailable):
        await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert bench.venue.log.n_acts == 0


async def test_no_entry_goes_out_untried_while_a_dry_run_that_worked_is_gone(bench: Any) -> None:
    await bench.submit(BUY, 1, LIMIT, limit="1.95")
    bench.venue.faults.lacks = ("/orders/dry-run",)
    with pytest.raises(NotOffered):
        await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert bench.venue.log.n_acts == 1


@pytest.mark.parametrize("is_good", [True, False])
async def test_an_exit_waits_for_no_token_that_does_not_come(
    bench: Any, monkeypatch: pytest.MonkeyPatch, is_good: bool
) -> None:
    """One 401 and a token service that hangs: a stop was in doubt for 34 s, and never sent."""
    await bench.hold(1)
    own = bench.broker._login

    async def hangs(*_: Any, **__: Any) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(login, "RENEWED_S", 0.05)
    monkeypatch.setattr(own._token_wire, "read", hangs)
    if not is_good:
        bench.venue.tokens.clear()
    own.distrust()
    async with asyncio.timeout(3):
        if is_good:
            assert await bench.broker.open_orders(bench.account) == []
        sending = bench.submit(SELL, 1, LIMIT, limit="2.50", reduces=True)
        if is_good:
            assert (await sending).state == "accepted"
        else:
            with pytest.raises(BrokerAuthError):  # so nothing was sent, for sure
                await sending


def test_a_token_service_that_was_away_is_asked_again_within_seconds_of_its_return() -> None:
    """Tries in vain used up the minute: it was back for 40 s, and no exit could leave."""

    async def given(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "anew", "expires_in": 900})

    async def story() -> float:
        app = web.Application()
        app.router.add_post("/oauth/token", given)
        async with TestServer(app) as server:
            clock = LoopClock()
            own = login.Login(
                name="tastytrade",
                clock=clock,
                lanes=Lanes(clock, broker.LANES),
                usage=Usage(clock),
                secret="s",
                refresh_token="r",
                is_paper=True,
                rest_url="http://127.0.0.1:1",
            )
            while not own._is_good() and clock.monotonic() < 120:
                if clock.monotonic() > 25:
                    own._token_wire.base_url = str(server.make_url("")).rstrip("/")
                with suppress(BrokerUnavailable), asking(Rank.EXIT):
                    await own._refresh_soon()
                await clock.sleep(1)
            await own.close()
            return clock.monotonic() - 25

    assert run(story) < 10


async def test_without_any_token_nothing_is_sent(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = bench.broker._login
    ask = AsyncMock(side_effect=BrokerUnavailable("503"))
    monkeypatch.setattr(own._token_wire, "read", ask)
    own._lives_s = own._ends_at = 0.0
    with pytest.raises(BrokerUnavailable, match="nothing was sent"):
        await bench.submit(SELL, 1, LIMIT, limit="2.50", reduces=True)


async def test_a_dry_run_that_got_401_is_tried_with_a_new_token(bench: Any) -> None:
    bench.venue.tokens.clear()
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert order.state == "accepted"


async def test_an_order_that_leaves_our_id_out_is_known_by_the_brokers(bench: Any) -> None:
    order_in = bench.venue._order

    def nameless(*args: Any) -> dict[str, Any]:
        said = order_in(*args)
        del said["external-identifier"]
        return dict(said)

    bench.venue._order = nameless
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="2.10")
    await bench.pass_latency()
    assert bench.told_states(order)[-1] == "filled"
    assert [f.client_order_id for f in bench.told_fills()] == [order.client_order_id]
    assert (await bench.seen(order)).state == "filled"
    assert [f.client_order_id for f in await bench.fills()] == [order.client_order_id]
    lost = await bench.broker.find(bench.account, bench.id())
    assert isinstance(lost, Unclear), "what is listed without a name may be it"
    await bench.restart()
    bench.broker.recall(bench.account, order.client_order_id, order.broker_id)
    lost = await bench.broker.find(bench.account, bench.id())
    assert isinstance(lost, Unclear), "a new life has been told no order without a name yet"
    stop = await bench.submit(SELL, 1, STOP, stop="1.00", tif=Tif.GTC, reduces=True)
    await bench.restart()
    for known in (order, stop):
        bench.broker.recall(bench.account, known.client_order_id, known.broker_id)
    assert [f.client_order_id for f in await bench.fills()] == [order.client_order_id]
    assert (await bench.seen(stop)).state == "accepted"
    await bench.restart()
    bench.broker.recall(bench.account, stop.client_order_id, stop.broker_id)
    await bench.broker.cancel(bench.account, stop.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(stop)).state == "canceled"


@pytest.mark.parametrize("spell", [str.upper, str.lower])
async def test_a_word_in_other_cases_is_the_same_word(bench: Any, spell: Any) -> None:
    """An order whose words were written large was not read at all: what it filled had no stop."""
    order_in, positions, words = bench.venue._order, bench.venue._positions, set[str]()

    def spelt(said: Any) -> Any:
        if isinstance(said, list):
            return [spelt(item) for item in said]
        if not isinstance(said, dict):
            return said
        found = {key: spelt(item) for key, item in said.items()}
        for key in found.keys() & translate._SPELT:
            words.add(key)
            found[key] = spell(found[key])
        return found

    async def listed(request: web.Request) -> Any:
        return spelt(await positions(request))

    bench.venue._order = lambda *args: spelt(order_in(*args))
    bench.venue._positions = listed
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="2.10")
    await bench.pass_latency()
    assert bench.told_states(order)[-1] == "filled"
    assert [f.side for f in bench.told_fills()] == [BUY]
    assert [f.qty for f in await bench.fills()] == [1]
    stop = await bench.submit(SELL, 1, STOP, stop="1.00", tif=Tif.GTC, reduces=True)
    seen = await bench.seen(stop)
    assert (seen.state, seen.type, seen.side) == ("accepted", STOP, SELL)
    assert {"status", "order-type", "action", "instrument-type"} <= words
    assert not odd(bench)


async def test_what_was_sent_before_this_login_is_cancelled_though_no_list_can_be_read(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exits always pass: an answer about the one order is enough."""
    order = await bench.submit(BUY, 1, LIMIT, limit="1.00")
    await bench.restart()
    pages = AsyncMock(side_effect=BrokerUnavailable("tastytrade: HTTP 500"))
    monkeypatch.setattr(bench.broker._in(), "pages", pages)
    bench.broker.recall(bench.account, order.client_order_id, order.broker_id)
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "canceled"
    pages.assert_not_called()


async def test_a_number_of_before_this_login_that_is_anothers_now_is_not_taken_for_ours(
    bench: Any,
) -> None:
    """Ids that begin anew."""
    order = await bench.submit(BUY, 1, LIMIT, limit="1.00")
    other = await bench.submit(BUY, 1, LIMIT, limit="1.01")
    await bench.restart()
    bench.broker.recall(bench.account, order.client_order_id, other.broker_id)
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "canceled"
    assert (await bench.seen(other)).state == "accepted"


async def test_a_preview_says_what_it_costs_and_leaves_nothing(shut: Any) -> None:
    shut.terms = replace(VENUE, fee_per_option_contract_usd=D("1.12"))
    await shut.venue.stop()
    await shut.open_venue()
    await shut.start()
    shut.venue.warnings = [{"code": "tif_next_valid_sesssion", "message": "Market is closed"}]
    said = await shut.broker.preview(shut.request(BUY, 2, LIMIT, limit="2.00"))
    assert said.fee_usd == D("2.24")
    assert said.buying_power_change_usd == D("-402.24")
    assert said.warnings == ("tif_next_valid_sesssion: Market is closed",)
    assert await shut.at_venue() == []


# -- orders -----------------------------------------------------------------------------------


async def test_an_error_instead_of_an_order_is_a_refusal(bench: Any) -> None:
    bench.venue.is_orderless = True
    bench.venue.errors_placed = [{"code": "margin_check_failed", "message": "No"}]
    with pytest.raises(OrderRejected) as caught:
        await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert caught.value.code == "margin_check_failed"


async def test_an_error_beside_an_order_is_doubt(bench: Any) -> None:
    bench.venue.errors_placed = [{"code": "odd", "message": "?"}]
    request = bench.request(BUY, 1, LIMIT, limit="1.95")
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    assert isinstance(await bench.broker.find(bench.account, request.client_order_id), Seen)


async def test_an_identifier_that_was_used_twice_is_for_a_person(bench: Any) -> None:
    """The server takes it twice, so two orders may carry it."""
    request = bench.request(BUY, 1, LIMIT, limit="1.95")
    await bench.broker.submit(request)
    await bench.broker.submit(request)
    await bench.restart()
    found = await bench.broker.find(bench.account, request.client_order_id)
    assert isinstance(found, Unclear)
    assert len(found.candidates) == 2


async def test_ids_that_the_sandbox_counts_anew_are_no_old_orders(bench: Any) -> None:
    """It forgets everything once a day."""
    old = await bench.submit(BUY, 1, LIMIT, limit="1.95", tif=Tif.GTC)
    venue = bench.venue
    (placed,) = venue.orders.values()
    await venue.exchange.cancel(placed.account, placed.key)
    await bench.pass_latency()
    venue.orders.clear()
    venue._numbers = count(placed.no)
    stranger = await bench.submit(BUY, 2, LIMIT, limit="1.50", instrument=bench.it2)
    assert stranger.broker_id == old.broker_id
    assert isinstance(await bench.broker.find(bench.account, old.client_order_id), Absent)
    with pytest.raises(OrderRejected):
        await bench.broker.cancel(bench.account, old.client_order_id)
    assert (await bench.seen(stranger)).state == "accepted"


async def test_an_order_of_the_brokers_own_app_has_no_client_id(bench: Any) -> None:
    venue, number = bench.venue, NUMBERS["main"]
    body = {
        "time-in-force": "Day",
        "order-type": "Limit",
        "price": "1.50",
        "price-effect": "Debit",
        "legs": [
            {
                "instrument-type": "Equity Option",
                "symbol": CALL.key,
                "action": "Buy to Open",
                "quantity": 1,
            }
        ],
    }
    await _in_the_app(venue, number, body)
    (order,) = await bench.broker.open_orders(bench.account)
    assert (order.client_order_id, order.legs[0].instrument) == ("", CALL)


BY_HAND: dict[str, Any] = {
    "id": 9001,
    "order-type": "Notional Market",
    "value": "100.0",
    "status": "Live",
    "received-at": "2026-12-01T15:00:00.000+00:00",
    "legs": [{"instrument-type": "Equity", "symbol": "AAPL", "action": "Buy to Open"}],
}
"""For dollars: it has no quantity."""


@pytest.mark.parametrize("of_it", [{}, {"legs": None}, {"id": None}])
async def test_an_order_by_hand_that_cannot_be_read_hides_none_of_ours(
    bench: Any, of_it: dict[str, Any]
) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    working = await bench.submit(BUY, 1, LIMIT, limit="1.50")
    await bench.hold(1)
    listed = _beside(bench.venue)
    listed.append({**BY_HAND, **of_it})
    for _ in range(2):
        assert working.broker_id in {
            o.broker_id for o in await bench.broker.open_orders(bench.account)
        }
        assert await bench.broker.orders_since(bench.account, START)
        assert await bench.broker.fills_since(bench.account, START)
    assert await bench.until(lambda: bool(odd(bench)))
    assert len(odd(bench)) == 1
    listed[0] = {**BY_HAND, **of_it, "external-identifier": working.client_order_id}
    with pytest.raises(BrokerUnavailable):
        await bench.broker.orders_since(bench.account, START)


def _beside(venue: TastytradeVenue) -> list[dict[str, Any]]:
    """What its lists of orders show as well."""
    more: list[dict[str, Any]] = []
    plain = venue._order_page

    async def page(request: web.Request, placed: Any) -> Any:
        status, shown, rest = await plain(request, placed)
        return status, {"items": [*shown["items"], *more]}, rest

    venue._order_page = page  # type: ignore[method-assign]
    return more


async def _in_the_app(venue: TastytradeVenue, number: str, body: dict[str, Any]) -> None:
    request = SimpleNamespace(match_info={"n": number}, text=AsyncMock(return_value=dumps(body)))
    await venue._place(cast("Any", request))


async def test_a_replacement_of_another_size_is_refused_before_it_is_sent(bench: Any) -> None:
    order = await bench.submit(BUY, 2, LIMIT, limit="1.95")
    acts = bench.venue.log.n_acts
    for new in (
        bench.request(BUY, 3, LIMIT, limit="2.00"),
        bench.request(BUY, 2, LIMIT, bench.it2, limit="2.00"),
        bench.request(SELL, 2, LIMIT, limit="2.00"),
    ):
        with pytest.raises(OrderRejected):
            await bench.broker.replace(bench.account, order.client_order_id, new)
    assert bench.venue.log.n_acts == acts


async def test_a_replaced_order_that_was_partly_filled_carries_on(bench: Any) -> None:
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 3))
    old = await bench.submit(BUY, 10, LIMIT, limit="2.10")
    await bench.pass_latency()
    new = bench.request(BUY, 10, LIMIT, limit="2.20")
    report = await bench.broker.replace(bench.account, old.client_order_id, new)
    assert (report.qty, report.filled) == (D(10), D(3))
    await bench.restart()  # nothing is remembered
    seen = await bench.seen(new)
    assert (seen.qty, seen.filled, seen.state) == (D(10), D(3), "partial")
    assert (await bench.seen(old)).state == "replaced"
    await bench.pass_latency()
    await bench.quote(bench.it, "2.00", "2.10", sizes=(99, 99))
    seen = await bench.seen(new)
    assert (seen.state, seen.filled) == ("filled", D(10))
    assert sum(fill.qty for fill in await bench.fills(new)) == 7


async def test_a_spread_is_four_legs_of_one_order(bench: Any) -> None:
    await bench.quote(CALL, "3.00", "3.10")
    await bench.quote(HIGH_CALL, "1.00", "1.10")
    order = await bench.submit(SELL, 2, LIMIT, legs=SPREAD, limit="1.90")
    await bench.pass_latency()
    assert (order.side, order.legs, order.limit) == (SELL, SPREAD, D("1.90"))
    fills = await bench.fills(order)
    assert [(f.leg, f.side) for f in fills] == [(0, SELL), (1, BUY)]
    assert len({f.execution_id for f in fills}) == 2


async def test_fees_are_what_was_expected_until_it_is_said_what_they_were(shut: Any) -> None:
    shut.terms = replace(VENUE, fee_per_option_contract_usd=D("1.12"))
    await shut.venue.stop()
    await shut.open_venue()
    await shut.start()
    await shut.hold(2)
    (told,) = shut.told_fills()
    (listed,) = await shut.fills()
    assert told.fee_usd == listed.fee_usd == D("2.24")
    await shut.restart()
    assert [fill.fee_usd for fill in await shut.fills()] == [D("2.24")]


async def test_a_fee_that_turns_out_otherwise_corrects_what_was_told(shut: Any) -> None:
    shut.terms = replace(VENUE, fee_per_option_contract_usd=D("1.12"))
    await shut.venue.stop()
    await shut.open_venue()
    await shut.start()
    shut.venue.fee_factor = D("0.5")
    await shut.hold(2)
    first, right = await shut.fills()
    assert (first.kind, first.fee_usd) == ("fill", D("2.24"))
    assert (right.kind, right.of, right.fee_usd) == ("correct", first.execution_id, D("1.12"))
    assert await shut.fills() == [first, right]
    await shut.restart()
    (after,) = await shut.fills()
    assert (after.execution_id, after.fee_usd) == (first.execution_id, D("1.12"))


async def test_a_fee_that_was_never_estimated_is_corrected_to_the_cent(
    shut: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker.executions, "per_contract", lambda _: None)
    shut.terms = replace(VENUE, fee_per_option_contract_usd=D("0.02"))
    await shut.venue.stop()
    await shut.open_venue()
    await shut.start()
    await shut.hold(1)
    first, right = await shut.fills()
    assert (first.fee_usd, right.fee_usd, right.kind) == (0, D("0.02"), "correct")


# -- lists ------------------------------------------------------------------------------------


async def test_a_list_is_read_to_its_last_page(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "PAGE", 2)
    bench.venue.page_size = 2
    ids = {(await bench.submit(BUY, 1, LIMIT, limit="1.50")).broker_id for _ in range(5)}
    assert {o.broker_id for o in await bench.broker.open_orders(bench.account)} == ids
    assert {o.broker_id for o in await bench.broker.orders_since(bench.account, START)} == ids


async def test_pages_after_the_first_are_asked_for_side_by_side(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "PAGE", 2)
    bench.venue.page_size = 2
    for _ in range(8):
        await bench.submit(BUY, 1, LIMIT, limit="1.50")
    all_came, waiting, listed = asyncio.Event(), set(), bench.venue._live

    async def slow(request: Any) -> Any:
        page = int(request.query["page-offset"])
        waiting.update({page} - {0})
        if waiting == {1, 2, 3}:
            all_came.set()
        if page:
            await all_came.wait()
        return await listed(request)

    monkeypatch.setattr(bench.venue, "_live", slow)
    await bench.venue.stop()  # its addresses were bound to the old answer
    await bench.venue.start()
    async with asyncio.timeout(20):
        assert len(await bench.broker.open_orders(bench.account)) == 8


async def test_a_list_that_lacks_what_it_counts_is_no_list(bench: Any) -> None:
    """I-27."""
    await bench.submit(BUY, 1, LIMIT, limit="1.50")
    page = bench.venue._page

    def torn(request: Any, items: list[Any]) -> Any:
        status, data, more = page(request, items)
        return status, {"items": data["items"][1:]}, more

    bench.venue._page = torn
    with pytest.raises(BrokerUnavailable):
        await bench.broker.open_orders(bench.account)


async def test_a_later_page_that_is_not_there_is_an_outage_and_no_smaller_offer(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "PAGE", 2)
    bench.venue.page_size = 2
    for _ in range(3):
        await bench.submit(BUY, 1, LIMIT, limit="1.50")
    page = bench.venue._page

    def first_alone(request: Any, items: list[Any]) -> Any:
        status, data, more = page(request, items)
        return 404 if request.query["page-offset"] != "0" else status, data, more

    bench.venue._page = first_alone
    with pytest.raises(BrokerUnavailable) as caught:
        await bench.broker.orders_since(bench.account, START)
    assert not isinstance(caught.value, NotOffered)


async def test_absence_is_proved_by_a_whole_list_or_a_week_of_it(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "PAGE", 2)
    monkeypatch.setattr(reading, "_FIND_PAGES", 1)
    bench.venue.page_size = 2
    for _ in range(3):
        order = await bench.submit(BUY, 1, LIMIT, limit="1.50", tif=Tif.GTC)
        await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.pass_latency()
    assert isinstance(await bench.broker.find(bench.account, bench.id()), Unclear)
    bench.clock.advance(timedelta(days=8).total_seconds())
    assert isinstance(await bench.broker.find(bench.account, bench.id()), Absent)


async def test_an_order_over_long_ago_is_found_after_a_restart(bench: Any) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.50", tif=Tif.GTC)
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.wait(timedelta(days=5).total_seconds())
    await bench.restart()
    assert (await bench.seen(order)).state == "canceled"


async def test_an_old_order_that_filled_today_is_among_todays_fills(bench: Any) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.50", tif=Tif.GTC, instrument=bench.it2)
    await bench.wait(timedelta(days=1).total_seconds())
    since = bench.clock.now()
    await bench.quote(bench.it2, "1.40", "1.45")
    await bench.restart()
    assert [f.broker_id for f in await bench.broker.fills_since(bench.account, since)] == [
        order.broker_id
    ]


async def test_a_holding_that_is_foreign_is_left_out_and_told_once(bench: Any) -> None:
    bench.venue.more_positions = [
        {
            "account-number": NUMBERS["main"],
            "symbol": "./ESZ6 E1AZ6 261204P6700",
            "instrument-type": "Future Option",
            "quantity": 1,
            "quantity-direction": "Long",
        }
    ]
    await bench.hold(1)
    for _ in range(3):
        (held,) = await bench.broker.positions(bench.account)
        assert held.instrument == CALL
    assert await bench.until(lambda: bool(odd(bench)))
    assert len(odd(bench)) == 1


async def test_a_position_says_what_it_is_worth_where_its_broker_knows(bench: Any) -> None:
    """A stop that the desk watches is judged by it while no source has a price."""
    row = {"quantity": 2, "quantity-direction": "Long", "average-open-price": "600"}
    bench.venue.more_positions = [
        {**row, "symbol": name, "instrument-type": "Equity"} for name in ("QQQ", "SPY")
    ]
    bench.venue.marks = {"SPY": "612.505"}
    held = await bench.broker.positions(bench.account)
    assert [(p.instrument.key, p.mark) for p in held] == [("QQQ", None), ("SPY", D("612.505"))]


async def test_a_holding_that_cannot_be_read_makes_the_list_unread(bench: Any) -> None:
    bench.venue.more_positions = [{"symbol": "SPY", "instrument-type": "Equity"}]
    with pytest.raises(BrokerUnavailable):
        await bench.broker.positions(bench.account)


async def test_an_expiry_is_among_the_executions(bench: Any) -> None:
    bench.venue.more_transactions = [
        {
            "id": 9,
            "transaction-type": "Receive Deliver",
            "transaction-sub-type": "Expiration",
            "symbol": CALL.key,
            "instrument-type": "Equity Option",
            "underlying-symbol": "SPY",
            "quantity": "1",
            "value": "0.0",
            "executed-at": bench.clock.now().isoformat(),
        }
    ]
    (end,) = await bench.broker.fills_since(bench.account, START)
    assert (end.kind, end.instrument, end.price) == ("expiry", CALL, D(0))


# -- the stream -------------------------------------------------------------------------------


async def test_an_unknown_status_is_told_raw_and_stops_no_list_and_no_stream(bench: Any) -> None:
    """O-20."""
    await bench.quote(bench.it, "2.00", "2.10")
    first = next(bench.venue._numbers)
    bench.venue.rename[first + 1] = "Quarantined"
    strange = await bench.submit(BUY, 1, LIMIT, limit="1.50")
    assert await bench.until(lambda: bool(odd(bench)))
    seen = [e.order for e in bench.told if isinstance(e, OrderSeen)]
    assert [(o.state, o.raw_state) for o in seen] == [("unknown", "Quarantined")]
    assert NUMBERS["main"] not in odd(bench)[0].raw
    states = {o.broker_id: o.state for o in await bench.broker.open_orders(bench.account)}
    assert states == {strange.broker_id: "unknown"}
    fine = await bench.submit(BUY, 1, LIMIT, limit="2.10")
    await bench.pass_latency()
    assert bench.told_states(fine)[-1] == "filled"


@pytest.mark.parametrize("word", ["Contingent", "Quarantined"])
async def test_an_order_that_may_not_work_is_told_once_though_no_frame_says_so(
    bench: Any, word: str
) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    await bench.settle()
    bench.venue.rename[int(order.broker_id)] = word
    for _ in range(2):
        await bench.broker.open_orders(bench.account)
    assert await bench.until(lambda: bool(odd(bench)))
    (said,) = odd(bench)
    assert f"{order.client_order_id} is {word}" in said.note


@pytest.mark.parametrize(
    "frame",
    [
        "no json at all",
        "[1, 2]",
        '{"type": "Order"}',
        '{"type": "Order", "data": {"account-number": "5WT00001", "id": 1}}',
        '{"type": "Order", "data": {"id": 1}}',
        '{"type": "Order", "data": {"account-number": null, "id": 1}}',
        '{"type": "CurrentPosition", "data": {"account-number": "5WT00001"}}',
        '{"status": "ok"}',
    ],
)
async def test_a_message_that_makes_no_sense_is_shown_and_the_stream_lives_on(
    bench: Any, frame: str
) -> None:
    for socket in tuple(bench.venue.sockets):
        await socket.send_str(frame)
    assert await bench.until(lambda: bool(odd(bench)))
    assert "5WT00001" not in odd(bench)[0].raw
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    await bench.settle()
    assert bench.told_states(order) == ["accepted"]


async def test_known_messages_that_mean_nothing_to_the_desk_are_passed_over(bench: Any) -> None:
    for socket in tuple(bench.venue.sockets):
        await socket.send_str('{"type": "TradingStatus", "data": {"id": 1}, "timestamp": 1}')
        await socket.send_str('{"type": "Order", "data": {"account-number": "other"}}')
    await bench.submit(BUY, 1, LIMIT, limit="1.95")
    await bench.settle()
    assert odd(bench) == []


async def test_each_half_minute_both_sides_hear_from_each_other(bench: Any) -> None:
    async with bench.eager(every_s=1):
        await eventually(lambda: bench.venue.n_beats == 3)
    assert not [event for event in bench.told if isinstance(event, StreamDown)]


@pytest.mark.parametrize("said", [{}, {"request-id": None}])
async def test_an_answer_of_the_stream_need_not_name_the_request(
    shut: Any, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]
) -> None:
    """It was left after 10 s, again and again, and no entry was let through."""
    plain = web.WebSocketResponse.send_str

    async def nameless(socket: Any, text: str, *more: Any) -> None:
        frame = loads(text)
        if "action" in frame:
            del frame["request-id"]
            text = dumps(frame | said)
        await plain(socket, text, *more)

    monkeypatch.setattr(web.WebSocketResponse, "send_str", nameless)
    async with asyncio.timeout(5):
        await shut.start()
    assert not [event for event in shut.told if isinstance(event, Odd)]


async def test_the_end_of_a_stream_is_told_by_what_ended_it(bench: Any) -> None:
    await bench.venue.drop_streams()
    assert await bench.until(lambda: any(isinstance(e, StreamDown) for e in bench.told))
    (down,) = [e for e in bench.told if isinstance(e, StreamDown)]
    assert "Group" not in down.reason
    async with bench.eager():
        assert await bench.until(lambda: isinstance(bench.told[-1], StreamUp), 10)


async def test_a_stream_that_refuses_our_token_is_opened_with_a_new_one(bench: Any) -> None:
    bench.venue.tokens.clear()
    await bench.venue.drop_streams()
    n_ups = sum(isinstance(event, StreamUp) for event in bench.told)
    async with bench.eager():
        is_back = await bench.until(
            lambda: sum(isinstance(event, StreamUp) for event in bench.told) > n_ups, 20
        )
    assert is_back
    downs = [event.reason for event in bench.told if isinstance(event, StreamDown)]
    assert downs
    assert all("canary" not in reason for reason in downs)


# -- all together -----------------------------------------------------------------------------


def test_the_allowance_is_two_requests_a_second_shared_with_exits_first() -> None:
    assert set(broker.LANES) == {"all"}
    assert sum(n / seconds for n, seconds in broker.LANES.values()) <= 2


async def test_every_capability_can_be_tried_out_without_a_trace(bench: Any) -> None:
    checks = {check.name: check for check in await bench.broker.check()}
    assert list(checks) == ["auth", "account", "quote", "orders", "dry run"]
    assert [c.detail for c in checks.values() if not c.is_ok] == []
    assert bench.venue.log.n_acts == 0
    bench.venue.faults.strikes = lambda _: True
    bench.venue.faults.limit_429 = 1000
    failed = [check.name for check in await bench.broker.check() if not check.is_ok]
    assert "orders" in failed


async def test_every_request_is_counted_and_kept_to_what_is_published(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    await bench.hold(2)
    old = await bench.submit(SELL, 2, STOP, stop="1.50", tif=Tif.GTC, reduces=True)
    new = bench.request(SELL, 2, STOP, stop="1.60", tif=Tif.GTC, reduces=True)
    await bench.broker.replace(bench.account, old.client_order_id, new)
    await bench.broker.cancel(bench.account, new.client_order_id)
    await bench.quote(CALL, "3.00", "3.10")
    await bench.quote(HIGH_CALL, "1.00", "1.10")
    await bench.submit(BUY, 2, LIMIT, legs=SPREAD, limit="2.10")
    contract, heard = bench.venue.contract, bench.venue.log
    assert heard.violations == []
    assert contract.n_golden >= 6
    assert bench.broker.usage.n_calls == heard.n_checked
    with capsys.disabled():
        print(  # noqa: T201 - the count that the contract asks for
            f"\ntastytrade: {heard.n_checked} requests checked, {contract.n_golden} order bodies "
            f"against the golden ones, {contract.n_schema} against the published schema"
        )
