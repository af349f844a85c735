"""Schwab as it behaves: a consent of seven days, no client ids, a doorbell that may be wrong."""

import asyncio
import builtins
import json
import logging
import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from engine.asking import Rank, rank
from engine.brokers import (
    Absent,
    Filled,
    Odd,
    OrderRequest,
    Seen,
    StreamDown,
    StreamUp,
    Unclear,
    Warned,
)
from engine.brokers.schwab import Schwab, stream
from engine.brokers.schwab import broker as broker_module
from engine.brokers.schwab import login as login_module
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    ConfigError,
    OrderRejected,
    OrderStateUnknown,
    WrongEnvironment,
)
from engine.domain.order import OrderType, Side
from engine.standing import why_no_entry
from tests.conformance.broker_bench import HIGH_CALL, START, breathe
from tests.conformance.schwab_bench import SchwabBench
from tests.conformance.schwab_bench import bench as new_bench
from tests.venues.schwab import KEY, SECRET, SchwabVenue

D = Decimal
BUY, SELL, LIMIT = Side.BUY, Side.SELL, OrderType.LIMIT
NUMBER = "63184290"


@pytest.fixture
async def bench():
    made = new_bench()
    made.impatient()
    try:
        yield await made.start()
    finally:
        await made.stop()


def venue(bench: SchwabBench) -> SchwabVenue:
    assert isinstance(bench.venue, SchwabVenue)
    return bench.venue


def entry(bench: SchwabBench, qty: int = 1, limit: str = "1.95") -> OrderRequest:
    return bench.request(BUY, qty, LIMIT, limit=limit)


# -- the library and the login ------------------------------------------------------------------


def test_without_its_library_only_schwab_is_missing(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n == "schwab" or n.startswith("schwab.")]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def missing(name: str, *args: Any) -> Any:
        if name.split(".")[0] == "schwab":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=r"brokers\.schwab: needs schwab-py.*tradestream\[schwab"):
        bench.build("http://127.0.0.1:9", "", bench.clock)


@pytest.mark.parametrize("url", ["", "https://schwab.example"])
async def test_paper_money_at_the_real_schwab_is_refused(bench: SchwabBench, url: str) -> None:
    """O-24."""
    bench.settings = lambda _, __: Schwab.Settings(environment="paper", rest_url=url)
    broker = bench.build("", "", bench.clock)
    with pytest.raises(WrongEnvironment, match="no paper accounts"):
        await broker.connect()
    await broker.close()


async def test_a_token_of_live_is_not_used_for_paper(bench: SchwabBench) -> None:
    """O-24."""
    await bench.crash()
    bench.tokens.kept["schwab"] = bench.tokens.kept["schwab"].replace('"paper"', '"live"')
    broker = bench.build(bench.venue.url, "", bench.clock)
    with pytest.raises(WrongEnvironment, match="set to paper, and was connected for live"):
        await broker.connect()
    await broker.close()


async def test_the_owner_lets_us_in_through_the_terminal(bench: SchwabBench) -> None:
    await bench.crash()
    bench.tokens.kept.clear()
    broker = bench.build(bench.venue.url, bench.venue.ws_url, bench.clock)
    with pytest.raises(BrokerAuthError, match="tradestream broker connect schwab"):
        await broker.connect()
    page = await broker.authorize_url()
    assert page.startswith(f"{bench.venue.url}/authorize?response_type=code&client_id={KEY}")
    assert "redirect_uri=https%3A%2F%2F127.0.0.1%3A8182" in page
    state = page.rpartition("state=")[2]
    venue(bench).codes.add("C0.abc@")
    for bad in ("", "C0.abc@", "https://127.0.0.1:8182/?state=x", "https://x/?code=C0&state=x"):
        with pytest.raises(BrokerAuthError):
            await broker.finish(bad)
    said = await broker.finish(f" https://127.0.0.1:8182/?code=C0.abc%40&session=s&state={state}\n")
    assert said == "until 2026-11-25 15:00 UTC"
    await broker.connect()
    assert await broker.open_orders("main") == []
    await broker.close()


