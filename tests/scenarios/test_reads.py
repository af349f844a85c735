"""What a broker is asked: once for all who want it, in the name of who asks, never for nothing."""

import asyncio
import gc
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from engine import asking
from engine.asking import Rank
from engine.brokers import OrderRequest
from engine.brokers.paper.book import Holding
from engine.domain.errors import RateLimited
from engine.domain.order import OrderState, OrderType, Purpose, Side
from engine.domain.source import Handling
from engine.domain.trade import Execution
from engine.flows.acts import halt
from engine.flows.brokers import glance, lists, recover, watch
from engine.flows.trades import approve
from tests import rig as desks
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import LOOSE, spy

STRIKES = ("600", "601", "602", "604")


class Asked(FaultyBroker):
    """Counts what it is asked, and in whose name."""

    def __init__(self, inner, faults):
        super().__init__(inner, faults)
        self.n, self.names = Counter(), {}
        self.since = []
        self.gate = asyncio.Event()
        """Positions are told when it is set."""
        self.gate.set()
        self.is_full = False
        """Its allowance is used but for what takes risk away, looks for it, or compares."""
        self.left = self.more = None
        """Polls that its minute has room for, and looks that go before entries."""

    def noted(self, what):
        self.n[what] += 1
        self.names.setdefault(what, set()).add(asking.rank())

    def room(self, who=Rank.EXIT):
        return 0 if self.is_full else self.left if who is Rank.POLL else self.more

    async def submit(self, request):
        self.noted("exit" if request.reduces else "entry")
        return await super().submit(request)

    async def cancel(self, account, client_order_id):
        self.noted("cancel")
        await super().cancel(account, client_order_id)

    async def find(self, account, client_order_id):
        self.noted("find")
        return await super().find(account, client_order_id)

    async def open_orders(self, account):
        if self.is_full and asking.rank() is Rank.POLL:
            raise RateLimited("too many requests wait already", 40)
        self.noted("open_orders")
        return await super().open_orders(account)

    async def orders_since(self, account, since):
        self.noted("orders_since")
        self.since.append(since)
        return await super().orders_since(account, since)

    async def fills_since(self, account, since):
        self.noted("fills_since")
        return await super().fills_since(account, since)

    async def positions(self, account):
        self.noted("positions")
        await self.gate.wait()
        return await super().positions(account)

    async def balance(self, account):
        self.noted("balance")
        return await super().balance(account)


@pytest.fixture
async def rig():
    made = []

    def wrap(paper):
        made.append(Asked(paper, Faults()))
        return made[0]

    rig = await desks.start(wrap=wrap, risk=LOOSE)
    rig.asked, rig.faults = made[0], made[0].faults
    await rig.rest()
    rig.asked.n.clear()
    rig.asked.names.clear()
    yield rig
    await rig.close()


async def entered(rig, *strikes):
    """One contract of each, bought; whether the broker tells of it is another matter."""
    for strike in strikes:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
    rig.clock.advance(0.3)
    await rig.rest()
    for strike in strikes:
        rig.quote(spy(strike), "2.14", "2.15")
    await rig.rest()


async def watched(rig, seconds):
    for _ in range(seconds):
        await rig.pass_time(1)
        await watch.round_of(rig.desk)
        await rig.rest()


def entries(rig):
    return [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY]


async def test_a_comparison_reads_each_list_once_and_what_is_held_before_and_after(rig):
    await recover.reconcile(rig.desk)
    assert rig.asked.n == {
        "positions": 2, "fills_since": 1, "orders_since": 1, "open_orders": 1, "balance": 1
    }  # fmt: skip
    assert all(names == {Rank.COMPARE} for names in rig.asked.names.values())


