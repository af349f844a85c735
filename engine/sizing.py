"""How many: what the author wants, cut to what one trade may lose.

qty = floor(equity x 1 % x m / risk per unit), then cut by every limit (rules 3.2b). What the
author or the room states can make it smaller, never larger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.domain.alert import Signal
from engine.domain.instrument import Instrument
from engine.domain.money import COIN_STEP, ZERO, floor_to
from engine.domain.order import Side
from engine.domain.quote import Leg
from engine.domain.refusal import Denial
from engine.domain.source import MANUAL, SourceProfile

_NAN = Decimal("NaN")
_D = Decimal

EQUITY_UNKNOWN = "sizing.equity_unknown"
FUTURES_MARGIN_USD: Mapping[str, Decimal] = {
    # Initial margins of the order of late 2025, rounded up; the broker's own figures go in config.
    "ES": _D(25000),
    "MES": _D(2500),
    "NQ": _D(38000),
    "MNQ": _D(3800),
    "YM": _D(16000),
    "MYM": _D(1600),
    "RTY": _D(11000),
    "M2K": _D(1100),
    "CL": _D(7000),
    "MCL": _D(700),
    "GC": _D(25000),
    "MGC": _D(2500),
    "SI": _D(25000),
    "NG": _D(6000),
    "ZB": _D(5000),
    "ZN": _D(2500),
    "6E": _D(3500),
}


class SizingSettings(BaseModel):
    """Figures of config.yaml under ``sizing``; percents are of the account's equity, 0-100."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    risk_pct: Decimal = Field(_D("1.0"), ge=0, le=100)
    """What one trade may lose at its stop, before the multiplier."""
    hard_cap_pct: Decimal = Field(_D("2.0"), ge=0, le=100)
    """What one trade may lose at most, whatever the multiplier says."""
    max_notional_pct: Decimal = Field(_D(10), ge=0)
    """Value of one position in shares or coins."""
    max_loss_pct: Decimal = Field(_D("2.0"), ge=0, le=100)
    """Worst case of one position whose loss is limited by itself (options, spreads)."""
    futures_max_risk_usd: Decimal | None = Field(_D(100), ge=0)
    """Futures may not lose more at their stop (until live stage L2); null: no such cap."""
    max_contracts: Decimal | None = Field(_D(50), ge=0)
    """Option contracts, spreads or futures in one order; null: as many as risk allows."""
    m_min: Decimal = Field(_D("0.5"), ge=0)
    m_max: Decimal = Field(_D("2.0"), ge=0)
    """Bounds of the multiplier."""
    n_losses: int = Field(3, ge=1)
    losses_m: Decimal = Field(_D("0.5"), ge=0)
    """So many losses in a row: the multiplier's streak part."""
    n_wins: int = Field(5, ge=1)
    wins_m: Decimal = Field(_D("1.5"), ge=0)
    kelly_min_trades: int = Field(30, ge=1)
    kelly_max_trades: int = Field(100, ge=1)
    kelly_par: Decimal = Field(_D("0.20"), gt=0)
    """Kelly fraction that counts as 1: win rate 60 %, profit factor 1.5."""
    size_words: dict[str, Annotated[Decimal, Field(ge=0)]] = {
        "lotto": _D("0.25"),
        "small": _D("0.5"),
        "half": _D("0.5"),
        "full": _D(1),
    }
    """Share of the risk that a size word means where the room's size_map does not name it."""
    futures_margin_usd: dict[str, Annotated[Decimal, Field(gt=0)]] = dict(FUTURES_MARGIN_USD)
    """Dollars tied up by one contract; a root that is missing counts with its full value."""
    naked_call_margin_pct: Decimal = Field(_D(20), ge=0)
    """Dollars tied up by an uncovered short call, in percent of its strike, plus the premium."""
    coin_step: Decimal = Field(COIN_STEP, gt=0)
    """Smallest part of a coin that is traded."""

    def step_of(self, instrument: Instrument) -> Decimal:
        """Smallest quantity of it that an order may be for."""
        return self.coin_step if instrument.kind == "crypto" else Decimal(1)


DEFAULTS = SizingSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """So many units, and what they put at stake."""

    qty: Decimal
    risk_usd: Decimal | None
    """Lost when the stop fills at its price; without a stop the worst case of the structure."""
    notional_usd: Decimal
    """Dollars tied up, as :func:`exposure_usd` counts them."""
    note: str
    """How it came about, in one sentence."""


