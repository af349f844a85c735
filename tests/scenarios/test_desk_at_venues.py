"""A whole desk behind each real adapter at its venue on loopback (O-02 to O-21, one by one).

The network misbehaves; afterwards the venue holds one order per wish, the books equal the venue,
and what is held is protected, wherever the broker can.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot import parts
from bot.config import plugins
from engine.brokers import BrokerOrder, OrderRequest
from engine.brokers._wire import http
from engine.brokers.etrade import broker as etrade
from engine.brokers.etrade import translate as etrade_words
from engine.brokers.schwab import reading as schwab_words
from engine.brokers.webull import translate as webull_words
from engine.clock import CountingIds
from engine.desk import Desk
from engine.desk_settings import DeskSettings
from engine.domain.desk import Who
from engine.domain.errors import BrokerUnavailable
from engine.domain.order import (
    Order,
    OrderState,
    OrderType,
    Purpose,
    Side,
    client_order_id,
)
from engine.domain.quote import Leg
from engine.domain.trade import Execution, StopPlan, Trade, TradeState
from engine.flows import sweep
from engine.flows.acts import flatten, halt
from engine.flows.brokers import hear, recover, watch
from engine.flows.common import answers
from engine.flows.exits import settle
from engine.flows.holdings import capable
from engine.flows.orders import just_taken, send
from engine.flows.trades import manage
from engine.market import ALWAYS
from engine.risk.load import load_checks
from storage.memory import MemoryStore
from tests import truth
from tests.conformance.broker_bench import BROKERS, D, breathe
from tests.conformance.venue_bench import VenueBench
from tests.venues.alpaca import Refused

NAMES = sorted(name for name in BROKERS if name != "paper" and " " not in name)
TRADER = Who(user_id=7, name="tom", may_trade=True, may_approve=True, may_admin=True)


class Outside:
    """A desk at one venue; it may die and come back on the same books."""

    def __init__(self, bench: VenueBench, name: str) -> None:
        self.bench, self.name = bench, name
        self.accounts = ["main"]
        self.store = MemoryStore()
        self.desk: Desk = None  # type: ignore[assignment] - made by the start
        self.pump: asyncio.Task[None] | None = None
        self.n = 0

    async def start(self) -> None:
        """A new process on what is durable."""
        bench = self.bench
        await self.store.open()
        bench.connect_faults(bench.venue)
        bench.broker = bench.build(bench.venue.url, bench.venue.ws_url, bench.clock)
        ids = CountingIds()
        ids._n = self.store.health().last_seq * 1000
        self.desk = Desk(
            settings=DeskSettings(
                accounts=dict.fromkeys(self.accounts, self.name), broker_timeout_s=5
            ),
            clock=bench.clock,
            ids=ids,
            store=self.store,
            board=bench.board,
            feed=None,
            brokers={self.name: bench.broker},
            checks=load_checks(plugins.validated("engine.risk", {}, all_of_them=True)),
            exit_rules=parts.exit_rules(plugins.validated("engine.exits", {}, all_of_them=True)),
            settle=settle.run,
            compare=recover.again,
            calendars={"*": ALWAYS},
        )
        self.pump = asyncio.create_task(self._pump(self.desk))
        await recover.start(self.desk)
        await self.rest()

    async def _pump(self, desk: Desk) -> None:
        async for event in self.bench.broker.events():
            self.bench.told.append(event)
            self.bench._news.set()
            await hear.on_event(desk, self.name, event)

    async def die(self) -> None:
        """As by kill -9: nobody ends anything in good order."""
        assert self.pump is not None
        self.pump.cancel()
        await asyncio.gather(self.pump, return_exceptions=True)
        await self.desk.stop_tasks()
        old, self.bench.broker = self.bench.broker, None
        await old.close()
        self.bench.told.clear()
        self.bench._given_up = len(self.bench.venue.happened)

    async def back(self) -> None:
        """A new process, a second after what happened while none ran."""
        self.bench.clock.advance(1)
        self.quote("2.00", "2.01")
        await self.bench.venue.exchange.settle()
        await self.start()

    async def holds(self, entry: Order, qty: int) -> None:
        """Soon all of an entry is held, booked to its own trade and protected."""
        await self.seconds(12)
        assert await self.held() == self.ours() == qty
        (trade,) = self.desk.book.open_trades()
        assert trade.trade_id == entry.trade_id
        await self.protected()
        await self.true()

    async def rest(self) -> None:
        """Until nothing is under way any more."""
        for _ in range(40):
            await breathe()
            await self.bench.venue.exchange.settle()
            await self.bench.venue.quiet()
            if self.desk._tasks:
                await asyncio.wait(list(self.desk._tasks), timeout=0.2)
            else:
                await asyncio.sleep(0.002)
                if not self.desk._tasks:
                    return

    async def seconds(self, n: float, bid: str = "2.00", ask: str = "2.01") -> None:
        """Time goes by as the bot lives it: quotes (none without ``bid``), sweeps, polls."""
        for _ in range(int(n)):
            self.bench.clock.advance(1)
            if bid:
                self.quote(bid, ask)
            await self.rest()
            await sweep.run(self.desk)
            await watch.round_of(self.desk)
            await self.rest()

    def quote(self, bid: str, ask: str) -> None:
        self.bench.board.put(self.bench.quote_of(self.bench.it, bid, ask))

    async def enter(self, qty: int = 2, limit: str = "2.02") -> Order:
        """An entry that is durable, sent as the desk sends it."""
        legs = (Leg(instrument=self.bench.it),)
        return await self.enter_unit(legs, qty, self.bench.px(limit), self.bench.px("1.50"))

    async def enter_spread(self) -> Order:
        """One unit: the bench's contract bought, its other one sold, for a debit of 1."""
        bench = self.bench
        bench.board.put(bench.quote_of(bench.it, "2.00", "2.00"))
        bench.board.put(bench.quote_of(bench.it2, "1.00", "1.00"))
        legs = (Leg(instrument=bench.it), Leg(instrument=bench.it2, ratio=-1))
        return await self.enter_unit(legs, 1, D("1.20"), D("0.20"))

    async def enter_unit(self, legs: tuple[Leg, ...], qty: int, limit: Any, stop: Any) -> Order:
        """The same of any unit."""
        order = await self.written(legs, qty, limit, stop)
        await just_taken.submit(self.desk, order)
        await self.rest()
        return self.order(order)

    async def written(
        self,
        legs: tuple[Leg, ...] | None = None,
        qty: int = 2,
        limit: Any = None,
        stop: Any = None,
        account: str = "main",
    ) -> Order:
        """An entry that is durable and was not sent."""
        legs = legs or (Leg(instrument=self.bench.it),)
        limit = self.bench.px("2.02") if limit is None else limit
        stop = self.bench.px("1.50") if stop is None else stop
        self.n += 1
        bench, now, trade_id = self.bench, self.bench.clock.now(), f"T-{self.n}"
        trade = Trade(
            trade_id=trade_id,
            alert_id=f"A-{self.n}",
            account=account,
            broker=self.name,
            source="manual",
            symbol=bench.it.symbol,
            asset=bench.it.kind,
            direction=1,
            legs=legs,
            qty_wanted=D(qty),
            initial_stop=stop,
            stop=StopPlan(price=stop),
            created_at=now,
        )
        order = Order(
            order_id=client_order_id(f"{trade_id}/entry"),
            intent_id=f"{trade_id}/entry",
            alert_id=trade.alert_id,
            trade_id=trade_id,
            account=account,
            broker=self.name,
            purpose=Purpose.ENTRY,
            side=Side.BUY,
            legs=legs,
            qty=D(qty),
            type=OrderType.LIMIT,
            limit=limit,
            state=OrderState.SUBMITTING,
            created_at=now,
            sent_at=now,
            updated_at=now,
        )
        await self.desk.commit(self.desk.event("entry", trade.alert_id, trade, order))
        return order

    def order(self, order: Order) -> Order:
        return self.desk.book.orders.get(order.order_id, order)

    async def entries_at_venue(self) -> list[Any]:
        return [o for o in await self.bench.at_venue() if o.side is Side.BUY]

    async def exits_at_venue(self) -> list[Any]:
        return [o for o in await self.bench.at_venue() if o.side is Side.SELL]

    async def held(self) -> Any:
        """Units that the venue says are held."""
        found = await self.bench.venue.exchange.positions(self.bench.numbers["main"])
        return sum((p.qty for p in found if p.instrument == self.bench.it), D(0))

    def ours(self) -> Any:
        return sum((t.qty_open for t in self.desk.book.open_trades()), D(0))

    async def protected(self) -> None:
        """One working stop of what is held, at the venue or watched by the desk."""
        (trade,) = self.desk.book.open_trades()
        live = ("accepted", "partial")
        stops = [o for o in await self.exits_at_venue() if o.state in live]
        if capable.holds_stops(self.desk, trade):
            assert [o.qty for o in stops] == [trade.qty_open]
        assert trade.is_unprotected_since is None

    async def true(self) -> None:
        """Books equal the venue, and the journal rebuilds them."""
        report = await recover.on_demand(self.desk)
        await self.rest()
        assert self.ours() == await self.held()
        await truth.memory_equals_disk(self.desk)
        assert not [line for a in report.accounts if a.compared for line in a.compared.differences]


