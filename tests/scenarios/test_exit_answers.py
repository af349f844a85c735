"""An exit whose answer hangs, or is a refusal that need not be true: bare for moments, never twice.

What a broker takes once only is sent again soon; a second answer proves nothing of the first.
"""

import asyncio
from dataclasses import replace

import pytest

from engine.brokers import OrderSeen, Unclear
from engine.brokers._wire import http
from engine.brokers._wire.nameless import accepted
from engine.brokers.alpaca import rest
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    OrderRejected,
    OrderStateUnknown,
)
from engine.domain.order import OrderState, OrderType, Purpose
from engine.flows.acts import flatten
from engine.flows.common import answers
from engine.flows.orders import send
from engine.market import NYSE
from tests.rig import ADMIN, d, spy
from tests.scenarios.outside_desk import BUY, HIDDEN, LISTED, SAFE, alive, check, held, live, orders
from tests.sim import Sim, run


def answering(rig, kind, *first):
    """The first requests of this kind are met by these; the ids of all that were sent."""
    plain, sent = rig.outside.submit, []

    async def submit(request):
        if request.type is not kind:
            return await plain(request)
        sent.append(request.client_order_id)
        if len(sent) > len(first):
            return await plain(request)
        return await first[len(sent) - 1](plain, request)

    rig.outside.submit = submit
    return sent


async def hangs(_plain, _request):
    await asyncio.Event().wait()


def refuses(after_s=0.0):
    """For a reason of its own."""

    async def refused(_plain, _request):
        await asyncio.sleep(after_s)
        raise OrderRejected("40310000", "insufficient qty available for order")

    return refused


@pytest.mark.parametrize(("terms", "n_sent"), [(SAFE, 2), (HIDDEN, 2), (LISTED, 1)])
async def test_a_stop_that_hangs_is_sent_again_in_time_where_two_are_never_taken(
    opened, monkeypatch, terms, n_sent
):
    """The request was lost on its way, and its line stays open: bare until it is sent again."""
    monkeypatch.setattr(answers, "HANGS_S", 0.01)
    monkeypatch.setattr(send, "REPEAT_S", 0.02)
    rig = await opened(terms=terms)
    await rig.say(BUY)
    stops = answering(rig, OrderType.STOP, hangs)
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 3)
    assert (len(stops), len(set(stops))) == (n_sent, 1)
    states = {o.state for o in live(rig, Purpose.STOP)}
    assert states == {OrderState.ACCEPTED if n_sent == 2 else OrderState.SUBMITTING}
    await check(rig)


@pytest.mark.parametrize(
    ("text", "left"),
    [("STC 1 SPY 603C 1/31", 1), ("STC SPY 603C 1/31", 0), ("move SPY 603C stop to 1.80", 2)],
)
async def test_a_lost_stop_is_sent_once_more_before_it_is_cancelled_where_our_id_is_hidden(
    opened, text, left
):
    """There was no number to cancel it by: E*TRADE's list proved it absent 12 s later, all bare."""
    rig = await opened(terms=HIDDEN)
    await rig.say(BUY)
    rig.outside.says["*"] = Unclear()

    async def lost(_plain, _request):
        raise OrderStateUnknown("reset by peer")

    sent = answering(rig, OrderType.STOP, lost)
    await rig.fill(spy(), "2.14", "2.15")
    await rig.say(text)
    await alive(rig, 6)
    assert sent[0] == sent[1]
    assert sum(t.qty_open for t in rig.trades()) == left
    stops = [(o.qty, o.stop) for o in await rig.broker.open_orders("main")]
    assert stops == ([(left, d("1.80") if left == 2 else rig.trade().stop.price)] if left else [])
    await check(rig)


async def test_a_refused_repeat_proves_nothing_of_a_first_close_that_is_under_way(
    opened, monkeypatch
):
    """Half was to be closed and all was sold: the second request was refused for another cause."""
    monkeypatch.setattr(answers, "HANGS_S", 0.01)
    monkeypatch.setattr(send, "REPEAT_S", 0.02)
    rig = await opened(terms=SAFE)
    await held(rig)
    gate, house = asyncio.Event(), []

    async def late(plain, request):
        async def goes_on():
            await gate.wait()
            return await plain(request)

        house.append(asyncio.create_task(goes_on()))
        return await asyncio.shield(house[0])

    sent = answering(rig, OrderType.MARKET, late, refuses())
    await rig.say("STC 1 SPY 603C 1/31")
    await alive(rig, 4)
    gate.set()
    await alive(rig, 20)
    assert rig.trade().qty_open == 1
    assert len(set(sent)) == 1


