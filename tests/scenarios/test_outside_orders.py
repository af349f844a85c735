"""Orders at brokers that hide our ids, tell nothing, forget or take back (O-04 to O-21)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from unittest.mock import AsyncMock

import pytest

from engine.asking import our_own_delay
from engine.brokers import (
    Absent,
    BalanceSeen,
    BrokerPosition,
    Filled,
    PositionSeen,
    Unclear,
)
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    OrderRejected,
    OrderStateUnknown,
)
from engine.domain.order import Order, OrderState, OrderType, Purpose
from engine.flows.brokers import hear, recover
from engine.flows.holdings import unseen
from engine.flows.orders import doubt
from tests import rig as desks
from tests.conformance.faulty_broker import FaultyBroker
from tests.rig import d, spy, told_fill
from tests.scenarios.outside_desk import (
    BLIND,
    BUY,
    HIDDEN,
    alive,
    check,
    held,
    live,
    orders,
    watched,
)

ABOVE = ("2.50", "2.60")
"""A market that does not pay what was bid."""


@pytest.mark.parametrize(("finds", "n_more"), [(True, 3), (False, 0)])
async def test_what_was_given_up_is_asked_for_again_only_where_its_id_names_it(
    opened, monkeypatch, finds, n_more
):
    """By its looks alone one like it that came later would be taken for it."""
    rig = await opened({"finds_by_client_id": finds})
    rig.faults.unknown_before_accept = 1
    await rig.say(BUY)
    await alive(rig, 12)
    (order,) = await rig.desk.store.find(Order)
    assert order.state is OrderState.REJECTED
    asked, plain = [], rig.outside.find

    async def find(account, client_order_id):
        asked.append(client_order_id)
        return await plain(account, client_order_id)

    monkeypatch.setattr(rig.outside, "find", find)
    await alive(rig, 40)
    assert len(asked) <= n_more
    assert bool(asked) is finds


@pytest.mark.parametrize("terms", [BLIND, HIDDEN])
async def test_an_entry_that_is_held_already_is_not_absent_because_its_lists_lag(
    opened, monkeypatch, terms
):
    """It was over, and what it had bought was taken for a stranger's: without a stop."""
    rig = await opened(terms)
    rig.faults.unknown_after_accept, rig.outside.hides = 1, True
    rig.faults.drop_events = rig.faults.drop_fills = 9
    rig.outside.says["*"] = Absent(as_of=desks.START)
    monkeypatch.setattr(rig.outside, "fills_since", AsyncMock(return_value=[]))
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    for _ in range(3):
        await watched(rig, 8)
        await recover.on_demand(rig.desk)
        (entry,) = orders(rig, Purpose.ENTRY)
        assert entry.is_in_doubt, (entry.state, entry.reason)
    assert [t.qty_open for t in rig.trades()] == [0], "nor is it a stranger's"
    assert len([n for n in rig.notes() if "it has no stop until one does" in n]) == 1
    monkeypatch.undo()
    rig.outside.says.clear()
    rig.outside.hides = False
    await watched(rig, 15)
    await recover.on_demand(rig.desk)
    await watched(rig, 3)
    assert rig.trade().qty_open == 2
    assert [o.qty for o in live(rig, Purpose.STOP)] == [2]
    await check(rig)


async def test_a_broker_that_takes_its_time_for_every_question_of_the_login_is_reached():
    """All of them together take longer than one may; silence in one of them still ends it."""

    class Slow(FaultyBroker):
        async def connect(self):
            for _ in range(5):
                with our_own_delay():
                    pass
                await asyncio.sleep(0.2)
            await super().connect()

    rig = await desks.start(wrap=Slow, broker_timeout_s=0.7)
    assert "paper" not in rig.desk.offline
    await rig.close()


async def test_two_looks_at_one_lost_stop_send_one_stop(opened, monkeypatch):
    """While one of them sends it again, the other must not give it up for a new one."""
    rig = await opened({"dedupes_client_id": False})
    await rig.say(BUY)
    rig.faults.at = lambda _: None
    plain, held_at, sent = rig.outside.submit, rig.outside.positions, []

    async def submit(request):
        sent.append(request.client_order_id)
        if len(sent) == 1:
            raise OrderStateUnknown("reset by peer")
        await asyncio.sleep(0.02)
        return await plain(request)

    async def positions(account):
        await asyncio.sleep(0.005)
        return await held_at(account)

    monkeypatch.setattr(rig.outside, "submit", submit)
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 2)
    monkeypatch.setattr(rig.outside, "positions", positions)
    rig.clock.advance(9)
    (name,) = sent
    await asyncio.gather(*(doubt.look_up(rig.desk, name) for _ in range(3)))
    await alive(rig, 3)
    assert sent == [name, name]
    stops = [o for o in await rig.broker.open_orders("main") if o.stop is not None]
    assert [o.qty for o in stops] == [2]


