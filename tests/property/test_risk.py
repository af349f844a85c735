"""Whatever comes, limits hold, stops stand on the right side, and what is not known is denied."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.alert import Action, Level, Signal, SignalLeg
from engine.domain.instrument import crypto, future, option, stock
from engine.domain.order import Intent, Order, OrderState, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.source import SourceProfile, TargetRule
from engine.domain.trade import CloseRequest, Trade
from engine.guard import judge
from engine.matching import exit_qty, match_exit
from engine.pricing import entry_limit, worst_limit
from engine.protection import Protection, protect
from engine.risk import Denial, Facts, RiskCheck, run_checks
from engine.risk.load import load_checks
from engine.routing import Refused, Routed, route
from engine.sizing import SizingSettings, exposure_usd, max_loss, size
from tests.unit.risk.facts import (
    AAPL,
    BTC,
    CALL,
    FRIDAY,
    MES,
    NOW,
    PUT,
    PUT_SPREAD,
    account,
    coins,
    credit_spread,
    facts,
    intent,
    micro,
    pending,
    quote,
    shares,
    trade,
)

D = Decimal
EXAMPLES = settings(max_examples=500, deadline=None)
APART: dict[str, dict[str, Any]] = {
    "correlation": {"max_correlation": 1},  # made-up symbols have no closes
    "sector": {"max_pct": 100},  # and share one sector; its own limit is tested by itself
}
CHECKS = load_checks(APART)
UNITS = {"CALL": CALL, "PUT_SPREAD": PUT_SPREAD, "AAPL": AAPL, "MES": MES, "BTC": BTC}
WEIGHT = {"trade": 0, "ask": 1, "skip": 2}
directions = st.sampled_from([1, -1])


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    """Prices from ``low`` to ``high`` cents."""
    return st.integers(low, high).map(lambda n: D(n) / 100)


# -- I-18: limits under any sequence, with what is pending counted ----------------------------


@dataclass
class Desk:
    """Entries pass the checks one after another; what passes is pending, then open."""

    now_s: int = 0
    orders: tuple[Order, ...] = ()
    trades: tuple[Trade, ...] = ()
    sent: int = 0

    def facts(self) -> Facts:
        held = {
            t.trade_id: exposure_usd(t.legs, t.direction > 0, t.qty_open, t.entry_price or D(0))
            for t in self.trades
        }
        held |= {
            o.trade_id: exposure_usd(o.legs, o.side, o.qty, o.limit or D(0)) for o in self.orders
        }
        return facts(
            now=NOW + timedelta(seconds=self.now_s),
            account=account(n_trades_today=self.sent),
            notional_by_trade=held,
            pending=self.orders,
            trades=self.trades,
            buying_power_usd=D(100_000) - sum(held.values(), D(0)),
            quote=quote(received_at=NOW + timedelta(seconds=self.now_s)),
        )

    def enter(self, entry: Intent) -> bool:
        if not all(v.is_ok for v in run_checks(CHECKS_MANY_A_DAY, entry, self.facts())):
            return False
        order = pending(
            entry.trade_id, legs=entry.legs, side=entry.side, qty=entry.qty, limit=entry.limit
        )
        self.orders = (*self.orders, replace(order, state=OrderState.SUBMITTING))
        self.sent += 1
        return True

    def fill(self, n: int) -> None:
        if not self.orders:
            return
        order = self.orders[n % len(self.orders)]
        self.orders = tuple(o for o in self.orders if o is not order)
        filled = trade(
            order.trade_id,
            legs=order.legs,
            direction=order.side.sign,
            qty_open=order.qty,
            entry_price=order.limit,
        )
        self.trades = (*self.trades, filled)


CHECKS_MANY_A_DAY = load_checks(
    APART | {"trades_per_day": {"max_trades": 1000, "max_per_symbol": 1000}}
)


LARGE = 8
"""Dollars per step of size: 255 of these are more than one position may cost."""


@dataclass(frozen=True)
class Step:
    """One step of a sequence, from a few bytes: perhaps a fill of what is pending, then an entry.

    Bytes are drawn in one go: a sequence of sixty entries is as quick to make as to judge.
    """

    raw: bytes
    n: int
    scale: int
    """Small ones run into the limits of count, large ones into those of money."""

    SIZE = 6

    @property
    def fills(self) -> bool:
        return self.raw[0] % 4 == 0

    def entry(self) -> Intent:
        """An entry of any kind and size in one of 26 symbols."""
        symbol = f"S{chr(65 + self.raw[1] % 26)}"
        made: dict[str, Any] = {
            "intent_id": f"I-{self.n}",
            "alert_id": f"A-{self.n}",
            "trade_id": f"T-{self.n}",
            "symbol": symbol,
            "author_id": self.n,
        }
        kind, size = self.raw[2] % 4, self.raw[3]
        if self.scale == LARGE:
            kind, size = kind if self.raw[2] >= 192 else 0, 192 + size % 64
        usd = (size + 1) * self.scale
        figure = int.from_bytes(self.raw[4:6], "big")
        if kind == 0:
            limit = D(1000 + figure % 9_000) / 100
            qty = max(D(usd * 5 // limit), D(1))
            share = {"legs": (Leg(instrument=stock(symbol)),), "targets": ()}
            return shares(**made, **share, limit=limit, stop=limit * D("0.98"), qty=qty)
        if kind == 1:
            strikes = [option(symbol, FRIDAY, D(k), "P") for k in (100, 95)]
            legs = (Leg(instrument=strikes[0]), Leg(instrument=strikes[1], ratio=-1))
            limit = D(20 + figure % 380) / 100
            qty = max(D(usd // ((5 - limit) * 100)), D(1))
            return credit_spread(**made, legs=legs, limit=limit, qty=qty)
        limit = D(20 + figure % 980) / 100
        right: Literal["C", "P"] = "C" if kind == 2 else "P"
        legs = (Leg(instrument=option(symbol, FRIDAY, D(100), right)),)
        qty = max(D(usd // (limit * 100)), D(1))
        return intent(**made, legs=legs, limit=limit, stop=limit / 2, qty=qty)


@st.composite
def sequences(draw: st.DrawFn) -> list[Step]:
    n_steps, scale = draw(st.integers(5, 60)), draw(st.sampled_from((1, 3, LARGE)))
    raw = draw(st.binary(min_size=n_steps * Step.SIZE, max_size=n_steps * Step.SIZE))
    return [Step(raw[n * Step.SIZE : (n + 1) * Step.SIZE], n, scale) for n in range(n_steps)]


@EXAMPLES
@given(steps=sequences())
def test_sums_never_exceed_a_limit_however_entries_and_fills_mix(steps: list[Step]) -> None:
    desk = Desk()
    for step in steps:
        if step.fills:
            desk.fill(step.raw[0] // 4)
        if not desk.enter(step.entry()) and not step.fills:
            continue  # nothing moved
        seen = desk.facts()
        held = [(o.legs, o.side.sign) for o in desk.orders]
        held += [(t.legs, t.direction) for t in desk.trades]
        assert len(held) <= 20
        assert max(Counter(legs[0].instrument.symbol for legs, _ in held).values(), default=0) <= 2
        assert sum(len(legs) == 1 and _is_call(legs, sign) for legs, sign in held) <= 5
        assert sum(seen.notional_by_trade.values()) <= D(80_000)
        for trade_id, usd in seen.notional_by_trade.items():
            assert usd <= D(10_000), trade_id


def _is_call(legs: tuple[Leg, ...], sign: int) -> bool:
    return legs[0].instrument.kind == "option" and sign > 0


def test_two_approvals_inside_the_limit_each_but_not_together_let_one_through() -> None:
    """R-02: the second sees the first as pending."""
    desk = Desk()
    full = facts(equity_usd=D(1_000_000)).equity_usd
    assert full is not None
    many = [
        shares(
            trade_id=f"T-{n}",
            intent_id=f"I-{n}",
            alert_id=f"A-{n}",
            author_id=n,
            symbol=f"S{chr(65 + n)}",
            legs=(Leg(instrument=stock(f"S{chr(65 + n)}")),),
            qty=D(55),
        )
        for n in range(9)
    ]
    assert [desk.enter(entry) for entry in many] == [True] * 8 + [False]  # 8 x 9,900 of 80,000


# -- I-21: what is not known is denied ----------------------------------------------------------

UNKNOWN = st.sampled_from([None, D("NaN"), D("Infinity"), D("-Infinity"), D("-NaN")])
NEEDED = ("equity_usd", "buying_power_usd", "open_pnl_usd")
NEEDED_OF_ACCOUNT = ("day_start_equity_usd", "peak_equity_usd", "realised_today_usd")
STATED = ("qty", "limit", "notional_usd")
ANY = st.sampled_from([intent(), shares(targets=()), micro(), credit_spread(), coins()])


@EXAMPLES
@given(ANY, st.dictionaries(st.sampled_from(NEEDED), UNKNOWN, min_size=1))
def test_an_unknown_fact_denies_every_entry(entry: Intent, broken: dict[str, Any]) -> None:
    assert not all(v.is_ok for v in run_checks(CHECKS, entry, facts(**broken)))


@EXAMPLES
@given(ANY, st.dictionaries(st.sampled_from(NEEDED_OF_ACCOUNT), UNKNOWN, min_size=1))
def test_an_unknown_fact_of_the_account_denies_every_entry(
    entry: Intent, broken: dict[str, Any]
) -> None:
    assert not all(v.is_ok for v in run_checks(CHECKS, entry, facts(account=account(**broken))))


@EXAMPLES
@given(ANY, st.dictionaries(st.sampled_from(STATED), UNKNOWN, min_size=1))
def test_an_entry_with_an_unknown_figure_is_denied(entry: Intent, broken: dict[str, Any]) -> None:
    assert not all(v.is_ok for v in run_checks(CHECKS, replace(entry, **broken), facts()))


class Breaks(RiskCheck):
    stage = 1

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        error: Exception = self.settings
        raise error


@EXAMPLES
@given(
    ANY,
    st.sampled_from([ValueError("x"), TypeError(), ZeroDivisionError(), MemoryError(), KeyError()]),
)
def test_an_exception_denies_entries_and_holds_up_no_exit(entry: Intent, error: Exception) -> None:
    checks = [("breaks", Breaks(error))]
    assert [v.is_ok for v in run_checks(checks, entry, facts())] == [False]
    for purpose in (Purpose.CLOSE, Purpose.STOP):
        assert all(v.is_ok for v in run_checks(checks, replace(entry, purpose=purpose), facts()))


# -- sizing --------------------------------------------------------------------------------------

SIZES = st.one_of(st.none(), st.sampled_from(["A", "B", "C", "lotto", "small", "half", "full"]))
QUANTITIES = st.one_of(st.none(), st.integers(1, 10**6).map(D), cents(1, 100_000))


@EXAMPLES
@given(
    unit=st.sampled_from(sorted(UNITS)),
    entry=cents(1, 800_000),
    distance=st.one_of(st.none(), cents(1, 90_000)),
    direction=directions,
    equity=cents(0, 100_000_000),
    quantity=QUANTITIES,
    size_class=SIZES,
    streaks=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    results=st.lists(st.integers(-500, 500).map(D), max_size=120),
)
def test_a_size_never_exceeds_what_was_wanted_or_what_may_be_lost(
    unit: str,
    entry: Decimal,
    distance: Decimal | None,
    direction: Literal[1, -1],
    equity: Decimal,
    quantity: Decimal | None,
    size_class: Any,
    streaks: tuple[int, int],
    results: list[Decimal],
) -> None:
    legs = UNITS[unit]
    side = Side.BUY if direction > 0 else Side.SELL
    room = SourceProfile(
        name="r", guild_id=1, channel_id=1, size_map={"A": D(1), "B": D(2), "C": D(3)}
    )
    found = size(
        signal=Signal(
            action=Action.BTO,
            asset=None,
            symbol="X",
            quantity=quantity,
            size_class=size_class,
        ),
        profile=room,
        entry=entry,
        stop=None if distance is None else entry - distance * direction,
        legs=legs,
        direction=direction,
        equity=equity,
        settings=SizingSettings(),
        streaks=streaks,
        results=results,
    )
    if isinstance(found, Denial):
        assert found.code.startswith("sizing.")
        return
    kind = legs[0].instrument.kind
    assert found.qty > 0
    assert found.qty % (D("0.0001") if kind == "crypto" else 1) == 0
    assert found.risk_usd is not None
    assert 0 < found.risk_usd <= equity * 2 / 100
    wanted = quantity if quantity is not None else room.size_map.get(size_class or "")
    assert wanted is None or found.qty <= wanted
    assert found.notional_usd == exposure_usd(legs, side, found.qty, entry)
    if kind in ("stock", "crypto"):
        assert found.notional_usd <= equity / 10
    if kind == "future":
        assert found.risk_usd <= 100
    if kind == "option" and max_loss(legs, side, entry) is not None:
        assert found.notional_usd <= equity * 2 / 100
    if kind in ("future", "option"):
        assert found.qty <= 50


@EXAMPLES
@given(
    st.lists(
        st.tuples(st.sampled_from(["C", "P"]), st.integers(90, 110), st.integers(-3, 3)),
        min_size=1,
        max_size=4,
        unique_by=lambda leg: leg[:2],
    ),
    directions,
    cents(1, 2000),
    st.integers(0, 300),
)
def test_no_outcome_at_expiry_loses_more_than_the_worst_case(
    raw: list[Any], direction: Literal[1, -1], price: Decimal, underlying: int
) -> None:
    legs = tuple(
        Leg(instrument=option("X", FRIDAY, D(strike), right), ratio=ratio)
        for right, strike, ratio in raw
        if ratio
    )
    if not legs:
        return
    worst = max_loss(legs, Side.BUY if direction > 0 else Side.SELL, price)
    naked_calls = sum(leg.ratio * direction for leg in legs if leg.instrument.right == "C")
    assert (worst is None) == (naked_calls < 0)
    if worst is None:
        return
    value = sum(
        leg.ratio
        * max(
            (underlying - (leg.instrument.strike or 0))
            * (1 if leg.instrument.right == "C" else -1),
            0,
        )
        for leg in legs
    )
    assert (price - value) * direction <= worst


# -- protection ----------------------------------------------------------------------------------

LEVELS = st.one_of(
    cents(-100, 2_000).map(lambda v: Level(kind="price", value=v)),
    cents(-100, 15_000).map(lambda v: Level(kind="percent", value=v)),
    cents(-100, 2_000).map(lambda v: Level(kind="points", value=v)),
    st.just(Level(kind="breakeven")),
    st.just(Level(kind="percent")),
    st.just(Level(kind="price", value=D("NaN"))),
)
RULES = st.lists(
    st.builds(
        TargetRule,
        level=LEVELS,
        fraction=st.sampled_from([D("0.25"), D("0.33"), D("0.5"), D(1)]),
        then_stop=st.sampled_from(["keep", "entry"]),
    ),
    max_size=3,
).map(tuple)


@EXAMPLES
@given(
    entry=st.integers(1, 2000),
    tick=st.sampled_from([D("0.01"), D("0.05"), D("0.25"), D(1), D("0.015625")]),
    direction=directions,
    qty=st.integers(1, 30).map(D),
    stop=st.one_of(st.none(), LEVELS),
    targets=st.lists(LEVELS, max_size=4).map(tuple),
    default_stop=st.one_of(st.none(), LEVELS),
    rules=RULES,
    single=st.sampled_from(["t1", "t2"]),
)
def test_stop_and_targets_stand_on_their_own_side_of_the_entry(
    entry: int,
    tick: Decimal,
    direction: Literal[1, -1],
    qty: Decimal,
    stop: Level | None,
    targets: tuple[Level, ...],
    default_stop: Level | None,
    rules: tuple[TargetRule, ...],
    single: Literal["t1", "t2"],
) -> None:
    room = SourceProfile(
        name="r",
        guild_id=1,
        channel_id=1,
        default_stop=default_stop,
        targets=rules,
        single_contract_target=single,
    )
    said = Signal(action=Action.BTO, asset="stock", symbol="X", stop=stop, targets=targets)
    price = entry * tick
    found = protect(said, room, entry=price, direction=direction, qty=qty, tick=tick)
    if isinstance(found, Refused):
        assert found.code.startswith("protection.")
        return
    assert isinstance(found, Protection)
    if found.stop is None:
        assert stop is None
        assert default_stop is None
    else:
        assert (price - found.stop) * direction > 0
        assert found.stop > 0
        assert found.stop % tick == 0
    for target in found.targets:
        assert (target.price - price) * direction > 0
        assert target.price % tick == 0
        assert target.qty > 0
        assert target.qty % 1 == 0
    if targets or rules:
        assert sum(t.qty for t in found.targets) == qty


# -- guard, pricing ------------------------------------------------------------------------------

ROOMS = st.builds(
    SourceProfile,
    name=st.just("r"),
    guild_id=st.just(1),
    channel_id=st.just(1),
    chase_limit_pct=st.integers(0, 15).map(D),
    ask_limit_pct=st.integers(15, 60).map(D),
    max_spread_pct=st.integers(0, 30).map(D),
)


@EXAMPLES
@given(
    alerted=cents(1, 5000),
    first=cents(1, 20_000),
    further=cents(0, 20_000),
    side=st.sampled_from([Side.BUY, Side.SELL]),
    room=ROOMS,
    asset=st.sampled_from([None, "option", "stock", "future"]),
)
def test_a_worse_price_is_never_judged_better(
    alerted: Decimal, first: Decimal, further: Decimal, side: Side, room: SourceProfile, asset: Any
) -> None:
    worse = first + further * side.sign
    if worse <= 0:
        return

    def said(price: Decimal) -> Any:
        return judge(
            side=side,
            alerted=alerted,
            alerted_range=None,
            quote=quote(str(price), str(price)),
            profile=room,
            posted_at=NOW,
            now=NOW,
            max_quote_age_s=D(5),
            asset=asset,
        )

    before, after = said(first), said(worse)
    assert before.deviation_pct <= after.deviation_pct
    if before.deviation_pct >= 0:
        if after.decision == "trade":
            assert before.decision == "trade"
        if "guard.magnitude" not in (before.code, after.code):
            assert WEIGHT[before.decision] <= WEIGHT[after.decision]
    if after.decision == "trade":
        assert after.deviation_pct <= room.chase_pct(asset)


@EXAMPLES
@given(
    side=st.sampled_from([Side.BUY, Side.SELL]),
    alerted=cents(100, 500_000),
    market=st.one_of(st.none(), st.tuples(cents(1, 500_000), cents(0, 500))),
    tick=st.sampled_from([D("0.01"), D("0.05"), D("0.25")]),
    room=ROOMS,
    asset=st.sampled_from([None, "option", "stock", "future", "crypto"]),
)
def test_a_limit_is_on_tick_and_never_past_the_chase_limit(
    side: Side,
    alerted: Decimal,
    market: tuple[Decimal, Decimal] | None,
    tick: Decimal,
    room: SourceProfile,
    asset: Any,
) -> None:
    seen = None if market is None else quote(str(market[0]), str(market[0] + market[1]))
    limit = entry_limit(side, alerted, seen, room, tick, asset)
    worst = alerted * (1 + side.sign * room.chase_pct(asset) / 100)
    assert limit % tick == 0
    assert limit >= tick
    assert (limit - worst) * side.sign <= 0
    if seen is not None:
        collar = worst_limit(side, seen, tick)
        assert collar is not None
        assert collar % tick == 0
        assert (collar - seen.mid) * side.sign >= 0 or collar == tick


# -- routing -------------------------------------------------------------------------------------

WORDS = st.one_of(
    st.sampled_from(["SPY", "SPX", "ES", "BTC", "BRK.B", "", "CL"]), st.text(max_size=8)
)
FIGURES = st.one_of(
    st.none(),
    cents(-100, 1_000_000),
    st.sampled_from([D("NaN"), D("Infinity"), D("-Infinity"), D("1e400"), D("1e-400"), D(0)]),
)
DAYS = st.one_of(st.none(), st.dates(date(2024, 1, 1), date(2031, 12, 31)))
SIGNALS = st.builds(
    Signal,
    action=st.sampled_from(Action),
    asset=st.sampled_from(["option", "stock", "future", "spread", "crypto", None]),
    symbol=WORDS,
    contract=st.one_of(
        st.none(),
        st.text(max_size=8),
        st.from_regex(r"\A/?(ES|MES|CL)[FGHJKMNQUVXZ]\d{1,2}\Z"),
    ),
    expiry=DAYS,
    strike=FIGURES,
    right=st.sampled_from([None, "C", "P"]),
    legs=st.lists(
        st.builds(
            SignalLeg,
            action=st.sampled_from(Action),
            right=st.sampled_from(["C", "P"]),
            strike=FIGURES.filter(lambda v: v is not None),
            expiry=DAYS.filter(lambda v: v is not None),
            ratio=st.integers(-2, 5),
        ),
        max_size=4,
    ).map(tuple),
    price=FIGURES,
    price_effect=st.sampled_from([None, "debit", "credit"]),
    quantity=FIGURES.filter(lambda v: v is None or v.is_finite()),
    fraction=st.one_of(st.none(), cents(-50, 200)),
    is_partial=st.booleans(),
)
ROUTES = SourceProfile(name="room", guild_id=1, channel_id=1, symbol_map={"ES": "MES"})


@EXAMPLES
@given(SIGNALS, st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_any_signal_is_a_unit_or_a_refusal_with_a_reason(said: Signal, on: date) -> None:
    found = route(said, ROUTES, {"main": "paper"}, on)
    if isinstance(found, Refused):
        assert found.code.startswith("route.")
        assert 5 < len(found.reason) < 300
        return
    assert isinstance(found, Routed)
    assert said.action.effect.opens
    assert found.side.sign == found.direction == (1 if "+" in said.action.effect else -1)
    for leg in found.legs:
        assert leg.ratio != 0
        assert leg.instrument.expiry is None or leg.instrument.expiry >= on
    if found.asset == "spread":
        bought = {(x.right, x.strike) for x in said.legs if "+" in x.action.effect}
        kept = {
            (x.instrument.right, x.instrument.strike)
            for x in found.legs
            if x.ratio * found.direction > 0
        }
        assert kept == bought


HELD = (
    trade("T-1", legs=CALL, source="room"),
    trade("T-2", legs=PUT, source="room", author_id=102),
    trade("T-3", legs=PUT_SPREAD, source="room", asset="spread", direction=-1),
    trade(
        "T-4",
        legs=(Leg(instrument=future("MES", date(2025, 3, 1))),),
        source="room",
        asset="future",
    ),
    trade("T-5", legs=(Leg(instrument=crypto("BTC")),), source="room", asset="crypto"),
    trade("T-6", legs=AAPL, source="other", asset="stock"),
)


@EXAMPLES
@given(SIGNALS, st.integers(0, 10), st.lists(st.integers(0, 4), max_size=3))
def test_an_exit_never_takes_more_than_is_held_and_never_from_another_room(
    said: Signal, qty: int, closing: list[int]
) -> None:
    found = match_exit(said, HELD, ROUTES, 101)
    if not isinstance(found, Refused):
        assert found
        assert {t.source for t in found} == {"room"}
    closes = tuple(
        CloseRequest(request_id=str(n), qty=D(n), reason="alert", asked_at=NOW) for n in closing
    )
    position = trade("T-1", qty_open=D(qty), closes=closes)
    taken = exit_qty(said, position, ROUTES)
    assert 0 <= taken <= max(D(qty) - sum(closing), D(0))
    assert taken % 1 == 0
