"""Paper or live: which, since when, by whom, and what stands in between."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.reports import Figure, Frame, Missing, Stamp, ratio
from engine.reports.performance import PerformanceReport

_TRADES, _WIN_PCT, _FACTOR = Decimal(300), Decimal(60), Decimal("1.5")
_FALL_PCT, _SHARPE = Decimal(15), Decimal(1)
"""What a desk should show on paper first (rules 3.12); two admins decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """One fact that decides whether real money may be traded."""

    name: str
    is_ok: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeReport:
    """The mode, since when and by whom, and what stands between paper and live."""

    stamp: Stamp
    mode: str
    since: datetime | None
    by: str
    reason: str
    asked_by: str
    """The admin who has asked for live and waits for a second one; empty when nobody has."""
    asked_until: datetime | None
    readiness: tuple[Readiness, ...]
    record: tuple[Readiness, ...] = ()
    """What closed trades came to against what a desk should show before (rules 3.12)."""
    capital_usd: Decimal | None = None
    """Real money at work in each account at most; None: no such cap."""

    @property
    def is_ready(self) -> bool:
        """Every fact is fine."""
        return all(r.is_ok for r in self.readiness)


def build(
    frame: Frame,
    *,
    since: datetime | None,
    by: str,
    reason: str,
    readiness: Iterable[Readiness],
    asked: tuple[str, datetime] | None = None,
    record: Iterable[Readiness] = (),
    capital_usd: Decimal | None = None,
) -> ModeReport:
    """``frame`` says the mode; ``asked``: who has asked for live, and until when it counts."""
    return ModeReport(
        stamp=frame.stamp("mode"),
        mode=frame.mode,
        since=since,
        by=by,
        reason=reason,
        asked_by=asked[0] if asked else "",
        asked_until=asked[1] if asked else None,
        readiness=tuple(readiness),
        record=tuple(record),
        capital_usd=capital_usd,
    )


def record(made: PerformanceReport, deposits_usd: Decimal) -> Iterator[Readiness]:
    """Closed trades against the gates of rules 3.12, one fact each."""
    none = Missing("nothing was deposited")
    fall = ratio(made.max_drawdown_usd, deposits_usd, none, 100)
    yield _gate("closed trades", Decimal(made.n_closed), _TRADES, "")
    yield _gate("win rate", made.win_rate_pct, _WIN_PCT, " %")
    yield _gate("profit factor", made.profit_factor, _FACTOR, "")
    yield _gate("max drawdown", fall, _FALL_PCT, " %", is_most=True)
    yield _gate("Sharpe, a year", made.sharpe, _SHARPE, "")


def _gate(
    name: str, value: Figure, border: Decimal, unit: str, *, is_most: bool = False
) -> Readiness:
    wanted = f"{'at most' if is_most else 'at least'} {border:f}{unit}"
    if isinstance(value, Missing):
        return Readiness(name=name, is_ok=False, detail=f"{value}, {wanted}")
    is_ok = value <= border if is_most else value >= border
    shown = value if value == value.to_integral_value() else round(value, 2)
    return Readiness(name=name, is_ok=is_ok, detail=f"{shown:f}{unit}, {wanted}")