@asynccontextmanager
async def at(
    name: str,
    *,
    impatient: float | None = None,
    lacks: str = "",
    lacks_by: int = 404,
    is_ready: bool = True,
    accounts: Sequence[str] = ("main",),
) -> AsyncIterator[Outside]:
    bench = BROKERS[name]()
    assert isinstance(bench, VenueBench)
    if impatient is not None:
        bench.impatient(impatient)
    await bench.open_venue()
    if lacks:
        bench.venue.faults.lacks, bench.venue.faults.lacks_by = (lacks,), lacks_by
    outside = Outside(bench, name.partition(" ")[0])
    outside.accounts = list(accounts)
    try:
        await outside.start()
        outside.quote("2.00", "2.01")
        await outside.seconds(2)
        assert not (is_ready and outside.desk.gates), outside.desk.gates
        yield outside
    finally:
        if outside.pump is not None:
            outside.pump.cancel()
            await asyncio.gather(outside.pump, return_exceptions=True)
        if outside.desk is not None:
            await outside.desk.stop_tasks()
        await bench.stop()


@pytest.mark.parametrize("name", NAMES)
async def test_an_entry_fills_is_protected_and_closed_at_the_venue(name):
    async with at(name) as it:
        entry = await it.enter()
        await it.seconds(8)
        assert it.order(entry).state is OrderState.FILLED
        assert it.ours() == await it.held() == 2
        await it.protected()
        said = await flatten.run(it.desk, TRADER)
        again = await flatten.run(it.desk, TRADER)
        assert set(said) == {entry.trade_id}
        assert set(again) <= {entry.trade_id}
        await it.seconds(12)
        assert await it.held() == 0, await it.exits_at_venue()
        assert not it.desk.book.open_trades()
        assert len(await it.entries_at_venue()) == 1
        filled = [o for o in await it.exits_at_venue() if o.filled]
        assert len(filled) == 1, "closed once"
        await it.true()


