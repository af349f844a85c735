"""Exits under any interleaving: never more than is held, and flat or protected in the end."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.order import PlannedTarget
from engine.domain.quote import UnitQuote
from engine.domain.trade import StopPlan, Trade
from engine.exits import ExitRule, View
from engine.exits.break_even import BreakEven
from engine.exits.hard_stop import HardStop
from engine.exits.plan import apply
from engine.exits.targets import Targets
from engine.exits.trailing import Trailing
from tests.property.exits_world import World
from tests.unit.exits.test_plan import holding
from tests.unit.ledger.bench import NOW, D

SMALL = st.integers(0, 6)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                "settle",
                "settle",
                "settle",
                "process",
                "process",
                "read",
                "read",
                "read",
                "again",
                "fill",
                "fill",
                "ask",
                "limit",
                "tighten",
                "look up",
            )
        ),
        SMALL,
        SMALL,
    ),
    min_size=30,
    max_size=70,
)


WORLDS = st.builds(
    World,
    qty=st.integers(1, 12),
    direction=st.sampled_from((1, -1)),
    is_wired=st.booleans(),
    is_beside=st.booleans(),
)
OPENED = st.one_of(WORLDS, WORLDS.map(World.opened), WORLDS.map(World.parted))


def play(world: World, events: list[tuple[str, int, int]]) -> None:
    for what, a, b in events:
        happen(world, what, a, b)
        world.check()


def happen(world: World, what: str, a: int, b: int) -> None:
    if what == "settle":
        world.settle(a if world.is_beside else 0, is_one=b == 0)
    elif what == "process":
        world.process(a, b % 4)
    elif what in ("read", "again"):
        world.read(a, keep=what == "again")
    elif what == "fill":
        world.fill(a, b + 1)
    elif what in ("ask", "limit"):
        world.ask(a + 1, D(100 + b) if what == "limit" else None)
    elif what == "tighten":
        world.tighten(Decimal(44 + a * 2 + b))
    else:
        world.look_up()


@given(world=OPENED, events=EVENTS)
def test_exits_never_exceed_what_is_held_and_end_flat_or_protected(
    world: World, events: list[tuple[str, int, int]]
) -> None:
    """I-17: checked at the broker after every single event, then everything comes to rest."""
    play(world, events)
    world.rest()
    world.check_end()
    assert world.settle() is False


@given(qty=st.integers(1, 12), events=EVENTS)
def test_without_stops_at_the_broker_closes_keep_the_same_limits(
    qty: int, events: list[tuple[str, int, int]]
) -> None:
    world = World(qty, broker_stops=False)
    play(world, events)
    world.rest()
    world.check_end()


@given(world=OPENED, events=EVENTS)
def test_a_wish_to_be_flat_ends_flat(world: World, events: list[tuple[str, int, int]]) -> None:
    play(world, events)
    world.ask(1000, None)
    world.rest()
    world.check_end()
    assert world.position == 0
    assert all(t.left == 0 for t in world.theirs.values())


@given(world=OPENED, events=EVENTS)
def test_the_planned_stop_never_loosens(world: World, events: list[tuple[str, int, int]]) -> None:
    """I-19 through the requests of anybody."""
    play(world, events)
    ladder = [Decimal(50), *world.stops]
    assert all((b - a) * world.direction >= 0 for a, b in pairwise(ladder))


RULES: tuple[ExitRule, ...] = (
    Targets(Targets.Settings()),
    Trailing(Trailing.Settings()),
    BreakEven(BreakEven.Settings()),
    HardStop(HardStop.Settings()),
)
TICKS = st.lists(
    st.tuples(
        st.integers(6_000, 14_000), st.integers(0, 200), st.one_of(st.none(), st.integers(1, 900))
    ),
    min_size=8,
    max_size=25,
)


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    direction = draw(st.sampled_from((1, -1)))
    first = Decimal(100) - direction * draw(st.integers(1, 20))
    trail = draw(
        st.sampled_from(
            (
                StopPlan(price=first),
                StopPlan(price=first, kind="trailing"),
                StopPlan(price=first, kind="trailing", trail_usd=D("2.5")),
                StopPlan(price=first, kind="trailing", trail_pct=D("4")),
                StopPlan(price=first, kind="trailing", trail_atr=D("1.5")),
            )
        )
    )
    targets = tuple(
        PlannedTarget(price=Decimal(100) + direction * step, qty=D(5), then_stop=then)
        for step, then in ((3, draw(st.sampled_from(("keep", "entry")))), (9, "keep"))
    )
    return replace(
        holding(10, initial_stop=first),
        direction=direction,
        targets=targets,
        stop=trail,
        high_water=D(100),
    )


@given(trade=trades(), ticks=TICKS)
def test_no_rule_ever_loosens_a_stop_or_closes_more_than_is_held(
    trade: Trade, ticks: list[tuple[int, int, int | None]]
) -> None:
    """I-19, R-06: whatever price and ATR do."""
    now, number = NOW, 0
    for cents, spread, atr in ticks:
        now += timedelta(seconds=7)
        bid = Decimal(cents) / 100
        quote = UnitQuote(
            bid=bid,
            ask=bid + Decimal(spread) / 100,
            exchange_at=now,
            received_at=now,
            source="t",
        )
        view = View(now=now, quote=quote, atr=None if atr is None else Decimal(atr) / 100)
        touch = quote.touch(trade.direction < 0)
        assert trade.high_water is not None
        best = max if trade.direction > 0 else min
        trade = replace(trade, high_water=best(trade.high_water, touch))
        for rule in RULES:
            wish = rule.look(trade, view)
            if wish is None:
                continue
            number += 1
            before = trade
            trade = apply(trade, wish, now, f"C{number}")
            assert before.stop is not None
            assert trade.stop is not None
            assert (trade.stop.price - before.stop.price) * trade.direction >= 0
            assert sum(c.qty for c in trade.closes) <= trade.qty_open
            assert trade.stop.price == trade.stop.price.quantize(D("0.01"))
            assert trade.initial_stop == before.initial_stop