async def test_where_nothing_is_told_unasked_a_start_reads_what_is_over_only_if_something_differs(
    rig,
):
    """History comes in pages, and few of them a second."""
    await entered(rig, "600")
    own = rig.asked.inner.caps
    rig.asked.inner.__dict__["caps"] = replace(own, has_stream=False)
    rig.asked.n.clear()
    assert await glance.is_as_left(rig.desk, "paper")
    assert rig.asked.n == {"open_orders": 1, "positions": 1, "balance": 1}
    held = rig.asked.inner._book.holdings["main"]
    held[desks.AAPL.key] = Holding(instrument=desks.AAPL, qty=desks.d(10), cost=desks.d(2000))
    assert not await glance.is_as_left(rig.desk, "paper")
    del held[desks.AAPL.key]
    rig.asked.inner.__dict__["caps"] = own
    assert not await glance.is_as_left(rig.desk, "paper"), "one that tells is read whole"


@pytest.mark.parametrize("by_hand", [0, 1])
async def test_a_start_asks_for_a_stop_that_filled_meanwhile_alone_and_reads_no_long_list(
    rig, by_hand, monkeypatch
):
    """Webull: 11 s until entries passed, with a thousand orders in the lists."""
    await entered(rig, "600")
    rig.asked.inner.__dict__["caps"] = replace(rig.asked.inner.caps, has_stream=False)
    rig.faults.drop_events = 1_000
    for _ in range(2):
        await rig.fill(spy("600"), "1.00", "1.01")
    held = rig.asked.inner._book.holdings["main"]
    assert all(h.qty == 0 for h in held.values()), "the stop has filled, unheard"
    (trade,) = rig.desk.book.open_trades()
    if by_hand:
        held[spy("600").key] = Holding(instrument=spy("600"), qty=-desks.d(1), cost=desks.d(-100))
    inner, began = rig.asked.inner, rig.clock.now() - timedelta(hours=1)
    plain = inner.find

    async def find(account, order_id):
        said, fills = await plain(account, order_id), await inner.fills_since(account, began)
        its = tuple(f for f in fills if f.client_order_id == order_id)
        return replace(said, order=replace(said.order, fills=its))  # as Webull tells them

    inner.find = find
    read, reading = [], glance._read_back

    async def read_back(*args):
        read.append(args)
        await reading(*args)

    monkeypatch.setattr(glance, "_read_back", read_back)
    looking = asyncio.create_task(glance.is_as_left(rig.desk, "paper"))
    while not looking.done():
        await rig.pass_time(1)
    assert trade.trade_id not in rig.desk.book.trades, "it is over"
    assert looking.result() == (not by_hand), "what a person did is not explained by it"
    assert not read


async def test_entries_just_taken_are_looked_at_by_one_list_where_nothing_is_told_unasked(rig):
    """What filled has no stop yet; one question for all of them is as quick as one for one."""
    rig.asked.inner.__dict__["caps"] = replace(rig.asked.inner.caps, has_stream=False)
    rig.faults.drop_events = 1_000
    for strike in STRIKES:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
    for strike in STRIKES:
        rig.quote(spy(strike), "2.14", "2.15")
    rig.clock.advance(0.3)
    await rig.rest()
    assert not rig.desk.book.open_trades()
    rig.asked.n.clear()
    rig.clock.advance(0.3)
    await rig.rest()
    assert len(rig.desk.book.open_trades()) == len(STRIKES)
    assert (rig.asked.n["orders_since"], rig.asked.n["find"]) == (1, 0)


async def test_an_entry_whose_card_stood_for_a_minute_is_looked_at_as_soon_as_any(rig):
    """Just taken is what just left; the question about it may be of long before."""
    rig.asked.inner.__dict__["caps"] = replace(rig.asked.inner.caps, has_stream=False)
    rig.faults.drop_events = 1_000
    asks = replace(rig.desk.settings, sources=desks.profiles(Handling.APPROVE))
    rig.desk.follow(asks, rig.desk.checks, rig.desk.exit_rules)
    for strike in STRIKES:
        rig.quote(spy(strike), "2.14", "2.15")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
    await rig.pass_time(60)
    for strike in STRIKES:
        rig.quote(spy(strike), "2.14", "2.15")
    for asked in rig.approvals():
        await approve.approve(rig.desk, asked.approval_id, asked.version, desks.TRADER)
    rig.clock.advance(0.3)
    await rig.rest()
    for strike in STRIKES:
        rig.quote(spy(strike), "2.14", "2.15")
    await rig.rest()
    rig.asked.n.clear()
    rig.asked.since.clear()
    rig.clock.advance(0.3)
    await rig.rest()
    assert len(rig.desk.book.open_trades()) == len(STRIKES)
    assert rig.asked.n["orders_since"] == 1
    assert rig.clock.now() - min(rig.asked.since) < timedelta(seconds=12)