@pytest.mark.parametrize("name", ["etrade", "webull"])
async def test_where_nothing_is_told_an_entry_that_fills_at_once_needs_no_poll_for_its_stop(name):
    async with at(name) as it:
        entry = await it.enter()
        it.bench.clock.advance(0.3)
        it.quote("2.00", "2.01")
        await it.rest()
        it.bench.clock.advance(0.3)
        async with asyncio.timeout(20):
            while not (trades := it.desk.book.open_trades()) or trades[0].is_unprotected_since:
                await it.rest()
        assert it.ours() == entry.qty
        await it.protected()


async def test_what_an_order_of_sums_says_by_itself_and_is_held_no_more_was_taken_back():
    """For an hour the books said more than was held, and the stop would have sold it."""
    async with at("webull") as it:
        await it.enter()
        await it.seconds(8)
        it.bench.venue.undone = D(1)
        for _ in range(4):
            await recover.again(it.desk, "webull")
            await it.seconds(2)
            assert it.ours() == 2, "one look may be of before"
        await it.seconds(8)
        assert it.ours() == 1
        await it.protected()
        kinds = [e.kind for e in await it.desk.store.find(Execution)]
        assert kinds.count("bust") == 1


async def test_lists_that_lag_take_nothing_back_that_the_order_itself_still_says():
    """A position stood 72 s without a stop: the list did not know yet what had filled."""
    async with at("webull") as it:
        await it.enter()
        await it.seconds(8)
        it.bench.venue.undone, it.bench.venue.is_late = D(2), True
        for _ in range(5):
            await recover.again(it.desk, "webull")
            await it.seconds(4)
            assert it.ours() == 2
            await it.protected()


async def test_working_orders_of_before_take_nothing_back_that_the_order_itself_still_says():
    """It stood 23 s without a stop: a list of before showed the entry as one that works still."""
    async with at("webull") as it:
        await it.enter()
        await it.seconds(8)
        exchange, number = it.bench.venue.exchange, it.bench.numbers["main"]
        since = it.bench.clock.now() - timedelta(hours=1)
        (entry,) = [o for o in await exchange.orders_since(number, since) if o.side is Side.BUY]

        async def of_before(*_: object) -> list[BrokerOrder]:
            return [replace(entry, state="accepted", filled=D(0), fills=())]

        with pytest.MonkeyPatch.context() as lag:
            lag.setattr(exchange, "open_orders", of_before)
            lag.setattr(exchange, "orders_since", of_before)
            it.bench.venue.undone, it.bench.venue.is_late = D(2), True
            for _ in range(8):
                await recover.again(it.desk, "webull")
                await it.seconds(4)
        assert it.ours() == 2
        await it.protected()