async def test_an_access_token_is_renewed_before_it_ends(bench: SchwabBench) -> None:
    """O-19: nothing is refused at any moment of a day."""
    for _ in range(40):
        bench.clock.advance(27 * 60)
        assert await bench.broker.positions("main") == []
    assert (await bench.broker.submit(entry(bench))).state == "accepted"
    answers = bench.venue.log.of("POST", "/v1/oauth/token")
    assert len(answers) >= 39


async def test_a_token_that_was_taken_away_costs_one_more_question(bench: SchwabBench) -> None:
    venue(bench).access.clear()
    assert await bench.broker.positions("main") == []
    venue(bench).access.clear()
    request = entry(bench)
    with pytest.raises(BrokerAuthError):
        await bench.broker.submit(request)
    assert len(await bench.at_venue()) == 0
    assert (await bench.broker.submit(request)).state == "accepted"  # the desk asked again
    assert len(await bench.at_venue()) == 1


async def test_the_end_of_the_consent_is_told_a_day_ahead_and_when_it_comes(
    bench: SchwabBench,
) -> None:
    """O-19."""
    bench.clock.advance((timedelta(days=6, hours=1)).total_seconds())
    assert await bench.until(lambda: any(isinstance(e, Warned) for e in bench.told))
    (ahead,) = [e for e in bench.told if isinstance(e, Warned)]
    assert "2026-11-25 15:00" in ahead.note
    assert "tradestream broker connect schwab" in ahead.note
    bench.clock.advance(timedelta(hours=24).total_seconds())
    n_asked = len(bench.venue.log.requests)
    for _ in range(3):
        with pytest.raises(BrokerAuthError, match="tradestream broker connect"):
            await bench.broker.submit(entry(bench))
    assert len(bench.venue.log.requests) == n_asked, "a dead token was sent all the same"
    await bench.venue.drop_streams()
    n_told = len(bench.told)
    assert await bench.until(lambda: any(isinstance(e, StreamDown) for e in bench.told))
    bench.tokens.kept["schwab"] = venue(bench).mint()  # the owner came; nothing was restarted
    async with bench.eager():
        assert await bench.until(
            lambda: any(isinstance(e, StreamUp) for e in bench.told[n_told:]), 10
        )
    assert await bench.broker.positions("main") == []


async def test_a_consent_that_was_withdrawn_is_told(bench: SchwabBench) -> None:
    venue(bench).access.clear()
    venue(bench).consents.clear()
    with pytest.raises(BrokerAuthError, match=r"withdrawn .* keys are others \(40\d, \w+"):
        await bench.broker.positions("main")


async def test_a_consent_that_was_refused_by_mistake_is_asked_for_again(bench: SchwabBench) -> None:
    """Nobody has to come to a browser for a slip of the token service."""
    consents = dict(venue(bench).consents)
    venue(bench).access.clear()
    venue(bench).consents.clear()
    for _ in range(3):
        with pytest.raises(BrokerAuthError, match="withdrawn"):
            await bench.broker.positions("main")
    assert len(bench.venue.log.of("POST", "/v1/oauth/token")) == 1, "not with every question"
    venue(bench).consents.update(consents)
    bench.clock.advance(30)
    assert await bench.broker.positions("main") == []


async def test_an_exit_does_not_wait_for_half_a_minute_after_such_a_slip(
    bench: SchwabBench,
) -> None:
    """What was held had no stop for as long, though the token service answered again."""
    await bench.quote(bench.it, "1.90", "1.95")
    await bench.submit(BUY, 1, LIMIT, limit="1.95")
    await bench.pass_latency()
    consents = dict(venue(bench).consents)
    venue(bench).access.clear()
    venue(bench).consents.clear()
    stop = bench.request(SELL, 1, OrderType.STOP, stop="1.50", reduces=True)
    for _ in range(3):
        with pytest.raises(BrokerAuthError):
            await bench.broker.submit(stop)
    assert len(bench.venue.log.of("POST", "/v1/oauth/token")) == 1, "not with every exit"
    venue(bench).consents.update(consents)
    bench.clock.advance(5)
    with pytest.raises(BrokerAuthError, match="withdrawn"):
        await bench.broker.submit(entry(bench))
    assert (await bench.broker.submit(stop)).state == "accepted"