def size(
    *,
    signal: Signal,
    profile: SourceProfile,
    entry: Decimal,
    stop: Decimal | None,
    legs: tuple[Leg, ...],
    direction: Literal[1, -1],
    equity: Decimal | None,
    settings: SizingSettings,
    streaks: tuple[int, int],
    results: Sequence[Decimal] = (),
    room_usd: Decimal | None = None,
    said_m: Decimal | None = None,
) -> Sized | Denial:
    """Units to enter with.

    ``entry``, ``stop``: unit prices. ``streaks``: (losses, wins) in a row. ``results``: net
    dollars of the source's closed trades, newest first; fewer than 30 do not count. ``room_usd``:
    worst case that its sector still has room for; the size is cut to it when half remains (a
    check rejects it otherwise). ``said_m``: the multiplier that an admin has set.
    """
    if equity is None or not equity.is_finite() or equity <= 0:
        return Denial(
            code=EQUITY_UNKNOWN,
            detail="the account's equity is not known, so no size can be worked out",
        )
    side = Side.BUY if direction > 0 else Side.SELL
    at_risk = unit_risk(legs, side, entry, stop)
    if isinstance(at_risk, Denial):
        return at_risk
    wanted = _wanted(signal, profile, settings)
    if isinstance(wanted, Denial):
        return wanted
    m, why = multiplier(streaks, results, settings, said_m)
    budget, basis = _budget(equity, m * wanted.share, legs, settings)
    step = settings.step_of(legs[0].instrument)
    caps = [(floor_to(budget / at_risk, step), f"{basis}{why}, {_usd(at_risk)} a unit")]
    caps += _position_caps(legs, side, entry, equity, step, settings)
    most, reason = min(caps, key=itemgetter(0))
    qty = most if wanted.qty is None else min(floor_to(wanted.qty, step), most)
    if qty <= 0:
        return _too_small(wanted, at_risk, reason)
    fits = _fitting(qty, legs, side, entry, step, room_usd, settings)
    if fits < qty:
        qty, reason = fits, f"{_usd(room_usd or ZERO)} is left in its sector"
    return Sized(
        qty=qty,
        risk_usd=at_risk * qty,
        notional_usd=exposure_usd(legs, side, qty, entry, settings),
        note=_note(qty, wanted, reason),
    )


def _fitting(
    qty: Decimal,
    legs: tuple[Leg, ...],
    side: Side,
    entry: Decimal,
    step: Decimal,
    room_usd: Decimal | None,
    settings: SizingSettings,
) -> Decimal:
    """What fits its sector's room, when that is at least half; all of it otherwise."""
    if room_usd is None:
        return qty
    each = exposure_usd(legs, side, Decimal(1), entry, settings)
    if not each.is_finite() or each <= 0:
        return qty
    fits = floor_to(room_usd / each, step)
    return fits if qty / 2 <= fits < qty else qty


def unit_risk(
    legs: tuple[Leg, ...], side: Side, entry: Decimal, stop: Decimal | None
) -> Decimal | Denial:
    """Dollars that one unit loses when its stop fills, or at worst when it has none."""
    if not entry.is_finite() or entry <= 0:
        return _no("price", f"{entry} is no price to size by")
    worst = max_loss(legs, side, entry) if legs[0].instrument.kind == "option" else None
    if stop is None:
        if worst is None:
            return _no("no_stop", "no stop is known, and without one the loss has no limit")
        points = worst
    elif not stop.is_finite() or stop <= 0 or (entry - stop) * side.sign <= 0:
        return _no("stop", f"a stop at {stop} does not limit the loss of an entry at {entry}")
    else:
        points = abs(entry - stop) if worst is None else min(abs(entry - stop), worst)
    if points <= 0:
        return _no("no_risk", f"an entry at {entry} seems to risk nothing: it was misread")
    return points * legs[0].instrument.multiplier


def max_loss(legs: tuple[Leg, ...], side: Side, price: Decimal) -> Decimal | None:
    """Worst loss of one unit of options in unit price, at expiry; None: no limit, or not known.

    A bought leg that lasts longer counts with its intrinsic value only. Short puts are limited
    by the underlying's zero.
    """
    if _is_bought_option(legs, side):
        return max(price, ZERO)
    if len({leg.instrument.symbol for leg in legs}) != 1 or not _ends_together(legs, side):
        return None
    calls = sum(leg.ratio for leg in legs if leg.instrument.right == "C") * side.sign
    if calls < 0:
        return None
    levels = {ZERO, *(leg.instrument.strike or ZERO for leg in legs)}
    worst = min(sum((_worth(leg, at) for leg in legs), ZERO) * side.sign for at in levels)
    return max(price * side.sign - worst, ZERO)


