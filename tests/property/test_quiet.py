"""A quiet tick is skipped: that must never hide a price at which an exit rule would speak."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from bot import parts
from bot.config import plugins
from engine.bands import Bands
from engine.clock import ManualClock
from engine.domain.instrument import stock
from engine.domain.order import PlannedTarget
from engine.domain.quote import Leg, UnitQuote
from engine.domain.trade import StopPlan, Trade, TradeState
from engine.exits import View
from engine.flows.exits import quiet
from tests.rig import START, d

RULES = parts.exit_rules(plugins.validated("engine.exits", {}, all_of_them=True))
LEGS = (Leg(instrument=stock("SPY")),)


class Desk:
    """As much of a desk as a band needs."""

    def __init__(self) -> None:
        self.exit_rules = RULES
        self.bands = Bands()
        self.clock = ManualClock(START)


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda n: d(n) / 100)


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    direction = draw(st.sampled_from([1, -1]))
    entry = draw(cents(5_000, 15_000))
    risk = draw(cents(1, 1_000))
    plan = draw(
        st.one_of(
            st.none(),
            st.builds(
                StopPlan,
                price=cents(4_000, 16_000),
                kind=st.sampled_from(["fixed", "breakeven", "trailing"]),
                trail_usd=st.one_of(st.none(), cents(1, 2_000)),
                trail_pct=st.one_of(st.none(), st.integers(1, 30).map(Decimal)),
                moved_at=st.one_of(st.none(), st.just(START - timedelta(seconds=3))),
            ),
        )
    )
    targets = draw(
        st.lists(
            st.builds(
                PlannedTarget,
                price=cents(4_000, 16_000),
                qty=st.just(d(5)),
                is_hit=st.booleans(),
            ),
            max_size=3,
        )
    )
    water = draw(st.one_of(st.none(), cents(5_000, 15_000)))
    return Trade(
        trade_id="T",
        alert_id="A",
        account="main",
        broker="paper",
        source="stocks",
        symbol="SPY",
        asset="stock",
        direction=direction,  # type: ignore[arg-type]
        legs=LEGS,
        state=TradeState.OPEN,
        qty_wanted=d(10),
        qty_opened=d(10),
        qty_open=d(10),
        fees_usd=draw(cents(0, 500)),
        entry_price=entry,
        initial_stop=draw(st.one_of(st.none(), st.just(entry - risk * direction))),
        stop=plan,
        targets=tuple(targets),
        high_water=water,
        low_water=water,
        created_at=START,
    )


def view(trade: Trade, touch: Decimal, atr: Decimal | None) -> View:
    quote = UnitQuote(bid=touch, ask=touch, exchange_at=START, received_at=START, source="test")
    return View(now=START, quote=quote, atr=atr, minutes_to_close=60)


@given(
    trade=trades(),
    first=cents(4_000, 16_000),
    far=st.lists(cents(4_000, 16_000), min_size=2, max_size=2),
    near=st.lists(cents(-400, 400), min_size=4, max_size=4),
    atr=st.one_of(st.none(), cents(1, 500)),
)
def test_inside_a_band_no_rule_ever_speaks(
    trade: Trade, first: Decimal, far: list[Decimal], near: list[Decimal], atr: Decimal | None
) -> None:
    desk = Desk()
    seen = view(trade, first, atr)
    assume(all(rule.look(trade, seen) is None for _, rule in RULES))
    quiet.draw(desk, trade, seen)  # type: ignore[arg-type]
    inside = [
        price
        for price in (*far, *(first + cents for cents in near))
        if desk.bands.is_quiet("T", float(price), desk.clock.monotonic())
    ]
    assume(inside)
    best = max if trade.direction > 0 else min
    water = first if trade.high_water is None else best(trade.high_water, first)
    for later in inside:
        moved = replace(trade, high_water=best(water, later))
        for name, rule in RULES:
            assert rule.look(moved, view(moved, later, atr)) is None, (name, later)


def test_a_band_is_left_by_price_by_time_and_by_being_dropped() -> None:
    bands = Bands()
    bands.put("a", 90.0, 110.0, 100.0, until=5.0)
    bands.put("b", 90.0, 110.0, 100.0, until=50.0)
    assert bands.due(1.0) == []
    assert bands.is_quiet("a", 95.0, 4.9)
    assert not bands.is_quiet("a", 95.0, 5.0)
    assert not bands.is_quiet("b", 110.0, 1.0)
    assert bands.due(1.0) == ["b"]
    assert bands.due(6.0) == ["a", "b"]
    bands.drop("b")
    assert bands.due(1.0) == []
    assert not bands.is_quiet("b", 100.0, 1.0)
    bands.put("c", 1.0, 2.0, 5.0, until=9.0)
    assert bands.due(1.0) == ["c"]
    assert len(bands) == 2