@pytest.mark.parametrize("words", ["Sold 1/2", "STC 1", "Trim", "STC"])
@pytest.mark.parametrize(
    ("lost", "why"),
    [(1, "the entry's answer is still open"), (0, "the entry has not filled yet")],
)
async def test_an_exit_while_the_entrys_answer_is_open_says_what_is_done_and_what_is_not(
    opened, words, lost, why
):
    """It said that 50 % of 0 cannot be split, or that 2 of 2 are closed, and nothing is held."""
    rig = await opened()
    rig.faults.unknown_before_accept = lost
    await rig.say(BUY)
    record = await rig.say(f"{words} SPY 603C 1/31 @ 2.20")
    part = "" if words == "STC" else " and no part of it was closed"
    assert record.reason == (
        f"{why}, so nothing of 2 × SPY 603C 1/31 is known to be held{part}: "
        "the entry is being cancelled, and whatever of it has filled all the same is closed"
    )
    await alive(rig, 20)
    (entry,) = await rig.desk.store.find(Order)
    assert entry.state in (OrderState.CANCELED, OrderState.REJECTED)
    await check(rig)


# -- nothing is told: the poll finds it ---------------------------------------------------------


@pytest.mark.parametrize(("has_stream", "within_s"), [(True, 30), (False, 8)])
async def test_what_no_frame_told_is_found_by_the_poll(opened, has_stream, within_s):
    """A lost fill within 30 s beside a stream, within a few seconds without one."""
    rig = await opened(terms={"has_stream": has_stream})
    await rig.say(BUY)
    assert orders(rig, Purpose.ENTRY)[0].state is OrderState.ACCEPTED
    rig.faults.drop_events = 1000
    await watched(rig, within_s, ("2.13", "2.14"))
    assert rig.trade().qty_open == 2
    assert live(rig, Purpose.STOP), "and it is protected"
    await check(rig)


async def test_a_stop_whose_end_no_frame_told_is_found_soon_after_its_price_was_reached(opened):
    """It was found by the next poll, 15 s later: what is over stood in the books as held."""
    rig = await opened()
    await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    await watched(rig, 16)  # the last poll was a moment ago
    rig.faults.drop_events = 1_000
    below = ("1.04", "1.06")
    await rig.fill(spy(), *below)
    assert rig.trade().qty_open == 2, "it has filled, and nobody said so"
    await watched(rig, 5, below)
    assert (await rig.desk.order(stop.order_id)).state is OrderState.FILLED
    assert not rig.desk.book.open_trades()
    await check(rig)


async def test_an_order_that_left_the_open_list_is_asked_for_not_judged(opened):  # O-08
    rig = await opened(terms={"has_stream": False})
    await rig.say(BUY)
    rig.quote(spy(), "2.50", "2.60")
    rig.faults.hide_open = 1000
    await watched(rig, 8, ("2.50", "2.60"))
    assert orders(rig, Purpose.ENTRY)[0].state is OrderState.ACCEPTED


async def test_a_broker_that_cannot_be_read_is_shown_and_polled_on(opened):
    rig = await opened(terms={"has_stream": False})
    await rig.say(BUY)
    rig.faults.fail_reads = 1
    rig.faults.drop_events = 1000
    await watched(rig, 4, ("2.13", "2.14"))
    await watched(rig, 6, ("2.13", "2.14"))
    assert rig.trade().qty_open == 2
    assert "watch paper" not in rig.desk.health