async def test_in_a_storm_of_entries_the_lists_stay_short_and_none_is_read_twice(rig):
    """Webull lists a page a second: two who read minutes of it heard of fills 3.6 s late."""
    rig.asked.inner.__dict__["caps"] = replace(rig.asked.inner.caps, has_stream=False)
    rig.faults.drop_events = 1_000
    plain, spans, late_s = rig.asked.orders_since, [], 0

    async def slow(account, since):
        spans.append(rig.clock.now() - since)
        await rig.clock.sleep(1)
        return await plain(account, since)

    rig.asked.orders_since = slow
    for n in range(8):
        for strike in range(600 + 3 * n, 603 + 3 * n):
            rig.quote(spy(str(strike)), "2.14", "2.15")
            await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        for _ in range(4):
            rig.clock.advance(0.25)
            await rig.rest()
        await watch.round_of(rig.desk)
        late_s = max(late_s, 3 * (n + 1) - len(rig.desk.book.open_trades()))
    assert len(entries(rig)) == 24
    assert late_s <= 6, "those of two seconds"
    assert max(spans) < timedelta(seconds=12)
    assert len(spans) <= 4, "one after the other"


@pytest.mark.parametrize("n_sold", [2, 1])
async def test_a_start_sends_no_stop_for_what_somebody_sold_while_the_desk_was_down(rig, n_sold):
    """He took the stop back first, or his sale would have been refused."""
    rig.quote(spy("600"), "2.14", "2.16")
    await rig.say("BTO 2 SPY 600C 1/31 @ 2.15")
    await rig.fill(spy("600"), "2.14", "2.15")
    own = rig.asked.inner.caps
    rig.asked.inner.__dict__["caps"] = replace(own, has_stream=False, dedupes_client_id=False)
    (stop,) = [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.STOP]
    assert stop.qty == 2
    rig.faults.drop_events = 1_000
    there = rig.asked.inner
    await there.cancel("main", stop.order_id)
    sale = OrderRequest(
        client_order_id="A" * 20,
        account="main",
        side=Side.SELL,
        legs=stop.legs,
        qty=desks.d(n_sold),
        type=OrderType.MARKET,
    )
    await there.submit(sale)
    await rig.fill(spy("600"), "2.14", "2.15")
    sent, plain = [], rig.asked.submit

    async def submit(request):
        sent.append(request.qty)
        return await plain(request)

    rig.asked.submit = submit
    looking = asyncio.create_task(glance.is_as_left(rig.desk, "paper"))
    while not looking.done():
        await rig.pass_time(1)
    assert sent == [2 - n_sold][: 2 - n_sold], "for more than is held it opens the other side"
    (_, *sold) = await rig.desk.store.find(Execution)
    assert sum(e.qty for e in sold) == n_sold


async def test_an_entry_just_taken_does_not_stand_in_line_behind_exits_whose_end_is_asked_for(rig):
    """At Webull two questions of one order are allowed in two seconds: a stop was 9 s late."""
    await entered(rig, "600")
    rig.asked.inner.__dict__["caps"] = replace(rig.asked.inner.caps, has_stream=False)
    (stop,) = [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.STOP]
    rig.desk.book.orders[stop.order_id] = replace(stop, state=OrderState.PENDING_CANCEL)
    rig.faults.drop_events = 1_000
    rig.quote(spy("601"), "2.14", "2.16")
    await rig.say("BTO 1 SPY 601C 1/31 @ 2.15")
    rig.quote(spy("601"), "2.14", "2.15")
    rig.clock.advance(0.3)
    await rig.rest()
    rig.asked.n.clear()
    rig.clock.advance(0.3)
    await rig.rest()
    assert len(rig.desk.book.open_trades()) == 2
    assert (rig.asked.n["orders_since"], rig.asked.n["find"]) == (1, 0)


