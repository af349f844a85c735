"""What is sent again, looked for or left to a person, as each broker treats ids (O-04 to O-08)."""

import asyncio
from dataclasses import replace

import pytest

from engine.asking import Rank, rank
from engine.brokers import (
    Absent,
    Seen,
    Unclear,
)
from engine.domain.errors import NotAllowed, OrderRejected, OrderStateUnknown, UserError
from engine.domain.order import Order, OrderState, OrderType, Purpose
from engine.flows.brokers import recover, resolve, unsettled
from engine.flows.common import answers
from engine.flows.orders import call_off, doubt, just_taken, send
from engine.flows.trades import manage
from tests import rig as desks
from tests.rig import ADMIN, TRADER, d, spy
from tests.scenarios.faulty_desk import moments
from tests.scenarios.outside_desk import (
    BLIND,
    BUY,
    HIDDEN,
    LISTED,
    SAFE,
    alive,
    check,
    held,
    live,
    orders,
    watched,
)


async def lost_exit(rig, text):
    """An exit that never reached its broker, which says so; how often it was sent."""
    await held(rig)
    rig.outside.requests.clear()
    rig.outside.loses_closes = 1
    await rig.say(text)
    await alive(rig, 20)
    return [r for r in rig.outside.requests if r.reduces and r.type is not OrderType.STOP]


async def test_an_order_leaves_once_whoever_asks_for_it_while_it_is_under_way(opened):  # I-11
    rig = await opened(terms=SAFE)
    rig.faults.hang_before_accept = 1
    said = asyncio.create_task(rig.say(BUY))
    await moments(lambda: rig.outside.requests)
    (order,) = orders(rig, Purpose.ENTRY)
    await just_taken.submit(rig.desk, order)
    assert len(rig.outside.requests) == 1
    said.cancel()
    await asyncio.gather(said, return_exceptions=True)


@pytest.mark.parametrize("is_remembered", [True, False])
async def test_an_order_that_ended_before_its_turn_never_leaves(opened, is_remembered):  # I-09
    rig = await opened(terms=SAFE)
    rig.faults.unavailable = 1
    await rig.say(BUY)
    (order,) = await rig.desk.store.find(Order)
    assert order.state is OrderState.REJECTED
    rig.outside.requests.clear()
    if is_remembered:
        rig.desk.book.orders[order.order_id] = order
    else:
        rig.desk.book.orders.pop(order.order_id, None)
    await just_taken.submit(rig.desk, order)
    assert not rig.outside.requests
    assert not await call_off.ask_cancel(rig.desk, order, "too late"), "nor is it cancelled"


async def test_a_repeat_refused_because_the_first_one_arrived_is_found_at_once(opened):  # O-05
    """Its refusal says that it is there: nobody waits for the next look, nor is told of a doubt."""
    rig = await opened(terms=SAFE)
    await rig.say(BUY)
    plain, stops = rig.outside.submit, []

    async def submit(request):
        stops.append(request.client_order_id)
        if len(stops) == 1:
            rig.faults.unknown_after_accept, rig.faults.drop_events = 1, 1
            rig.outside.says["*"] = Unclear()
        else:
            rig.outside.says.clear()
        return await plain(request)

    rig.outside.submit = submit
    await rig.fill(spy(), "2.14", "2.15")
    while len(stops) < 2:
        await rig.pass_time(0.1, 0.1)
    assert len(set(stops)) == 1
    (stop,) = live(rig, Purpose.STOP)
    assert (stop.state, stop.attempt) == (OrderState.ACCEPTED, 1)
    await check(rig)


async def test_a_stop_whose_id_is_taken_is_not_absent_because_lists_lag(opened):  # O-05
    """E*TRADE refuses the repeat, and no list shows the first one for a quarter of a minute."""
    rig = await opened(terms=HIDDEN)
    await rig.say(BUY)

    def hide(what):
        if what == "before submit":
            rig.faults.unknown_after_accept = rig.faults.drop_events = 1
            rig.outside.says["*"] = Unclear()
            rig.faults.at = lambda _: None

    rig.faults.at = hide
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 8)
    (stop,) = live(rig, Purpose.STOP)
    assert (stop.state, stop.attempt) == (OrderState.UNKNOWN, 1)
    rig.outside.says["*"] = Absent(as_of=desks.START)
    await alive(rig, 14)
    assert [o.order_id for o in live(rig, Purpose.STOP)] == [stop.order_id], "no second one"
    rig.outside.says.clear()
    await alive(rig, 10)
    assert [o.state for o in live(rig, Purpose.STOP)] == [OrderState.ACCEPTED]
    await check(rig)


