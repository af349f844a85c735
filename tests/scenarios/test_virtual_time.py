"""How long what is held stands bare, to the tenth of a second; sweep and poll come each second."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from engine.asking import Rank, rank
from engine.brokers import Absent, StreamDown, StreamUp, Unclear
from engine.domain.errors import BrokerUnavailable, OrderRejected, OrderStateUnknown, RateLimited
from engine.domain.order import OrderType
from engine.flows.acts import halt
from engine.flows.brokers import hear
from engine.flows.trades import manage
from tests.rig import TRADER, d, spy
from tests.scenarios.outside_desk import BLIND, HIDDEN, LISTED, SAFE
from tests.sim import Sim, run

STOP, MARKET = OrderType.STOP, OrderType.MARKET
BUY = "BTO 2 SPY 603C 1/31 @ 2.15"


async def stops(sim):
    return [o for o in await sim.rig.broker.open_orders("main") if o.type is STOP]


@pytest.mark.parametrize("phase_s", [0.05, 0.1, 0.5, 0.9])
def test_a_close_that_was_refused_in_words_and_taken_is_not_sent_twice(phase_s):
    """Half was to be closed and all was sold: the retry came before the look at the refused one."""

    async def story():
        sim = await Sim().start(phase_s)
        plain, sent = sim.outside.submit, []

        async def submit(request):
            taken = await plain(request)
            if request.type is MARKET:
                sent.append(request)
                if len(sent) == 1:
                    raise OrderRejected("SYSTEM_ERROR", "try again")
            return taken

        sim.outside.submit = submit
        sim.slow(0.2, "find")
        await sim.rig.say(BUY)
        await asyncio.sleep(5)
        sim.faults.drop_events = 1000
        await sim.rig.say("STC 1 SPY 603C 1/31")
        await asyncio.sleep(25)
        await sim.close()
        return len(sent)

    assert run(story) == 1


def test_a_stop_whose_repeat_hangs_does_not_keep_the_close_from_leaving():
    async def story():
        sim = await Sim().start()
        plain, closed = sim.outside.submit, []

        async def submit(request):
            if request.type is STOP:
                await asyncio.Event().wait()
            if request.reduces:
                closed.append(sim.clock.monotonic() - began)
            return await plain(request)

        sim.outside.submit = submit
        await sim.rig.say(BUY)
        began = sim.clock.monotonic()
        await asyncio.sleep(5)
        sim.price("0.90", "0.95")
        await asyncio.sleep(20)
        await sim.close()
        return closed[0]

    assert run(story) < 12


async def gap(sim, seconds):
    await hear.on_event(sim.desk, "paper", StreamDown(reason="closed", can_ask=True))
    await asyncio.sleep(seconds)
    await hear.on_event(sim.desk, "paper", StreamUp(gap_from=None))


@pytest.mark.parametrize("after_s", [0.5, 2.0, 4.0, 4.7])
def test_a_fill_in_a_second_gap_has_its_stop_within_five_seconds(after_s):
    async def story():
        sim = await Sim().start()
        sim.slow(0.3, "balance")
        await sim.rig.say(BUY)
        sim.price("2.28", "2.30")
        await asyncio.sleep(7)
        await gap(sim, 0.1)
        await asyncio.sleep(after_s)
        sim.faults.drop_events = 1000
        sim.price("2.14", "2.15")
        filled_at = sim.clock.monotonic()
        await asyncio.sleep(0.05)
        sim.price("2.28", "2.30")
        await gap(sim, 0.1)
        sim.faults.drop_events = 0
        while not await stops(sim):  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)
        bare_s = sim.clock.monotonic() - filled_at
        await sim.close()
        return bare_s

    assert run(story) <= 5


def test_a_stream_that_comes_and_goes_for_a_minute_does_not_use_its_requests_up():
    async def story():
        sim = await Sim().start()
        asked, plain = [], sim.outside.balance

        async def balance(account):
            asked.append(sim.clock.monotonic())
            return await plain(account)

        sim.outside.balance = balance
        for _ in range(60):
            await gap(sim, 0.1)
            await asyncio.sleep(0.9)
        n_early = sum(at <= asked[0] + 25 for at in asked)
        await sim.close()
        return n_early, len(asked) - n_early

    n_early, n_late = run(story)
    assert n_early <= 8
    assert n_late <= 16


def test_a_stop_that_lived_though_refused_and_is_cancelled_is_followed_at_once():
    async def story():
        sim = await Sim().start(0.5)
        plain, n_sent = sim.outside.submit, 0

        async def submit(request):
            nonlocal n_sent
            if request.type is not STOP:
                return await plain(request)
            n_sent += 1
            if await stops(sim):
                raise OrderRejected("40310000", "insufficient qty available for order")
            if n_sent == 1:
                sim.faults.drop_events = 1
                await plain(request)
                raise OrderRejected("SYSTEM_ERROR", "try again")
            return await plain(request)

        sim.outside.submit = submit
        sim.slow(1.0, "find", "orders_since", "open_orders", "fills_since", "positions")
        await sim.rig.say(BUY)
        bare = 0
        for _ in range(400):
            await asyncio.sleep(0.1)
            bare += bool(sim.desk.book.open_trades()) and not await stops(sim)
        await sim.close()
        return bare / 10

    assert run(story) <= 5


def test_what_stands_bare_while_its_stop_s_cancellation_hangs_counts_from_its_beginning():
    """I-20: it counted anew once the stop was heard to be over; people were called after 10.7 s."""

    async def story():
        sim = await Sim().start()
        plain, cancel = sim.outside.submit, sim.outside.cancel

        async def submit(request):
            if request.type is MARKET:
                raise OrderStateUnknown("reset by peer")
            return await plain(request)

        async def cancelled(account, order_id):
            await cancel(account, order_id)
            await asyncio.Event().wait()

        sim.outside.submit, sim.outside.cancel = submit, cancelled
        await sim.rig.say(BUY)
        await asyncio.sleep(5)
        sim.faults.drop_events = 1000
        sim.slow(3.5, "find")
        closing = asyncio.create_task(sim.rig.say("STC 2 SPY 603C 1/31"))
        bare = 0
        while not any("no working stop" in note for note in sim.rig.notes()):
            await asyncio.sleep(0.1)
            bare += not await stops(sim)
        closing.cancel()
        await sim.close()
        return bare / 10

    assert run(story) <= 6


@pytest.mark.parametrize("is_told", [True, False])
def test_a_stop_whose_repeat_is_not_answered_either_is_not_taken_for_absent(is_told):
    """What proved the first one absent was believed of the second: two stops were there."""

    async def story():
        sim = await Sim().start()
        sim.outside.own_caps = replace(sim.outside.own_caps, has_stream=is_told, **LISTED)
        plain, sent = sim.outside.submit, []

        async def submit(request):
            if request.type is not STOP:
                return await plain(request)
            sent.append(request.client_order_id)
            if len(sent) == 2:
                sim.faults.drop_events = 1
                await plain(request)
            raise OrderStateUnknown("reset by peer")

        sim.outside.submit = submit
        sim.slow(0.5, "find")
        await sim.rig.say(BUY)
        await asyncio.sleep(20)
        n_there = len(await stops(sim))
        await sim.close()
        return sent, n_there

    sent, n_there = run(story)
    assert sent == [sent[0]] * 2
    assert n_there == 1


def test_people_are_called_while_the_round_itself_waits_for_a_cancellation_that_hangs():
    """I-20: the round that would have called them stood at the broker for 10 s."""

    async def story():
        sim = await Sim().start()
        plain, n_asked = sim.outside.cancel, 0

        async def cancelled(account, order_id):
            nonlocal n_asked
            n_asked += 1
            if n_asked == 1:
                raise OrderRejected("BUSY", "not now")
            await plain(account, order_id)
            await asyncio.Event().wait()

        sim.outside.cancel = cancelled
        await sim.rig.say(BUY)
        await asyncio.sleep(5)
        sim.faults.drop_events = 1000
        closing = asyncio.create_task(sim.rig.say("STC 2 SPY 603C 1/31"))
        await asyncio.sleep(1)
        sim.slow(30, "find", "open_orders", "orders_since")
        bare = 0
        while not any("no working stop" in note for note in sim.rig.notes()):
            await asyncio.sleep(0.1)
            bare += not await stops(sim)
        closing.cancel()
        await sim.close()
        return bare / 10

    assert run(story) <= 6


def test_the_emergency_stop_waits_for_no_cancellation_that_hangs_longer_than_a_second():
    """O-27: what is to be closed after it would stand still as long."""

    async def story():
        sim = await Sim().start()
        await sim.rig.say(BUY)
        sim.price("2.50", "2.60")
        sim.slow(30, "cancel", "find", "open_orders", "orders_since")
        begun = sim.clock.monotonic()
        tally = await halt.emergency_stop(sim.desk, TRADER, close=True, reason="")
        took_s = sim.clock.monotonic() - begun
        await sim.close()
        return tally, took_s

    tally, took_s = run(story)
    assert "entry cancelled, the broker has yet to confirm" in tally.values()
    assert took_s <= 1


def test_people_are_called_about_each_entry_whose_executions_are_waited_for():
    """Reports stood behind the first one's executions: of the other entry nobody heard."""

    async def story():
        sim = await Sim().start()
        sim.outside.own_caps = replace(sim.outside.own_caps, has_stream=False)
        sim.faults.drop_events = 1000
        for strike in ("600", "601"):
            sim.prices[spy(strike).key] = (spy(strike), "2.14", "2.16")
            sim.rig.quote(spy(strike), "2.14", "2.16")
            await sim.rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")

        async def hangs(account, since):
            await asyncio.Event().wait()

        sim.outside.fills_since = hangs
        for strike in ("600", "601"):
            sim.prices[spy(strike).key] = (spy(strike), "2.13", "2.15")
        await asyncio.sleep(10)
        notes = " ".join(sim.rig.notes())
        await sim.close()
        return [strike in notes for strike in ("600C", "601C")]

    assert run(story) == [True, True]


