"""Each exit rule at its edge, long and short."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.instrument import future, option
from engine.domain.order import PlannedTarget
from engine.domain.quote import UnitQuote
from engine.domain.trade import CloseRequest, StopPlan, Trade
from engine.exits import View, Wish
from engine.exits.break_even import BreakEven
from engine.exits.expiry import Expiry
from engine.exits.hard_stop import HardStop
from engine.exits.targets import Targets
from engine.exits.time_exit import TimeExit
from engine.exits.trailing import Trailing
from tests.unit.exits.test_plan import holding
from tests.unit.ledger.bench import AAPL, CALL, CALL_SPREAD, MES, NOW, D, unit


def view(bid: str | None = None, ask: str | None = None, **more: Any) -> View:
    quote = None
    if bid is not None:
        quote = UnitQuote(
            bid=D(bid), ask=D(ask or bid), exchange_at=NOW, received_at=NOW, source="t"
        )
    base: dict[str, Any] = {"now": NOW, "minutes_to_close": 120}
    return View(quote=quote, **(base | more))


def long(**more: Any) -> Trade:
    return holding(10, **({"legs": unit(AAPL)} | more))


def short(**more: Any) -> Trade:
    stop = more.pop("stop", "105")
    return replace(holding(10, stop=stop, legs=more.pop("legs", unit(AAPL))), direction=-1, **more)


def planned(*targets: tuple[str, int, bool, str]) -> tuple[PlannedTarget, ...]:
    return tuple(
        PlannedTarget(price=D(p), qty=D(q), is_hit=h, then_stop=t)  # type: ignore[arg-type]
        for p, q, h, t in targets
    )


# -- targets ----------------------------------------------------------------------------------

TWO = planned(("107", 5, False, "entry"), ("112", 5, False, "keep"))
RULE = Targets(Targets.Settings())


@pytest.mark.parametrize(("bid", "hit"), [("106.99", False), ("107.00", True), ("108", True)])
def test_a_target_is_reached_when_the_bid_pays_it(bid: str, hit: bool) -> None:
    wish = RULE.look(replace(long(), targets=TWO), view(bid, "200"))
    assert (wish is not None) is hit
    if wish is not None:
        assert (wish.close_qty, wish.target_no, wish.limit) == (5, 0, None)
        assert wish.stop is not None
        assert (wish.stop.price, wish.stop.kind) == (100, "breakeven")


def test_a_short_takes_profit_at_the_ask() -> None:
    trade = short(targets=planned(("93", 10, False, "keep")))
    assert RULE.look(trade, view("1", "93.01")) is None
    wish = RULE.look(trade, view("1", "93"))
    assert wish is not None
    assert (wish.close_qty, wish.stop) == (10, None)


def test_a_sold_spread_takes_profit_when_it_got_cheap() -> None:
    trade = short(legs=CALL_SPREAD, targets=planned(("0.50", 10, False, "keep")))
    assert RULE.look(trade, view("0.40", "0.51")) is None
    assert RULE.look(trade, view("0.40", "0.50")) is not None


def test_a_gap_over_both_targets_takes_one_after_the_other() -> None:
    trade = replace(long(), targets=TWO)
    first = RULE.look(trade, view("130"))
    second = RULE.look(replace(trade, targets=(replace(TWO[0], is_hit=True), TWO[1])), view("130"))
    assert (first and first.target_no, second and second.target_no) == (0, 1)
    done = tuple(replace(t, is_hit=True) for t in TWO)
    assert RULE.look(replace(trade, targets=done), view("130")) is None


def test_a_target_never_closes_what_is_being_closed() -> None:
    closing = CloseRequest(request_id="C", qty=D(8), reason="alert", asked_at=NOW)
    wish = RULE.look(replace(long(), targets=TWO, closes=(closing,)), view("107"))
    assert wish is not None
    assert wish.close_qty == 2
    all_of_it = replace(closing, qty=D(10))
    wish = RULE.look(replace(long(), targets=TWO, closes=(all_of_it,)), view("107"))
    assert wish is not None
    assert (wish.close_qty, wish.target_no) == (None, 0)


def test_a_trailing_stop_at_the_entry_goes_on_trailing() -> None:
    trail = StopPlan(price=D(95), kind="trailing", trail_usd=D(5))
    wish = RULE.look(replace(long(), targets=TWO, stop=trail), view("107"))
    assert wish is not None
    assert wish.stop == replace(trail, price=D(100))


def test_without_a_quote_or_a_position_price_rules_say_nothing() -> None:
    trade = replace(long(), targets=TWO, stop=StopPlan(price=D(95), kind="trailing"))
    rules = (RULE, TRAIL, BreakEven(BreakEven.Settings()), HardStop(HardStop.Settings()))
    for rule in rules:
        assert rule.look(trade, view()) is None
        assert rule.look(replace(trade, qty_open=D(0)), view("200")) is None


# -- trailing ---------------------------------------------------------------------------------

TRAIL = Trailing(Trailing.Settings())


def trailing(trade: Trade, price: str = "95", high: str = "100", **more: Any) -> Trade:
    stop = StopPlan(price=D(price), kind="trailing", **more)
    return replace(trade, stop=stop, high_water=D(high))


def price_of(wish: Wish | None) -> Decimal | None:
    return wish.stop.price if wish is not None and wish.stop is not None else None


def test_an_atr_trail_follows_the_best_price_at_two_atr() -> None:
    trade = trailing(long())
    assert price_of(TRAIL.look(trade, view("110", atr=D(3)))) == 104
    assert price_of(TRAIL.look(trailing(long(), high="112"), view("110", atr=D(3)))) == 106
    assert price_of(TRAIL.look(trailing(long(), trail_atr=D(1)), view("110", atr=D(3)))) == 107


def test_a_short_trails_the_lowest_ask() -> None:
    trade = trailing(short(), "105", "100")
    assert price_of(TRAIL.look(trade, view("80", "90", atr=D(3)))) == 96


def test_percent_and_fixed_distances_need_no_atr() -> None:
    assert price_of(TRAIL.look(trailing(long(), trail_pct=D(5)), view("120"))) == 114
    assert price_of(TRAIL.look(trailing(long(), trail_usd=D(4)), view("120"))) == 116
    assert TRAIL.look(trailing(long()), view("120")) is None


@pytest.mark.parametrize("atr", ["10", "50", "0", "-1", "NaN", "Infinity"])
def test_a_growing_or_broken_atr_never_loosens(atr: str) -> None:
    assert TRAIL.look(trailing(long(), "104", "110"), view("110", atr=D(atr))) is None


def test_a_falling_price_never_loosens() -> None:
    assert TRAIL.look(trailing(long(), "104", "110"), view("105", atr=D(3))) is None


def test_small_improvements_are_not_sent() -> None:
    trade = trailing(long(), "104", "110")
    assert TRAIL.look(trade, view("110.29", atr=D(3))) is None
    assert price_of(TRAIL.look(trade, view("110.30", atr=D(3)))) == D("104.30")
    fixed = trailing(long(), "104", "110", trail_usd=D(6))
    assert TRAIL.look(fixed, view("110.009")) is None
    assert price_of(TRAIL.look(fixed, view("110.01"))) == D("104.01")


def test_moves_are_ten_seconds_apart() -> None:
    recent = trailing(long(), moved_at=NOW - timedelta(seconds=9))
    assert TRAIL.look(recent, view("110", atr=D(3))) is None
    ripe = trailing(long(), moved_at=NOW - timedelta(seconds=10))
    assert TRAIL.look(ripe, view("110", atr=D(3))) is not None


def test_the_stop_is_on_a_tick_and_not_nearer_than_asked() -> None:
    mes = trailing(long(legs=unit(MES)), "6600", "6700", trail_usd=D("10.1"))
    assert price_of(TRAIL.look(mes, view("6700.25"))) == D("6690.00")
    down = trailing(short(legs=unit(MES)), "6800", "6700", trail_usd=D("10.1"))
    assert price_of(TRAIL.look(down, view("6700.25", "6700.25"))) == D("6710.25")


def test_a_trail_may_wait_for_r() -> None:
    rule = Trailing(Trailing.Settings(activate_at_r=D(1)))
    trade = trailing(long(), trail_usd=D(2))
    assert rule.look(trade, view("104.99")) is None
    assert rule.look(trade, view("105")) is not None
    assert rule.look(replace(trade, initial_stop=None), view("120")) is None


def test_a_fixed_stop_does_not_trail() -> None:
    assert TRAIL.look(long(), view("200", atr=D(1))) is None


# -- break-even -------------------------------------------------------------------------------

FLOOR = BreakEven(BreakEven.Settings())


def test_one_r_ahead_floors_the_stop_at_entry_plus_fees() -> None:
    trade = replace(long(), fees_usd=D("1.00"))
    assert FLOOR.look(trade, view("104.99")) is None
    wish = FLOOR.look(trade, view("105"))
    assert wish is not None
    assert wish.stop is not None
    assert (wish.stop.price, wish.stop.kind) == (D("100.20"), "breakeven")


def test_the_best_price_counts_even_when_it_is_past() -> None:
    trade = replace(long(), high_water=D(106))
    assert price_of(FLOOR.look(trade, view("101"))) == 100
    assert FLOOR.look(trade, view("100")) is None


def test_a_short_is_floored_above() -> None:
    trade = replace(short(), fees_usd=D("1.05"))
    assert price_of(FLOOR.look(trade, view("1", "95"))) == D("99.79")


def test_contract_fees_are_spread_over_the_multiplier() -> None:
    trade = replace(long(legs=unit(CALL)), fees_usd=D("6.50"))
    assert price_of(FLOOR.look(trade, view("105"))) == D("100.02")
    half = replace(trade, fees_usd=D("9.75"), qty_open=D(5))
    assert price_of(FLOOR.look(half, view("105"))) == D("100.02")


@pytest.mark.parametrize("at", ["100", "103"])
def test_a_stop_that_is_there_or_better_stays(at: str) -> None:
    assert FLOOR.look(long(stop=at, initial_stop=D(95)), view("110")) is None


def test_a_trail_keeps_trailing_from_the_floor() -> None:
    wish = FLOOR.look(trailing(long(), trail_usd=D(9)), view("105"))
    assert wish is not None
    assert wish.stop == StopPlan(price=D(100), kind="trailing", trail_usd=D(9))


def test_without_an_initial_stop_there_is_no_r() -> None:
    assert FLOOR.look(replace(long(), initial_stop=None), view("200")) is None
    assert FLOOR.look(replace(long(), initial_stop=D(100)), view("200")) is None


# -- hard stop --------------------------------------------------------------------------------

WATCH = HardStop(HardStop.Settings())


@pytest.mark.parametrize(("bid", "fires"), [("95.01", False), ("95", True), ("90", True)])
def test_the_watch_closes_when_the_bid_is_at_the_stop(bid: str, fires: bool) -> None:
    wish = WATCH.look(long(), view(bid, "200"))
    assert (wish is not None) is fires
    if wish is not None:
        assert (wish.close_qty, wish.limit) == (10, None)


@pytest.mark.parametrize(("ask", "fires"), [("104.99", False), ("105", True), ("110", True)])
def test_a_short_is_watched_at_the_ask(ask: str, fires: bool) -> None:
    assert (WATCH.look(short(), view("1", ask)) is not None) is fires


def test_a_working_stop_at_the_broker_is_left_to_do_its_work() -> None:
    assert WATCH.look(long(), view("90", has_stop_at_broker=True)) is None


def test_the_watch_asks_only_for_what_nothing_closes_at_market() -> None:
    market = CloseRequest(request_id="C", qty=D(4), reason="target", asked_at=NOW)
    wish = WATCH.look(replace(long(), closes=(market,)), view("90"))
    assert wish is not None
    assert wish.close_qty == 6
    limit = replace(market, limit=D(120))
    wish = WATCH.look(replace(long(), closes=(limit,)), view("90"))
    assert wish is not None
    assert wish.close_qty == 10
    everything = replace(market, qty=D(10))
    assert WATCH.look(replace(long(), closes=(everything,)), view("90")) is None


# -- clock ------------------------------------------------------------------------------------


def test_a_trade_is_flat_at_its_own_time() -> None:
    rule = TimeExit(TimeExit.Settings())
    trade = replace(long(), flatten_at=NOW)
    assert rule.look(trade, view(now=NOW - timedelta(seconds=1))) is None
    wish = rule.look(trade, view())
    assert wish is not None
    assert wish.close_qty == 10
    assert rule.look(long(), view()) is None


@pytest.mark.parametrize(
    ("left", "source", "fires"),
    [
        (6, "room", False),
        (5, "room", True),
        (0, "room", True),
        (5, "other", False),
        (None, "room", False),
    ],
)
def test_intraday_rooms_are_flat_before_the_close(
    left: int | None, source: str, fires: bool
) -> None:
    rule = TimeExit(TimeExit.Settings(intraday_sources=frozenset({"room"})))
    wish = rule.look(replace(long(), source=source), view(minutes_to_close=left))
    assert (wish is not None) is fires


LAST = datetime(2026, 11, 20, 20, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "left", "fires"),
    [
        (LAST, 15, True),
        (LAST, 16, False),
        (LAST, None, False),
        (LAST - timedelta(days=1), 15, False),
        (LAST + timedelta(hours=5), 15, True),  # still the 20th in New York
    ],
)
def test_options_are_closed_before_their_last_moment(
    at: datetime, left: int | None, fires: bool
) -> None:
    rule = Expiry(Expiry.Settings())
    for legs in (unit(CALL), CALL_SPREAD):
        wish = rule.look(long(legs=legs), view(now=at, minutes_to_close=left))
        assert (wish is not None) is fires
    for legs in (unit(AAPL), unit(MES)):
        assert rule.look(long(legs=legs), view(now=at, minutes_to_close=left)) is None


@pytest.mark.parametrize(
    ("root", "expiry", "day", "fires"),
    [
        ("VIX", date(2026, 12, 16), 15, True),  # a Wednesday: it pays by the opening prices
        ("VIXW", date(2026, 12, 9), 8, True),
        ("VIX", date(2026, 12, 16), 14, False),
        ("SPX", date(2026, 12, 18), 17, True),  # the third Friday
        ("SPXW", date(2026, 12, 18), 17, False),
        ("SPXW", date(2026, 12, 18), 18, True),
        ("SPX", date(2026, 12, 11), 10, False),  # no monthly one, whatever a broker calls it
        ("RUT", date(2027, 3, 19), 18, True),
        ("VIX", date(2027, 2, 17), 16, True),  # the day after a holiday's week-end
    ],
)
def test_what_pays_by_the_opening_is_closed_the_day_before(
    root: str, expiry: date, day: int, fires: bool
) -> None:
    """On its last day nobody trades it any more: the way out was refused, and it was settled."""
    legs = unit(option(root, expiry, D(20), "C"))
    at = datetime.combine(expiry.replace(day=day), time(20, 50), UTC)
    wish = Expiry(Expiry.Settings()).look(long(legs=legs), view(now=at, minutes_to_close=10))
    assert (wish is not None) is fires


@pytest.mark.parametrize(
    ("month", "at", "left", "fires"),
    [
        (date(2026, 12, 1), datetime(2026, 12, 17, 21, 50, tzinfo=UTC), 10, True),
        (date(2026, 12, 1), datetime(2026, 12, 17, 21, 30, tzinfo=UTC), 30, False),
        (date(2026, 12, 1), datetime(2026, 12, 17, 23, 30, tzinfo=UTC), 1290, False),
        (date(2026, 12, 1), datetime(2026, 12, 18, 12, 0, tzinfo=UTC), 600, True),
        (date(2026, 12, 1), datetime(2026, 12, 16, 21, 50, tzinfo=UTC), 10, False),
        (date(2026, 6, 1), datetime(2026, 6, 17, 20, 50, tzinfo=UTC), 10, True),  # before a holiday
    ],
)
def test_an_index_future_is_closed_the_day_before_its_last_morning(
    month: date, at: datetime, left: int, fires: bool
) -> None:
    """It was settled with its stop, and stood in the books for good."""
    legs = unit(future("MES", month))
    wish = Expiry(Expiry.Settings()).look(long(legs=legs), view(now=at, minutes_to_close=left))
    assert (wish is not None) is fires
    oil = unit(future("MCL", month))
    assert Expiry(Expiry.Settings()).look(long(legs=oil), view(now=at, minutes_to_close=1)) is None


def test_clock_rules_ask_once() -> None:
    closing = CloseRequest(request_id="C", qty=D(10), reason="time", asked_at=NOW)
    trade = replace(long(legs=unit(CALL)), closes=(closing,), flatten_at=NOW)
    assert TimeExit(TimeExit.Settings()).look(trade, view()) is None
    assert Expiry(Expiry.Settings()).look(trade, view(now=LAST, minutes_to_close=1)) is None