@pytest.mark.parametrize("trouble", ["reject", "unavailable"])
async def test_a_repeat_that_is_not_taken_says_nothing_of_the_first_one(opened, trouble):
    """At E*TRADE half was to be closed and all was sold: the refusal had no word about its id."""
    rig = await opened(terms=HIDDEN)
    await held(rig)
    rig.outside.requests.clear()

    def lose(what):
        if what == "before submit":
            rig.faults.unknown_after_accept, rig.faults.drop_events = 1, 20
            rig.outside.says["*"] = Unclear()
            rig.faults.at = lambda _: setattr(rig.faults, trouble, 1)

    rig.faults.at = lose
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 20)
    sent = [r.client_order_id for r in rig.outside.requests if r.type is OrderType.MARKET]
    assert sent == sent[:1] * 2, "it was repeated once, and nothing took its place"
    rig.faults.at, rig.faults.drop_events = lambda _: None, 0
    rig.outside.says.clear()
    await alive(rig, 30)
    assert not rig.desk.book.open_trades()
    await check(rig)


@pytest.mark.parametrize(("terms", "n_sent"), [(SAFE, 2), (HIDDEN, 2), (BLIND, 1)], ids=str)
async def test_a_market_exit_that_never_arrived_is_repeated_only_where_it_cannot_double(
    opened, terms, n_sent
):
    rig = await opened(terms=terms)
    sent = await lost_exit(rig, "STC 2 SPY 603C 1/31")
    assert len(sent) == n_sent
    assert len({r.client_order_id for r in sent}) == 1, "under its own id"
    if n_sent > 1:
        return
    (exit_order,) = live(rig, Purpose.CLOSE)
    assert exit_order.state is OrderState.UNKNOWN, "it counts as live, and nothing takes its place"
    await alive(rig, 20)
    assert any("has had no answer" in note for note in rig.notes())
    with pytest.raises(NotAllowed):
        await resolve.not_there(rig.desk, TRADER, exit_order.order_id, "looked")
    rig.desk.book.put(replace(exit_order, reported=d(1)))
    with pytest.raises(UserError, match="executions"):  # it has filled: it did arrive
        await resolve.not_there(rig.desk, ADMIN, exit_order.order_id, "not in the list of today")
    rig.desk.book.put(exit_order)
    await resolve.not_there(rig.desk, ADMIN, exit_order.order_id, "looked it up in the app")
    await alive(rig, 5)
    assert not rig.desk.book.open_trades(), "a person said so: it is planned anew and done"
    with pytest.raises(UserError):
        await resolve.not_there(rig.desk, ADMIN, exit_order.order_id, "again")
    await check(rig)


async def test_past_its_stop_a_position_does_not_wait_for_a_person(opened):
    """Its close is in no list of a broker that hides our ids, and nothing else protects it."""
    rig = await opened(terms=BLIND)
    (first,) = await lost_exit(rig, "STC 2 SPY 603C 1/31")
    await alive(rig, 15)
    assert live(rig, Purpose.CLOSE), "above the stop a person decides"
    assert any("has had no answer" in note for note in rig.notes())
    stop = rig.trade().stop.price
    quotes = (f"{stop - d('0.02')}", f"{stop}")
    await watched(rig, 3, quotes)
    await alive(rig, 10, quotes)
    assert not rig.desk.book.open_trades()
    closes = [r for r in rig.outside.requests if r.reduces and r.type is not OrderType.STOP]
    assert [r.type for r in closes] == [first.type, OrderType.LIMIT], "once, and at no price"
    await check(rig)


async def test_an_exit_in_no_list_is_not_followed_by_another_when_less_is_held(opened):
    """It filled, and the lists do not know it yet: a second one would sell what nobody has."""
    rig = await opened(terms=BLIND)
    await lost_exit(rig, "STC 2 SPY 603C 1/31")
    rig.outside.holds_nothing = True
    stop = rig.trade().stop.price
    quotes = (f"{stop - d('0.02')}", f"{stop}")
    await watched(rig, 3, quotes)
    await alive(rig, 40, quotes)
    closes = [r for r in rig.outside.requests if r.reduces and r.type is not OrderType.STOP]
    assert len(closes) == 1
    assert [o.state for o in live(rig, Purpose.CLOSE)] == [OrderState.UNKNOWN]