async def mute(at):
    """A desk at a broker that tells nothing unasked, whose market pays what is bid for at once."""
    sim = await Sim().start(at)
    sim.outside.own_caps = replace(sim.outside.own_caps, has_stream=False)
    sim.faults.drop_events = 1000
    sim.price("2.13", "2.15")
    return sim


async def stop_stands_after(sim, most_s=30.0):
    for n in range(int(most_s * 20)):
        if await stops(sim):
            return n / 20
        await asyncio.sleep(0.05)
    return most_s


@pytest.mark.parametrize("phase_s", [0.1, 0.6])
def test_an_entry_whose_first_look_is_refused_is_looked_at_again_within_two_seconds(phase_s):
    """Webull answered it with 429: bare until the next poll, 5.4 s."""

    async def story():
        sim = await mute(phase_s)
        plain, n_asked = sim.outside.find, 0

        async def find(account, name):
            nonlocal n_asked
            n_asked += 1
            if n_asked == 1:
                sim.price("2.20", "2.25")
                raise RateLimited("slow down", 1.0)
            return await plain(account, name)

        sim.outside.find = find
        await sim.rig.say(BUY)
        took_s = await stop_stands_after(sim)
        await sim.close()
        return took_s, n_asked

    took_s, n_asked = run(story)
    assert n_asked > 1
    assert took_s < 2.5