@pytest.mark.parametrize("is_filled", [True, False])
async def test_an_entry_that_was_taken_and_called_refused_is_found_soon_where_nothing_is_told(
    opened, monkeypatch, is_filled
):
    """Webull said 417 of an entry that it had taken: 20 s bare, until its lists were compared."""
    rig = await opened({"has_stream": False})
    rig.faults.drop_events = 1_000
    plain, asked = rig.outside.submit, []

    async def submit(request):
        asked.append(request.client_order_id)
        taken = await plain(request)
        if not request.reduces:
            raise OrderRejected("417", "SYSTEM_BUSY")
        return taken

    monkeypatch.setattr(rig.outside, "submit", submit)
    await rig.say(BUY)
    (entry,) = await rig.desk.store.find(Order)
    assert entry.state is OrderState.REJECTED
    if is_filled:
        await rig.fill(spy(), "2.14", "2.15")
        await watched(rig, 4, ABOVE)
        assert rig.trade().qty_open == 2
        assert [o.stop is not None for o in await rig.broker.open_orders("main")] == [True]
    else:
        await watched(rig, 8, ABOVE)
        assert await rig.broker.open_orders("main") == [], "what nobody watches must not fill"
    assert asked.count(entry.order_id) == 1
    await check(rig)


async def test_an_entry_that_was_refused_is_looked_for_once(opened, monkeypatch):
    rig = await opened({"has_stream": False})
    rig.faults.reject, asked, plain = 1, [], rig.outside.find

    async def find(account, client_order_id):
        asked.append(client_order_id)
        return await plain(account, client_order_id)

    monkeypatch.setattr(rig.outside, "find", find)
    await rig.say(BUY)
    await watched(rig, 60)
    (entry,) = await rig.desk.store.find(Order)
    assert (entry.state, asked) == (OrderState.REJECTED, [entry.order_id])
    assert not rig.desk.book.open_trades()


async def test_news_of_a_position_or_of_money_is_a_reason_to_look_and_no_fill(opened):
    rig = await opened()
    await rig.say(BUY)
    rig.faults.drop_events = 1000
    await rig.fill(spy(), "2.13", "2.14")
    assert rig.trade().qty_open == 0
    seen = BrokerPosition(account="main", instrument=spy(), qty=d(2), avg_price=d("2.14"))
    await hear.on_event(rig.desk, "paper", PositionSeen(position=seen))
    assert rig.trade().qty_open == 0
    await alive(rig, 3, ("2.13", "2.14"))
    assert rig.trade().qty_open == 2
    balance = await rig.broker.balance("main")
    await hear.on_event(rig.desk, "paper", BalanceSeen(balance=balance))
    assert rig.desk.balances["main"] == balance


async def test_a_difference_that_is_told_again_and_again_is_not_compared_each_time(
    opened, monkeypatch
):
    """Its comparisons took the turns of entries: none was sent for as long as it lasted."""
    rig = await opened()
    compared, plain = [], recover.again

    async def again(desk, name):
        compared.append(rig.clock.now())
        return await plain(desk, name)

    monkeypatch.setattr(recover, "again", again)
    seen = BrokerPosition(account="main", instrument=spy(), qty=d(7), avg_price=None)
    other = replace(seen, qty=d(8))
    for _ in range(20):
        await hear.on_event(rig.desk, "paper", PositionSeen(position=seen))
        await rig.pass_time(2)
    assert len(compared) == 2, "at once, and after half a minute"
    await hear.on_event(rig.desk, "paper", PositionSeen(position=other))
    await rig.pass_time(2)
    assert len(compared) == 3, "another one at once"


async def test_a_stop_that_cannot_be_changed_is_not_made_anew_for_every_part(opened):
    """An entry that fills in ninety parts would use up all that the broker allows in a minute."""
    rig = await opened(kinds={"has_replace": False})
    rig.quote(spy(), "2.14", "2.16", ask_size=d(1))
    await rig.say("BTO 6 SPY 603C 1/31 @ 2.15")
    for _ in range(12):
        rig.quote(spy(), "2.14", "2.15", ask_size=d(1))
        await rig.pass_time(0.2)
    sent = [r.qty for r in rig.outside.requests if r.type is OrderType.STOP]
    assert sent == [1, 6], "the first at once, then with what came in a second"
    await check(rig)


# -- brokers that hide our ids ------------------------------------------------------------------