@pytest.mark.parametrize(
    "fault", ["accept_then_hang", "accept_then_504", "accept_then_reset", "cut_json"]
)
@pytest.mark.parametrize("name", NAMES)
async def test_an_entry_whose_answer_is_lost_is_adopted_once(name, fault):  # O-04, O-05
    async with at(name, impatient=0.3) as it:
        setattr(it.bench.venue.faults, fault, 1)
        entry = await it.enter()
        await it.seconds(20)
        assert it.order(entry).state is OrderState.FILLED, it.order(entry)
        assert len(await it.entries_at_venue()) == 1
        assert it.ours() == await it.held() == 2
        await it.protected()
        await it.true()


@pytest.mark.parametrize("name", NAMES)
async def test_an_entry_that_never_arrived_is_never_doubled(name):  # O-06
    async with at(name) as it:
        it.bench.venue.faults.reject_500 = 1
        entry = await it.enter()
        await it.seconds(45)
        assert await it.entries_at_venue() == []
        after = await it.desk.order(entry.order_id)
        assert after.state is OrderState.REJECTED, "its absence was proved, and nothing was resent"
        assert after.attempt == 0
        assert await it.held() == 0


@pytest.mark.parametrize("name", NAMES)
async def test_a_desk_that_dies_after_the_order_was_taken_adopts_it(name):  # O-02
    async with at(name, impatient=0.3) as it:
        it.bench.venue.faults.accept_then_hang = 1
        it.quote("2.50", "2.60")
        entering = asyncio.ensure_future(it.enter())
        async with asyncio.timeout(20):
            while not await it.entries_at_venue():  # noqa: ASYNC110 - the venue tells nobody
                await asyncio.sleep(0.005)
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        await it.die()
        await it.start()
        await it.seconds(20)
        assert len(await it.entries_at_venue()) == 1
        assert it.ours() == await it.held() == 2
        await it.protected()
        await it.true()


@pytest.mark.parametrize("name", NAMES)
async def test_frames_that_are_lost_are_found_within_half_a_minute(name):  # lost frame
    async with at(name) as it:
        it.quote("2.50", "2.60")
        entry = await it.enter()
        assert it.order(entry).state is OrderState.ACCEPTED
        it.bench.venue.faults.drop_frames = 1_000
        await it.seconds(30)
        assert it.ours() == await it.held() == 2
        await it.protected()


@pytest.mark.parametrize("name", NAMES)
async def test_a_stop_that_is_refused_once_is_placed_and_the_desk_watches_meanwhile(name):  # O-14
    async with at(name) as it:
        entry = await it.enter()
        it.bench.venue.faults.reject_500 = 1
        await it.seconds(30)
        trade = it.desk.book.trades[entry.trade_id]
        assert trade.state is TradeState.OPEN
        stops = [o for o in await it.exits_at_venue() if o.state in ("accepted", "partial")]
        assert len(stops) <= 1, "never two that could both fill"
        if it.bench.broker.caps.finds_by_client_id:
            await it.protected()
        else:
            assert [o for o in it.desk.book.orders.values() if o.purpose is Purpose.STOP]


BARE = [(400, '{"detail": "no"}'), (401, ""), (403, "{}"), (404, ""), (408, "")]


@pytest.mark.parametrize("bare", BARE)
@pytest.mark.parametrize("name", NAMES)
async def test_of_a_stop_that_nobody_refused_by_name_there_are_never_two(name, bare):  # I-17
    """Webull, TopStepX: two stops for four worked while two were held."""
    async with at(name) as it:
        it.quote("2.50", "2.60")
        await it.enter()
        await it.seconds(2, "2.50", "2.60")
        it.bench.venue.faults.bare = bare
        previews = ("preview", "dry-run")
        it.bench.venue.faults.strikes = lambda request: (
            it.bench.venue.acts(request) and not any(w in request.path.lower() for w in previews)
        )
        it.bench.venue.faults.accept_then_bare = 1
        it.quote("2.00", "2.01")
        await it.bench.venue.exchange.settle()
        for _ in range(12):
            await it.seconds(1)
            live = [o for o in await it.exits_at_venue() if o.state in ("accepted", "partial")]
            assert sum(o.qty - o.filled for o in live) <= 2
        assert it.bench.venue.faults.accept_then_bare == 0
        await it.protected()


def denies_what_it_takes(it: Outside) -> None:
    """The next order is taken, and answered by 401."""
    faults, previews = it.bench.venue.faults, ("preview", "dry-run")
    faults.bare, faults.accept_then_bare = (401, '{"message": "unauthorized"}'), 1
    faults.strikes = lambda request: (
        it.bench.venue.acts(request) and not any(w in request.path.lower() for w in previews)
    )