def test_an_entry_that_was_taken_for_absent_is_looked_for_again_after_two_seconds():
    """TopStepX: lists that lagged for as long as absence takes to be believed; 9.9 s bare."""

    async def story():
        sim = await mute(0.2)
        plain, submit, began = sim.outside.find, sim.outside.submit, sim.clock.monotonic()

        held = sim.outside.positions

        def lags():
            return sim.clock.monotonic() - began < 6

        async def find(account, name):
            return Absent(as_of=sim.clock.now()) if lags() else await plain(account, name)

        async def positions(account):
            return [] if lags() else await held(account)

        async def failed(request):
            await submit(request)
            sim.outside.submit = submit
            sim.outside.hides = True
            raise OrderStateUnknown("504")

        sim.outside.find, sim.outside.submit = find, failed
        sim.outside.positions = positions
        await sim.rig.say(BUY)
        took_s = await stop_stands_after(sim)
        await sim.close()
        return took_s

    assert 6 < run(story) < 8.5


def test_people_are_called_about_an_entry_while_the_look_for_it_hangs():
    """Schwab's token service hung, its stream was mute: 7.9 s bare before the look had failed."""

    async def story():
        sim = await Sim().start(0.2)
        sim.faults.drop_events = 1000
        await sim.rig.say(BUY)

        async def hangs(*_):
            await asyncio.Event().wait()

        for name in ("find", "open_orders", "orders_since", "fills_since", "positions"):
            setattr(sim.outside, name, hangs)
        sim.price("2.13", "2.15")
        await asyncio.sleep(7)
        notes = " ".join(sim.rig.notes())
        await sim.close()
        return "603C" in notes

    assert run(story)