async def test_a_start_waits_for_an_exit_without_an_answer_before_it_opens(rig):
    await entered(rig, "600")
    terms = {"has_stream": False, "dedupes_client_id": False}
    rig.asked.inner.__dict__["caps"] = replace(rig.asked.inner.caps, **terms)
    (stop,) = [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.STOP]
    rig.desk.book.orders[stop.order_id] = replace(stop, state=OrderState.UNKNOWN)
    rig.faults.unclear, rig.asked.inner.open_orders = 1, nothing
    looking = asyncio.create_task(glance.is_as_left(rig.desk, "paper"))
    await rig.rest()
    assert not looking.done()
    while not looking.done():
        await rig.pass_time(1)
    assert rig.desk.book.orders[stop.order_id].state is OrderState.ACCEPTED


async def nothing(*_):
    return []


async def test_a_fill_while_the_lists_are_read_has_them_read_again(rig):
    await entered(rig, "600")
    stop = next(o for o in rig.desk.book.orders.values() if o.purpose is Purpose.STOP)
    rig.faults.drop_events = 100
    rig.asked.gate.clear()
    rig.asked.n.clear()
    comparing = asyncio.create_task(recover.reconcile(rig.desk))
    await rig.rest()
    held = await rig.asked.inner.positions("main")
    rig.asked.gate.set()
    first = rig.asked.inner.positions

    async def before(account):  # as it stood when the comparison began
        rig.asked.inner.positions = first
        await rig.fill(spy("600"), str(stop.stop / 2), str(stop.stop / 2))
        return held

    rig.asked.inner.positions = before
    await comparing
    assert rig.asked.n["fills_since"] >= 2
    assert not rig.desk.book.open_trades()
    assert "reconcile main" not in rig.desk.health


async def test_what_the_lists_show_is_not_looked_up_besides(rig):
    """N unanswered orders cost a comparison no question of their own."""
    rig.faults.unknown_after_accept = len(STRIKES)
    rig.faults.drop_events = 1_000
    for strike in STRIKES:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
    assert {o.state for o in entries(rig)} == {OrderState.UNKNOWN}
    await recover.reconcile(rig.desk)
    assert {o.state for o in entries(rig)} == {OrderState.ACCEPTED}
    assert rig.asked.n["find"] == 0


async def test_executions_that_many_orders_lack_are_read_once(rig):
    rig.faults.drop_fills = 100
    await entered(rig, *STRIKES)
    rig.asked.n.clear()
    rig.clock.advance(1.1)
    await rig.rest()
    assert rig.asked.n["fills_since"] == 1
    assert len(rig.desk.book.open_trades()) == len(STRIKES)


async def test_a_reading_of_executions_that_hangs_holds_up_no_other_order(rig, monkeypatch):
    """A second one serves all that wait; what the first tells in the end is not booked again."""
    rig.desk.settings = replace(rig.desk.settings, broker_timeout_s=2)
    rig.faults.drop_fills, hangs = 100, asyncio.Event()
    read = rig.asked.fills_since

    async def hanging(account, since):
        monkeypatch.setattr(rig.asked, "fills_since", read)
        await hangs.wait()
        return await read(account, since)

    monkeypatch.setattr(rig.asked, "fills_since", hanging)
    first, *others = STRIKES
    rig.asked.n.clear()
    for strikes in ([first], others):
        await entered(rig, *strikes)
        rig.clock.advance(1.1)
        await rig.rest()
    for _ in range(10):
        if len(rig.desk.book.open_trades()) < len(STRIKES):
            await asyncio.sleep(0.1)
            await rig.rest()
    assert len(rig.desk.book.open_trades()) == len(STRIKES)
    assert rig.asked.n["fills_since"] == 1
    hangs.set()
    await rig.rest()
    assert rig.asked.n["fills_since"] == 2
    assert {t.qty_open for t in rig.desk.book.open_trades()} == {1}
    assert len(await rig.desk.store.find(Execution)) == len(STRIKES)