@pytest.mark.parametrize("name", NAMES)
async def test_an_entry_that_is_taken_and_denied_is_ours_all_the_same(name):
    """Schwab, E*TRADE: it was a stranger's, and what it bought had no stop."""
    async with at(name) as it:
        denies_what_it_takes(it)
        entry = await it.enter()
        await it.holds(entry, 2)
        assert it.bench.venue.faults.accept_then_bare == 0
        assert len(await it.entries_at_venue()) == 1
        assert not any("does not know us" in n.text for n in it.desk.book.notices.values())


@pytest.mark.parametrize("name", ["alpaca", "tastytrade", "topstepx"])
async def test_a_stop_whose_move_is_done_and_denied_is_there_once(name):
    async with at(name) as it:
        entry = await it.enter()
        await it.seconds(8)
        denies_what_it_takes(it)
        to = it.bench.px("1.60")
        await manage.set_stop(it.desk, entry.trade_id, TRADER, to)
        for _ in range(6):
            await it.seconds(1)
            live = [o for o in await it.exits_at_venue() if o.state in ("accepted", "partial")]
            assert [(o.qty, o.stop) for o in live] == [(2, to)]
        assert it.bench.venue.faults.accept_then_bare == 0
        await it.protected()
        await it.true()


async def resting(it: Outside, timeout_s: float) -> None:
    """An entry rests below the market; what is sent when it fills is waited for so long."""
    it.desk.settings = replace(it.desk.settings, broker_timeout_s=timeout_s)
    it.quote("2.50", "2.60")
    await it.enter()


@pytest.mark.parametrize("name", ["alpaca", "etrade", "topstepx"])
async def test_a_stop_whose_request_hangs_is_sent_again_and_is_there_once(name, monkeypatch):
    """O-07: what is held does not wait for an answer where two are never taken."""
    monkeypatch.setattr(send, "REPEAT_S", 0.3)
    async with at(name) as it:
        await resting(it, 60)
        it.bench.venue.faults.hang = 1
        await it.seconds(4)
        assert it.ours() == 2
        await it.protected()
        await it.true()


async def test_of_a_stop_that_no_list_shows_and_that_is_told_alone_there_are_never_two():
    """It counted as cancelled after a while, and a second one for the same was sent (I-17)."""
    async with at("schwab") as it:
        await it.enter()
        await it.seconds(8)
        it.bench.venue.quirks.unlisted_orders = True
        for _ in range(12):
            await it.seconds(5)
            await recover.again(it.desk, "schwab")
            (trade,) = it.desk.book.open_trades()
            assert trade.is_unprotected_since is None
        it.bench.venue.quirks.unlisted_orders = False
        await it.seconds(8)
        await it.protected()
        assert len(await it.exits_at_venue()) == 1


async def test_stops_that_end_while_the_list_of_what_is_over_cannot_be_read_are_asked_for_alone():
    """Two of them were heard of in that list alone: what they were for stood bare for a minute."""
    async with at("webull") as it:
        for _ in range(2):
            await it.enter(qty=1)
        await it.seconds(8)
        exchange, number = it.bench.venue.exchange, it.bench.numbers["main"]

        async def unreadable(*_: object) -> list[BrokerOrder]:
            raise BrokerUnavailable("a list of orders that cannot be read")

        with pytest.MonkeyPatch.context() as spoilt:
            spoilt.setattr(it.bench.broker, "orders_since", unreadable)
            for order in await exchange.open_orders(number):
                await exchange.cancel(number, order.client_order_id)
            await it.seconds(8)
            live = [o for o in await exchange.open_orders(number) if o.side is Side.SELL]
            assert [o.qty for o in live] == [1, 1]


@pytest.mark.parametrize("name", ["etrade", "schwab"])
async def test_an_entry_that_fills_while_its_answer_hangs_has_its_stop_within_5_s(
    name, monkeypatch
):
    """O-04: brokers that hide our ids; nothing else than its answer would name it."""
    monkeypatch.setattr(answers, "HANGS_S", 0.4)  # five times as fast as the clock
    async with at(name) as it:
        it.desk.settings = replace(it.desk.settings, broker_timeout_s=60)
        faults = it.bench.venue.faults
        faults.strikes = lambda request: "preview" not in request.path
        faults.accept_then_hang = 1
        order = await it.written()
        it.desk.spawn(just_taken.submit(it.desk, order), "the entry")
        await asyncio.wait_for(faults.is_hanging.wait(), 20)
        for _ in range(48):
            it.bench.clock.advance(0.1)
            it.quote("2.00", "2.01")
            await it.bench.venue.exchange.settle()
            await asyncio.sleep(0.02)
        assert order.order_id in it.desk.in_flight, "it hangs no more"
        async with asyncio.timeout(10):
            while not (stops := await it.exits_at_venue()):  # noqa: ASYNC110 - the venue knows
                await asyncio.sleep(0.02)
        assert [(o.type, o.qty) for o in stops] == [(OrderType.STOP, 2)]
        assert it.ours() == await it.held() == 2


