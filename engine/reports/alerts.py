"""Recent alerts in short rows: who said what, what it was taken for, what came of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.alert import Alert, Signal
from engine.domain.desk import AlertRecord, AlertState
from engine.domain.trade import Trade, TradeState
from engine.reports import Figure, Frame, Missing, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One alert."""

    alert_id: str
    at: datetime
    author_name: str
    source: str
    text: str
    read_as: str
    """``BTO SPY 603C 1/31 @ 2.50``; several trades are counted; empty when it was none."""
    state: AlertState
    reason: str
    realised_usd: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsReport:
    """A page of alerts, newest first."""

    stamp: Stamp
    rows: tuple[Row, ...]
    page: int
    n_pages: int
    n_in_all: int
    by_state: tuple[tuple[AlertState, int], ...]
    """Over the rows of this page, most frequent first."""
    sought: str = ""
    """What was asked for, in words; empty: everything."""
    n_else: int = 0
    """How many there are that do not fit, where none does."""


def build(
    frame: Frame,
    *,
    alerts: Iterable[AlertRecord],
    trades: Mapping[str, Trade] | None = None,
    page: int = 1,
    per_page: int = 8,
    n_in_all: int | None = None,
    sought: str = "",
    n_else: int = 0,
) -> AlertsReport:
    """A page of ``alerts`` given newest first; ``n_in_all`` when they are this page alone."""
    given = tuple(alerts)
    total = len(given) if n_in_all is None else n_in_all
    first = 0 if n_in_all is not None else (page - 1) * per_page
    shown = given[first : first + per_page]
    return AlertsReport(
        stamp=frame.stamp("alerts"),
        rows=tuple(_row(a, trades or {}) for a in shown),
        page=page,
        n_pages=max(-(-total // per_page), 1),
        n_in_all=total,
        by_state=tuple(Counter(a.state for a in shown).most_common()),
        sought=sought,
        n_else=n_else,
    )


def _row(record: AlertRecord, trades: Mapping[str, Trade]) -> Row:
    own = [trades[i] for i in record.trade_ids if i in trades]
    closed = [t for t in own if t.state is TradeState.CLOSED]
    realised: Figure = Missing("nothing closed yet")
    if closed:
        realised = sum((t.realised_usd for t in closed), Decimal(0))
    return Row(
        alert_id=record.alert_id,
        at=record.received_at,
        author_name=record.author_name,
        source=record.source,
        text=record.text,
        read_as=_read_as(record),
        state=record.state,
        reason=_reason(record),
        realised_usd=realised,
    )


def _reason(record: AlertRecord) -> str:
    """Why; what all of several accounts say is said once."""
    every = [f"{account}: {said}" for account, said in record.by_account]
    said = {what for _, what in record.by_account}
    if len(every) > 1 and len(said) == 1 and record.reason == " · ".join(every):
        return f"all {len(every)} accounts: {said.pop()}"
    return record.reason


def _read_as(record: AlertRecord) -> str:
    if not isinstance(record.parsed, Alert) or not record.parsed.signals:
        return ""
    first, *rest = record.parsed.signals
    words = signal_words(first)
    return f"{words} and {len(rest)} more" if rest else words


def signal_words(signal: Signal) -> str:
    """A signal in the room's own shorthand: ``BTO SPY 603C 1/31 @ 2.50``."""
    parts = [signal.action.value, signal.contract or signal.symbol]
    if signal.strike is not None:
        parts.append(f"{signal.strike.normalize():f}{signal.right or ''}")
    if signal.legs:
        parts.append("/".join(f"{leg.strike.normalize():f}{leg.right}" for leg in signal.legs))
    expiry = signal.expiry or (signal.legs[0].expiry if signal.legs else None)
    if expiry is not None and signal.contract is None:
        parts.append(f"{expiry.month}/{expiry.day}")
    if signal.price is not None:
        parts.append(f"@ {signal.price:f}")
    elif signal.price_range is not None:
        low, high = signal.price_range
        parts.append(f"@ {low:f}-{high:f}")
    if signal.quantity is not None:
        parts.append(f"x{signal.quantity.normalize():f}")
    elif signal.fraction is not None:
        parts.append(f"{signal.fraction * 100:.0f}%")
    return " ".join(parts)