@pytest.mark.parametrize("behind_min", [0, 10])
async def test_a_nameless_fill_waits_while_it_may_be_of_an_unanswered_order(opened, behind_min):
    """Booked as a stranger's it would count twice once the order is found."""
    rig = await opened(terms={"finds_by_client_id": False})
    rig.outside.says["*"] = Unclear()
    rig.faults.unknown_after_accept = 1
    rig.faults.drop_events = 1000
    rig.faults.drop_fills = 1000
    await rig.say(BUY)
    (entry,) = orders(rig, Purpose.ENTRY)
    assert entry.state is OrderState.UNKNOWN
    await rig.fill(spy(), "2.13", "2.14")
    (fill,) = await rig.broker.fills_since("main", desks.START)
    at = fill.executed_at - timedelta(minutes=behind_min)
    nameless = replace(fill, client_order_id="", broker_id="B-77", executed_at=at)
    await hear.on_event(rig.desk, "paper", Filled(fill=nameless))
    await rig.rest()
    assert not rig.desk.book.executions
    assert rig.desk.gate("paper"), "no entries until it is known whose it is"
    assert [t.source for t in rig.trades()] == ["options"], "nobody else's trade was made up"
    rig.outside.says.clear()
    await alive(rig, 5, ("2.13", "2.14"))
    await recover.reconcile(rig.desk)
    await rig.rest()
    assert rig.trade().qty_open == 2
    assert len(rig.desk.book.executions) == 1
    await check(rig)


async def test_a_fill_under_the_brokers_own_number_is_booked_to_our_order(opened):
    rig = await opened(terms={"finds_by_client_id": False})
    await rig.say(BUY)
    (entry,) = orders(rig, Purpose.ENTRY)
    assert entry.broker_id
    fill = told_fill(rig, "E-1", broker_id=entry.broker_id, qty=d(2))
    await hear.on_event(rig.desk, "paper", Filled(fill=fill))
    await rig.rest()
    assert rig.trade().qty_open == 2
    assert orders(rig, Purpose.ENTRY)[0].state is OrderState.FILLED


async def test_a_stop_that_no_list_shows_any_more_is_told(opened):
    """It counts as working, so nothing else would."""
    rig = await opened(terms={"finds_by_client_id": False, "has_stream": False})
    await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    rig.outside.hides, rig.outside.says[stop.order_id] = True, Unclear()
    await watched(rig, 4)
    rig.outside.hides = False
    rig.outside.says.clear()
    await watched(rig, 8)
    assert not any("nowhere" in note for note in rig.notes()), "a slip of one list is none"
    rig.outside.hides, rig.outside.says[stop.order_id] = True, Unclear()
    await watched(rig, 10)
    assert sum(f"lists the stop of {stop.legs[0].instrument.label}" in n for n in rig.notes()) == 1


async def test_a_stop_that_its_broker_does_not_answer_about_is_not_said_to_be_gone(opened):
    """One list lacked it, and then the login ended: that it is nowhere was made up."""
    rig = await opened(terms={"finds_by_client_id": False, "has_stream": False})
    await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    rig.outside.hides, rig.outside.says[stop.order_id] = True, Unclear()
    await watched(rig, 4)
    for name in QUESTIONS:
        setattr(rig.outside, name, AsyncMock(side_effect=BrokerAuthError("of yesterday")))
    await watched(rig, 8)
    told = [note for note in rig.notes() if "the stop of" in note]
    assert not any("nowhere" in note for note in told)
    assert sum("does not answer when it is asked" in note for note in told) == 1


# -- what fills unheard, and unseen ---------------------------------------------------------------

QUESTIONS = ("open_orders", "orders_since", "fills_since", "find", "positions", "balance")


def blind(rig, monkeypatch, how):
    """From now on every question hangs, or fails at once."""
    monkeypatch.setattr(unseen, "SILENT_S", 0.0)
    monkeypatch.setattr(rig.desk, "settings", replace(rig.desk.settings, broker_timeout_s=0.02))

    async def hangs(*_):
        await asyncio.Event().wait()

    async def fails(*_):
        raise BrokerUnavailable("503")

    for name in QUESTIONS:
        monkeypatch.setattr(rig.outside, name, hangs if how == "hangs" else fails)


def calls(rig):
    """What people were told of entries that cannot be seen: called, called off."""
    told = rig.notes()
    return [
        len([n for n in told if "has filled cannot be seen" in n]),
        len([n for n in told if "answers again" in n]),
    ]