async def test_many_that_left_the_open_list_are_found_in_one_list(rig):
    for strike in STRIKES:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
    rig.faults.drop_events = 1_000
    await rig.pass_time(3)
    for strike in STRIKES:
        rig.quote(spy(strike), "2.14", "2.15")
    await rig.rest()
    assert {o.state for o in entries(rig)} == {OrderState.ACCEPTED}
    rig.asked.n.clear()
    rig.desk._done_at.clear()
    await watch.round_of(rig.desk)
    await rig.rest()
    assert {o.state for o in entries(rig)} == {OrderState.FILLED}
    assert rig.asked.n["find"] == 0
    assert rig.asked.n["orders_since"] == 1
    assert rig.asked.names["orders_since"] == {Rank.NAKED}, "what may be held unheard is no poll"


async def test_an_entry_that_the_market_should_have_filled_is_asked_for_at_once(rig):
    rig.quote(spy("600"), "2.14", "2.16")
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    rig.quote(spy("600"), "2.28", "2.30")
    rig.asked.left = rig.asked.more = 0  # the next poll is far
    await rig.pass_time(3)
    await watch.round_of(rig.desk)
    await rig.rest()
    rig.asked.n.clear()
    rig.faults.drop_events = 1_000
    for _ in range(3):
        await rig.pass_time(1)
        rig.quote(spy("600"), "2.28", "2.30")
        await watch.round_of(rig.desk)
    await rig.rest()
    assert rig.asked.n["open_orders"] == 0, "its price is not there: the stream is listened to"
    rig.quote(spy("600"), "2.14", "2.15")
    await rig.rest()
    assert [o.state for o in entries(rig)] == [OrderState.ACCEPTED]
    await watch.round_of(rig.desk)
    await rig.rest()
    assert rig.asked.n["find"] == 1
    assert rig.asked.names["find"] == {Rank.NAKED}, "before all who only want to know"
    assert rig.asked.n["open_orders"] == 0, "what works is not the question"
    assert [o.state for o in entries(rig)] == [OrderState.FILLED]


@pytest.mark.parametrize("n_entries", [1, 3])
async def test_what_should_have_filled_is_asked_for_though_the_poll_still_stands_in_line(
    rig, monkeypatch, n_entries
):
    """E*TRADE: two requests a second. The poll waited for those, and so did the first stops."""
    strikes = STRIKES[:n_entries]
    for strike in strikes:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
    rig.faults.drop_events = 1_000
    monkeypatch.setattr(rig.asked, "open_orders", lambda _: asyncio.Event().wait())
    await rig.pass_time(16)
    await watch.round_of(rig.desk)
    for strike in strikes:
        rig.quote(spy(strike), "2.14", "2.15")
    await rig.rest()
    assert {o.state for o in entries(rig)} == {OrderState.ACCEPTED}
    await watched(rig, 1)
    assert {o.state for o in entries(rig)} == {OrderState.FILLED}
    assert sum(rig.asked.n[what] for what in ("find", "orders_since")) == 1


async def test_one_list_tells_what_works_and_what_has_filled_where_the_former_takes_several(rig):
    """E*TRADE lists what works in three questions, what has filled in a fourth; two a second go."""
    own = rig.asked.inner.caps
    rig.asked.inner.__dict__["caps"] = replace(own, has_stream=False, working_lists=3)
    rig.quote(spy("600"), "2.14", "2.16")
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    await rig.pass_time(3)
    rig.faults.drop_events = 1_000
    rig.asked.n.clear()
    rig.asked.names.clear()
    await watched(rig, 4)
    assert set(rig.asked.n) - {"positions"} == {"orders_since"}, "what is held is asked for apart"
    assert rig.asked.names["orders_since"] == {Rank.COMPARE}, "what may be held unheard is no poll"
    rig.quote(spy("600"), "2.14", "2.15")
    await rig.rest()
    await watched(rig, 4)
    assert [o.state for o in entries(rig)] == [OrderState.FILLED]


