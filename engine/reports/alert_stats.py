"""From alerts heard to trades made: how many got how far, why not, whose were good, how fast."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from engine.domain.alert import Alert
from engine.domain.desk import AlertRecord, AlertState
from engine.domain.order import Order, Purpose
from engine.domain.source import MANUAL
from engine.domain.trade import Trade, TradeState
from engine.reports import Figure, Frame, Missing, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorRow:
    """One author: the closed trades that his alerts led to, whichever rooms he wrote in."""

    author: str
    n_alerts: int
    n_closed: int
    win_pct: Figure
    mean_r: Figure
    net_usd: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStats:
    """Alerts of a time."""

    stamp: Stamp
    days: int
    funnel: tuple[tuple[str, int], ...]
    """Received, parsed, routed, filled: how many got so far."""
    reasons: tuple[tuple[str, int], ...]
    """Why others did not, most frequent first; figures taken out so that like counts as like."""
    authors: tuple[AuthorRow, ...]
    """By net result, best first."""
    p50_s: Figure
    """Seconds from the message's arrival to its order's leaving, where no person was asked."""
    p95_s: Figure


def build(
    frame: Frame,
    *,
    days: int,
    alerts: Iterable[AlertRecord],
    trades: Iterable[Trade],
    orders: Iterable[Order],
    asked: Iterable[str] = (),
) -> AlertStats:
    """``asked``: alerts that a person decided; their waiting is no latency of the desk's.

    A person's own orders are no alerts and are not counted.
    """
    heard = [a for a in alerts if a.source != MANUAL]
    by_alert: dict[str, list[Trade]] = defaultdict(list)
    for trade in trades:
        by_alert[trade.alert_id].append(trade)
    sent: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        if order.purpose is Purpose.ENTRY and order.sent_at is not None:
            sent[order.alert_id].append(order)
    read = [a for a in heard if isinstance(a.parsed, Alert) and not a.parsed.needs_human]
    filled = [a for a in heard if any(t.qty_opened for t in by_alert[a.alert_id])]
    routed = [
        a for a in heard if sent[a.alert_id] or any(t.qty_opened for t in by_alert[a.alert_id])
    ]
    waits = _waits(heard, sent, set(asked))
    return AlertStats(
        stamp=frame.stamp("alerts"),
        days=days,
        funnel=(
            ("received", len(heard)),
            ("parsed", len(read)),
            ("routed", len(routed)),
            ("filled", len(filled)),
        ),
        reasons=_reasons(heard),
        authors=_authors(heard, by_alert),
        p50_s=_percentile(waits, 50),
        p95_s=_percentile(waits, 95),
    )


_LOST = (AlertState.REJECTED, AlertState.RISK_REJECTED, AlertState.WITHDRAWN, AlertState.ERROR)


def _reasons(heard: Iterable[AlertRecord]) -> tuple[tuple[str, int], ...]:
    counted = Counter(_kind(a.reason) for a in heard if a.state in _LOST and a.reason)
    return tuple(counted.most_common(6))


_FIGURE = re.compile(r"\d[\d.,]*\d|\d")


def _kind(reason: str) -> str:
    """A reason without its figures: ``$312.40 lost`` and ``$20.00 lost`` are one."""
    return _FIGURE.sub("…", reason)[:60].rstrip(" ,;:·")


def _waits(
    heard: Iterable[AlertRecord], sent: dict[str, list[Order]], asked: set[str]
) -> list[Decimal]:
    found = []
    for alert in heard:
        leaving = [o.sent_at for o in sent[alert.alert_id] if o.sent_at is not None]
        if leaving and alert.alert_id not in asked and not alert.is_caught_up:
            gap: timedelta = min(leaving) - alert.received_at
            if gap >= timedelta(0):
                found.append(Decimal(gap // timedelta(milliseconds=1)) / 1000)
    return sorted(found)


def _percentile(ordered: Sequence[Decimal], pct: int) -> Figure:
    if not ordered:
        return Missing("no order left without a person")
    return ordered[min(len(ordered) * pct // 100, len(ordered) - 1)]


def _authors(
    heard: Iterable[AlertRecord], by_alert: dict[str, list[Trade]]
) -> tuple[AuthorRow, ...]:
    groups: dict[int, list[AlertRecord]] = defaultdict(list)
    for alert in heard:
        groups[alert.author_id].append(alert)
    rows = [_author(theirs, by_alert) for theirs in groups.values()]
    return tuple(sorted(rows, key=_rank, reverse=True))


def _rank(row: AuthorRow) -> tuple[Decimal, int]:
    net = Decimal(0) if isinstance(row.net_usd, Missing) else row.net_usd
    return net, row.n_alerts


def _author(theirs: list[AlertRecord], by_alert: dict[str, list[Trade]]) -> AuthorRow:
    closed = [t for a in theirs for t in by_alert[a.alert_id] if t.state is TradeState.CLOSED]
    none = Missing("nothing closed yet")
    in_r = [t.r_multiple for t in closed if t.r_multiple is not None]
    wins = sum(t.realised_usd > 0 for t in closed)
    return AuthorRow(
        author=theirs[-1].author_name,
        n_alerts=len(theirs),
        n_closed=len(closed),
        win_pct=Decimal(wins * 100) / len(closed) if closed else none,
        mean_r=sum(in_r, Decimal(0)) / len(in_r) if in_r else Missing("no risk known"),
        net_usd=sum((t.realised_usd for t in closed), Decimal(0)) if closed else none,
    )