@pytest.mark.parametrize("how", ["hangs", "fails"])
@pytest.mark.parametrize("is_filled", [True, False])
async def test_people_are_called_once_after_5_s_in_which_no_entry_can_be_seen(
    opened, monkeypatch, how, is_filled
):
    """Webull took an entry, it filled, and no question was answered: 9 s bare, and nobody knew."""
    rig = await opened({"has_stream": False}, risk=desks.LOOSE)
    rig.faults.drop_events = 1_000
    await rig.say(BUY)
    rig.quote(spy("604"), "2.14", "2.16")
    await rig.say("BTO 2 SPY 604C 1/31 @ 2.15")
    rig.quote(spy("604"), *ABOVE)
    with monkeypatch.context() as outage:
        blind(rig, outage, how)
        if is_filled:
            await rig.fill(spy(), "2.14", "2.15")
        await watched(rig, 4, ABOVE)
        assert calls(rig) == [0, 0]
        await watched(rig, 3, ABOVE)
        assert calls(rig) == [1, 0]
        (said,) = [n for n in rig.notes() if "cannot be seen" in n]
        assert "SPY 603C" in said
        assert "SPY 604C" in said
        await watched(rig, 30, ABOVE)
        assert calls(rig) == [1, 0], "one for each broker and outage"
    await watched(rig, 6, ABOVE)
    assert len(live(rig, Purpose.STOP)) == is_filled
    await watched(rig, 20, ABOVE)
    assert calls(rig) == [1, 1]
    await check(rig)


async def test_people_are_called_again_when_the_market_pays_what_they_have_looked_for_in_vain(
    opened, monkeypatch
):
    """The one call of the outage came before it filled: who looked then saw it work."""
    rig = await opened({"has_stream": False}, risk=desks.LOOSE)
    rig.faults.drop_events = 1_000
    await rig.say(BUY)
    with monkeypatch.context() as outage:
        blind(rig, outage, "fails")
        await watched(rig, 12, ABOVE)
        assert calls(rig) == [1, 0]
        assert not [n for n in rig.notes() if "will have filled" in n]
        await rig.fill(spy(), "2.14", "2.15")
        await watched(rig, 2, ("2.14", "2.15"))
        assert ["SPY 603C" in n for n in rig.notes() if "will have filled" in n] == [True]
        await watched(rig, 9, ABOVE)
        await watched(rig, 9, ("2.14", "2.15"))
        assert len([n for n in rig.notes() if "will have filled" in n]) == 1
    await watched(rig, 30, ABOVE)
    assert calls(rig) == [1, 1]
    assert not rig.desk.doubts.reached
    assert len(live(rig, Purpose.STOP)) == 1
    await check(rig)


@pytest.mark.parametrize("is_later", [False, True])
async def test_people_are_told_by_name_of_each_entry_that_the_market_pays_however_many_there_are(
    opened, monkeypatch, is_later
):
    """Of more than five the rest counted as told of."""
    rig = await opened({"has_stream": False}, risk=desks.LOOSE)
    rig.faults.drop_events = 1_000
    strikes = [str(600 + n) for n in range(7)]
    for strike in strikes:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
    assert len(live(rig, Purpose.ENTRY)) == len(strikes)
    with monkeypatch.context() as outage:
        blind(rig, outage, "fails")
        if is_later:
            await watched(rig, 12, ABOVE)
        for _ in range(12):
            for strike in strikes:
                rig.quote(spy(strike), "2.10", "2.15")
            await watched(rig, 1)
    said = [n for n in rig.notes() if "what became of" in n]
    assert len(said) <= 3
    assert [s for s in strikes if not any(f"SPY {s}C" in n for n in said)] == []


@pytest.mark.parametrize(("terms", "outage_s"), [({"has_stream": False}, 2), ({}, 30)])
async def test_nobody_is_called_about_entries_that_are_seen_or_would_be_told(
    opened, monkeypatch, terms, outage_s
):
    """A moment of silence is none, and a stream tells of itself."""
    rig = await opened(terms)
    await rig.say(BUY)
    await watched(rig, 10, ABOVE)
    with monkeypatch.context() as outage:
        blind(rig, outage, "fails")
        await watched(rig, outage_s, ABOVE)
    await watched(rig, 30, ABOVE)
    assert orders(rig, Purpose.ENTRY)[0].state is OrderState.ACCEPTED
    assert calls(rig) == [0, 0]


@pytest.mark.parametrize(("how", "within_s"), [("hangs", 6), ("fails", 8)])
async def test_an_entry_that_was_seen_for_long_is_called_about_as_soon(
    opened, monkeypatch, how, within_s
):
    """It counts from its last report, not from the next look at it."""
    rig = await opened({"has_stream": False})
    await rig.say(BUY)
    await watched(rig, 20, ABOVE)
    blind(rig, monkeypatch, how)
    await watched(rig, 2, ABOVE)
    assert calls(rig) == [0, 0]
    await watched(rig, within_s - 2, ABOVE)
    assert calls(rig) == [1, 0]


