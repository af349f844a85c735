"""Lists that are late, of another time, or name things otherwise than the stream (I-10, I-25)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.brokers import Absent, Filled, OrderRequest, Seen
from engine.domain.instrument import stock
from engine.domain.order import Order, OrderState, OrderType, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.trade import Execution
from engine.flows.booking import echo, reported
from engine.flows.brokers import hear, recover
from engine.flows.orders import doubt
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import d, spy, told_fill

BUY = "BTO 2 SPY 603C 1/31 @ 2.15"


class Lying(FaultyBroker):
    """Paper that shows its lists otherwise than they are."""

    def __init__(self, inner, faults):
        super().__init__(inner, faults)
        self.held = None
        """What ``positions`` shows; None for the truth."""
        self.is_renaming = False
        """``fills_since`` names executions otherwise than the stream."""
        self.only_id = ""
        """What every execution is called: ids are counted anew all the time."""
        self.behind = timedelta(0)
        """How far its clock is behind ours."""
        self.second = None
        """When everything is executed, by its own word."""
        self.is_blind = False
        """No list and no look-up shows an order or an execution; positions are shown."""
        self.is_undone = False
        """The last execution is in no list any more, and its order has not filled it."""
        self.is_late = False
        """Of that ``is_undone`` only the lists speak: an order asked by itself tells the truth."""
        self.shown = None
        """Orders as lists and look-ups show them, with no execution; None for the truth."""
        self.has_prices = True
        """Else what is filled is told, and the executions are still to come."""

    async def events(self):
        async for event in super().events():
            if isinstance(event, Filled) and self.second is not None:
                event = replace(event, fill=replace(event.fill, executed_at=self.second))
            yield event

    async def positions(self, account):
        return await super().positions(account) if self.held is None else self.held

    def unnamed(self, text):
        return text.replace("PA3XCANARY", "***")

    async def open_orders(self, account):
        if self.shown is not None:
            return self.shown
        return [] if self.is_blind else await super().open_orders(account)

    async def orders_since(self, account, since):
        if self.shown is not None:
            return self.shown
        found = [] if self.is_blind else await super().orders_since(account, since)
        return [
            replace(o, filled=max(o.filled - 1, o.filled * 0)) if self.is_undone else o
            for o in found
        ]

    async def fills_since(self, account, since):
        if self.is_blind or not self.has_prices or self.shown is not None:
            return []
        fills = [self._told(f) for f in await super().fills_since(account, desks.START)]
        fills = fills[:-1] if self.is_undone else fills
        return [f for f in fills if f.executed_at >= since]

    def _told(self, fill):
        name = f"{fill.execution_id}-listed" if self.is_renaming else fill.execution_id
        name = self.only_id or name
        return replace(fill, execution_id=name, executed_at=fill.executed_at - self.behind)

    async def find(self, account, client_order_id):
        if self.shown:
            return Seen(order=self.shown[0])
        if self.is_blind:
            return Absent(as_of=desks.START)
        found = await super().find(account, client_order_id)
        order = getattr(found, "order", None)
        if order is None:
            return found
        if self.is_undone and not self.is_late:
            order = replace(order, filled=order.filled - 1)
        return replace(found, order=replace(order, updated_at=order.updated_at - self.behind))


@pytest.fixture
async def rig():
    faults, made = Faults(), []

    def wrap(paper):
        made.append(Lying(paper, faults))
        return made[0]

    desk = await desks.start(wrap=wrap)
    desk.faults, desk.lying = faults, made[0]
    desk.quote(spy(), "2.14", "2.16")
    yield desk
    await desk.close()


async def bought(rig):
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await rig.pass_time(1)
    assert rig.trade().qty_open == 2


async def sold(rig):
    await rig.say("STC SPY 603C 1/31 @ 2.15")
    for _ in range(3):
        await rig.fill(spy(), "2.16", "2.17")
        await rig.pass_time(1)
    assert held(rig) == 0


def held(rig):
    return sum(p.qty for p in rig.desk.book.positions.values())


def stops(rig):
    orders = rig.desk.book.orders.values()
    return [o.qty for o in orders if o.purpose is Purpose.STOP and not o.state.is_terminal]


async def compared(rig):
    await recover.on_demand(rig.desk)
    await rig.rest()


async def check(rig):
    await truth.books(rig.desk.store, auto=frozenset({"options"}))
    await truth.memory_equals_disk(rig.desk)


async def test_a_list_of_positions_that_has_not_heard_of_our_exit_brings_nothing_back(rig):
    await bought(rig)
    rig.lying.held = await rig.broker.positions("main")
    await sold(rig)
    assert held(rig) == 0
    for _ in range(2):
        await compared(rig)
        assert held(rig) == 0, "it is what was held before the exit"
    assert any("we hold 0, the broker 2" in note for note in rig.notes()), "people are told"
    rig.lying.held = None
    await compared(rig)
    assert not rig.desk.health.get("reconcile main")
    assert [e.kind for e in await rig.desk.store.find(Execution)] == ["fill", "fill"]
    await check(rig)


async def test_what_was_adopted_before_its_own_fill_came_is_held_once(rig):
    """No answer, no list for a while, and the position is there all the time."""
    rig.lying.is_blind, rig.faults.unknown_after_accept = True, 1
    rig.faults.drop_events = rig.faults.drop_fills = 9
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    for _ in range(8):
        rig.quote(spy(), "2.14", "2.16")
        await rig.pass_time(1)
    rig.lying.is_blind = False
    (entry,) = [o for o in await rig.desk.store.find(Order) if o.purpose is Purpose.ENTRY]
    assert entry.state is OrderState.REJECTED, "it was nowhere to be found"
    rig.lying.is_blind = True
    await compared(rig)
    assert held(rig) == 2, "it is in the books as traded outside"
    rig.lying.is_blind = False
    for _ in range(3):
        await rig.pass_time(1)
        await compared(rig)
    assert held(rig) == 2
    assert {t.source for t in rig.desk.book.open_trades()} == {"options"}
    assert any("whose fill came late" in note for note in rig.notes())
    assert stops(rig) == [2]
    assert not rig.desk.health.get("reconcile main")
    await check(rig)
    rig.lying.held = []
    rig.clock.advance(120)  # no list lags for so long
    for _ in range(3):
        await compared(rig)
    assert held(rig) == 2, "what is gone now was not adopted: at what price it went nobody says"
    await check(rig)


async def by_hand(rig, qty, name="by-hand-1"):
    """Somebody buys in the broker's own app; for now only what is held shows it."""
    rig.lying.is_blind = True
    rig.faults.drop_events = rig.faults.drop_fills = 9
    await rig.broker.submit(
        OrderRequest(
            client_order_id=name,
            account="main",
            side=Side.BUY,
            legs=(Leg(instrument=spy()),),
            qty=d(qty),
            type=OrderType.MARKET,
        )
    )
    await rig.fill(spy(), "2.14", "2.16")
    await rig.pass_time(1)