async def test_a_repeat_that_is_refused_when_nothing_can_be_under_way_is_believed(
    opened, monkeypatch
):
    """And heard, however slowly it comes."""
    monkeypatch.setattr(answers, "HANGS_S", 0.01)
    monkeypatch.setattr(send, "REPEAT_S", 0.02)
    rig = await opened(terms=SAFE, broker_timeout_s=0.5)
    await rig.say(BUY)
    stops = answering(rig, OrderType.STOP, hangs, refuses(0.1))
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 6)
    assert (stops[0], len(set(stops))) == (stops[1], 2)
    assert {o.state for o in live(rig, Purpose.STOP)} == {OrderState.ACCEPTED}
    await check(rig)


@pytest.mark.parametrize("terms", [SAFE, LISTED])
async def test_a_stop_that_was_refused_and_lives_is_found_and_one_of_two_is_cancelled(
    opened, terms
):
    """A server's error in the words of a refusal, and nothing is told: two stood for a minute."""
    rig = await opened(terms=terms)
    await rig.say(BUY)

    async def takes_and_refuses(plain, request):
        rig.faults.drop_events = 1
        await plain(request)
        raise OrderRejected("SYSTEM_ERROR", "try again")

    answering(rig, OrderType.STOP, takes_and_refuses)
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 2)
    assert len(await rig.broker.open_orders("main")) == 2
    await alive(rig, 12)
    (stop,) = await rig.broker.open_orders("main")
    assert [stop.client_order_id] == [o.order_id for o in live(rig, Purpose.STOP)]
    await check(rig)


async def test_what_was_refused_is_not_looked_for_where_no_list_tells_our_ids(opened, monkeypatch):
    """E*TRADE and Schwab would read whole lists, of which they allow few."""
    rig = await opened(terms=HIDDEN)
    await rig.say(BUY)
    find, looked = rig.outside.find, []

    async def seen(account, name):
        looked.append(name)
        return await find(account, name)

    answering(rig, OrderType.STOP, *[refuses()] * 9)
    monkeypatch.setattr(rig.outside, "find", seen)
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 2)
    refused = [o.order_id for o in orders(rig, Purpose.STOP)]
    assert refused
    assert not set(refused) & set(looked)


async def test_an_entry_is_waited_for_as_long_as_ever(opened, monkeypatch):
    monkeypatch.setattr(answers, "HANGS_S", 0.01)
    monkeypatch.setattr(send, "REPEAT_S", 0.02)
    rig = await opened(terms=SAFE)
    plain, heard = rig.outside.submit, []

    async def submit(request):
        await asyncio.sleep(0.2)
        heard.append(await plain(request))
        return heard[0]

    monkeypatch.setattr(rig.outside, "submit", submit)
    await rig.say(BUY)
    (entry,) = orders(rig, Purpose.ENTRY)
    assert (entry.state, len(heard)) == (OrderState.ACCEPTED, 1)


def test_a_connection_that_never_comes_about_is_known_before_an_exit_is_in_doubt():
    """Nothing was sent then: in doubt it would count as live, and people would be called."""
    assert max(http.CONNECT_S, rest.CONNECT_S) + 0.4 < send.REPEAT_S


async def holding():
    """A desk that holds an option, protected."""
    sim = await Sim().start()
    await sim.rig.say(BUY)
    sim.price("2.14", "2.15")
    await asyncio.sleep(3)
    return sim


def ending(sim, kind, state, why=""):
    """It takes each exit of this kind and ends it 0.2 s later; the ids of all that were sent."""
    plain, sent, houses = sim.outside.submit, [], []

    states = [state] if isinstance(state, str) else list(state)  # of more the last one goes on

    async def ends(report):
        await asyncio.sleep(0.2)
        over = replace(report, state=states.pop(0) if states[1:] else states[0], reason=why)
        sim.rig.broker._queue.put_nowait(OrderSeen(order=over))

    async def submit(request):
        if request.type is not kind or not request.reduces:
            return await plain(request)
        sent.append(request.client_order_id)
        report = accepted(request, f"B-{len(sent)}", sim.clock.now(), "taken")
        houses.append(asyncio.create_task(ends(report)))
        return report

    sim.outside.submit = submit
    return sent


@pytest.mark.parametrize(("state", "why"), [("rejected", "no stops today"), ("canceled", "")])
def test_stops_that_are_taken_and_then_ended_are_sent_anew_later_and_later(state, why):
    """Each counted as one that went through: 100 in 20 s used up the minute, and nobody knew."""

    async def story():
        sim = await Sim().start()
        stops = ending(sim, OrderType.STOP, state, why)
        await sim.rig.say(BUY)
        sim.price("2.14", "2.15")
        await asyncio.sleep(30)
        notes, n_stops = sim.rig.notes(), len(stops)
        sim.price("0.90", "0.92")
        await asyncio.sleep(3)
        left = sim.rig.trades()
        await sim.close()
        return n_stops, notes, left

    n_stops, notes, left = run(story)
    assert 3 <= n_stops <= 6
    (told,) = [note for note in notes if "ended it by itself" in note]
    assert f"({state}{f': {why}' if why else ''})" in told
    assert not left, "closed when the price reached the stop"