def test_what_should_have_filled_is_asked_for_every_few_seconds_however_often_that_failed():
    """E*TRADE answered again after half a minute, and the next look came after 16 s."""

    async def story():
        sim, at = await mute(0.2), []

        async def fails(*_):
            if rank() is Rank.NAKED:
                at.append(sim.clock.monotonic())
            raise BrokerUnavailable("500")

        for name in ("find", "open_orders", "orders_since", "fills_since", "positions"):
            setattr(sim.outside, name, fails)
        await sim.rig.say(BUY)
        await asyncio.sleep(60)
        await sim.close()
        return [after - before for before, after in pairwise(at)]

    gaps = run(story)
    assert len(gaps) > 6
    assert max(gaps) < 8


async def moved(sim, terms, drop=0):
    """Two stops are moved, one a moment after the other; when each was asked for, and bare."""
    kinds = {k: replace(c, has_replace=False) for k, c in sim.outside.caps.by_kind.items()}
    sim.outside.own_caps = replace(sim.outside.own_caps, by_kind=kinds, **terms)
    sim.rig.quote(spy(d(604)), "2.14", "2.16")
    await sim.rig.say(BUY)
    await sim.rig.say(BUY.replace("603", "604"))
    sim.prices[spy(d(604)).key] = (spy(d(604)), "2.14", "2.15")
    sim.price("2.14", "2.15")
    await asyncio.sleep(20)
    assert len(await stops(sim)) == 2
    looks, plain = [], sim.outside.find

    async def find(account, order_id):
        looks.append(sim.clock.monotonic() - began)
        return await plain(account, order_id)

    sim.outside.find = find
    sim.faults.drop_events = drop
    began = sim.clock.monotonic()
    for trade in sim.rig.trades():
        await manage.set_stop(sim.desk, trade.trade_id, TRADER, d("1.30"))
        await asyncio.sleep(0.07)
    while [o.stop for o in await stops(sim)] != [d("1.30")] * 2:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.05)
    return looks, sim.clock.monotonic() - began


@pytest.mark.parametrize(
    ("terms", "first_s", "n_lists"),
    [(BLIND, 0.7, 1), (HIDDEN, 0.7, 1), (LISTED, 0.2, 4), (SAFE, 0.2, 4)],
)
def test_where_one_look_is_a_whole_list_the_bell_has_a_second_to_tell_the_end(
    terms, first_s, n_lists
):
    """Each cancel drew four questions: three trades used up the minute that their stops needed."""

    async def story():
        sim = await Sim().start()
        found = await moved(sim, terms, drop=1000)
        await sim.close()
        return found

    looks, bare_s = run(story)
    assert first_s <= looks[0] <= first_s + 0.3
    assert bare_s < 2
    assert len({round(at, 3) for at in looks}) == n_lists  # what is asked side by side is one