async def test_a_list_of_a_busy_day_is_not_read_to_its_end_for_every_poll(rig):
    """A thousand orders are ten pages at E*TRADE: five seconds in which no entry has a turn."""
    own = rig.asked.inner.caps
    terms = {"has_stream": False, "working_lists": 3, "recent_lists": 4}
    rig.asked.inner.__dict__["caps"] = replace(own, **terms)
    rig.quote(spy("600"), "2.14", "2.16")
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    await rig.pass_time(3)
    rig.asked.n.clear()
    await watched(rig, 9)
    assert set(rig.asked.n) - {"positions"} == {"open_orders"}, "what is held is asked for apart"
    rig.quote(spy("600"), "2.14", "2.15")
    await rig.rest()
    rig.faults.drop_events = 1_000
    await watched(rig, 4)
    assert [o.state for o in entries(rig)] == [OrderState.FILLED]


async def test_a_stop_that_went_untold_is_found_in_time_though_polls_have_no_turn(rig):
    await entered(rig, "600")
    await rig.pass_time(3)
    await watched(rig, 1)
    (stop,) = [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.STOP]
    assert stop.state is OrderState.ACCEPTED
    rig.asked.is_full, rig.faults.drop_events = True, 1_000
    await rig.asked.inner.cancel(stop.account, stop.order_id)
    seconds = 0
    while rig.desk.book.orders.get(stop.order_id) == stop and seconds < 60:
        await watched(rig, 1)
        seconds += 1
    assert 10 < seconds <= 20, "the next look does not stand behind entries again"
    rig.asked.is_full = False
    await watched(rig, 20)
    rig.asked.names.clear()
    await watched(rig, 20)
    assert rig.asked.names["open_orders"] == {Rank.POLL}, "it is a poll once those have turns"


@pytest.mark.parametrize(
    ("left", "more", "soonest", "latest", "who"),
    [
        (None, None, 1, 6, Rank.POLL),
        (watch.SPARE + 1, watch.SPARE + 1, 1, 6, Rank.POLL),
        (watch.SPARE, watch.SPARE + 1, 1, 6, Rank.COMPARE),
        (0, watch.SPARE + 1, 1, 6, Rank.COMPARE),
        (0, watch.SPARE, 10, 16, Rank.POLL),
    ],
)
async def test_a_stop_that_ended_untold_is_found_within_5_s_before_entries_where_it_has_to_be(
    rig, left, more, soonest, latest, who
):
    """It was found 10 to 15 s later, and what it was for stood bare so long."""
    rig.asked.left, rig.asked.more = left, more
    await entered(rig, "600")
    await rig.pass_time(3)
    await watched(rig, 16)
    rig.desk.is_due("watch paper", 0)  # the last poll was a moment ago
    rig.asked.names.clear()
    (stop,) = [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.STOP]
    rig.faults.drop_events = 1_000
    await rig.asked.inner.cancel(stop.account, stop.order_id)
    seconds = 0
    while rig.desk.book.orders.get(stop.order_id) == stop and seconds < 60:
        await watched(rig, 1)
        seconds += 1
    assert soonest <= seconds <= latest
    assert rig.asked.names["open_orders"] == {who, Rank.BARE}, "and what is there in its place"
    await watched(rig, 1)
    assert [o.qty for o in rig.desk.book.orders.values() if o.state is OrderState.ACCEPTED] == [
        1
    ], "and there is a new one"


