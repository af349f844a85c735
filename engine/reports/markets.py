"""When each market trades: open, short day or shut, and the next change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from engine.market import Calendar, new_york_date
from engine.reports import Frame, Stamp

State = Literal["open", "closed"]


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
    )