async def test_a_market_exit_that_a_whole_list_lacks_is_followed_by_a_limit_beyond_the_touch(
    opened,
):
    """Where a repeat would be taken, nothing leaves twice at any price; nor does it stay naked."""
    rig = await opened(terms=LISTED)
    first, *more = await lost_exit(rig, "STC 2 SPY 603C 1/31")
    assert first.type is OrderType.MARKET
    assert [r.type for r in more] == [OrderType.LIMIT]
    assert more[0].client_order_id != first.client_order_id
    assert not rig.desk.book.open_trades()
    await check(rig)


async def test_what_is_not_there_is_looked_for_again_when_that_proves_something(opened):
    """Five seconds after it was sent, and not at the next step of the ladder."""
    rig = await opened(terms=LISTED)
    await held(rig)
    rig.outside.loses_closes = 1
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 8)
    assert not rig.desk.book.open_trades()


@pytest.mark.parametrize(("terms", "n_sent"), [(LISTED, 2), (BLIND, 1)], ids=str)
async def test_a_limit_exit_is_repeated_where_a_whole_list_lacks_it(opened, terms, n_sent):
    rig = await opened(terms=terms, kinds={"order_types": frozenset({OrderType.LIMIT})})
    sent = await lost_exit(rig, "STC 2 SPY 603C 1/31")
    assert all(r.type is OrderType.LIMIT for r in sent), "no market orders here"
    assert len(sent) == n_sent


async def test_two_looks_that_find_it_absent_at_once_have_it_repeated_once(opened):
    """The second one took what was on its way again for what never came: two exits worked."""
    rig = await opened(terms=LISTED, kinds={"order_types": frozenset({OrderType.LIMIT})})
    await held(rig)
    rig.outside.loses_closes = 1
    rig.outside.says["*"] = Unclear()
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 8)
    rig.outside.says.clear()
    (lost,) = live(rig, Purpose.CLOSE)
    rig.desk.doubts.absent[lost.order_id] = rig.clock.monotonic() - 2
    send_it, may_go = rig.outside.submit, asyncio.Event()

    async def slowly(request):
        await may_go.wait()
        return await send_it(request)

    rig.outside.submit = slowly
    looks = [asyncio.create_task(doubt.look_up(rig.desk, lost.order_id)) for _ in range(2)]
    await rig.rest()
    assert [o.order_id for o in live(rig, Purpose.CLOSE)] == [lost.order_id]
    may_go.set()
    await asyncio.gather(*looks)
    await alive(rig, 2)
    sent = [r.client_order_id for r in rig.outside.requests if r.type is OrderType.LIMIT]
    assert sent.count(lost.order_id) == 2
    assert not rig.desk.book.open_trades()
    await check(rig)


@pytest.mark.parametrize(("ask", "n_told"), [("2.15", 1), ("2.60", 0)])
async def test_people_are_told_after_5_s_of_an_entry_that_may_have_filled_unheard(
    opened, ask, n_told
):
    """Nobody knows whether it is there; if it is, what it filled has no stop."""
    rig = await opened()
    rig.faults.unknown_after_accept = 1
    rig.outside.says["*"] = Unclear()
    rig.faults.drop_events = 1_000
    await rig.say(BUY)
    await watched(rig, 4, ("2.14", ask))
    assert not [n for n in rig.notes() if "does not say what became of" in n]
    await watched(rig, 4, ("2.14", ask))
    assert len([n for n in rig.notes() if "does not say what became of" in n]) == n_told


async def hanging_entry(opened, monkeypatch, **settings):
    """An entry is taken and fills, its answer never comes, and nothing is told of it."""
    monkeypatch.setattr(answers, "HANGS_S", 0.01)
    rig = await opened({"has_stream": False}, **settings)
    rig.faults.drop_events = 1_000
    plain = rig.outside.submit

    async def submit(request):
        taken = await plain(request)
        if not request.reduces:
            await asyncio.Event().wait()
        return taken

    monkeypatch.setattr(rig.outside, "submit", submit)
    buying = asyncio.create_task(rig.say(BUY))
    return rig, buying


