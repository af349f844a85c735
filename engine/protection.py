"""Where an entry is protected from the start: its first stop and its targets.

The author's own levels count; where he named none, the room's do. A level on the wrong side of
the entry is refused, never moved: either it was misread or the move is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Literal

from engine.domain.alert import Level, Signal
from engine.domain.copying import replace
from engine.domain.instrument import Instrument
from engine.domain.money import COIN_STEP, rounded
from engine.domain.order import PlannedTarget
from engine.domain.refusal import Refused
from engine.domain.source import SourceProfile

_Then = Literal["keep", "entry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """First stop and targets in unit price; ``stop`` None: nobody named one."""

    stop: Decimal | None
    targets: tuple[PlannedTarget, ...] = ()


def protect(
    signal: Signal,
    profile: SourceProfile,
    *,
    entry: Decimal,
    direction: Literal[1, -1],
    qty: Decimal,
    tick: Decimal,
) -> Protection | Refused:
    """Stop and targets of an entry of ``qty`` units at ``entry``.

    Rounded to the tick away from harm: the stop towards the entry (a smaller loss), a target
    towards the entry too (a surer fill).
    """
    at = _Entry(price=entry, direction=direction, tick=tick)
    stop = _stop(signal, profile, at)
    if isinstance(stop, Refused):
        return stop
    step = COIN_STEP if signal.asset == "crypto" else Decimal(1)
    planned = _targets(signal, profile, at, qty, step)
    if isinstance(planned, Refused):
        return planned
    return Protection(stop=stop, targets=planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    price: Decimal
    direction: Literal[1, -1]
    tick: Decimal

    def moved(self, distance: Decimal) -> Decimal:
        """``distance`` in our favour, negative: against us."""
        return self.price + distance * self.direction

    def near(self, price: Decimal, *, is_stop: bool) -> Decimal:
        """Round to the tick on the entry's side of ``price``."""
        return self._round(price, up=(self.direction > 0) == is_stop)

    def placed(self, distance: Decimal) -> Decimal:
        """Price so far from the entry, on a tick, never on the entry itself; - is against us."""
        price, is_stop = self.moved(distance), distance < 0
        near = self.near(price, is_stop=is_stop)
        if self.gain(near) * distance > 0:
            return near
        return self._round(price, up=(self.direction > 0) != is_stop)

    def _round(self, price: Decimal, *, up: bool) -> Decimal:
        way = ROUND_CEILING if up else ROUND_FLOOR
        return rounded(price, self.tick, way)

    def gain(self, price: Decimal) -> Decimal:
        """How far ``price`` lies on our side."""
        return (price - self.price) * self.direction


def _distance(level: Level, entry: Decimal) -> Decimal | None:
    if level.value is None or not level.value.is_finite():
        return None
    return level.value if level.kind == "points" else entry * level.value / 100


def _stop(signal: Signal, profile: SourceProfile, at: _Entry) -> Decimal | Refused | None:
    level = signal.stop if signal.stop is not None else profile.default_stop
    if level is None:
        return None
    if level.kind == "breakeven":
        return Refused(
            code="protection.breakeven",
            reason="a stop at break-even protects nothing before the entry is filled",
        )
    if level.kind == "price":
        return _stated_stop(level, at)
    distance = _distance(level, at.price)
    if distance is None or distance <= 0:
        return _no_number("stop")
    return _checked_stop(at.placed(-distance), at)


def _stated_stop(level: Level, at: _Entry) -> Decimal | Refused:
    if level.value is None or not level.value.is_finite():
        return _no_number("stop")
    return _checked_stop(at.near(level.value, is_stop=True), at)


def _checked_stop(stop: Decimal, at: _Entry) -> Decimal | Refused:
    if stop <= 0:
        return Refused(code="protection.stop", reason=f"a stop at {stop} stops nothing")
    if at.gain(stop) >= 0:
        where = "below" if at.direction > 0 else "above"
        return Refused(
            code="protection.wrong_side",
            reason=f"the stop {stop} is not {where} the entry {at.price}",
        )
    return stop