@pytest.mark.parametrize("kind", [OrderType.STOP, OrderType.MARKET])
@pytest.mark.parametrize(
    ("frames", "answer"),
    [
        (("accepted", "rejected"), "rejected"),
        (("accepted", "canceled"), "canceled"),
        (("canceled",), "accepted"),
        ((), "expired"),
    ],
)
def test_an_exit_that_ends_before_its_answer_is_there_is_sent_anew_later_and_later_too(
    frames, answer, kind
):
    """What the stream or the answer itself says while the request is under way: 596 in 27 s."""

    async def story():
        sim = await Sim().start()
        plain, sent = sim.outside.submit, []

        async def submit(request):
            if request.type is not kind or not request.reduces:
                return await plain(request)
            sent.append(request.client_order_id)
            report = accepted(request, f"B-{len(sent)}", sim.clock.now(), "taken")
            for state in frames:
                sim.rig.broker._queue.put_nowait(OrderSeen(order=replace(report, state=state)))
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.05)
            return replace(report, state=answer)

        sim.outside.submit = submit
        await sim.rig.say(BUY)
        sim.price("2.14", "2.15")
        await asyncio.sleep(3)
        if kind is OrderType.MARKET:
            await sim.rig.say("STC SPY 603C 1/31")
        await asyncio.sleep(27)
        notes = sim.rig.notes()
        await sim.close()
        return len(sent), notes

    n_sent, notes = run(story)
    assert 3 <= n_sent <= 7
    assert sum("ended it by itself" in note for note in notes) == 1


def test_people_are_told_of_stops_that_end_in_one_way_and_then_in_another():
    """Neither was the first that was refused nor the second that was cancelled: nobody knew."""

    async def story():
        sim = await Sim().start()
        stops = ending(sim, OrderType.STOP, ("canceled", "rejected"), "no stops today")
        await sim.rig.say(BUY)
        sim.price("2.14", "2.15")
        await asyncio.sleep(30)
        n_stops, notes = len(stops), sim.rig.notes()
        await sim.close()
        return n_stops, notes

    n_stops, notes = run(story)
    assert n_stops >= 3
    (told,) = [note for note in notes if "ended it by itself" in note]
    assert "(rejected: no stops today)" in told


def test_closes_that_are_taken_and_then_ended_leave_room_for_others():
    async def story():
        sim = await holding()
        closes = ending(sim, OrderType.MARKET, "canceled")
        await sim.rig.say("STC SPY 603C 1/31")
        await asyncio.sleep(20)
        n_closes, notes = len(closes), sim.rig.notes()
        await sim.close()
        return n_closes, notes

    n_closes, notes = run(story)
    assert 3 <= n_closes <= 6
    assert sum("ended it by itself" in note for note in notes) == 1


def test_a_person_who_closes_all_waits_for_no_close_that_its_broker_ended():
    """What was held had no stop, and the press sent nothing for up to a minute."""

    async def story():
        sim = await holding()
        plain = sim.outside.submit
        closes = ending(sim, OrderType.MARKET, "canceled")
        await sim.rig.say("STC SPY 603C 1/31")
        await asyncio.sleep(70)
        n_closes, sim.outside.submit = len(closes), plain
        await flatten.run(sim.desk, ADMIN)
        await asyncio.sleep(2)
        left = sim.rig.trades()
        await sim.close()
        return n_closes, left

    n_closes, left = run(story)
    assert n_closes < 15
    assert not left


@pytest.mark.parametrize("how", ["the price at the stop", "a second STC"])
def test_no_close_waits_for_a_minute_because_its_broker_ended_others(how):
    """It had the pace of a stop that is refused again and again, without a price being watched."""

    async def story():
        sim = await holding()
        plain = sim.outside.submit
        ending(sim, OrderType.MARKET, "canceled")
        await sim.rig.say("STC SPY 603C 1/31")
        await asyncio.sleep(131)
        sim.outside.submit = plain
        if how == "a second STC":
            await sim.rig.say("STC SPY 603C 1/31")
        else:
            sim.price("0.90", "0.92")
        await asyncio.sleep(9)
        left = sim.rig.trades()
        await sim.close()
        return left

    assert not run(story)