def test_an_end_that_is_heard_is_not_asked_for():
    async def story():
        sim = await Sim().start()
        found = await moved(sim, BLIND)
        await sim.close()
        return found

    looks, bare_s = run(story)
    assert not looks
    assert bare_s < 1


def test_an_entry_that_hangs_is_looked_for_once_its_line_is_given_up():
    """A broker that hides our ids shows it only then: a look came just before, the next 7 s on."""

    async def story():
        sim = await Sim().start()
        plain, find, hanging = sim.outside.submit, sim.outside.find, []

        async def submit(request):
            report = await plain(request)
            if not request.reduces:
                sim.faults.drop_events = 1000
                hanging.append(request)
                await asyncio.sleep(8.1)
                hanging.clear()
                raise OrderStateUnknown("no answer")
            return report

        async def found(account, name):
            return Unclear() if hanging else await find(account, name)

        sim.outside.submit, sim.outside.find = submit, found
        said = asyncio.create_task(sim.rig.say(BUY))
        sim.price("2.14", "2.15")
        began, bare = asyncio.get_running_loop().time(), None
        while bare is None and asyncio.get_running_loop().time() - began < 20:
            await asyncio.sleep(0.1)
            bare = asyncio.get_running_loop().time() - began if await stops(sim) else None
        await said
        await sim.close()
        return bare

    assert run(story) < 9


@pytest.mark.parametrize("phase_s", [0.0, 0.3, 0.9])
def test_a_stop_that_is_put_off_again_and_again_leaves_as_soon_as_it_may(phase_s):
    """The second pause was waited for by nobody: the sweep came up to a second later."""

    async def story():
        sim = await Sim().start(phase_s)
        plain, tried = sim.outside.submit, []

        async def submit(request):
            if request.type is not STOP:
                return await plain(request)
            tried.append(sim.clock.monotonic())
            if len(tried) <= 3:
                raise RateLimited("slow down", 1.3)
            return await plain(request)

        sim.outside.submit = submit
        await sim.rig.say(BUY)
        await asyncio.sleep(8)
        await sim.close()
        return [round(b - a, 1) for a, b in pairwise(tried)]

    assert run(story) == [1.3, 1.3, 1.3]


@pytest.mark.parametrize(("named_s", "within_s"), [(2.0, 9.0), (0.0, 3.0), (600.0, 13.0)])
def test_a_close_whose_cancel_is_put_off_leaves_as_soon_as_it_may(named_s, within_s):
    """Each pause of 2 s was followed by one twice as long: a close left 16 s late."""

    async def story():
        sim = await Sim().start()
        plain, shut_until, n_refused = sim.outside.cancel, 0.0, 0

        async def cancel(account, order_id):
            nonlocal shut_until, n_refused
            left_s = shut_until - sim.clock.monotonic()
            if left_s <= 0 and n_refused < 4:
                n_refused += 1
                left_s = named_s
                shut_until = sim.clock.monotonic() + min(named_s, 3.0)
            if left_s > 0:
                raise RateLimited("slow down", left_s)
            return await plain(account, order_id)

        sim.outside.cancel = cancel
        await sim.rig.say(BUY)
        await asyncio.sleep(1)
        began = sim.clock.monotonic()
        await sim.rig.say("STC SPY 603C 1/31")
        for _ in range(600):
            if not sim.rig.trades():
                break
            await asyncio.sleep(0.1)
        await sim.close()
        return sim.clock.monotonic() - began

    assert run(story) < within_s


@pytest.mark.parametrize("phase_s", [0.05, 0.5, 0.95])
def test_people_are_called_when_something_has_stood_bare_for_five_seconds(phase_s):
    """Sweeps come each second: it was told after 6 s."""

    async def story():
        sim = await Sim().start(phase_s)
        plain, bare = sim.outside.submit, []

        async def submit(request):
            if request.type is STOP:
                bare.append(sim.clock.monotonic())
                raise RateLimited("slow down", 30)
            return await plain(request)

        sim.outside.submit = submit
        await sim.rig.say(BUY)
        await asyncio.sleep(3)
        await asyncio.sleep(bare[0] + 5.1 - sim.clock.monotonic())
        told = [sum("no working stop" in note for note in sim.rig.notes())]
        await asyncio.sleep(20)
        told.append(sum("no working stop" in note for note in sim.rig.notes()))
        await sim.close()
        return told

    assert run(story) == [1, 1]