@pytest.mark.parametrize("n_ours", [0, 2])
async def test_what_somebody_bought_in_the_app_and_lists_tell_later_is_held_once(rig, n_ours):
    if n_ours:
        await bought(rig)
    await by_hand(rig, 3)
    await compared(rig)
    assert held(rig) == 3 + n_ours, "adopted from what is held"
    rig.lying.is_blind = False
    await rig.pass_time(1)
    await compared(rig)
    assert held(rig) == 3 + n_ours
    assert sum("whose fill came late" in note for note in rig.notes()) == 1
    assert stops(rig) == ([2] if n_ours else [])
    assert not rig.desk.health.get("reconcile main")
    for _ in range(2):
        await compared(rig)
    assert held(rig) == 3 + n_ours
    await check(rig)


async def test_two_trades_of_the_app_that_were_adopted_as_one_are_held_once(rig):
    await by_hand(rig, 3)
    await by_hand(rig, 2, name="by-hand-2")
    await compared(rig)
    assert held(rig) == 5
    rig.lying.is_blind = False
    await rig.pass_time(1)
    await compared(rig)
    assert held(rig) == 5
    await check(rig)


async def test_what_was_adopted_and_what_is_bought_in_the_app_afterwards_are_both_held(rig):
    await by_hand(rig, 3)
    await compared(rig)
    rig.lying.is_blind = False
    rig.clock.advance(60)
    await by_hand(rig, 3, name="by-hand-2")
    assert held(rig) == 3
    rig.lying.is_blind = False
    await compared(rig)
    assert held(rig) == 6
    await check(rig)


async def test_what_an_entry_that_works_may_have_filled_is_no_strangers(rig):
    """Its position is there before any list tells of the fill: as a stranger's it has no stop."""
    rig.faults.drop_events = rig.faults.drop_fills = 9
    await rig.say(BUY)
    rig.lying.shown = await rig.broker.open_orders("main")
    await rig.fill(spy(), "2.14", "2.15")
    await compared(rig)
    assert held(rig) == 0
    rig.lying.shown = None
    await rig.pass_time(11)
    assert held(rig) == 2
    assert stops(rig) == [2]
    assert {t.source for t in rig.desk.book.open_trades()} == {"options"}
    said = ("traded outside", "of no order of ours")
    assert not any(words in note for note in rig.notes() for words in said)
    await check(rig)