@pytest.mark.parametrize(
    "no",
    [
        OrderRejected("1508", "trading is halted"),
        BrokerUnavailable("the preview failed"),
        BrokerAuthError("401"),
    ],
)
@pytest.mark.parametrize("is_open", [True, False])
def test_a_close_that_was_refused_waits_for_a_minute_only_while_the_market_sleeps(
    monkeypatch, no, is_open
):
    """Its stop is gone: after a halt of two minutes what was held stood bare for one more."""

    async def story():
        sim = await Sim().start()
        await sim.rig.say(BUY)
        sim.price("2.14", "2.15")
        await asyncio.sleep(3)
        plain, sent = sim.outside.submit, []

        async def submit(request):
            if request.type is OrderType.STOP:
                return await plain(request)
            sent.append(request.client_order_id)
            raise no

        sim.outside.submit = submit
        if not is_open:
            monkeypatch.setattr(NYSE, "session_at", lambda _at: None)
        await sim.rig.say("STC SPY 603C 1/31")
        await asyncio.sleep(131)
        sim.outside.submit = plain
        await asyncio.sleep(9)
        left, n_refusals = sim.rig.trades(), sum("was refused" in n for n in sim.rig.notes())
        await sim.close()
        return len(sent), left, n_refusals

    n_sent, left, n_refusals = run(story)
    assert bool(left) is not is_open
    assert n_sent <= (18 if is_open else 7)
    assert n_refusals == 1


@pytest.mark.parametrize("no", [BrokerUnavailable("no connection"), BrokerAuthError("401")])
@pytest.mark.parametrize("what", ["stop", "cancel"])
def test_what_could_not_be_sent_goes_soon_after_its_broker_is_back(no, what):
    """A stop followed up to 53 s later, a close of all up to 30 s: each pause doubled the last."""

    async def story():
        sim = await Sim().start()
        plain = {name: getattr(sim.outside, name) for name in ("submit", "cancel")}

        async def stop_away(request):
            if request.type is not OrderType.STOP:
                return await plain["submit"](request)
            raise no

        async def cancel_away(*_):
            raise no

        if what == "stop":
            sim.outside.submit = stop_away
        await sim.rig.say(BUY)
        sim.price("2.14", "2.15")
        await asyncio.sleep(3)
        if what == "cancel":
            sim.outside.cancel = cancel_away
            await flatten.run(sim.desk, ADMIN)
        await asyncio.sleep(37)
        sim.outside.submit, sim.outside.cancel = plain["submit"], plain["cancel"]
        await asyncio.sleep(9)
        left, live = sim.rig.trades(), await sim.rig.broker.open_orders("main")
        await sim.close()
        return left, live

    left, live = run(story)
    assert (len(left), len(live)) == ((1, 1) if what == "stop" else (0, 0))


def test_what_keeps_stop_and_close_of_a_trade_from_leaving_is_told_once():
    async def story():
        sim = await Sim().start()
        plain = sim.outside.submit

        async def submit(request):
            if request.type is OrderType.LIMIT:
                return await plain(request)
            raise BrokerAuthError(f"401, our clock is {sim.clock.monotonic():.0f} s ahead")

        sim.outside.submit = submit
        await sim.rig.say(BUY)
        sim.price("2.14", "2.15")
        await asyncio.sleep(3)
        await sim.rig.say("STC SPY 603C 1/31")
        await asyncio.sleep(20)
        notes = sim.rig.notes()
        await sim.close()
        return notes

    assert sum("An exit order" in note for note in run(story)) == 1


@pytest.mark.parametrize("terms", [SAFE, LISTED])
def test_for_how_long_a_stop_is_unanswered_is_counted_from_when_it_was_sent_first(terms):
    """It had no answer for 0 s, people read: it had just been sent once more."""

    async def story():
        sim = await Sim().start()
        sim.outside.own_caps = replace(sim.outside.own_caps, **terms)
        plain = sim.outside.submit

        async def submit(request):
            if request.type is not OrderType.STOP:
                return await plain(request)
            raise OrderStateUnknown("reset by peer")

        sim.outside.submit = submit
        await sim.rig.say(BUY)
        sim.price("2.14", "2.15")
        await asyncio.sleep(60)
        notes = sim.rig.notes()
        await sim.close()
        return notes

    (said,) = [note for note in run(story) if "has had no answer" in note]
    assert int(said.partition(" no answer for ")[2].partition(" s.")[0]) >= 25


def test_a_stop_that_worked_for_long_and_is_cancelled_by_hand_is_replaced_at_once():
    async def story():
        sim = await Sim().start()
        await sim.rig.say(BUY)
        sim.price("2.14", "2.15")
        bare = []
        for _ in range(3):
            await asyncio.sleep(70)
            (stop,) = await sim.rig.broker.open_orders("main")
            await sim.rig.broker.cancel("main", stop.client_order_id)
            await asyncio.sleep(0.5)
            bare.append(not await sim.rig.broker.open_orders("main"))
        notes = sim.rig.notes()
        await sim.close()
        return bare, notes

    bare, notes = run(story)
    assert bare == [False] * 3
    assert not any("ended it by itself" in note for note in notes)