async def tokens_hang(bench: SchwabBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for a token waits for ever."""
    bench.impatient(8.0)
    await bench.restart()
    for module in (broker_module, login_module):
        monkeypatch.setattr(module, "RENEWED_S", 0.05)
    bench.venue.faults.strikes = lambda request: request.path == "/v1/oauth/token"
    bench.venue.faults.hang = 99


async def test_an_order_refused_for_its_token_is_in_no_doubt_though_no_other_comes(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the desk's own limit a stop was in doubt that never left: a person had to decide."""
    await tokens_hang(bench, monkeypatch)
    venue(bench).access.clear()
    async with asyncio.timeout(2):
        with pytest.raises(BrokerAuthError):
            await bench.broker.submit(entry(bench))
    assert await bench.at_venue() == []


async def test_an_exit_is_in_no_doubt_while_a_token_that_was_refused_is_asked_for_again(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue(bench).access.clear()
    venue(bench).consents.clear()
    with pytest.raises(BrokerAuthError):
        await bench.broker.positions("main")
    monkeypatch.setattr(login_module, "RENEWED_S", 0.05)
    bench.venue.faults.strikes = lambda request: request.path == "/v1/oauth/token"
    bench.venue.faults.hang = 99
    bench.clock.advance(5)
    async with asyncio.timeout(0.5):
        with pytest.raises(BrokerAuthError, match="withdrawn"):
            await bench.broker.submit(bench.request(SELL, 1, LIMIT, limit="1.95", reduces=True))


async def test_while_a_token_is_good_no_order_waits_for_the_next_one(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tokens_hang(bench, monkeypatch)
    bench.clock.advance(26 * 60)
    async with asyncio.timeout(2):
        assert (await bench.broker.submit(entry(bench))).state == "accepted"


async def test_an_account_that_the_login_does_not_reach_is_refused(bench: SchwabBench) -> None:
    await bench.crash()
    for numbers in ({"main": "99999999"}, {"main": None}):
        bench.numbers = numbers
        broker = bench.build(bench.venue.url, "", bench.clock)
        with pytest.raises(BrokerAuthError) as caught:
            await broker.connect()
        assert NUMBER not in str(caught.value)
        await broker.close()


async def test_no_key_token_hash_or_number_is_logged(
    bench: SchwabBench, caplog: pytest.LogCaptureFixture
) -> None:
    """X-05: schwab-py writes whole answers at DEBUG; ours is mute."""
    caplog.set_level(logging.DEBUG)
    await bench.broker.submit(entry(bench))
    await bench.broker.check()
    await bench.hold(1)
    canaries = [KEY, SECRET, "access-canary", "refresh-canary", NUMBER, venue(bench).hash(NUMBER)]
    for canary in canaries:
        assert canary not in caplog.text


# -- orders -----------------------------------------------------------------------------------


async def test_an_answer_without_a_number_is_doubt_and_then_found(bench: SchwabBench) -> None:
    venue(bench).quirks.no_location = 1
    request = entry(bench)
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    found = await bench.broker.find("main", request.client_order_id)
    assert isinstance(found, Seen)
    assert found.order.client_order_id == request.client_order_id
    await bench.broker.cancel("main", request.client_order_id)


@pytest.mark.parametrize("body", ["", "{}", '{"message": "", "errors": []}'])
async def test_a_refusal_without_a_reason_is_doubt_and_the_order_is_found(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    """It was taken all the same, and passed for one of the owner's own: it got no stop."""

    async def bare(_request: Any, _answer: Any) -> web.Response:
        return web.Response(status=400, text=body, content_type="application/json")

    monkeypatch.setattr(bench.venue, "_spoilt", bare)
    request = entry(bench)
    with pytest.raises(OrderStateUnknown, match="without a reason"):
        await bench.broker.submit(request)
    found = await bench.broker.find("main", request.client_order_id)
    assert isinstance(found, Seen)


async def test_what_may_be_there_is_never_sent_again(bench: SchwabBench) -> None:
    """Schwab would take a second one."""
    order = await bench.broker.submit(request := entry(bench))
    with pytest.raises(OrderRejected, match=order.broker_id):
        await bench.broker.submit(request)
    bench.venue.faults.accept_then_reset = 1
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(doubtful := entry(bench, 2))
    with pytest.raises(OrderRejected, match="already_sent"):
        await bench.broker.submit(doubtful)
    assert len(await bench.at_venue()) == 2
    found = await bench.broker.find("main", doubtful.client_order_id)
    assert isinstance(found, Seen), "of the first one the refusal says nothing"


async def test_what_is_refused_the_first_time_is_nowhere(bench: SchwabBench) -> None:
    """In doubt it would bar its symbol, and one by hand like it would pass for it."""
    with pytest.raises(OrderRejected):
        await bench.broker.submit(request := entry(bench, 1_000_000))
    assert isinstance(await bench.broker.find("main", request.client_order_id), Absent)


async def test_two_alike_of_which_one_arrived_are_nobodys_guess(bench: SchwabBench) -> None:
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
        with pytest.raises(OrderStateUnknown):
            await bench.broker.submit(request)
    (there,) = found.candidates
    await bench.broker.recognise("main", pair[0].client_order_id, there.broker_id)  # by a person
    assert isinstance(await bench.broker.find("main", pair[0].client_order_id), Seen)
    assert isinstance(await bench.broker.find("main", pair[1].client_order_id), Absent)
    assert len(await bench.at_venue()) == 1


async def test_a_preview_without_an_answer_creates_no_doubt(bench: SchwabBench) -> None:
    bench.venue.faults.strikes = lambda request: request.path.endswith("previewOrder")
    bench.venue.faults.reset = 1
    with pytest.raises(BrokerUnavailable):
        await bench.broker.preview(entry(bench))


async def test_a_status_nobody_has_seen_is_shown_once_and_polled(bench: SchwabBench) -> None:
    """O-20."""
    order = await bench.broker.submit(entry(bench))
    await bench.settle()
    venue(bench).quirks.odd_status = 2
    for _ in range(2):
        (seen,) = await bench.broker.orders_since("main", START)
        assert (seen.state, seen.raw_state) == ("unknown", "AWAITING_MOONRISE")
        assert seen.client_order_id == order.client_order_id
    (seen,) = await bench.broker.orders_since("main", START)
    assert seen.state == "accepted"
    await bench.until(lambda: any(isinstance(e, Odd) for e in bench.told))
    assert len([e for e in bench.told if isinstance(e, Odd)]) == 1


async def test_a_stop_that_schwab_reviews_by_hand_is_shown_once(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passed for one at work; a stranger's that waits for its own condition is no news."""
    await bench.hold(2)
    plain = venue(bench)._status

    def reviewed(order: Any) -> str:
        return "AWAITING_MANUAL_REVIEW" if order.state == "accepted" else plain(order)

    monkeypatch.setattr(bench.venue, "_status", reviewed)
    await bench.venue.exchange.submit(bench.request(BUY, 3, LIMIT, limit="1.90", account=NUMBER))
    stop = await bench.broker.submit(bench.request(SELL, 2, OrderType.STOP, stop="1.50"))
    await bench.settle()
    for _ in range(2):
        seen = {o.broker_id: o.state for o in await bench.broker.open_orders("main")}
        assert seen[stop.broker_id] == "accepted"
    await bench.until(lambda: any(isinstance(e, Odd) for e in bench.told))
    (odd,) = [e for e in bench.told if isinstance(e, Odd)]
    assert odd.note == (
        f"order {stop.broker_id} is AWAITING_MANUAL_REVIEW: it may not be at work there"
    )


async def test_bonds_and_money_funds_hide_no_order_and_no_absence(bench: SchwabBench) -> None:
    await bench.hold(2)
    venue(bench).quirks.foreign_rows = True
    assert [p.qty for p in await bench.broker.positions("main")] == [D(2)]
    assert len(await bench.broker.orders_since("main", START)) == 1
    request = entry(bench)
    bench.venue.faults.reset = 1
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    bench.clock.advance(60)
    assert isinstance(await bench.broker.find("main", request.client_order_id), Unclear)


async def test_an_account_that_may_only_close_is_reached_and_closed(bench: SchwabBench) -> None:
    """R-08: nothing is opened there, and what is held is not left alone."""
    await bench.hold(2)
    venue(bench).quirks.closing_only = True
    await bench.restart()
    said = await bench.broker.balance("main")
    assert why_no_entry(said, "option") == "it may only close"
    sale = bench.request(SELL, 2, LIMIT, limit="1.95", reduces=True)
    assert (await bench.broker.submit(sale)).state == "accepted"


async def test_a_balance_of_published_keys_alone_has_its_cash(bench: SchwabBench) -> None:
    """Else its equity would never be known, and nothing could be sized."""
    await bench.hold(2)
    before = await bench.broker.balance("main")
    venue(bench).quirks.published_balance = True
    after = await bench.broker.balance("main")
    assert after.cash_usd == after.equity_usd == before.equity_usd  # what it holds is worth 0 there


async def test_an_execution_by_hand_that_cannot_be_read_hides_none_of_ours(
    bench: SchwabBench,
) -> None:
    venue(bench).quirks.odd_execution = True
    await bench.hold(2)
    assert [f.qty for f in await bench.fills()] == [D(2)]
    await bench.until(lambda: any(isinstance(e, Odd) for e in bench.told))


async def test_neither_number_nor_hash_of_an_account_is_shown(bench: SchwabBench) -> None:
    """X-05."""
    said = f"{NUMBER} is {venue(bench).hash(NUMBER)}"
    assert bench.broker.unnamed(said) == "*** is ***"


async def test_a_list_that_was_cut_off_is_no_list(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-27."""
    monkeypatch.setattr("engine.brokers.schwab.books._MOST", 2)
    for n in range(2):
        await bench.broker.submit(entry(bench, limit=f"1.9{n}"))
    for ask in (bench.broker.open_orders("main"), bench.broker.orders_since("main", START)):
        with pytest.raises(BrokerUnavailable, match="not whole"):
            await ask


async def test_what_was_numbered_and_is_in_no_list_for_long_is_gone(bench: SchwabBench) -> None:
    """A venue that forgot its orders; one list that lacks it proves nothing."""
    order = await bench.broker.submit(entry(bench))
    for is_hidden, passes_s, says in (
        (True, 60, Unclear),
        (True, 29, Unclear),
        (False, 5, Seen),
        (True, 60, Unclear),
        (True, 31, Absent),
    ):
        venue(bench).quirks.hidden_orders = is_hidden
        bench.clock.advance(passes_s)
        assert isinstance(await bench.broker.find("main", order.client_order_id), says)


async def test_more_orders_than_one_list_holds_are_read_in_several(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.brokers.schwab.books._MOST", 2)
    for n in range(5):
        await bench.broker.submit(entry(bench, limit=f"1.9{n}"))
        bench.clock.advance(61)
    for ask in (bench.broker.open_orders("main"), bench.broker.orders_since("main", START)):
        assert sorted(o.limit for o in await ask) == [D(f"1.9{n}") for n in range(5)]


async def test_an_order_of_the_owners_own_app_is_a_strangers(bench: SchwabBench) -> None:
    """O-16."""
    await bench.venue.exchange.submit(bench.request(BUY, 3, LIMIT, limit="1.90", account=NUMBER))
    await bench.settle()
    (order,) = await bench.broker.open_orders("main")
    assert (order.client_order_id, order.qty) == ("", D(3))
    with pytest.raises(OrderRejected):
        await bench.broker.cancel("main", "TSNOBODYSENT")


async def test_fees_of_options_are_booked_as_agreed(bench: SchwabBench) -> None:
    await bench.crash()
    bench.settings = lambda url, _: Schwab.Settings(rest_url=url, token_url=url)
    await bench.start()
    await bench.hold(3)
    assert [f.fee_usd for f in await bench.fills()] == [D("1.95")]


# -- the doorbell -----------------------------------------------------------------------------


@pytest.mark.parametrize("has_number", [True, False])
async def test_executions_have_the_same_ids_rung_for_or_listed(
    bench: SchwabBench, has_number: bool
) -> None:
    """O-09: with the activity's number or without."""
    venue(bench).quirks.no_activity_ids = not has_number
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 1))
    await bench.submit(BUY, 2, LIMIT, limit="2.10")
    await bench.wait(1)
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 1))
    told = {e.fill.execution_id for e in bench.told if isinstance(e, Filled)}
    assert len(told) == 2
    assert told == {f.execution_id for f in await bench.fills()}
    await bench.restart()
    assert told == {f.execution_id for f in await bench.fills()}


async def test_what_it_rings_for_is_read_before_more_entries_go_out(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a fill that has no stop yet; entries had used up what it was to be read with."""
    ranks, answer = [], bench.broker._doorbell._answer

    async def read(number: str, order_id: str, is_new: bool) -> None:
        ranks.append(rank())
        await answer(number, order_id, is_new)

    monkeypatch.setattr(bench.broker._doorbell, "_answer", read)
    await bench.hold(1)
    assert set(ranks) == {Rank.NAKED}
    assert Rank.NAKED < rank() == Rank.ENTRY


async def test_an_order_that_fills_in_a_hundred_parts_does_not_use_up_all_questions(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """56 s without a stop: each part was read, and no question was left for the stop."""
    read: list[str] = []

    async def answer(_: str, order_id: str, is_new: bool) -> None:
        del is_new
        read.append(order_id)

    async def ring(order_id: str) -> int:
        said = json.dumps({"SchwabOrderID": order_id})
        bench.broker._doorbell._ring({"1": NUMBER, "2": "ExecutionCreated", "3": said})
        await breathe()
        return len(read)

    monkeypatch.setattr(bench.broker._doorbell, "_answer", answer)
    n_read = [await ring("1") for _ in range(20)]
    assert n_read[:4] == [1, 2, 3, 4]
    assert n_read[-1] == 5
    assert await ring("2") == 6, "another one does not wait for it"
    at = []
    for quarter in range(1, 25):
        bench.clock.advance(0.25)
        await breathe()
        if read.count("1") > 5 + len(at):
            at.append(quarter / 4)
        await ring("1")
    assert at == [0.5, 1.5, 3.5, 5.5]
    bench.clock.advance(2)
    await breathe()
    n = len(read)
    bench.clock.advance(20)
    await breathe()
    assert len(read) == n, "what rang was read once more, and then it is calm"
    assert [await ring("1") for _ in range(2)] == [n + 1, n + 2]


async def test_what_was_not_read_is_read_again_after_a_pause_and_keeps_no_other_waiting(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times in 30 ms for each ring: the minute was used up, and three stops were not sent."""
    read: list[str] = []

    async def answer(_: str, order_id: str, is_new: bool) -> None:
        del is_new
        read.append(order_id)
        if order_id == "1":
            raise BrokerUnavailable("404")

    async def ring(order_id: str) -> None:
        said = json.dumps({"SchwabOrderID": order_id})
        bench.broker._doorbell._ring({"1": NUMBER, "2": "OrderAccepted", "3": said})
        await breathe()

    monkeypatch.setattr(bench.broker._doorbell, "_answer", answer)
    await ring("1")
    await ring("2")
    assert read == ["1", "2"]
    for seconds, n_read in ((0.2, 1), (0.1, 2), (0.9, 2), (0.1, 3), (20, 3)):
        bench.clock.advance(seconds)
        await breathe()
        assert read.count("1") == n_read
    await ring("1")
    assert read.count("1") == 4


async def test_a_bell_for_an_order_that_cannot_be_read_stops_no_other(bench: SchwabBench) -> None:
    ring = {"SchwabOrderID": "999", "AccountNumber": NUMBER}
    await _activity(bench, NUMBER, "OrderAccepted", ring)
    await _activity(bench, "00000000", "OrderAccepted", ring)
    await _activity(bench, NUMBER, "ExecutionCreated", "no json {")
    for socket in bench.venue.sockets:
        await socket.send_str("no json {")
        await socket.send_str("[1, 2]")
    await bench.hold(1)
    assert len(bench.told_fills()) == 1


@pytest.mark.parametrize("rings", ["before it", "for it", "much later"])
async def test_lists_without_what_it_rang_for_prove_no_absence(
    bench: SchwabBench, rings: str
) -> None:
    """It rang for an order that was just taken; which one it is nobody can read yet."""
    request, ring = entry(bench), {"SchwabOrderID": "999", "AccountNumber": NUMBER}

    async def rung() -> None:
        await _activity(bench, NUMBER, "OrderCreated", ring)
        async with asyncio.timeout(10):
            while "999" not in bench.broker._unread:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.005)
        bench.clock.advance(1)

    if rings == "before it":
        await rung()
    bench.venue.faults.reset = 1
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    if rings == "for it":
        await rung()
    bench.clock.advance(60)
    if rings == "much later":
        await rung()
    found = await bench.broker.find("main", request.client_order_id)
    assert isinstance(found, Unclear if rings == "for it" else Absent)


async def _activity(bench: SchwabBench, number: str, kind: str, said: Any) -> None:
    text = said if isinstance(said, str) else json.dumps(said)
    content = {"1": number, "2": kind, "3": text}
    part = {"service": "ACCT_ACTIVITY", "command": "SUBS", "content": [content]}
    for socket in bench.venue.sockets:
        await bench.venue.send(socket, {"data": [part]})


async def test_steps_on_the_way_to_a_change_cost_no_question(bench: SchwabBench) -> None:
    order = await bench.broker.submit(entry(bench))
    await bench.settle()
    said = {"SchwabOrderID": order.broker_id, "AccountNumber": NUMBER}
    before = len(bench.venue.log.of("GET", f"/orders/{order.broker_id}"))
    for kind in ("ExecutionRequested", "CancelAccepted", "OrderMonitorUpdated"):
        await _activity(bench, NUMBER, kind, said)
    await asyncio.sleep(0.05)
    assert len(bench.venue.log.of("GET", f"/orders/{order.broker_id}")) == before
    await bench.quote(bench.it, "1.90", "1.95")
    await bench.pass_latency()
    assert len(bench.told_fills()) == 1
    assert len(bench.venue.log.of("GET", f"/orders/{order.broker_id}")) - before <= 2


async def test_an_order_that_its_answer_has_told_is_not_read_because_it_was_taken(
    bench: SchwabBench,
) -> None:
    """Each order was read once or twice for nothing: three trades used a minute up."""
    order = await bench.broker.submit(entry(bench))
    said = {"SchwabOrderID": order.broker_id, "AccountNumber": NUMBER}
    await bench.settle()
    for kind in ("OrderCreated", "OrderAccepted", "OrderAccepted"):
        await _activity(bench, NUMBER, kind, said)
    await asyncio.sleep(0.05)
    assert bench.venue.log.of("GET", f"/orders/{order.broker_id}") == []
    bench.clock.advance(20)  # as after a cancel that was refused
    await _activity(bench, NUMBER, "OrderAccepted", said)
    assert await _read_of(bench, order.broker_id, 1)
    await bench.quote(bench.it, "1.90", "1.95")
    await bench.pass_latency()
    assert len(bench.told_fills()) == 1


async def test_a_ring_for_a_fill_is_not_lost_in_one_that_the_order_was_taken(
    bench: SchwabBench,
) -> None:
    order = await bench.broker.submit(entry(bench))
    said = {"SchwabOrderID": order.broker_id, "AccountNumber": NUMBER}
    for kinds in (("OrderFillCompleted", "OrderAccepted"), ("OrderAccepted", "OrderRejected")):
        n_read = len(bench.venue.log.of("GET", f"/orders/{order.broker_id}"))
        for kind in kinds:
            await _activity(bench, NUMBER, kind, said)
        assert await _read_of(bench, order.broker_id, n_read + 1)


async def test_an_order_without_an_answer_is_read_when_it_rings_that_it_was_taken(
    bench: SchwabBench,
) -> None:
    bench.venue.faults.accept_then_reset = 1
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(entry(bench))
    async with asyncio.timeout(2):
        while not bench.venue.log.of("GET", "/orders/"):  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.005)


async def _read_of(bench: SchwabBench, number: str, n_times: int) -> bool:
    for _ in range(200):
        if len(bench.venue.log.of("GET", f"/orders/{number}")) == n_times:
            return True
        await asyncio.sleep(0.005)
    return False


async def test_lists_tell_executions_with_the_orders_that_they_fill(bench: SchwabBench) -> None:
    """One list said that it was filled, a second one at what price: a stop waited for both."""
    order = await bench.broker.submit(entry(bench, 2))
    await bench.quote(bench.it, "1.90", "1.95")
    await bench.pass_latency()
    found = await bench.broker.find("main", order.client_order_id)
    assert isinstance(found, Seen)
    (listed,) = await bench.broker.orders_since("main", START)
    fills = tuple(await bench.fills())
    assert fills
    assert found.order.fills == listed.fills == fills


async def test_executions_that_cannot_be_read_hide_no_order(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: Any) -> None:
        raise KeyError("price")

    await bench.hold(1)
    monkeypatch.setattr("engine.brokers.schwab.reading.fills_of", unreadable)
    (listed,) = await bench.broker.orders_since("main", START)
    assert (listed.filled, listed.fills) == (1, ())
    with pytest.raises(BrokerUnavailable):
        await bench.fills()


async def test_an_order_that_is_answered_without_its_number_is_the_one_that_was_asked_for(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fill was found by the next poll: what it brought stood bare for 13.8 s."""
    plain = venue(bench)._row

    def nameless(order: Any, mine: Any) -> dict[str, Any]:
        return {**plain(order, mine), "orderId": None}

    await bench.quote(bench.it, "2.00", "2.10")
    monkeypatch.setattr(venue(bench), "_row", nameless)
    order = await bench.submit(BUY, 1, LIMIT, limit="2.10")
    await bench.pass_latency()
    assert [f.broker_id for f in bench.told_fills()] == [order.broker_id]


@pytest.mark.parametrize("said", [{}, {"requestid": None}, {"requestid": ""}, {"requestid": 0}])
def test_a_streamer_answers_by_the_number_of_what_was_asked_or_by_its_name(said: Any) -> None:
    """It was heard of for half a minute as a streamer that falls silent, and left again."""
    asked = {"requestid": "0", "command": "LOGIN"}
    assert stream._answers({"command": "LOGIN", **said}, asked)
    assert not stream._answers({"command": "SUBS", **said, "requestid": 1}, asked)
    assert not stream._answers({"command": "SUBS"}, asked)


async def test_a_streamer_that_refuses_is_told_and_tried_again(bench: SchwabBench) -> None:
    await bench.crash()
    bench.told.clear()
    venue(bench).quirks.refuse_login = 1
    bench.broker = bench.build(bench.venue.url, bench.venue.ws_url, bench.clock)
    await bench.broker.connect()
    async with bench.eager():
        events = bench.broker.events()
        assert isinstance(await anext(events), StreamDown)
        up = await anext(events)
    assert isinstance(up, StreamUp)
    assert up.gap_from is not None


@pytest.mark.parametrize("status", [404, 501, 200])
async def test_a_streamer_that_asks_for_no_names_is_heard_where_it_is_configured(
    bench: SchwabBench, status: int
) -> None:
    venue(bench).quirks.asks_no_names = True
    venue(bench).faults.lacks, venue(bench).faults.lacks_by = ("/userPreference",), status
    await bench.restart()
    order = await bench.broker.submit(entry(bench))
    await bench.quote(bench.it, "1.90", "1.95")
    await bench.pass_latency()
    assert [f.broker_id for f in bench.told_fills()] == [order.broker_id]


async def test_a_streamer_that_falls_silent_is_left(
    bench: SchwabBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SILENCE_S", 0.1)
    await bench.crash()
    bench.told.clear()
    venue(bench).quirks.silent_streamer = True
    bench.broker = bench.build(bench.venue.url, bench.venue.ws_url, bench.clock)
    await bench.broker.connect()
    assert isinstance(await anext(bench.broker.events()), StreamDown)


# -- the count --------------------------------------------------------------------------------


async def test_every_body_is_one_that_is_published(bench: SchwabBench) -> None:
    for instrument in (bench.it, HIGH_CALL):
        await bench.hold(2, instrument)
    for kind, more in (
        (OrderType.STOP, {"stop": "1.50"}),
        (OrderType.STOP_LIMIT, {"stop": "1.50", "limit": "1.40"}),
        (LIMIT, {"limit": "2.50"}),
    ):
        await bench.broker.preview(bench.request(SELL, 1, kind, reduces=True, **more))
        order = await bench.submit(SELL, 1, kind, reduces=True, **more)
        await bench.broker.cancel("main", order.client_order_id)
        await bench.pass_latency()
    await bench.submit(SELL, 1, OrderType.MARKET, reduces=True)
    log = bench.venue.log
    bodies = [r for r in log.requests if isinstance(r.body, dict)]
    against = "Schwab's file" if venue(bench)._spec else "its keys and words"
    print(f"Schwab: {len(bodies)} request bodies against {against}")  # noqa: T201 - shown by -s
    assert len(bodies) > 8
    assert log.violations == []