@pytest.mark.parametrize(("left", "n_polls"), [(None, 7), (watch.SPARE + 1, 7), (watch.SPARE, 2)])
async def test_while_an_entry_works_polls_beside_a_stream_are_frequent_where_there_is_room(
    rig, left, n_polls
):
    """A fill that a silent stream keeps to itself had no stop for up to 15 s."""
    rig.asked.left = rig.asked.more = left
    rig.quote(spy("600"), "2.14", "2.16")
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    rig.quote(spy("600"), "2.50", "2.60")
    await watched(rig, 1)
    rig.asked.n.clear()
    await watched(rig, 30)
    assert [o.state for o in entries(rig)] == [OrderState.ACCEPTED]
    assert rig.asked.n["open_orders"] == n_polls


async def test_a_close_that_the_market_should_have_filled_is_asked_for_at_once(rig):
    await entered(rig, "600")
    await rig.pass_time(3)
    await watched(rig, 1)
    rig.faults.drop_events = 1_000
    rig.quote(spy("600"), "2.14", "2.16")
    await rig.say("STC 1 SPY 600C 1/31")
    seconds = 0
    while rig.desk.book.open_trades() and seconds < 60:
        rig.quote(spy("600"), "2.14", "2.16")
        await watched(rig, 1)
        seconds += 1
    assert seconds <= 6, "what it was for may be bare"


async def test_an_entry_that_may_have_filled_unread_is_told_while_the_next_answer_hangs(
    rig, monkeypatch
):
    rig.quote(spy("600"), "2.14", "2.15")
    rig.faults.drop_events = rig.faults.fail_reads = 1_000
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    for second in range(7):
        rig.quote(spy("600"), "2.14", "2.15")
        await watched(rig, 1)
        if "watch paper" in rig.desk.health and second < 5:
            monkeypatch.setattr(rig.asked, "open_orders", lambda _: asyncio.Event().wait())
    assert sum("what filled has no stop" in n for n in rig.notes()) == 1


async def test_a_stop_that_is_over_and_has_not_filled_what_was_told_calls_a_person(
    rig, monkeypatch
):
    """tastytrade: what a dropped replacement has left may be said to be 0 at first."""
    await entered(rig, "600")
    await rig.pass_time(3)
    (stop,) = [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.STOP]

    async def nothing(_):
        return []

    monkeypatch.setattr(rig.asked, "open_orders", nothing)
    rig.faults.unclear = 1_000
    said = replace(stop, ended=OrderState.REJECTED, reported=stop.qty, version=stop.version + 1)
    rig.desk.book.put(replace(said, updated_at=rig.clock.now()))
    await watched(rig, 3)
    assert not any("may have no stop" in n for n in rig.notes()), "its execution may come"
    await watched(rig, 4)
    assert sum("may have no stop" in n for n in rig.notes()) == 1


async def test_an_entry_of_before_a_restart_is_told_though_its_broker_cannot_be_reached(rig):
    rig.quote(spy("600"), "2.14", "2.16")
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    (order,) = entries(rig)
    rig.desk.book.put(replace(order, state=OrderState.SUBMITTING, accepted_at=None))
    rig.faults.drop_events = rig.faults.fail_reads = rig.faults.unclear = 1_000
    for _ in range(7):
        rig.desk.offline.add("paper")
        rig.quote(spy("600"), "2.14", "2.15")
        await watch.round_of(rig.desk)
        await rig.pass_time(1)
    assert entries(rig)[0].state is OrderState.SUBMITTING
    assert sum("what filled has no stop" in n for n in rig.notes()) == 1


async def test_each_entry_that_cannot_be_asked_for_is_named_though_one_was_told(rig, monkeypatch):
    async def full(*_):
        raise RateLimited("too many requests wait already", 40)

    for question in ("open_orders", "orders_since", "find"):
        monkeypatch.setattr(rig.asked, question, full)
    rig.faults.drop_events = 1_000
    for strike in STRIKES[:2]:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        for _ in range(25):
            for entry in entries(rig):
                rig.quote(entry.legs[0].instrument, "2.14", "2.15")
            await watched(rig, 1)
    told = [n for n in rig.notes() if "what filled has no stop" in n]
    assert ["SPY 600C" in n for n in told] == [True, False]
    assert "SPY 601C" in told[1]