async def test_an_entry_whose_answer_hangs_is_looked_for_and_has_its_stop(opened, monkeypatch):
    rig, buying = await hanging_entry(opened, monkeypatch)
    await alive(rig, 4, ("2.14", "2.15"))
    (stop,) = live(rig, Purpose.STOP)
    assert (stop.qty, rig.trade().qty_open) == (2, 2)
    assert not buying.done()
    buying.cancel()


@pytest.mark.parametrize(("alarm_s", "is_called"), [(0.02, True), (5, False)])
async def test_people_are_called_about_an_entry_while_its_answer_hangs(
    opened, monkeypatch, alarm_s, is_called
):
    """It cannot be looked up either: after five seconds somebody has to look."""
    rig, buying = await hanging_entry(opened, monkeypatch, unprotected_alarm_s=alarm_s)
    rig.outside.says["*"], rig.outside.hides = Unclear(), True
    await watched(rig, 4, ("2.14", "2.15"))
    assert any("does not say what became of" in n for n in rig.notes()) is is_called
    assert (orders(rig, Purpose.ENTRY)[0].state is OrderState.UNKNOWN) is is_called
    buying.cancel()


async def test_they_are_told_of_it_though_the_market_has_left_its_price_since(opened):
    rig = await opened()
    rig.faults.unknown_after_accept = 1
    rig.outside.says["*"] = Unclear()
    rig.faults.drop_events = 1_000
    await rig.say(BUY)
    await watched(rig, 2, ("2.14", "2.15"))
    await watched(rig, 6, ("2.58", "2.60"))
    assert len([n for n in rig.notes() if "does not say what became of" in n]) == 1


@pytest.mark.parametrize("answer", [OrderStateUnknown("reset"), OrderRejected("no", "no")])
async def test_a_close_whose_answer_hangs_does_not_leave_the_rest_without_a_stop(
    opened, monkeypatch, answer
):
    monkeypatch.setattr(answers, "HANGS_S", 0.02)
    rig = await opened(kinds={"has_replace": False})
    await held(rig)
    plain, answered = rig.outside.submit, asyncio.Event()

    async def submit(request):
        if request.type is OrderType.MARKET and not answered.is_set():
            await answered.wait()
            raise answer
        return await plain(request)

    monkeypatch.setattr(rig.outside, "submit", submit)
    await rig.say("STC 1 SPY 603C 1/31")
    await alive(rig, 1)
    stops = [o for o in await rig.broker.open_orders("main") if o.stop is not None]
    assert [o.qty for o in stops] == [1]
    answered.set()
    await alive(rig, 15)
    assert rig.trade().qty_open == 1, "what the late answer says counts: it is closed again"
    await check(rig)


async def test_what_was_refused_is_sent_at_once_when_a_fill_that_nobody_expected_explains_it(
    opened, monkeypatch
):
    """A close was called refused and had filled: what is left had neither close nor stop."""
    rig = await opened(kinds={"has_replace": False})
    await held(rig)
    plain, n_sent = rig.outside.submit, 0

    async def submit(request):
        nonlocal n_sent
        if request.type is not OrderType.MARKET:
            return await plain(request)
        n_sent += 1
        if n_sent == 1:
            await plain(request)
            raise OrderRejected("SYSTEM_ERROR", "try again")
        if rig.trade().qty_open == 2:
            raise OrderRejected("QTY_EXCEEDS_AVAILABLE", "that many are not held")
        return await plain(request)

    monkeypatch.setattr(rig.outside, "submit", submit)
    monkeypatch.setattr(send, "_REFUSED_S", ())  # else it is found before
    rig.faults.drop_events = 1_000
    await rig.say("STC 1 SPY 603C 1/31")
    await rig.say("STC SPY 603C 1/31")
    await alive(rig, 20)
    assert (rig.trade().qty_open, n_sent) == (2, 4), "tried later and later"
    rig.faults.drop_events = 0
    await recover.again(rig.desk, "paper")
    await alive(rig, 3)
    assert not rig.desk.book.open_trades()


