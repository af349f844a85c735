"""The accounts on one screen: money, the day, how much is at work, sectors, what is unwell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal

from engine.domain.refusal import Gauge
from engine.market import NEW_YORK
from engine.reports import Figure, Frame, Missing, Stamp, plus, ratio
from engine.reports.exposure import ExposureReport, Row
from engine.reports.performance import Day


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryReport:
    """What a trader looks at first."""

    stamp: Stamp
    stakes: ExposureReport
    """By sector, of the same accounts."""
    largest: Row | None
    """The largest position."""
    buying_power_usd: Figure
    cash_pct: Figure
    """Cash in percent of equity: the buffer."""
    n_positions: Figure
    """Open and pending, of all these accounts together."""
    n_accounts: int
    """With a limit of their own."""
    positions: Gauge | None
    """Open and pending against the limit; of the fullest account."""
    at_work: Gauge | None
    """Percent of equity at its worst case against the limit; of the fullest account."""
    beta: Figure
    flags: tuple[str, ...]
    """What is unwell, most urgent first."""
    equity_line: tuple[tuple[datetime, Decimal], ...]
    """Equity at the end of each day by closed trades, and now with what is open; may be empty."""


def build(
    frame: Frame,
    *,
    stakes: ExposureReport,
    by_position: ExposureReport,
    gauges: Iterable[Gauge],
    buying_power_usd: Figure,
    beta: Figure,
    halted: str = "",
    unsound: str = "",
    problems: Mapping[str, str] | None = None,
    unprotected: Iterable[str] = (),
    days: Sequence[Day] = (),
) -> SummaryReport:
    """The report; ``unprotected``: trades without a working stop, in words.

    ``days``: realised day by day of these accounts, oldest first.
    """
    known = list(gauges)
    held = [_now(g) for g in known if g.name == "positions"]
    bare = [f"no working stop: {name}" for name in unprotected]
    off = [f"entries are off: {why}" for why in (halted, unsound) if why]
    ill = [f"{part}: {why}" for part, why in (problems or {}).items() if why]
    return SummaryReport(
        stamp=replace(stakes.stamp, ref="summary", at=frame.now),
        stakes=stakes,
        largest=by_position.largest,
        buying_power_usd=buying_power_usd,
        cash_pct=_share(stakes.cash_usd, stakes.equity_usd),
        n_positions=plus(*held),
        n_accounts=len(held),
        positions=_fullest(known, "positions"),
        at_work=_fullest(known, "at work"),
        beta=beta,
        flags=(*bare, *off, *ill),
        equity_line=_line(stakes, days, frame.now),
    )


def _line(
    stakes: ExposureReport, days: Sequence[Day], now: datetime
) -> tuple[tuple[datetime, Decimal], ...]:
    """Counted back from the equity of now; empty while that is not known."""
    equity, held = stakes.equity_usd, stakes.open_usd
    if not days or isinstance(equity, Missing) or isinstance(held, Missing):
        return ()
    before = equity - held - days[-1].cumulative_usd
    ends = [(datetime.combine(d.on, time(16), NEW_YORK), before + d.cumulative_usd) for d in days]
    started = (ends[0][0] - timedelta(days=1), before)
    past = [(at, usd) for at, usd in ends if at < now]
    return (started, *past, (now, equity))


def _fullest(gauges: list[Gauge], name: str) -> Gauge | None:
    """The one nearest to its limit; one that is not known before all others."""
    same = [g for g in gauges if g.name == name]
    if any(g.now is None for g in same):
        return next(g for g in same if g.now is None)
    return max(same, key=lambda g: g.now or Decimal(0), default=None)


def _now(gauge: Gauge) -> Figure:
    return Missing("its positions are not known") if gauge.now is None else gauge.now


def _share(part: Figure, whole: Figure) -> Figure:
    if isinstance(whole, Missing):
        return whole
    if whole <= 0:
        return Missing("the accounts are worth nothing")
    return ratio(part, whole, Missing("no equity"), 100)