@pytest.mark.parametrize("phase_s", [0.0, 0.5])
def test_the_desk_watches_the_price_of_a_stop_that_its_broker_puts_off(phase_s):
    async def story():
        sim = await Sim().start(phase_s)
        plain, closed = sim.outside.submit, []

        async def submit(request):
            if request.type is STOP:
                raise RateLimited("slow down", 60)
            if request.reduces:
                closed.append(sim.clock.monotonic())
            return await plain(request)

        sim.outside.submit = submit
        await sim.rig.say(BUY)
        await asyncio.sleep(1)
        began = sim.clock.monotonic()
        sim.price("0.90", "0.95")
        await asyncio.sleep(10)
        await sim.close()
        return closed[0] - began

    assert run(story) < 1


@pytest.mark.parametrize("terms", [SAFE, LISTED])
@pytest.mark.parametrize(("n_lost", "within_s"), [(1, 1.5), (3, 10.5)])
def test_a_move_of_a_stop_that_got_no_answer_is_asked_for_again_soon(terms, n_lost, within_s):
    """It was left at its old price for 30 s, where a swap is done once however often it is sent."""

    async def story():
        sim = await Sim().start()
        sim.outside.own_caps = replace(sim.outside.own_caps, **terms)
        plain, asked = sim.outside.replace, []

        async def swap(account, order_id, new):
            asked.append((order_id, new.client_order_id))
            if len(asked) <= n_lost:
                raise OrderStateUnknown("reset by peer")
            return await plain(account, order_id, new)

        sim.outside.replace = swap
        await sim.rig.say(BUY)
        await asyncio.sleep(5)
        (trade,) = sim.rig.trades()
        began = sim.clock.monotonic()
        await manage.set_stop(sim.desk, trade.trade_id, TRADER, d("1.30"))
        while [o.stop for o in await stops(sim)] != [d("1.30")]:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        moved_s = sim.clock.monotonic() - began
        await asyncio.sleep(40)
        left = [o.stop for o in await stops(sim)]
        await sim.close()
        return moved_s, left, len(asked), len(set(asked))

    moved_s, left, n_asked, n_kinds = run(story)
    assert moved_s < within_s
    assert left == [d("1.30")]
    assert (n_asked, n_kinds) == (n_lost + 1, 1)


@pytest.mark.parametrize("terms", [SAFE, LISTED])
@pytest.mark.parametrize("lags_s", [2.5, 20.0])
def test_a_move_that_was_done_unheard_is_not_given_up_because_its_repeat_is_refused(terms, lags_s):
    async def story():
        sim = await Sim().start()
        sim.outside.own_caps = replace(sim.outside.own_caps, **terms)
        plain, find, asked = sim.outside.replace, sim.outside.find, []

        async def swap(account, order_id, new):
            asked.append(new.client_order_id)
            if len(asked) > 1:
                raise OrderRejected("OVER", "the order is replaced")
            await plain(account, order_id, new)
            raise OrderStateUnknown("reset by peer")

        async def lagging(account, order_id):
            if order_id in asked and sim.clock.monotonic() < began + lags_s:
                return Absent(as_of=sim.clock.now())
            return await find(account, order_id)

        sim.outside.replace, sim.outside.find = swap, lagging
        await sim.rig.say(BUY)
        await asyncio.sleep(5)
        (trade,) = sim.rig.trades()
        sim.faults.drop_events = 1000
        began = sim.clock.monotonic()
        await manage.set_stop(sim.desk, trade.trade_id, TRADER, d("1.30"))
        await asyncio.sleep(60)
        theirs = [(o.client_order_id, o.stop) for o in await stops(sim)]
        ours = [
            (o.order_id, o.stop)
            for o in sim.desk.book.orders_of(trade.trade_id)
            if o.stop is not None and not o.state.is_terminal
        ]
        await sim.close()
        return theirs, ours, asked[0]

    theirs, ours, name = run(story)
    assert theirs == ours == [(name, d("1.30"))]


