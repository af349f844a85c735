"""Whatever is asked of the paper broker and whatever quotes come, its book stays true."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.brokers import BrokerFill, OrderRequest
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, parse_key
from engine.domain.money import ZERO
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg, Quote
from tests.conformance.broker_bench import (
    CALL,
    HIGH_CALL,
    MES,
    PAPER,
    START,
    PaperBench,
    breathe,
    paper,
)

D = Decimal
EXAMPLES = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
INSTRUMENTS = (CALL, HIGH_CALL, MES)
UNITS = (
    (Leg(instrument=CALL),),
    (Leg(instrument=HIGH_CALL),),
    (Leg(instrument=MES),),
    (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1)),
    (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-2)),
)
BASE = {CALL.key: D("3.00"), HIGH_CALL.key: D("1.00"), MES.key: D("6700.00")}


@dataclass(frozen=True)
class Step:
    kind: str
    n: int
    move: int
    size: int | None
    side: Side = Side.BUY
    type: OrderType = OrderType.MARKET
    qty: int = 1
    reduces: bool = False
    group: str | None = None
    bracket: bool = False
    gtc: bool = True


STEPS = st.builds(
    Step,
    kind=st.sampled_from(
        ("quote", "quote", "quote", "order", "order", "cancel", "replace", "wait")
    ),
    n=st.integers(0, 9),
    move=st.integers(-9, 9),
    size=st.one_of(st.none(), st.integers(1, 6)),
    side=st.sampled_from(Side),
    type=st.sampled_from(OrderType),
    qty=st.integers(1, 9),
    reduces=st.sampled_from((False, False, False, True)),
    group=st.sampled_from((None, None, "g")),
    bracket=st.sampled_from((False, False, True)),
    gtc=st.booleans(),
)
PATHS = st.lists(STEPS, min_size=8, max_size=40)


class World:
    """Plays steps, and remembers what was asked and quoted."""

    def __init__(self) -> None:
        self.bench: PaperBench = paper()
        self.asked: dict[str, OrderRequest] = {}
        self.carried: dict[str, str] = {}
        self.quotes: dict[str, list[Quote]] = defaultdict(list)

    async def play(self, step: Step) -> None:
        with suppress(OrderRejected):
            await getattr(self, f"_{step.kind}")(step)

    async def _quote(self, step: Step) -> None:
        instrument = INSTRUMENTS[step.n % len(INSTRUMENTS)]
        tick = instrument.tick
        bid = max(BASE[instrument.key] + step.move * tick, tick)
        ask = bid + (step.qty % 5) * tick
        size = None if step.size is None else (step.size, step.size)
        self.bench.clock.advance(0.05)
        self.quotes[instrument.key].append(await self.bench.quote(instrument, bid, ask, size))

    async def _wait(self, step: Step) -> None:
        await self.bench.wait(step.qty * 0.2)

    def _request(self, step: Step, legs: tuple[Leg, ...], **more: Any) -> OrderRequest:
        tick = legs[0].instrument.tick
        base = sum((BASE[leg.instrument.key] * leg.ratio for leg in legs), ZERO)
        price = base + step.move * tick
        return OrderRequest(
            client_order_id=self.bench.id(),
            account="main",
            side=more.pop("side", step.side),
            legs=legs,
            qty=D(step.qty),
            type=more.pop("type", step.type),
            limit=price + more.pop("off", 0) * tick,
            stop=base + step.n * step.side.sign * tick,
            trail=tick * (step.n + 1),
            tif=Tif.GTC if step.gtc else Tif.DAY,
            reduces=step.reduces,
            oco_group=more.pop("group", step.group),
            **more,
        )

    async def _order(self, step: Step) -> None:
        legs = UNITS[step.n % len(UNITS)]
        children: tuple[OrderRequest, ...] = ()
        if step.bracket:
            side, group = step.side.opposite, "g" if step.group is None else None
            kinds = ((OrderType.LIMIT, 5 * step.side.sign), (OrderType.TRAILING, 0))
            children = tuple(
                self._request(step, legs, side=side, type=kind, off=off, group=group)
                for kind, off in kinds
            )
        request = self._request(step, legs, attached=children)
        await self.bench.broker.submit(request)
        for one in (request, *children):
            self.asked[one.client_order_id] = one

    async def _pick(self, step: Step) -> str | None:
        live = await self.bench.broker.open_orders("main")
        return live[step.n % len(live)].client_order_id if live else None

    async def _cancel(self, step: Step) -> None:
        if (old := await self._pick(step)) is not None:
            await self.bench.broker.cancel("main", old)

    async def _replace(self, step: Step) -> None:
        if (old := await self._pick(step)) is not None:
            before = self.asked[old]
            new = self._request(step, before.legs, side=before.side, type=before.type)
            await self.bench.broker.replace("main", old, new)
            self.asked[new.client_order_id] = new
            self.carried[new.client_order_id] = old

    # -- what must be true ----------------------------------------------------------------------

    async def book(self) -> tuple[Any, ...]:
        broker = self.bench.broker
        balance = await broker.balance("main")
        return (
            await broker.open_orders("main"),
            await broker.orders_since("main", START),
            await broker.fills_since("main", START),
            await broker.positions("main"),
            balance.cash_usd,
            balance.buying_power_usd,
        )

    def own(self, fills: list[BrokerFill], client_order_id: str) -> Decimal:
        """Units filled under this id and those that it replaced."""
        total, name = ZERO, client_order_id
        while True:
            legs = self.asked[name].legs
            mine = [f for f in fills if f.client_order_id == name and f.leg == 0]
            total += sum((f.qty for f in mine), ZERO) / abs(legs[0].ratio)
            if name not in self.carried:
                return total
            name = self.carried[name]


def run(body: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        world = World()
        await world.bench.start()
        for n in range(len(INSTRUMENTS)):
            await world.play(Step("quote", n, 0, None))
        try:
            await body(world)
        finally:
            await world.bench.stop()

    asyncio.run(main())


@EXAMPLES
@given(PATHS)
def test_an_order_never_fills_more_than_it_asked_for(path: list[Step]) -> None:
    async def body(world: World) -> None:
        for step in path:
            await world.play(step)
            fills = await world.bench.fills()
            for order in await world.bench.broker.orders_since("main", START):
                assert order.filled <= order.qty
                assert order.filled == world.own(fills, order.client_order_id)
                asked = world.asked[order.client_order_id].qty
                assert order.filled <= asked or order.client_order_id in world.carried
                assert (order.state == "filled") <= (order.filled == order.qty)

    run(body)


async def positions_and_cash_are_exactly_the_sum_of_the_fills(world: World) -> None:
    fills = await world.bench.fills()
    held: dict[str, Decimal] = defaultdict(lambda: ZERO)
    cash = PAPER.start_cash_usd["main"]
    for fill in fills:
        signed = fill.qty * fill.side.sign
        held[fill.instrument.key] += signed
        cash -= signed * fill.price * fill.instrument.multiplier + fill.fee_usd
    positions = await world.bench.broker.positions("main")
    assert {p.instrument.key: p.qty for p in positions} == {k: q for k, q in held.items() if q}
    for position in positions:
        if position.instrument.kind == "future":  # not paid for: its cost is still in cash
            cost = position.qty * position.avg_price
            cash += cost.quantize(D("1e-9")) * position.instrument.multiplier
    assert (await world.bench.cash_now()).quantize(D("1e-6")) == cash.quantize(D("1e-6"))
    if all(p.instrument.kind != "future" for p in positions):
        assert await world.bench.cash_now() == cash


def _touch_at(world: World, instrument: Instrument, fill: BrokerFill) -> Quote:
    """The quote that stood when the fill happened."""
    known = [q for q in world.quotes[instrument.key] if q.received_at <= fill.executed_at]
    assert known, "a fill without a quote"
    return known[-1]


async def no_fill_without_a_quote_none_better_than_it_and_none_beyond_its_size(
    world: World,
) -> None:
    used: dict[tuple[str, int, Side], Decimal] = defaultdict(lambda: ZERO)
    for fill in await world.bench.fills():
        quote = _touch_at(world, fill.instrument, fill)
        age = (fill.executed_at - quote.received_at).total_seconds()
        assert age <= PAPER.max_quote_age_s
        assert fill.price % fill.instrument.tick == 0
        near = quote.ask if fill.side is Side.BUY else quote.bid
        assert (fill.price - near) * fill.side.sign >= 0 or fill.price == fill.instrument.tick
        used[fill.instrument.key, id(quote), fill.side] += fill.qty
        size = quote.ask_size if fill.side is Side.BUY else quote.bid_size
        if size is not None:
            assert used[fill.instrument.key, id(quote), fill.side] <= size


async def no_unit_fills_worse_than_its_limit_and_all_legs_fill_together(world: World) -> None:
    units: dict[str, list[BrokerFill]] = defaultdict(list)
    for fill in await world.bench.fills():
        units[fill.execution_id.rpartition("-")[0]].append(fill)
    for fills in units.values():
        request = world.asked[fills[0].client_order_id]
        assert [f.leg for f in fills] == list(range(len(request.legs)))
        shares = {f.qty / abs(leg.ratio) for f, leg in zip(fills, request.legs, strict=True)}
        assert len(shares) == 1
        assert len({f.executed_at for f in fills}) == 1
        if request.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
            pairs = zip(fills, request.legs, strict=True)
            unit = sum((f.price * leg.ratio for f, leg in pairs), ZERO)
            assert (request.limit - unit) * request.side.sign >= 0


async def reduce_only_never_opens_grows_or_flips(world: World) -> None:
    held: dict[str, Decimal] = defaultdict(lambda: ZERO)
    children = {c.client_order_id for r in world.asked.values() for c in r.attached}
    for fill in await world.bench.fills():
        before = held[fill.instrument.key]
        after = before + fill.qty * fill.side.sign
        held[fill.instrument.key] = after
        if world.asked[fill.client_order_id].reduces or fill.client_order_id in children:
            assert before * after >= 0
            assert abs(after) < abs(before)


@EXAMPLES
@given(PATHS, st.sets(st.integers(0, 39)))
def test_a_restart_at_any_point_gives_the_same_book(path: list[Step], crashes: set[int]) -> None:
    async def body(world: World) -> None:
        for n, step in enumerate(path):
            await world.play(step)
            if n in crashes:
                before = await world.book()
                await world.bench.restart()
                assert await world.book() == before
        ids = [f.execution_id for f in await world.bench.fills()]
        assert len(ids) == len(set(ids))

    run(body)


async def what_was_told_is_what_can_be_asked(world: World) -> None:
    bench = world.bench
    await breathe()  # whoever asked is answered first, the others are told next
    told = bench.told_fills()
    assert len(told) == len({f.execution_id for f in told})
    assert {f.execution_id: f for f in told} == {f.execution_id: f for f in await bench.fills()}
    for request in world.asked.values():
        *before, last = bench.told_states(request)
        assert last == (await bench.seen(request)).state
        assert set(before) <= {"accepted", "partial"}


CHECKS = (
    positions_and_cash_are_exactly_the_sum_of_the_fills,
    no_fill_without_a_quote_none_better_than_it_and_none_beyond_its_size,
    no_unit_fills_worse_than_its_limit_and_all_legs_fill_together,
    reduce_only_never_opens_grows_or_flips,
    what_was_told_is_what_can_be_asked,
)


@EXAMPLES
@given(PATHS)
def test_after_any_path_every_check_holds(path: list[Step]) -> None:
    async def body(world: World) -> None:
        for step in path:
            await world.play(step)
        for check in CHECKS:
            await check(world)

    run(body)


def test_every_name_in_use_reads_back() -> None:
    for instrument in INSTRUMENTS:
        assert parse_key(instrument.key) == instrument