async def test_what_an_entry_that_works_may_have_cost_is_not_taken_out(rig):
    """The money has moved, and neither the position nor the fill is in a list yet."""
    rig.faults.drop_events = rig.faults.drop_fills = 9
    await rig.say(BUY)
    rig.lying.shown, rig.lying.held = await rig.broker.open_orders("main"), []
    await rig.fill(spy(), "2.14", "2.15")
    await compared(rig)
    rig.lying.shown = rig.lying.held = None
    await rig.pass_time(11)
    assert held(rig) == 2
    assert not any("that no trade explains" in note for note in rig.notes())
    await check(rig)


async def test_what_no_list_explains_for_long_is_adopted_though_an_entry_works(rig):
    rig.faults.drop_events = rig.faults.drop_fills = 9
    await rig.say(BUY)
    rig.lying.shown = await rig.broker.open_orders("main")
    await rig.fill(spy(), "2.14", "2.15")
    await compared(rig)
    await rig.pass_time(20)
    assert held(rig) == 0
    await rig.pass_time(25)
    assert held(rig) == 2
    assert {t.source for t in rig.desk.book.open_trades()} == {"external"}


async def in_parts(rig):
    """Two contracts in two executions, and what the broker then says is held without one."""
    for _ in range(2):
        rig.quote(spy(), "2.14", "2.15", ask_size=d(1))
        await rig.pass_time(1)
    assert (held(rig), stops(rig)) == (2, [2])
    (whole,) = await rig.broker.positions("main")
    return [replace(whole, qty=d(1))]


async def test_an_execution_that_all_lists_lack_for_long_was_taken_back(rig):
    """Nobody tells of busts here: a stop for two would sell one that nobody has."""
    rig.quote(spy(), "2.14", "2.16", ask_size=d(1))
    await rig.say(BUY)
    rig.lying.held, rig.lying.is_undone = await in_parts(rig), True
    await compared(rig)
    assert held(rig) == 2, "a list may lag behind"
    for _ in range(12):
        rig.quote(spy(), "2.14", "2.16")
        await rig.pass_time(1)
    assert held(rig) == 1
    assert stops(rig) == [1]
    assert any("was taken back" in note for note in rig.notes())
    await check(rig)


async def test_lists_of_before_take_nothing_back_that_the_order_itself_still_says(rig):
    """It stood 23 s without a stop, and nobody was called: the books held it no more."""
    rig.quote(spy(), "2.14", "2.16", ask_size=d(1))
    await rig.say(BUY)
    rig.lying.held, rig.lying.is_undone, rig.lying.is_late = await in_parts(rig), True, True
    for _ in range(5):
        await compared(rig)
        await rig.pass_time(11)
        assert (held(rig), stops(rig)) == (2, [2])
    assert not any("was taken back" in note for note in rig.notes())


async def test_lists_that_lagged_for_a_moment_take_nothing_back(rig):
    rig.quote(spy(), "2.14", "2.16", ask_size=d(1))
    await rig.say(BUY)
    one = await in_parts(rig)
    for _ in range(3):  # and each time anew
        rig.lying.held, rig.lying.is_undone = one, True
        await compared(rig)
        rig.lying.held, rig.lying.is_undone = None, False
        await rig.pass_time(12)
        await compared(rig)
        assert (held(rig), stops(rig)) == (2, [2])


async def test_less_held_while_the_order_stands_as_it_was_is_no_bust(rig):
    rig.quote(spy(), "2.14", "2.16", ask_size=d(1))
    await rig.say(BUY)
    rig.lying.held = await in_parts(rig)
    for _ in range(3):
        await compared(rig)
        await rig.pass_time(11)
    assert held(rig) == 2, "sold elsewhere: at what price nobody says"


async def test_executions_of_one_second_are_undone_newest_first(rig):
    """Some brokers tell whole seconds, and a stop may fill within the entry's."""
    rig.lying.second = rig.clock.now()
    await bought(rig)
    rig.lying.held = await rig.broker.positions("main")
    await sold(rig)
    assert len({row.executed_at for row in await rig.desk.store.find(Execution)}) == 1
    await compared(rig)
    assert held(rig) == 0


async def test_what_is_filled_and_has_no_price_yet_is_not_a_strangers(rig):
    """It would be booked twice."""
    rig.lying.has_prices, rig.faults.drop_fills = False, 99
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    for _ in range(2):
        await compared(rig)
        assert held(rig) == 0
    rig.lying.has_prices, rig.faults.drop_fills = True, 0
    await compared(rig)
    assert held(rig) == 2
    assert stops(rig) == [2]
    assert [e.kind for e in await rig.desk.store.find(Execution)] == ["fill"]
    await check(rig)


async def test_what_a_list_still_shows_much_later_is_adopted(rig):
    await bought(rig)
    rig.lying.held = await rig.broker.positions("main")
    await sold(rig)
    await rig.pass_time(301)
    await compared(rig)
    assert held(rig) == 2