@pytest.mark.parametrize("name", ["alpaca", "etrade", "topstepx"])
async def test_a_broker_that_is_slow_today_gets_its_stop_all_the_same(name, monkeypatch):
    """Each answer takes longer than a first one is waited for; ten times as fast as the clock."""
    monkeypatch.setattr(send, "REPEAT_S", 0.35)
    monkeypatch.setattr(etrade, "_HANGS_S", 0.35)
    async with at(name) as it:
        await resting(it, 1)
        it.bench.venue.faults.slow_s = 0.4
        for _ in range(20):
            await it.seconds(1)
            await asyncio.sleep(0.1)
        assert it.ours() == await it.held() == 2
        live = [o for o in await it.exits_at_venue() if o.state == "accepted"]
        assert [(o.type, o.qty) for o in live] == [(OrderType.STOP, 2)]
        it.bench.venue.faults.slow_s = 0
        await it.true()


@pytest.mark.parametrize("is_alone", [True, False])
async def test_a_preview_that_hangs_is_no_doubt_and_asked_for_again(is_alone, monkeypatch):
    """An order that somebody placed by hand could be it, if it had been sent; it was not."""
    monkeypatch.setattr(etrade, "_HANGS_S", 0.3)
    monkeypatch.setattr(send, "REPEAT_S", 0.3)
    async with at("etrade") as it:
        bench = it.bench
        if not is_alone:
            by_hand = bench.request(Side.BUY, 1, OrderType.LIMIT, limit="0.01")
            await bench.venue.exchange.submit(replace(by_hand, account=bench.numbers["main"]))
        it.quote("2.50", "2.60")
        await it.enter()
        bench.venue.faults.strikes = lambda request: request.path.endswith("preview.json")
        bench.venue.faults.hang = 1
        await it.seconds(3)
        stops = [o for o in it.desk.book.orders.values() if o.purpose is Purpose.STOP]
        assert [(o.state, o.attempt) for o in stops] == [(OrderState.ACCEPTED, 0)]


@pytest.mark.parametrize(("name", "trial"), [("etrade", "_preview"), ("tastytrade", "_dry_run")])
async def test_no_entry_is_placed_after_the_kill_switch_though_its_preview_hung(name, trial):
    """I-22: what waits in a line of ours, or for a preview, is asked once more before it leaves."""
    async with at(name) as it:
        gate, plain = asyncio.Event(), getattr(it.bench.broker, trial)

        async def held(*what):
            answer = await plain(*what)
            await gate.wait()
            return answer

        setattr(it.bench.broker, trial, held)
        going = asyncio.create_task(just_taken.submit(it.desk, await it.written()))
        await asyncio.sleep(0.1)
        await halt.emergency_stop(it.desk, TRADER, close=False, reason="drill")
        gate.set()
        after = await going
        await it.rest()
        assert await it.bench.at_venue() == []
        assert after.state is OrderState.REJECTED
        assert "halted" in after.reason


async def test_a_refused_repeat_proves_nothing_of_a_first_close_that_arrives_late(monkeypatch):
    """Shares were sold twice: the first request was stuck, the second refused for another cause."""
    monkeypatch.setattr(send, "REPEAT_S", 0.3)
    monkeypatch.setattr(answers, "HANGS_S", 0.2)
    async with at("alpaca stock") as it:
        it.desk.settings = replace(it.desk.settings, broker_timeout_s=60)
        await it.enter()
        await it.seconds(8)
        assert it.ours() == await it.held() == 2
        venue, gate, ids = it.bench.venue, asyncio.Event(), []
        plain = venue._post_order

        async def taken(request):
            body = await request.json()
            if body["type"] == "market":
                ids.append(body["client_order_id"])
                if len(ids) == 1:
                    await gate.wait()
                elif len(ids) == 2:
                    raise Refused(403, 40310000, "insufficient qty available for order")
            return await plain(request)

        monkeypatch.setattr(venue, "_post_order", taken)
        going = asyncio.create_task(flatten.run(it.desk, TRADER))
        for _ in range(6):
            await it.seconds(1)
            await asyncio.sleep(0.1)
        gate.set()
        await it.seconds(20)
        await going
        assert len(ids) > 1
        assert len(set(ids)) == 1
        assert await it.held() == it.ours() == 0