def _is_bought_option(legs: tuple[Leg, ...], side: Side) -> bool:
    """The usual case: a single option that was paid for can lose its price and no more."""
    if len(legs) > 1 or side is not Side.BUY or legs[0].ratio <= 0:
        return False
    return legs[0].instrument.kind == "option" and legs[0].instrument.expiry is not None


def _ends_together(legs: tuple[Leg, ...], side: Side) -> bool:
    """No sold leg outlives a bought one, and all sold ones end on one day."""
    if any(leg.instrument.kind != "option" or leg.instrument.expiry is None for leg in legs):
        return False
    ends = [(leg.ratio * side.sign, leg.instrument.expiry) for leg in legs]
    sold = {day for ratio, day in ends if day and ratio < 0}
    bought = {day for ratio, day in ends if day and ratio > 0}
    return not sold or (len(sold) == 1 and all(day >= max(sold) for day in bought))


def _worth(leg: Leg, underlying: Decimal) -> Decimal:
    strike = leg.instrument.strike or ZERO
    inside = underlying - strike if leg.instrument.right == "C" else strike - underlying
    return max(inside, ZERO) * leg.ratio


def exposure_usd(
    legs: tuple[Leg, ...],
    side: Side | bool,
    qty: Decimal,
    price: Decimal,
    settings: SizingSettings = DEFAULTS,
) -> Decimal:
    """Worst-case dollars of a position of ``qty`` units; ``side`` may be given as "was bought".

    Options and spreads: their maximal loss (premium; width less credit; a short put its strike
    in cash). Uncovered short calls: 20 % of the strike plus premium. Shares and coins: value.
    Futures: margin by table. NaN when a figure is not finite, so that every check denies.
    """
    if not (price.is_finite() and qty.is_finite()):
        return _NAN
    kind = legs[0].instrument.kind
    whole = abs(price) * legs[0].instrument.multiplier
    if kind == "future":
        return settings.futures_margin_usd.get(legs[0].instrument.symbol, whole) * abs(qty)
    if kind != "option":
        return whole * abs(qty)
    bought = side is True or side is Side.BUY
    worst = max_loss(legs, Side.BUY if bought else Side.SELL, price)
    if worst is None:
        worst = _margin(legs, 1 if bought else -1, price, settings)
    return worst * legs[0].instrument.multiplier * abs(qty)


def _margin(legs: tuple[Leg, ...], sign: int, price: Decimal, settings: SizingSettings) -> Decimal:
    """Unit price tied up by sold legs without limit; bought legs are not counted against them."""
    total = abs(price)
    for leg in legs:
        if leg.ratio * sign < 0 and leg.instrument.strike is not None:
            share = settings.naked_call_margin_pct / 100 if leg.instrument.right == "C" else 1
            total += leg.instrument.strike * share * abs(leg.ratio)
    return total


def multiplier(
    streaks: tuple[int, int],
    results: Sequence[Decimal],
    settings: SizingSettings,
    said: Decimal | None = None,
) -> tuple[Decimal, str]:
    """Factor on the risk of a trade, and why it is not 1; rules 3.2b.

    ``said``: what an admin has set in its place, inside the same bounds.
    """
    losses, wins = streaks
    if said is not None and said.is_finite():
        return min(max(said, settings.m_min), settings.m_max), ", as an admin has set it"
    m, why = kelly_m(results, settings), ""
    if m != 1:
        why = f", Kelly ×{m:.2f}"
    if losses >= settings.n_losses:
        m, why = m * settings.losses_m, f"{why}, ×{settings.losses_m} after {losses} losses"
    elif wins >= settings.n_wins:
        m, why = m * settings.wins_m, f"{why}, ×{settings.wins_m} after {wins} wins"
    return min(max(m, settings.m_min), settings.m_max), why


def kelly_fraction(
    results: Sequence[Decimal], settings: SizingSettings = DEFAULTS
) -> Decimal | None:
    """Kelly's f = W - (1 - W) / b of the newest closed trades; None when too few are known.

    0 or less: the source has no edge and its entries belong to a person (rules 3.2b).
    """
    if len(results) < settings.kelly_min_trades:
        return None
    newest = [r for r in results[: settings.kelly_max_trades] if r.is_finite()]
    if len(newest) < settings.kelly_min_trades:
        return None
    won = [r for r in newest if r > 0]
    lost = [-r for r in newest if r < 0]
    if not won:
        return Decimal(-1)
    rate = Decimal(len(won)) / len(newest)
    if not lost:
        return rate
    ratio = (sum(won, ZERO) / len(won)) / (sum(lost, ZERO) / len(lost))
    return rate - (1 - rate) / ratio


