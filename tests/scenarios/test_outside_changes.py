"""Outside brokers that swap no orders, ask for pauses, take executions back or count otherwise."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.brokers import BalanceSeen, OrderSeen, Seen, Unclear
from engine.domain.errors import OrderStateUnknown, UserError
from engine.domain.order import OrderState, Purpose, Side
from engine.exits import Cancel
from engine.flows.booking import fills, reported
from engine.flows.brokers import hear, resolve
from engine.flows.holdings import capable
from tests import rig as desks
from tests.rig import ADMIN, d, spy, told_fill
from tests.scenarios.outside_desk import alive, check, held, live, orders

# -- replacing where nothing swaps in one go ----------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "kinds"),
    [({"replaces_in_place": False}, None), ({}, {"has_replace": False})],
    ids=["two orders", "none"],
)
async def test_a_stop_is_moved_by_cancel_and_anew_where_replacing_is_no_swap(opened, terms, kinds):
    rig = await opened(terms=terms, kinds=kinds)
    trade = await held(rig)
    (before,) = live(rig, Purpose.STOP)
    await rig.say("move stop to 1.90 on SPY 603C", channel=desks.OPTIONS)
    await alive(rig, 4)
    trade = rig.trade()
    (after,) = live(rig, Purpose.STOP)
    assert after.order_id != before.order_id
    assert after.stop == trade.stop.price == d("1.90")
    assert after.replaces is None
    assert rig.desk.book.orders[before.order_id].state is OrderState.CANCELED
    working = await rig.broker.open_orders("main")
    assert [o.qty for o in working] == [2]
    await check(rig)


async def test_cancels_that_nobody_answers_hold_no_other_exit_up(opened):
    terms, kinds = {"has_stream": False}, {"has_replace": False}
    rig = await opened(terms=terms, kinds=kinds, risk=desks.LOOSE)
    strikes = ("600", "601", "602", "604")
    for strike in strikes:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 4)
    stuck = {o.order_id for o in live(rig, Purpose.STOP) if o.legs[0].instrument != spy("604")}
    assert len(stuck) == 3
    cancel = rig.outside.cancel

    async def unheard(account, name):
        if name in stuck:
            raise OrderStateUnknown("504")
        await cancel(account, name)

    rig.outside.cancel = unheard
    for strike in strikes:
        await rig.say(f"STC SPY {strike}C 1/31 @ 2.15")
    for _ in range(12):
        for strike in strikes:
            rig.quote(spy(strike), "2.14", "2.16")
        await alive(rig, 1)
    assert {o.order_id for o in live(rig, Purpose.STOP)} == stuck
    assert {t.legs[0].instrument for t in rig.desk.book.open_trades()} == {
        spy(strike) for strike in strikes[:3]
    }


async def test_of_many_stops_that_are_moved_few_are_gone_at_once_where_their_end_is_asked_for(
    opened,
):
    """At two questions in two seconds the last of eight would be known to be gone in eight."""
    terms, kinds = {"has_stream": False}, {"has_replace": False}
    rig = await opened(terms=terms, kinds=kinds, risk=desks.LOOSE)
    strikes = ("600", "601", "602", "604", "605")
    for strike in strikes:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 4)
    assert len(live(rig, Purpose.STOP)) == len(strikes)
    ask, most = rig.outside.find, []

    async def find(account, name):
        stops = [o for o in live(rig, Purpose.STOP) if o.state is OrderState.PENDING_CANCEL]
        most.append(len(stops))
        return await ask(account, name)

    rig.outside.find = find
    for strike in strikes:
        await rig.say(f"move stop to 1.90 on SPY {strike}C", channel=desks.OPTIONS)
    for _ in range(12):
        for strike in strikes:
            rig.quote(spy(strike), "2.14", "2.16")
        await alive(rig, 1)
    assert {o.stop for o in live(rig, Purpose.STOP)} == {d("1.90")}
    assert max(most) == 1
    await check(rig)


async def test_no_stop_is_moved_while_an_exit_is_looked_for_that_may_not_be_there(opened):
    """Few questions are answered a second: they are for what may have no stop at all."""
    rig = await opened(kinds={"has_replace": False}, risk=desks.LOOSE)
    find, submit = rig.outside.find, rig.outside.submit

    def is_lost(legs):
        return legs[0].instrument == spy("601")

    async def found(account, name):
        order = rig.desk.book.orders[name]
        is_hidden = order.purpose is Purpose.STOP and is_lost(order.legs)
        return Unclear() if is_hidden else await find(account, name)

    async def lost(request):
        if request.reduces and is_lost(request.legs):
            raise OrderStateUnknown("reset by peer")
        return await submit(request)

    rig.outside.find, rig.outside.submit = found, lost
    for strike in ("600", "601"):
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 2)
    await rig.say("move stop to 1.90 on SPY 600C", channel=desks.OPTIONS)
    await alive(rig, 1)
    (stop,) = [o for o in live(rig, Purpose.STOP) if not is_lost(o.legs)]
    trade = rig.desk.book.trades[stop.trade_id]
    assert capable.must_queue(rig.desk, trade, Cancel(order=stop, reason="moved"))
    close = replace(stop, purpose=Purpose.CLOSE)
    assert not capable.must_queue(rig.desk, trade, Cancel(order=close, reason="not wanted"))
    rig.desk.book.trades[trade.trade_id] = flat = replace(trade, qty_open=d(0))
    assert not capable.must_queue(rig.desk, flat, Cancel(order=stop, reason="nothing is held"))
    rig.desk.book.trades[trade.trade_id] = trade
    for seconds, is_moved in ((20, False), (20, True)):
        for _ in range(seconds):
            for strike in ("600", "601"):
                rig.quote(spy(strike), "2.14", "2.16")
            await alive(rig, 1)
        (stop,) = [o for o in live(rig, Purpose.STOP) if not is_lost(o.legs)]
        assert (stop.stop == d("1.90")) is is_moved


@pytest.mark.parametrize("is_told", [False, True])
async def test_a_stop_that_is_only_moved_waits_for_what_another_trade_lacks(opened, is_told):
    """Of an entry that filled in parts the last stood bare for 19 s while others were trailed."""
    terms, kinds = {"has_stream": is_told}, {"has_replace": False}
    rig = await opened(terms=terms, kinds=kinds, risk=desks.LOOSE)
    for strike in ("600", "601"):
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 4)
    one, other = rig.desk.book.open_trades()
    (stop,) = [o for o in live(rig, Purpose.STOP) if o.trade_id == one.trade_id]
    moved, now = Cancel(order=stop, reason="moved"), rig.clock.now()
    for since, own, must in (
        (now, None, not is_told),
        (now, now, False),  # it lacks one itself: two that wait for each other wait for ever
        (now - timedelta(seconds=30), None, False),  # a person was called
    ):
        rig.desk.book.trades[other.trade_id] = replace(other, is_unprotected_since=since)
        trade = replace(one, is_unprotected_since=own)
        assert capable.must_queue(rig.desk, trade, moved) is must


async def test_a_wall_clock_that_is_set_back_keeps_no_stop_waiting_for_another(opened):  # M-03
    """What had been under way for 5 s stood in the way for an hour."""
    terms, kinds = {"has_stream": False}, {"has_replace": False}
    rig = await opened(terms=terms, kinds=kinds, risk=desks.LOOSE)
    for strike in ("600", "601"):
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 4)
    _, other = live(rig, Purpose.STOP)

    async def taken_in(account, order_id):
        """It says yes, and nothing comes of it."""

    rig.outside.cancel = taken_in
    await rig.say("STC 1 SPY 600C 1/31")
    trade, moved = rig.desk.book.trades[other.trade_id], Cancel(order=other, reason="moved")
    rig.clock.jump(rig.clock.now() - timedelta(hours=1))
    await alive(rig, 30)
    capable.must_queue(rig.desk, trade, moved)
    await alive(rig, 6)
    assert not capable.must_queue(rig.desk, trade, moved)


async def test_a_quantity_that_cannot_be_replaced_is_cancelled_and_sent_anew(opened):
    rig = await opened(kinds={"replaces_qty": False})
    await held(rig)
    await rig.say("STC 1 SPY 603C 1/31")
    await alive(rig, 4)
    (stop,) = live(rig, Purpose.STOP)
    assert (stop.qty, stop.replaces) == (1, None)
    assert rig.trade().qty_open == 1
    await check(rig)


# -- 429 ----------------------------------------------------------------------------------------


async def test_a_stop_whose_cancellation_comes_to_nothing_is_a_persons_to_decide(opened):  # O-20
    """Its broker has a word for it that nobody knows: closing by hand waited for ever."""
    rig = await opened()
    await held(rig)
    (stop,) = live(rig, Purpose.STOP)

    async def taken_in(account, order_id):
        """It says yes, and no more of it."""

    rig.outside.cancel = taken_in
    seen = await rig.outside.find("main", stop.order_id)
    told = replace(seen.order, state="unknown", raw_state="beamed_up")
    rig.outside.says[stop.order_id] = Seen(order=told)
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 20)
    with pytest.raises(UserError, match=r"No order .* is in doubt"):
        await resolve.not_there(rig.desk, ADMIN, stop.order_id, "too early: it may end by itself")
    assert not any("does not say that it is over" in note for note in rig.notes())
    await alive(rig, 50)
    assert rig.desk.book.orders[stop.order_id].state is OrderState.PENDING_CANCEL
    (note,) = [n for n in rig.notes() if "does not say that it is over" in n]
    assert stop.order_id in note
    assert "/order resolve" in note
    await rig.broker.cancel("main", stop.order_id)
    said = await resolve.not_there(rig.desk, ADMIN, stop.order_id, "it is gone in the app")
    assert "counts as cancelled" in said
    await alive(rig, 5)
    assert not rig.desk.book.open_trades(), "and then it is closed, as was asked"
    await check(rig)


async def said_over(rig, n_filled=0):
    """A stop that works on: its cancellation comes to nothing, and somebody says that it is over.

    Its broker closes more than is held.
    """
    submit = rig.outside.submit

    async def unchecked(request):
        return await submit(replace(request, reduces=False))

    rig.outside.submit = unchecked
    await held(rig)
    (stop,) = live(rig, Purpose.STOP)

    async def taken_in(account, order_id):
        """It says yes, and no more of it."""

    cancel, rig.outside.cancel = rig.outside.cancel, taken_in
    await rig.say("STC 2 SPY 603C 1/31")
    for n in range(n_filled):
        part = told_fill(rig, f"part-{n}", client_order_id=stop.order_id, side=Side.SELL)
        await fills.on_fill(rig.desk, part)
    await alive(rig, 32)
    rig.outside.cancel = cancel
    await resolve.not_there(rig.desk, ADMIN, stop.order_id, "it is gone in the app")


@pytest.mark.parametrize("n_filled", [0, 1])
async def test_a_stop_that_somebody_took_for_over_is_looked_for_again(opened, n_filled):
    """It lived beside what was planned anew until the next comparison of the clock."""
    rig = await opened()
    await said_over(rig, n_filled)
    await alive(rig, 8)
    assert not await rig.broker.open_orders("main")
    assert any("over with us; it is being cancelled" in note for note in rig.notes())


async def test_what_a_stop_that_somebody_took_for_over_sells_too_much_is_told(opened):
    rig = await opened()
    await said_over(rig)
    await alive(rig, 2)
    await alive(rig, 2, ("1.00", "1.02"))
    assert rig.trade().qty_open == -2
    assert any("held the other way round" in note for note in rig.notes())


@pytest.mark.parametrize(("qty", "filled", "is_told"), [(1, 0, True), (2, 0, False), (2, 1, False)])
async def test_a_stop_that_somebody_has_cut_down_at_the_broker_is_told_once(
    opened, qty, filled, is_told
):
    """Of four that were held three had no stop, and nobody knew."""
    rig = await opened()
    await held(rig)
    (report,) = await rig.broker.open_orders("main")
    for _ in range(2):
        await reported.on_report(rig.desk, replace(report, qty=d(qty), filled=d(filled)))
    said = [note for note in rig.notes() if "changed outside TradeStream" in note]
    assert len(said) == is_told
    assert not is_told or "is for 1 of the 2 that are held" in said[0]


async def test_a_brackets_stop_that_grows_with_its_entry_is_not_cut_down(opened):
    """While the entry fills the broker has not told of the stop for all of it yet."""
    rig = await opened()
    trade = await held(rig)
    (report,) = await rig.broker.open_orders("main")
    growing = replace(trade, is_entry_over=False, version=trade.version + 1)
    await rig.desk.commit(rig.desk.event("test", trade.alert_id, growing))
    await reported.on_report(rig.desk, replace(report, qty=d(1)))
    assert not [note for note in rig.notes() if "changed outside TradeStream" in note]


async def test_what_cannot_be_taken_in_is_told_and_looked_at_before_the_next_entry(opened):
    """It may have been a fill: the next poll does not wait behind entries."""
    rig = await opened()
    await hear.on_event(rig.desk, rig.broker.name, OrderSeen(order=None))
    assert "AttributeError" in rig.desk.gates[rig.broker.name]
    assert rig.broker.name in rig.desk.doubts.unpolled
    assert sum("could not be taken in" in note for note in rig.notes()) == 1


async def test_an_exit_that_was_asked_to_wait_goes_out_when_the_pause_is_over(opened):  # O-18
    rig = await opened()
    await held(rig)
    rig.outside.limit_s = 3.0
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 1)
    assert rig.outside.limit_s is None
    assert rig.desk.book.open_trades()
    n_before = len(rig.outside.requests)
    await alive(rig, 2)
    assert len(rig.outside.requests) == n_before, "not before"
    await alive(rig, 3)
    assert not rig.desk.book.open_trades()
    assert not any("refused" in note for note in rig.notes())


# -- what the broker says of the account ------------------------------------------------------


async def test_an_account_that_may_only_close_opens_nothing_and_closes_all_the_same(opened):
    """R-08, O-25."""
    rig = await opened()
    await held(rig)
    balance = await rig.broker.balance("main")
    blocked = replace(balance, facts={"closing only": "yes"})
    await hear.on_event(rig.desk, "paper", BalanceSeen(balance=blocked))
    rig.quote(spy("600"), "2.14", "2.16")
    record = await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    assert "it may only close" in record.reason
    assert len(orders(rig, Purpose.ENTRY)) == 1
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 4)
    assert not rig.desk.book.open_trades()