async def test_people_are_told_after_5_s_of_an_entry_whose_executions_nobody_tells(opened):
    """Schwab called an order filled and listed its executions 9 s later: bare, and nobody knew."""
    rig = await opened()
    rig.faults.drop_fills = 1_000

    async def nothing_yet(account, since):
        return []

    rig.outside.fills_since = nothing_yet
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await watched(rig, 4)
    assert not rig.desk.book.open_trades()
    assert not [n for n in rig.notes() if "does not say what became of" in n]
    await watched(rig, 4)
    assert len([n for n in rig.notes() if "does not say what became of" in n]) == 1
    del rig.outside.fills_since
    await watched(rig, 8)
    assert rig.trade().qty_open == 2
    await check(rig)


async def hanging_cancel(opened, monkeypatch, *, is_done):
    """A stop is to be moved where that takes a cancellation, which is never answered."""
    rig = await opened(kinds={"has_replace": False})
    trade = await held(rig)
    plain = rig.outside.cancel

    async def cancel(account, client_order_id):
        if is_done:
            await plain(account, client_order_id)
        await asyncio.Event().wait()

    monkeypatch.setattr(rig.outside, "cancel", cancel)
    work = manage.to_break_even(rig.desk, trade.trade_id, TRADER)
    return rig, asyncio.create_task(work)


async def test_a_cancellation_that_is_not_answered_keeps_no_new_stop_waiting(opened, monkeypatch):
    monkeypatch.setattr(answers, "HANGS_S", 0.02)
    rig, moving = await hanging_cancel(opened, monkeypatch, is_done=True)
    await alive(rig, 2, ("2.60", "2.62"))
    stops = [o for o in await rig.broker.open_orders("main") if o.stop is not None]
    assert [(o.qty, o.stop) for o in stops] == [(2, d("2.16"))]
    await moving


async def test_while_a_cancellation_hangs_the_alarm_counts(opened, monkeypatch):
    """Whether the stop still works nobody knows: five seconds, whatever the answer takes."""
    monkeypatch.setattr(answers, "HANGS_S", 60)
    rig, moving = await hanging_cancel(opened, monkeypatch, is_done=False)
    await alive(rig, 7, ("2.60", "2.62"))
    assert any("has no working stop" in text for text in rig.notes())
    moving.cancel()


async def lagging_cancel(opened, monkeypatch, said):
    """A stop is to be moved; its cancellation is done, and no list shows that; when it is asked."""
    rig = await opened(terms=BLIND, kinds={"has_replace": False})
    trade = await held(rig)
    plain, asked = rig.outside.cancel, []

    async def cancel(account, client_order_id):
        asked.append(round(rig.clock.monotonic() - began))
        if not asked[1:]:
            await plain(account, client_order_id)
        if said is not None:
            raise said

    monkeypatch.setattr(rig.outside, "cancel", cancel)
    rig.faults.drop_events, rig.outside.says["*"] = 1000, Unclear()
    rig.quote(spy(), "2.60", "2.62")
    began = rig.clock.monotonic()
    moving = asyncio.create_task(manage.to_break_even(rig.desk, trade.trade_id, TRADER))
    for n in range(80):
        await rig.pass_time(0.1)
        if n == 10:  # as a comparison does
            await unsettled.resolve(rig.desk, "main")
    rig.outside.says.clear()
    await alive(rig, 9, ("2.60", "2.62"))
    await moving
    assert [(o.qty, o.stop) for o in live(rig, Purpose.STOP)] == [(2, d("2.16"))]
    return [at for at in asked if at < 8]


@pytest.mark.parametrize("said", [None, OrderRejected("400", "it is canceled")])
async def test_a_cancellation_that_was_answered_is_not_asked_for_again_at_once(
    opened, monkeypatch, said
):
    """At Schwab, with lists six seconds old, six cancellations used up the minute's requests."""
    assert await lagging_cancel(opened, monkeypatch, said) == [0, 2, 4]


async def test_one_that_was_not_answered_is(opened, monkeypatch):
    asked = await lagging_cancel(opened, monkeypatch, OrderStateUnknown("reset by peer"))
    assert asked == [0, 0, 1, 1, 1, 2, 4]


async def test_where_ids_are_hidden_it_is_repeated_once(opened):
    rig = await opened(terms=HIDDEN)
    await held(rig)
    rig.outside.requests.clear()
    rig.outside.loses_closes = 5
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 4)
    sent = [r.client_order_id for r in rig.outside.requests if r.type is OrderType.MARKET]
    assert sent.count(sent[0]) == 2, "its answer was lost twice: from here on evidence decides"


