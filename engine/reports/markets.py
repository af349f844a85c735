"""When each market trades: open, short day or shut, and the next change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from engine.market import Calendar, Market, new_york_date
from engine.reports import Frame, Stamp

State = Literal["open", "closed"]


_BEFORE, _AFTER = timedelta(hours=5, minutes=30), timedelta(hours=4)
"""Shares trade at most brokers from 04:00 to 20:00 in New York, on short days to 17:00."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """The hours round a session of shares: thin, limit orders alone."""

    is_on: bool
    opens_at: datetime
    closes_at: datetime
    """Of the day's last extended hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketLine:
    """One market at this moment."""

    name: str
    state: State
    is_short: bool
    """The running session, or the next one, closes early."""
    changes_at: datetime | None
    """Close when open, opening when closed; None: it never closes."""
    why: str
    """Why it is closed on a weekday; empty otherwise."""
    extended: "Extended | None" = None
    """Hours before and after the session; None where a market has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketsReport:
    """All markets that the desk knows."""

    stamp: Stamp
    markets: tuple[MarketLine, ...]


def build(frame: Frame, calendars: Mapping[str, Calendar]) -> MarketsReport:
    """``calendars``: by the name that is shown."""
    lines = (_line(name, calendar, frame.now) for name, calendar in calendars.items())
    return MarketsReport(stamp=frame.stamp("markets"), markets=tuple(lines))


def _line(name: str, calendar: Calendar, now: datetime) -> MarketLine:
    session = calendar.session_at(now)
    if session is not None:
        closes_at = session.closes_at
        never_closes = calendar.session_at(closes_at) is not None
        return MarketLine(
            name=name,
            state="open",
            is_short=session.is_short,
            changes_at=None if never_closes else closes_at,
            why="",
            extended=_extended(calendar, now),
        )
    opens_at = calendar.next_open(now)
    coming = calendar.session_at(opens_at)
    today = new_york_date(now)
    is_holiday = today.weekday() < 5 and not calendar.is_trading_day(today)
    return MarketLine(
        name=name,
        state="closed",
        is_short=coming is not None and coming.is_short,
        changes_at=opens_at,
        why="holiday" if is_holiday else "",
        extended=_extended(calendar, now),
    )


def _extended(calendar: Calendar, now: datetime) -> Extended | None:
    """Of today while it lasts, else of the next trading day; shares alone have them."""
    if calendar.market is not Market.NYSE:
        return None
    today = new_york_date(now)
    for day in (calendar.on_or_after(today), calendar.next_trading_day(today)):
        session = calendar.session(day)
        if session is None:
            continue
        first, last = session.opens_at - _BEFORE, session.closes_at + _AFTER
        if now < last:
            is_on = first <= now and not session.holds(now)
            return Extended(is_on=is_on, opens_at=first, closes_at=last)
    return None