def kelly_m(results: Sequence[Decimal], settings: SizingSettings) -> Decimal:
    """Kelly's part of the multiplier, 1 while too little is known."""
    fraction = kelly_fraction(results, settings)
    if fraction is None:
        return Decimal(1)
    return min(max(fraction / settings.kelly_par, settings.m_min), settings.m_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    qty: Decimal | None
    share: Decimal = Decimal(1)
    who: str = ""


def _wanted(signal: Signal, profile: SourceProfile, settings: SizingSettings) -> _Wanted | Denial:
    word = signal.size_class
    if signal.quantity is not None:
        who = "the trader" if profile.name == MANUAL else "the author"
        found = _Wanted(qty=signal.quantity, who=who)
    elif word is not None and word in profile.size_map:
        found = _Wanted(qty=profile.size_map[word], who=f"size {word}")
    elif word is not None and word in settings.size_words:
        found = _Wanted(
            qty=profile.default_qty, share=settings.size_words[word], who=f"size {word}"
        )
    elif word is not None:
        return _no("size_letter", f"what size {word} means in {profile.name} is not configured")
    else:
        found = _Wanted(qty=profile.default_qty, who="the room's default")
    if found.qty is not None and (not found.qty.is_finite() or found.qty <= 0):
        return _no("quantity", f"{found.who} says {found.qty}, which is no quantity")
    return found


def _budget(
    equity: Decimal, m: Decimal, legs: tuple[Leg, ...], settings: SizingSettings
) -> tuple[Decimal, str]:
    """Dollars that the trade may lose, and where the figure comes from."""
    budget = equity * settings.risk_pct * m / 100
    times = "" if m == 1 else f" × {m:.2f}"
    basis = f"{_usd(budget)} of risk is {settings.risk_pct} %{times} of {_usd(equity)}"
    hard = equity * settings.hard_cap_pct / 100
    if hard < budget:
        budget, basis = hard, f"{_usd(hard)} of risk is the hard cap {settings.hard_cap_pct} %"
    cap = settings.futures_max_risk_usd
    if legs[0].instrument.kind == "future" and cap is not None and cap < budget:
        budget, basis = cap, f"{_usd(cap)} is the cap for a future"
    return budget, basis


def _position_caps(
    legs: tuple[Leg, ...],
    side: Side,
    entry: Decimal,
    equity: Decimal,
    step: Decimal,
    settings: SizingSettings,
) -> list[tuple[Decimal, str]]:
    kind = legs[0].instrument.kind
    caps: list[tuple[Decimal, str]] = []
    if kind in ("stock", "crypto"):
        most = equity * settings.max_notional_pct / 100
        caps.append(
            (floor_to(most / entry, step), f"a position is at most {settings.max_notional_pct} %")
        )
    elif settings.max_contracts is not None:
        caps.append((settings.max_contracts, f"at most {settings.max_contracts:f} in one order"))
    worst = max_loss(legs, side, entry) if kind == "option" else None
    if worst is not None and worst > 0:
        most = equity * settings.max_loss_pct / 100
        worst_usd = worst * legs[0].instrument.multiplier
        caps.append(
            (
                floor_to(most / worst_usd, step),
                f"at worst {_usd(worst_usd)} a unit, at most {settings.max_loss_pct} % in all",
            )
        )
    return caps


def _note(qty: Decimal, wanted: _Wanted, reason: str) -> str:
    if wanted.qty is None:
        said = f" ({wanted.who})" if wanted.share != 1 else ""
        return f"{qty:f}{said}: {reason}"
    if qty == wanted.qty:
        return f"{qty:f} as {wanted.who} says, within the limits: {reason}"
    return f"{qty:f} of {_short(wanted.qty)} that {wanted.who} says: {reason}"


def _too_small(wanted: _Wanted, at_risk: Decimal, reason: str) -> Denial:
    if wanted.qty is not None and wanted.qty < 1:
        return _no("too_small", f"{wanted.who} says {wanted.qty}: less than one unit")
    return _no("too_small", f"not one unit ({_usd(at_risk)} at risk) fits: {reason}")


def _short(qty: Decimal) -> str:
    return f"{qty:f}" if qty.adjusted() < 12 else f"{qty:.3e}"


def _usd(value: Decimal) -> str:
    return f"${value:,.2f}"


def _no(reason: str, detail: str) -> Denial:
    return Denial(code=f"sizing.{reason}", detail=detail)