async def test_where_a_second_one_is_refused_an_exit_goes_out_again_before_its_absence_is_proven(
    opened,
):
    """E*TRADE lists an order late: naked meanwhile for nothing, its id cannot be used twice."""
    rig = await opened(terms=HIDDEN)
    await held(rig)
    rig.outside.loses_closes = 1
    rig.outside.says["*"] = Unclear()
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 4)
    assert not rig.desk.book.open_trades()
    rig.outside.says.clear()
    await check(rig)


async def test_a_person_picks_the_order_among_those_that_may_be_it(opened):
    rig = await opened(terms=BLIND)
    rig.faults.unknown_after_accept = 1
    rig.faults.drop_events = 1000
    rig.outside.says["*"] = Unclear()
    await rig.say(BUY)
    (entry,) = orders(rig, Purpose.ENTRY)
    theirs = (await rig.broker.open_orders("main"))[0]
    nameless = replace(theirs, client_order_id="", broker_id="9001")
    other = replace(nameless, broker_id="9002")
    rig.outside.says["*"] = Unclear(candidates=(nameless, other))
    await alive(rig, 31, ("2.50", "2.60"))
    told = next(n for n in rig.notes() if "has had no answer" in n)
    assert "9001" in told
    assert "9002" in told
    find, ranks = rig.outside.find, []

    async def noted(account, order_id):
        ranks.append(rank())
        return await find(account, order_id)

    rig.outside.find = noted
    with pytest.raises(UserError, match="no candidate 9003"):
        await resolve.is_this(rig.desk, ADMIN, entry.order_id, "9003")
    assert ranks == [Rank.DOUBT], "comparisons and polls do not make him wait"
    told = []

    async def recognise(account, order_id, number):
        told.append((number, rig.desk.book.orders[order_id].state))

    rig.outside.recognise = recognise
    await resolve.is_this(rig.desk, ADMIN, entry.order_id, "9001")
    assert told == [("9001", OrderState.UNKNOWN)], "a crash after it leaves what a look can find"
    after = rig.desk.book.orders[entry.order_id]
    assert (after.state, after.broker_id) == (OrderState.ACCEPTED, "9001")
    await check(rig)


async def test_what_a_look_found_while_a_person_said_so_too_is_said_once(opened):
    rig = await opened(terms=BLIND)
    rig.faults.unknown_after_accept, rig.faults.drop_events = 1, 1000
    rig.outside.says["*"] = Absent(as_of=rig.clock.now())
    await rig.say(BUY)
    (entry,) = orders(rig, Purpose.ENTRY)
    (theirs,) = await rig.broker.open_orders("main")
    rig.outside.says["*"] = Seen(order=theirs)

    async def recognise(*_):
        await doubt.look_up(rig.desk, entry.order_id)

    rig.outside.recognise = recognise
    said = await resolve.is_this(rig.desk, ADMIN, entry.order_id, theirs.broker_id)
    assert theirs.broker_id in said
    assert rig.desk.book.orders[entry.order_id].state is OrderState.ACCEPTED
    await check(rig)