@pytest.mark.parametrize("name", NAMES)
async def test_repeated_and_reordered_frames_change_nothing(name):  # O-09, O-10
    async with at(name) as it:
        faults = it.bench.venue.faults
        faults.duplicate_frames = 4
        faults.unknown_frames = 1
        await it.enter()
        await it.seconds(4)
        faults.reorder_frames = 2
        await it.seconds(26)
        assert it.ours() == await it.held() == 2
        assert len(it.desk.book.executions) == len(set(it.desk.book.executions))
        await it.protected()
        await it.true()


@pytest.mark.parametrize("name", NAMES)
async def test_a_fill_while_the_stream_is_down_is_found_and_entries_wait_for_it(name):  # O-17
    async with at(name) as it:
        it.quote("2.50", "2.60")
        await it.enter()
        await it.bench.venue.drop_streams()
        await it.seconds(15)
        assert it.ours() == await it.held() == 2
        await it.protected()
        await it.seconds(45)
        assert not it.desk.gates, it.desk.gates
        await it.true()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("was_there", [True, False])
async def test_without_its_stream_for_long_it_is_polled_and_trades_on(name, was_there):  # O-17
    """It stays away, or never comes: what an entry fills is heard, and protected, in time."""
    async with at(name) as it:
        if not it.bench.broker.caps.has_stream:
            pytest.skip(f"{name} tells nothing unasked")
        it.quote("2.50", "2.60")
        it.bench.venue.is_deaf = True
        if was_there:
            await it.bench.venue.drop_streams()
        else:
            await it.die()
            await it.start()
        await it.seconds(10)
        assert it.desk.gates, "it may be back at once: what was missed is compared first"
        await it.seconds(20)
        assert not it.desk.gates
        notices = it.desk.book.notices.values()
        assert sum("no stream of orders" in str(notice) for notice in notices) == 1
        await it.enter()
        await it.seconds(4)
        assert it.ours() == await it.held() == 2
        await it.protected()
        it.bench.venue.is_deaf = False
        await it.seconds(60)
        assert it.desk.is_told(name)
        assert not it.desk.gates
        await it.true()


@pytest.mark.parametrize("name", NAMES)
async def test_a_trade_made_in_the_brokers_app_is_adopted_and_nothing_is_sent(name):  # O-16
    async with at(name) as it:
        bench = it.bench
        app = OrderRequest(
            client_order_id=f"APP{bench.id()[3:]}",
            account="main",
            side=Side.BUY,
            legs=(Leg(instrument=bench.it),),
            qty=D(1),
            type=OrderType.LIMIT,
            limit=bench.px("2.05"),
        )
        if hasattr(bench.venue, "asked"):  # keeps what was asked over its interface alone
            await bench.broker.submit(app)
        else:
            number = bench.numbers["main"]
            await bench.venue.exchange.submit(replace(app, account=number))
        await it.seconds(6)
        n_acts = bench.venue.log.n_acts
        for _ in range(3):
            await recover.on_demand(it.desk)
            await it.seconds(2)
        assert await it.held() == 1
        assert it.ours() == 1
        (trade,) = it.desk.book.open_trades()
        assert trade.source == "external"
        assert bench.venue.log.n_acts == n_acts, "no order makes the books match"
        told = [n.text for n in it.desk.book.notices.values() if "traded outside T" in n.text]
        assert len(told) == 1, told


@pytest.mark.parametrize("venue", [etrade_words, schwab_words, webull_words])
async def test_a_word_in_other_cases_is_the_same_word(venue, monkeypatch):
    """An order whose words were written small was not read: what it filled had no stop."""
    judged, n_small = http.Wire._judged, 0

    def small(said: Any) -> Any:
        nonlocal n_small
        if isinstance(said, list):
            return [small(item) for item in said]
        if not isinstance(said, dict):
            return said
        found = {key: small(item) for key, item in said.items()}
        for key in found.keys() & venue.WORDS:
            if isinstance(found[key], str):
                n_small += 1
                found[key] = found[key].lower()
        return found

    def told(self: http.Wire, status: int, text: str, *more: Any) -> http.Answer:
        body = json.loads(text, parse_float=Decimal) if text.strip() else None
        text = text if body is None else http.encoded(small(body)).decode()
        return judged(self, status, text, *more)

    monkeypatch.setattr(http.Wire, "_judged", told)
    async with at(venue.__name__.split(".")[2]) as it:
        await it.enter()
        await it.seconds(8)
        await it.protected()
        await flatten.run(it.desk, TRADER)
        await it.seconds(12)
        assert await it.held() == 0
        assert not it.desk.book.open_trades()
        await it.true()
        assert n_small > 20