@pytest.mark.parametrize("after_s", [3.0, 3.9, 5.2, 6.1, 7.3])
def test_a_fill_that_nobody_tells_and_no_quote_explains_has_its_stop_within_five_seconds(after_s):
    """The stream was open and silent: only the poll tells, and it came every 15 s."""

    async def story():
        sim = await Sim().start()
        await sim.rig.say(BUY)
        sim.price("2.28", "2.30")
        await asyncio.sleep(after_s)
        sim.faults.drop_events = 1000
        sim.price("2.14", "2.15")
        filled_at = sim.clock.monotonic()
        await asyncio.sleep(0.05)
        sim.price("2.28", "2.30")
        while not await stops(sim):  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)
        bare_s = sim.clock.monotonic() - filled_at
        await sim.close()
        return bare_s

    assert run(story) <= 5


def test_an_entry_without_an_answer_is_found_as_soon_as_its_broker_answers_again():
    """Its last two look-ups are twenty seconds apart: so long it stood filled without a stop."""

    async def story():
        sim = await Sim().start()
        plain, lists = sim.outside.submit, ("find", "open_orders", "orders_since", "fills_since")

        async def submit(request):
            taken = await plain(request)
            if request.type is not STOP:
                raise OrderStateUnknown("reset by peer")
            return taken

        async def away(*_):
            raise BrokerUnavailable("504")

        sim.outside.submit, sim.faults.drop_events = submit, 1000
        await sim.rig.say(BUY)
        for name in lists:
            setattr(sim.outside, name, away)
        await asyncio.sleep(16)
        for name in lists:
            delattr(sim.outside, name)
        began = sim.clock.monotonic()
        while not await stops(sim):  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)
        bare_s = sim.clock.monotonic() - began
        await sim.close()
        return bare_s

    assert run(story) <= 5


def test_a_stop_whose_repeat_hangs_is_looked_for_once_that_is_given_up():
    """Its doubt joined the looks of the first one, whose last pause is twenty seconds."""

    async def story():
        sim = await Sim().start()
        sim.outside.own_caps = replace(sim.outside.own_caps, **LISTED)
        plain, n_sent = sim.outside.submit, 0

        async def submit(request):
            nonlocal n_sent
            n_sent += request.type is STOP
            if request.type is STOP and n_sent == 1:
                raise OrderStateUnknown("reset by peer")
            if request.type is STOP and n_sent == 2:
                await asyncio.Event().wait()
            return await plain(request)

        sim.outside.submit = submit
        await sim.rig.say(BUY)
        while not n_sent:  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.05)
        began = sim.clock.monotonic()
        while not await stops(sim):  # noqa: ASYNC110 - nor that
            await asyncio.sleep(0.05)
        bare_s = sim.clock.monotonic() - began
        await sim.close()
        return bare_s

    assert run(story) <= 5 + 10 + 3, "absent for sure, not answered, absent again"


def test_where_nothing_is_told_entries_wait_while_a_poll_hangs():
    """One was sent 14 s into an outage of all questions: it filled, bare for 32 s."""

    async def story():
        sim = await Sim().start()
        sim.outside.own_caps = replace(sim.outside.own_caps, has_stream=False, **LISTED)
        await sim.rig.say(BUY)
        await asyncio.sleep(8)
        lists = ("find", "open_orders", "orders_since", "fills_since")

        async def hanging(*_):
            await asyncio.Event().wait()

        for name in lists:
            setattr(sim.outside, name, hanging)
        await asyncio.sleep(11)
        shut = sim.desk.gate("paper")
        for name in lists:
            delattr(sim.outside, name)
        await asyncio.sleep(40)
        left = sim.desk.gate("paper")
        await sim.close()
        return shut, left

    shut, left = run(story)
    assert shut
    assert not left