async def test_an_execution_that_the_list_names_otherwise_is_booked_once(rig):
    await bought(rig)
    assert stops(rig) == [2]
    rig.lying.is_renaming = True
    for _ in range(2):
        await compared(rig)
    assert held(rig) == 2
    assert stops(rig) == [2], "a stop for four would sell two that nobody has"
    assert sum("under two ids" in note for note in rig.notes()) == 1
    assert not rig.desk.gate("paper")
    await check(rig)


async def test_while_the_order_lives_its_second_telling_waits_and_entries_with_it(rig):
    rig.quote(spy(), "2.14", "2.16", ask_size=d(1))
    await rig.say(BUY)
    rig.quote(spy(), "2.14", "2.15", ask_size=d(1))
    await rig.pass_time(1)
    (entry,) = (o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY)
    assert (entry.state, held(rig)) == (OrderState.PARTIAL, 1)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    await hear.on_event(
        rig.desk, "paper", Filled(fill=replace(fill, execution_id=f"{fill.execution_id}-again"))
    )
    assert held(rig) == 1
    assert rig.desk.gate("paper")


async def test_two_alike_executions_that_the_order_holds_are_both_booked(rig):
    """A print of one and one more of one, at the same price in the same moment, happens."""
    await bought(rig)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    (entry,) = (o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY)
    report = (await rig.broker.find("main", entry.order_id)).order
    await reported.on_report(rig.desk, replace(report, filled=d(4), qty=d(4)))
    await hear.on_event(
        rig.desk, "paper", Filled(fill=replace(fill, execution_id=f"{fill.execution_id}-more"))
    )
    await rig.rest()
    assert held(rig) == 4


async def test_an_exit_that_bears_the_id_of_its_entry_is_booked(rig):
    """Where ids are counted anew, one names two executions."""
    rig.lying.only_id = "X-1"
    rig.faults.drop_events = 1000
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await compared(rig)
    assert held(rig) == 2
    await rig.say("STC SPY 603C 1/31 @ 2.15")
    for _ in range(3):
        await rig.fill(spy(), "2.16", "2.17")
        await rig.pass_time(1)
        await compared(rig)
    assert held(rig) == 0
    for _ in range(2):
        await compared(rig)
    booked = await rig.desk.store.find(Execution)
    assert sorted(e.side for e in booked) == ["buy", "sell"], "each once"
    assert not rig.desk.health.get("reconcile main")
    await check(rig)


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_sale_under_the_number_that_our_entry_had_is_somebodys(rig, is_named):
    """Where numbers are given anew: booked to the entry, its stop stayed for what was sold."""
    await bought(rig)
    (entry,) = (o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY)
    theirs = {"broker_id": entry.broker_id, "side": Side.SELL, "qty": d(2), "price": d("2.40")}
    name = entry.order_id if is_named else ""
    fill = told_fill(rig, "X-9", client_order_id=name, **theirs)
    await hear.on_event(rig.desk, "paper", Filled(fill=fill))
    for _ in range(2):
        await rig.fill(spy(), "2.14", "2.16")
        await rig.pass_time(1)
    assert held(rig) == 0
    assert stops(rig) == [], "it would open the other side"
    assert not rig.desk.book.open_trades()
    assert any("traded outside" in note for note in rig.notes())
    await check(rig)


async def test_an_id_of_before_names_another_orders_execution_in_something_else(rig):
    """Within the same second."""
    await bought(rig)
    (row,) = await rig.desk.store.find(Execution)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    fill = replace(fill, client_order_id="TSANOTHERORDEROFOURS")
    known = {row.execution_id: row}
    assert echo.named(fill, known).execution_id == row.execution_id
    other = replace(fill, instrument=stock("MSFT"))
    assert echo.named(other, known).execution_id != row.execution_id


async def test_fills_of_a_broker_whose_clock_is_far_behind_are_found(rig):
    """M-03: the order says when it filled by that clock; executions are asked for by it."""
    rig.lying.behind = timedelta(days=3)
    rig.faults.drop_events = 1000
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (entry,) = (o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY)
    await doubt.look_up(rig.desk, entry.order_id)
    await rig.rest()
    assert held(rig) == 2
    assert stops(rig) == [2]


async def test_why_an_order_was_refused_is_shown_without_the_accounts_number(rig):
    """X-05: what a list says later of an order that was taken."""
    await rig.say(BUY)
    (entry,) = rig.desk.book.orders.values()
    (report,) = await rig.broker.open_orders("main")
    why = "account PA3XCANARY lacks money"
    await reported.on_report(rig.desk, replace(report, state="rejected", reason=why), asked=True)
    order = await rig.desk.order(entry.order_id)
    assert (order.state, order.reason) == (OrderState.REJECTED, "account *** lacks money")