async def test_an_entry_of_which_its_broker_says_nothing_is_told_within_seconds(rig):
    rig.quote(spy("600"), "2.14", "2.15")
    rig.faults.drop_events = 1_000
    rig.faults.fail_reads = 1_000
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    told = []
    for second in range(9):
        rig.quote(spy("600"), "2.14", "2.15")
        await rig.pass_time(1)
        await watch.round_of(rig.desk)
        await rig.rest()
        told += [second for n in rig.notes() if "what filled has no stop" in n][:1]
    (order,) = entries(rig)
    assert order.state is OrderState.ACCEPTED, "nothing is concluded from silence"
    assert told[0] <= 6
    assert sum("what filled has no stop" in n for n in rig.notes()) == 1


async def test_a_broker_that_was_silent_for_long_is_asked_again_within_seconds(rig):
    rig.faults.fail_reads = 1_000_000
    rig.desk.gates["paper"] = "its stream was down"
    await rig.pass_time(70, step=2)
    assert rig.desk.gates
    rig.faults.fail_reads = 0
    await rig.pass_time(10, step=2)
    assert not rig.desk.gates


async def test_while_the_books_are_compared_nothing_is_polled_nor_right_after(rig):
    await entered(rig, "600")
    rig.desk._done_at.clear()
    rig.asked.gate.clear()
    comparing = asyncio.create_task(recover.reconcile(rig.desk))
    await rig.rest()
    rig.asked.n.clear()
    await watch.round_of(rig.desk)
    await rig.rest()
    assert rig.asked.n["open_orders"] == 0
    rig.asked.gate.set()
    await comparing
    rig.asked.n.clear()
    await watch.round_of(rig.desk)
    await rig.rest()
    assert rig.asked.n["open_orders"] == 0
    rig.clock.advance(16)
    await watch.round_of(rig.desk)
    await rig.rest()
    assert rig.asked.n["open_orders"] == 1


async def test_who_waits_for_a_comparison_is_served_by_one_that_began_after_he_asked(rig):
    rig.asked.gate.clear()
    works = [asyncio.create_task(recover.again(rig.desk, "paper"))]
    await rig.rest()
    rig.clock.advance(1)
    works += [asyncio.create_task(recover.again(rig.desk, "paper")) for _ in range(5)]
    await rig.rest()
    rig.clock.advance(1)
    rig.asked.gate.set()
    said = await asyncio.gather(*works)
    assert len(set(said)) == 1
    assert rig.asked.n["balance"] == 2, "the one under way, and one for all the others"


async def test_exits_cancels_and_entries_ask_in_their_own_names(rig):
    await entered(rig, "600")
    await rig.say("STC 1 SPY 600C 1/31")
    await rig.rest()
    assert rig.asked.names["entry"] == {Rank.ENTRY}
    assert rig.asked.names["exit"] == {Rank.BARE}, "what it is for stands without"
    assert rig.asked.names["cancel"] == {Rank.EXIT}


async def test_once_trading_is_halted_what_brings_more_goes_with_what_is_bare(rig):
    """O-27."""
    rig.quote(spy("600"), "2.14", "2.16")
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    await halt.emergency_stop(rig.desk, desks.TRADER, close=False, reason="drill")
    await rig.rest()
    assert rig.asked.names["cancel"] == {Rank.BARE}


async def test_a_desk_that_stops_before_its_questions_were_put_leaves_none_behind(recwarn):
    """A comparison was cancelled in the moment in which it began to ask."""

    async def question():
        return 1

    rig = await desks.start()
    comparing = asyncio.create_task(lists.together(rig.desk, question(), question()))
    await asyncio.sleep(0)  # it has made its tasks, and none has begun
    comparing.cancel()
    await asyncio.wait({comparing})
    del comparing
    gc.collect()
    assert not [str(w.message) for w in recwarn if "never awaited" in str(w.message)]
    await rig.close()
