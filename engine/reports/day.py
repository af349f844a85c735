"""A day, or several in a row: what was realised, opened and alerted, and what was decided."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from engine.domain import words
from engine.domain.desk import AlertRecord, AlertState
from engine.domain.money import ZERO
from engine.domain.source import MANUAL
from engine.domain.trade import LedgerEntry, Trade
from engine.market import NEW_YORK, NYSE, new_york_date
from engine.reports import Figure, Frame, Stamp
from engine.reports import alerts as alert_rows
from engine.reports import pnl as pnl_report

_TAKEN = frozenset(
    {
        AlertState.ORDERED,
        AlertState.PARTIAL,
        AlertState.FILLED,
        AlertState.MANAGED,
        AlertState.CLOSED,
    }
)
_REFUSED = frozenset({AlertState.REJECTED, AlertState.RISK_REJECTED, AlertState.ERROR})

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """One New York day from midnight to midnight, or several."""

    stamp: Stamp
    on: date
    to: date
    """The last day; ``on`` for one day."""
    is_trading_day: bool
    """Whether the stock market was open at all."""
    rows: tuple[pnl_report.Row, ...]
    """Trades that realised something, in order of their last booking."""
    realised_usd: Figure
    fees_usd: Figure
    n_closed: int
    n_wins: int
    n_losses: int
    best: pnl_report.Row | None
    worst: pnl_report.Row | None
    n_opened: int
    """Trades whose first fill was on this day."""
    n_alerts: int
    """Those of rooms; a person's own orders are none."""
    n_taken: int
    """Alerts that became an order."""
    n_refused: int
    """Alerts that were refused: unreadable, a rule, a risk limit."""
    n_waiting: int
    """The rest: held for a person, withdrawn, or on their way."""
    alerts: tuple[alert_rows.Row, ...]
    """The newest of them."""
    refusals: tuple[tuple[str, int], ...]
    """Why alerts were refused, most frequent first."""


def window(on: date) -> tuple[datetime, datetime]:
    """The day's first moment and the first after it, UTC."""
    begins = datetime.combine(on, time(), NEW_YORK).astimezone(UTC)
    ends = datetime.combine(on + timedelta(days=1), time(), NEW_YORK).astimezone(UTC)
    return begins, ends


def last_trading_day(before: date) -> date:
    """The newest day before this one on which the stock market was open."""
    on = before - timedelta(days=1)
    while not NYSE.is_trading_day(on):
        on -= timedelta(days=1)
    return on


def yesterday(now: datetime) -> date:
    """What people mean by yesterday at a trading desk: the last trading day before today."""
    return last_trading_day(new_york_date(now))


def build(
    frame: Frame,
    *,
    on: date,
    entries: Iterable[LedgerEntry],
    trades: Iterable[Trade],
    alerts: Iterable[AlertRecord] = (),
    to: date | None = None,
) -> DayReport:
    """The day's story; ``entries``, ``trades`` and ``alerts`` may hold those of other days too.

    ``to``: the last of several days.
    """
    last = on if to is None else to
    (begins, _), (_, ends) = window(on), window(last)
    known = {t.trade_id: t for t in trades}
    within = [e for e in entries if begins <= e.booked_at < ends]
    made = pnl_report.build(frame, period="all", trades=known.values(), entries=within)
    opened = [t for t in known.values() if t.opened_at is not None and begins <= t.opened_at < ends]
    heard = sorted(
        (a for a in alerts if begins <= a.received_at < ends and a.source != MANUAL),
        key=lambda a: (a.received_at, a.alert_id),
        reverse=True,
    )
    closed = [r for r in made.rows if _is_closed_by(known.get(r.trade_id), ends)]
    refused = [a for a in heard if a.state in _REFUSED]
    return DayReport(
        stamp=frame.stamp(f"day-{on.isoformat()}"),
        on=on,
        to=last,
        is_trading_day=NYSE.is_trading_day(on),
        rows=made.rows,
        realised_usd=sum((r.realised_usd for r in made.rows), ZERO),
        fees_usd=sum((e.fee_usd for e in within), ZERO),
        n_closed=len(closed),
        n_wins=sum(r.realised_usd > 0 for r in closed),
        n_losses=sum(r.realised_usd < 0 for r in closed),
        best=_best(made.rows, 1),
        worst=_best(made.rows, -1),
        n_opened=len(opened),
        n_alerts=len(heard),
        n_taken=sum(a.state in _TAKEN for a in heard),
        n_refused=len(refused),
        n_waiting=len(heard) - len(refused) - sum(a.state in _TAKEN for a in heard),
        alerts=alert_rows.build(frame, alerts=heard, trades=known, per_page=_SHOWN).rows,
        refusals=tuple(Counter(a.reason or words.ALERT[a.state] for a in refused).most_common()),
    )


def _is_closed_by(trade: Trade | None, ends: datetime) -> bool:
    return trade is not None and trade.closed_at is not None and trade.closed_at < ends


def _best(rows: Iterable[pnl_report.Row], sign: int) -> pnl_report.Row | None:
    """The row that made (or with -1 lost) most; None when none did."""
    fits = [r for r in rows if r.realised_usd * sign > 0]
    return max(fits, key=lambda r: r.realised_usd * sign, default=None)