def _no_number(what: str) -> Refused:
    return Refused(code=f"protection.{what}", reason=f"the {what} is not a usable number")


def _targets(
    signal: Signal, profile: SourceProfile, at: _Entry, qty: Decimal, step: Decimal
) -> tuple[PlannedTarget, ...] | Refused:
    if not (signal.targets or profile.targets):
        return ()
    levels = signal.targets or tuple(rule.level for rule in profile.targets)
    prices: list[Decimal] = []
    for level in levels:
        price = _target_price(level, at)
        if isinstance(price, Refused):
            return price
        prices.append(price)
    then: list[_Then] = [rule.then_stop for rule in profile.targets]
    then += ["keep"] * (len(prices) - len(then))
    if signal.targets:
        prices.sort(key=at.gain)
        shares = equal_shares(qty, len(prices), step, profile)
    else:
        shares = _by_rule(qty, [r.fraction for r in profile.targets], step, profile)
    return tuple(
        PlannedTarget(price=price, qty=share, then_stop=after)
        for price, share, after in zip(prices, shares, then, strict=False)
        if share > 0
    )


def _target_price(level: Level, at: _Entry) -> Decimal | Refused:
    if level.kind == "price":
        if level.value is None or not level.value.is_finite():
            return _no_number("target")
        price = at.near(level.value, is_stop=False)
    else:
        distance = _distance(level, at.price) if level.kind != "breakeven" else None
        if distance is None or distance <= 0:
            return _no_number("target")
        price = at.placed(distance)
    if at.gain(price) <= 0 or price <= 0:
        where = "above" if at.direction > 0 else "below"
        return Refused(
            code="protection.target_side",
            reason=f"the target {price} is not {where} the entry {at.price}",
        )
    return price


def _single(n: int, qty: Decimal, profile: SourceProfile) -> list[Decimal]:
    """One contract cannot be split: all of it goes at the first or at the second target."""
    at = min(1, n - 1) if profile.single_contract_target == "t2" else 0
    return [qty if i == at else Decimal(0) for i in range(n)]


def equal_shares(qty: Decimal, n: int, step: Decimal, profile: SourceProfile) -> list[Decimal]:
    """As many for each of ``n`` targets, nearest first, the remainder for the last.

    Too few units: the nearer targets; one that cannot be split goes where the room says.
    """
    units = (qty / step).to_integral_value(rounding=ROUND_DOWN)
    if units <= 1:
        return _single(n, qty, profile)
    used = min(n, int(units))
    share = (units / used).to_integral_value(rounding=ROUND_DOWN) * step
    return [share] * (used - 1) + [qty - share * (used - 1)] + [Decimal(0)] * (n - used)


def _by_rule(
    qty: Decimal, fractions: Sequence[Decimal], step: Decimal, profile: SourceProfile
) -> list[Decimal]:
    """The room's shares of the initial size, to the nearest unit; the last takes the rest."""
    if not fractions:
        return []
    if qty <= step:
        return _single(len(fractions), qty, profile)
    shares: list[Decimal] = []
    left = qty
    for fraction in fractions[:-1]:
        share = rounded(qty * fraction, step, ROUND_HALF_UP)
        shares.append(min(max(share, Decimal(0)), left))
        left -= shares[-1]
    return [*shares, left]


def step_of(instrument: Instrument) -> Decimal:
    """Smallest quantity that is traded: coins come in fractions, all else in whole units."""
    return COIN_STEP if instrument.kind == "crypto" else Decimal(1)


def rescaled(
    targets: Sequence[PlannedTarget], before: Decimal, qty: Decimal, step: Decimal
) -> tuple[PlannedTarget, ...]:
    """The same plan over another quantity: shares to the nearest unit, the last takes the rest."""
    found: list[PlannedTarget] = []
    left = qty
    for number, target in enumerate(targets, start=1):
        share = rounded(target.qty * qty / before, step, ROUND_HALF_UP)
        share = left if number == len(targets) else min(share, left)
        if share > 0:
            found.append(replace(target, qty=share))
        left -= share
    return tuple(found)