@pytest.mark.parametrize("was_there", [True, False])
async def test_a_stop_that_somebody_moves_in_alpacas_app_is_the_stop_and_yields_to_a_close(
    was_there,
):
    """Its number is new there: a second stop was refused for ever, and so were all closes."""
    async with at("alpaca") as it:
        await it.enter()
        await it.seconds(8)
        await it.protected()
        (stop,) = [o for o in it.desk.book.orders.values() if o.purpose is Purpose.STOP]
        if not was_there:
            await it.die()
        await it.bench.venue.by_hand(stop.broker_id, stop_price="1.70")
        if not was_there:
            await it.start()
        await it.seconds(40)
        await it.true()
        await it.protected()
        (moved,) = [o for o in await it.exits_at_venue() if o.state == "accepted"]
        assert moved.stop == D("1.70"), "it is left where a person wants it"
        assert len(it.bench.venue.log.of("POST", "/v2/orders")) == 2
        told = [n.text for n in it.desk.book.notices.values() if "outside TradeStream" in n.text]
        assert len(told) == 1, told
        await flatten.run(it.desk, TRADER)
        await it.seconds(12)
        assert await it.held() == 0
        assert not it.desk.book.open_trades()
        await it.true()


@pytest.mark.parametrize("was_there", [True, False])
async def test_an_entry_that_somebody_changes_in_alpacas_app_is_protected_as_it_fills(was_there):
    """What it bought was booked as a stranger's, and had no stop."""
    async with at("alpaca") as it:
        entry = await it.enter(limit="1.90")
        await it.seconds(8)
        assert it.order(entry).state is OrderState.ACCEPTED
        if not was_there:
            await it.die()
        await it.bench.venue.by_hand(it.order(entry).broker_id, limit_price="2.05")
        if not was_there:
            await it.back()
        await it.holds(entry, 2)


@pytest.mark.parametrize("fault", ["limit_429", "expired_token", "html_502", "accept_then_504"])
@pytest.mark.parametrize("name", NAMES)
async def test_an_exit_that_meets_trouble_is_done_once_all_the_same(name, fault):  # O-18, O-19
    async with at(name, impatient=0.3) as it:
        faults = it.bench.venue.faults
        await it.enter()
        await it.seconds(6)
        assert await it.held() == 2
        faults.retry_after = "2"
        setattr(faults, fault, 1)
        await flatten.run(it.desk, TRADER)
        await it.seconds(40)
        sold = sum((o.filled for o in await it.exits_at_venue()), D(0))
        if await it.held() == 0:
            assert sold == 2
            assert not it.desk.book.open_trades()
            await it.true()
            return
        # Where our ids are unknown, a person has to say what became of it: counted, and told.
        assert sold == 0
        assert any("no answer" in n.text for n in it.desk.book.notices.values())


@pytest.mark.parametrize("name", NAMES)
async def test_everything_is_closed_once_though_pressed_twice_amid_errors(name):  # O-27
    async with at(name, impatient=0.3) as it:
        entries = [await it.enter(qty=1) for _ in range(3)]
        await it.seconds(10)
        assert await it.held() == 3
        it.bench.venue.faults.retry_after = "1"
        it.bench.venue.faults.limit_429 = 1
        said = await asyncio.gather(flatten.run(it.desk, TRADER), flatten.run(it.desk, TRADER))
        assert set(said[0]) | set(said[1]) == {e.trade_id for e in entries}
        await it.seconds(30)
        assert await it.held() == 0, "never short, never left over"
        assert not it.desk.book.open_trades()
        await it.true()


@pytest.mark.parametrize("name", ["etrade", "webull"])
async def test_while_no_question_is_answered_stops_stand_in_the_place_of_closes(name):
    """All were let go, and no close could follow: what was to be closed was bare for 40 s."""
    async with at(name) as it:
        await it.enter()
        await it.seconds(8)
        faults, venue = it.bench.venue.faults, it.bench.venue
        faults.reject_500, faults.strikes = 1000, lambda request: not venue.acts(request)
        await it.seconds(8)
        outcome = []
        for _ in range(2):
            (said,) = (await flatten.run(it.desk, TRADER)).values()
            outcome.append(said)
            for _ in range(8):
                await it.seconds(1)
                await it.protected()
        assert all("answers no question" in said for said in outcome), outcome
        faults.reject_500 = 0
        await it.seconds(12)
        assert await it.held() == 0
        assert not it.desk.book.open_trades()
        await it.true()


async def test_where_one_list_is_not_to_be_had_at_all_what_is_held_is_closed_all_the_same():
    async with at("webull") as it:
        await it.enter()
        await it.seconds(8)
        faults = it.bench.venue.faults
        faults.reject_500 = 100_000
        faults.strikes = lambda request: request.path.endswith("open-orders/list")
        await it.seconds(8)
        await flatten.run(it.desk, TRADER)
        await it.seconds(70)
        assert await it.held() == 0