async def test_what_its_broker_says_at_this_moment_is_shown_and_may_be_chosen(opened):
    rig = await opened(terms=BLIND)
    rig.faults.unknown_after_accept = 1
    rig.faults.drop_events = 1000
    rig.outside.says["*"] = Absent(as_of=rig.clock.now())
    await rig.say(BUY)
    (entry,) = orders(rig, Purpose.ENTRY)
    said, there = await resolve.at_broker(rig.desk, entry.order_id)
    assert (said, there) == ("paper says just now that it has no such order.", ())
    rig.outside.says["*"] = Unclear()
    said, there = await resolve.at_broker(rig.desk, entry.order_id)
    assert "names none that may be it" in said
    (theirs,) = await rig.broker.open_orders("main")
    rig.outside.says["*"] = Seen(order=theirs)
    said, there = await resolve.at_broker(rig.desk, entry.order_id)
    assert (said, there) == ("paper says just now:", (theirs,))
    await resolve.is_this(rig.desk, ADMIN, entry.order_id, theirs.broker_id)
    assert rig.desk.book.orders[entry.order_id].state is OrderState.ACCEPTED
    await check(rig)


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_stop_in_doubt_whose_cancel_is_asked_is_still_for_a_person_to_decide(
    opened, is_there
):
    """Its broker hides our ids: it has no number to cancel, and what it was for stands still."""
    rig = await opened(terms=BLIND)
    await rig.say(BUY)

    def hide(what):
        if what == "before submit":
            rig.faults.unknown_after_accept, rig.faults.drop_events = 1, 1000
            rig.outside.says["*"] = Unclear()
            rig.faults.at = lambda _: None

    rig.faults.at = hide
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 2)
    (theirs,) = [o for o in await rig.broker.open_orders("main") if o.stop is not None]
    nameless = replace(theirs, client_order_id="", broker_id="9001")
    rig.outside.says["*"] = Unclear(candidates=(nameless, replace(nameless, broker_id="9002")))
    cancel = rig.outside.cancel

    async def numbered(account, order_id):
        if rig.desk.book.orders[order_id].broker_id is None:
            raise OrderStateUnknown("which order it is is not known yet")
        await cancel(account, order_id)

    rig.outside.cancel = numbered
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 2)
    (stop,) = live(rig, Purpose.STOP)
    assert (stop.state, stop.broker_id) == (OrderState.PENDING_CANCEL, None)
    await alive(rig, 35)
    assert any(f"{stop.order_id} " in n and "has had no answer" in n for n in rig.notes())
    if is_there:
        await resolve.is_this(rig.desk, ADMIN, stop.order_id, "9001")
    else:
        await rig.broker.cancel("main", stop.order_id)
        await resolve.not_there(rig.desk, ADMIN, stop.order_id, "no such order in the app")
    rig.outside.says.clear()
    rig.faults.drop_events = 0
    await alive(rig, 10)
    assert not rig.desk.book.open_trades(), "and then it is closed, as was asked"
    await check(rig)


@pytest.mark.parametrize(("lag_s", "is_done"), [(8, True), (25, True), (8, False)])
async def test_a_moved_stop_that_lists_of_before_do_not_show_is_not_moved_once_more(
    opened, monkeypatch, lag_s, is_done
):
    """All of TopStepX' lists lagged for 5 s: the moved stop was given up, and a second one sent.

    The same swap may be asked for again: it is done once.
    """
    rig = await opened()
    trade = await held(rig)
    (old,) = live(rig, Purpose.STOP)
    plain, swap, asked = rig.broker.find, rig.outside.replace, []
    before = await plain("main", old.order_id)

    async def swapped(account, client_order_id, new):
        asked.append((client_order_id, new.client_order_id))
        return await swap(account, client_order_id, new)

    async def lagging(*_):
        return [before.order]

    async def find(account, client_order_id):
        return before if client_order_id == old.order_id else Absent(as_of=rig.clock.now())

    rig.faults.drop_events = 1_000
    rig.outside.replace = swapped
    with monkeypatch.context() as lists:
        lists.setattr(rig.outside, "find", find)
        lists.setattr(rig.outside, "open_orders", lagging)
        lists.setattr(rig.outside, "orders_since", lagging)
        setattr(rig.faults, "unknown_after_accept" if is_done else "unknown_before_accept", 1)
        await manage.set_stop(rig.desk, trade.trade_id, TRADER, d("1.50"))
        await watched(rig, lag_s)
    rig.faults.drop_events = 0
    for _ in range(40):
        await watched(rig, 1)
        at_venue = [o for o in await rig.broker.open_orders("main") if o.stop is not None]
        assert [o.qty for o in at_venue] == [2], "never two, and never none"
    assert [o.stop for o in at_venue] == [d("1.50")]
    assert len(set(asked)) == 1
    assert len(asked) <= (4 if is_done else 2)
    await check(rig)


async def test_an_entry_that_comes_though_somebody_said_that_it_never_did_is_cancelled(opened):
    """It counted as in need of his eye already: nobody looked again."""
    above, rig = ("2.28", "2.30"), await opened()
    rig.faults.unknown_before_accept = 1
    rig.outside.says["*"] = Unclear()
    await rig.say(BUY)
    rig.quote(spy(), *above)
    (entry,) = live(rig, Purpose.ENTRY)
    await resolve.not_there(rig.desk, ADMIN, entry.order_id, "no such order in the app")
    rig.outside.says.clear()
    await alive(rig, 26, above)
    await rig.broker.submit(rig.outside.requests[0])
    await alive(rig, 12, above)
    assert not await rig.broker.open_orders("main")
