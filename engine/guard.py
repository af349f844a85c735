"""The price guard: is what the author got still to be had?

Alerts look better than they trade: of 915 recorded alerts of 2023 the market stood 4 % worse at
the moment of the alert (median), more than 10 % worse in every fourth. So every entry is compared
with the price that can really be had, and a person decides in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from engine.domain.alert import Asset
from engine.domain.order import Side
from engine.domain.quote import UnitQuote
from engine.domain.source import SourceProfile

MAGNITUDE = Decimal(5)
"""Alert and market apart by this factor: one of the two is a slip of the pen or of the feed."""

Decision = Literal["trade", "ask", "skip"]
_WEIGHT: dict[Decision, int] = {"trade": 0, "ask": 1, "skip": 2}
_Finding = tuple[Decision, str, str]
"""Decision, code, sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardVerdict:
    """What to do about an entry at the price that can be had now."""

    decision: Decision
    reason: str
    """One sentence with the figures; for ``trade`` too."""
    code: str
    achievable: Decimal | None
    """Touch at receipt: ask for a buyer, bid for a seller; None when no usable quote was there."""
    deviation_pct: Decimal | None
    """Achievable against alerted price, + = worse for us; None when one of them is missing."""


def judge(
    *,
    side: Side,
    alerted: Decimal | None,
    alerted_range: tuple[Decimal, Decimal] | None,
    quote: UnitQuote | None,
    profile: SourceProfile,
    posted_at: datetime,
    now: datetime,
    max_quote_age_s: Decimal,
    asset: Asset | None = None,
) -> GuardVerdict:
    """Trade, ask a person, or skip. The gravest finding decides; unknown never trades.

    ``asset`` picks the room's limits for that kind of price; None: those for option premiums.
    """
    usable = quote if quote is not None and _is_sane(quote) else None
    achievable = usable.touch(side is Side.BUY) if usable is not None else None
    deviation = None
    findings: list[_Finding] = [*_age_of_alert(profile, posted_at, now)]
    if usable is None or achievable is None:
        what = "no quote at receipt" if quote is None else "the quote at receipt makes no sense"
        code = "guard.no_quote" if quote is None else "guard.insane_quote"
        findings.append(("ask", code, what))
    else:
        findings += _quote(usable, profile, now, max_quote_age_s)
    wanted = _alerted(alerted, alerted_range)
    if wanted == "bad":
        findings.append(("ask", "guard.alerted_price", "the alerted price is not a usable number"))
    elif wanted is not None and achievable is not None:
        deviation = _deviation_pct(side, achievable, wanted)
        findings += _price(achievable, wanted, deviation, profile, asset)
    return _verdict(findings, achievable, deviation)


def _verdict(
    findings: list[_Finding], achievable: Decimal | None, deviation: Decimal | None
) -> GuardVerdict:
    if findings:
        gravest = max(findings, key=lambda f: _WEIGHT[f[0]])
    else:
        how = "no price was alerted" if deviation is None else f"{_worse(deviation)} than alerted"
        gravest = ("trade", "guard.ok", f"{achievable} can be had, {how}")
    return GuardVerdict(
        decision=gravest[0],
        reason=gravest[2],
        code=gravest[1],
        achievable=achievable,
        deviation_pct=deviation,
    )


def _is_sane(quote: UnitQuote) -> bool:
    """Finite, not crossed, and something can be paid for it."""
    finite = quote.bid.is_finite() and quote.ask.is_finite()
    return finite and quote.bid <= quote.ask and quote.ask > 0


def _age_of_alert(profile: SourceProfile, posted_at: datetime, now: datetime) -> Iterator[_Finding]:
    age = abs(Decimal(str((now - posted_at).total_seconds())))
    if age > profile.max_age_s:
        detail = f"the alert is {age:.0f} s old, this room's limit is {profile.max_age_s:f} s"
        yield "ask", "guard.old_alert", detail


def _quote(
    quote: UnitQuote, profile: SourceProfile, now: datetime, max_age_s: Decimal
) -> Iterator[_Finding]:
    age = abs(Decimal(str((now - quote.received_at).total_seconds())))
    if age > max_age_s:
        detail = f"the quote is {age:.1f} s old, the limit is {max_age_s:f} s"
        yield "ask", "guard.stale_quote", detail
    if quote.bid <= 0:
        yield "ask", "guard.no_bid", f"nobody bids: {quote.bid} / {quote.ask}"
        return
    spread = (quote.ask - quote.bid) / quote.mid * 100
    if spread > profile.max_spread_pct:
        seen = f"bid {quote.bid}, ask {quote.ask}: the spread is {spread:.1f} % of mid"
        yield "ask", "guard.spread", f"{seen}, the limit is {profile.max_spread_pct:f} %"


def _alerted(
    alerted: Decimal | None, alerted_range: tuple[Decimal, Decimal] | None
) -> tuple[Decimal, Decimal] | Literal["bad"] | None:
    """Lowest and highest price that the author named; None when he named none."""
    if alerted is not None:
        low = high = alerted
    elif alerted_range is not None:
        low, high = alerted_range
    else:
        return None
    if not (low.is_finite() and high.is_finite()) or low <= 0 or high < low:
        return "bad"
    return low, high


def _deviation_pct(side: Side, achievable: Decimal, wanted: tuple[Decimal, Decimal]) -> Decimal:
    """Distance to the nearer end of the alerted range, + = worse for us, 0 inside it."""
    low, high = wanted
    nearest = min(max(achievable, low), high)
    return (achievable - nearest) * side.sign / nearest * 100


def _price(
    achievable: Decimal,
    wanted: tuple[Decimal, Decimal],
    deviation: Decimal,
    profile: SourceProfile,
    asset: Asset | None,
) -> Iterator[_Finding]:
    low, high = wanted
    chase, ask = profile.chase_pct(asset), profile.ask_pct(asset)
    is_slip = achievable >= high * MAGNITUDE or achievable * MAGNITUDE <= low
    if not is_slip and -ask <= deviation <= min(chase, ask):
        return
    said = f"alerted {low}" if low == high else f"alerted {low} to {high}"
    seen = f"{said}, now {achievable}: {_worse(deviation)}"
    if is_slip:
        yield "ask", "guard.magnitude", f"{said}, but the market is at {achievable}: a slip?"
    elif deviation > ask:
        yield "skip", "guard.too_far", f"{seen}, more than {ask:f} %; not chased"
    elif deviation > chase:
        yield "ask", "guard.chase", f"{seen}, this room chases {chase:f} %"
    elif deviation < -ask:
        yield "ask", "guard.too_cheap", f"{seen}: the move may have failed already"


def _worse(deviation: Decimal) -> str:
    if deviation == 0:
        return "not worse"
    gap = abs(deviation)
    places = 1 if gap >= Decimal("0.1") else 3  # a tick of a future is not nothing
    return f"{gap:.{places}f} % {'worse' if deviation > 0 else 'better'}"