async def test_answers_that_come_and_go_are_one_outage(opened, monkeypatch):
    rig = await opened({"has_stream": False})
    await rig.say(BUY)
    for _ in range(4):
        with monkeypatch.context() as outage:
            blind(rig, outage, "fails")
            await watched(rig, 9, ABOVE)
        await watched(rig, 4, ABOVE)
    assert calls(rig) == [1, 0]
    await watched(rig, 20, ABOVE)
    assert calls(rig) == [1, 1]


def lost(rig, monkeypatch):
    """From now on it is offline, and cannot be connected anew."""
    blind(rig, monkeypatch, "fails")

    async def refuses():
        raise BrokerUnavailable("503")

    monkeypatch.setattr(rig.outside, "connect", refuses)
    rig.desk.offline.add("paper")
    rig.desk.gates["paper"] = "503"


@pytest.mark.parametrize(
    ("no", "at_most_s"), [(BrokerUnavailable("502"), 4), (BrokerAuthError("no such account"), 16)]
)
async def test_a_start_asks_a_silent_broker_every_few_seconds_while_something_may_be_held_there(
    opened, monkeypatch, no, at_most_s
):
    """Twice as long after each 502, up to a minute: a filled entry stood bare for 80 s."""
    rig = await opened()
    asked = []

    async def refuses():
        asked.append(rig.clock.monotonic())
        raise no

    monkeypatch.setattr(rig.outside, "connect", refuses)
    rig.desk.offline.add("paper")
    rig.desk.gates["paper"] = "502"
    await alive(rig, 60)
    assert len(asked) < 8, "where nothing is at stake it is left alone"
    monkeypatch.undo()
    await alive(rig, 60)
    assert "paper" not in rig.desk.offline
    await rig.say(BUY)
    rig.faults.drop_events = 1_000
    monkeypatch.setattr(rig.outside, "connect", refuses)
    rig.desk.offline.add("paper")
    rig.desk.gates["paper"] = "502"
    asked.clear()
    await alive(rig, 90)
    assert max(b - a for a, b in pairwise(asked)) <= at_most_s


async def test_no_all_clear_is_told_while_a_broker_is_being_connected_anew(opened, monkeypatch):
    rig = await opened({"has_stream": False})
    await rig.say(BUY)
    with monkeypatch.context() as outage:
        blind(rig, outage, "fails")
        await watched(rig, 9, ABOVE)
        lost(rig, outage)
        await watched(rig, 30, ABOVE)
        assert calls(rig) == [1, 0]
    await watched(rig, 30, ABOVE)
    assert calls(rig) == [1, 1]


@pytest.mark.parametrize("has_stream", [True, False])
async def test_an_accepted_entry_that_may_have_filled_is_told_while_its_broker_is_offline(
    opened, monkeypatch, has_stream
):
    rig = await opened({"has_stream": has_stream})
    await rig.say(BUY)
    lost(rig, monkeypatch)
    rig.faults.drop_events = 1_000
    await watched(rig, 7, ("2.14", "2.15"))
    assert orders(rig, Purpose.ENTRY)[0].state is OrderState.ACCEPTED
    assert sum("what filled has no stop" in n for n in rig.notes()) == 1


async def test_an_outage_that_was_told_is_not_told_again_when_the_broker_goes_offline(
    opened, monkeypatch
):
    rig = await opened({"has_stream": False})
    rig.faults.drop_events = 1_000
    await rig.say(BUY)
    blind(rig, monkeypatch, "fails")
    await watched(rig, 9, ("2.14", "2.15"))
    lost(rig, monkeypatch)
    await watched(rig, 9, ("2.14", "2.15"))
    assert sum("what filled has no stop" in n for n in rig.notes()) == 1


async def test_one_failed_look_at_an_entry_that_was_just_seen_calls_nobody(opened):
    rig = await opened({"has_stream": False})
    rig.faults.drop_events = 1_000
    await rig.say(BUY)
    await watched(rig, 10, ABOVE)
    rig.faults.fail_reads = 1
    await watched(rig, 10)
    assert not rig.faults.fail_reads
    assert calls(rig) == [0, 0]
