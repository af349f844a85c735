"""When a market is open: NYSE sessions and CME Globex equity-index sessions.

Holidays come from the ``holidays`` package (NYSE, closures and 13:00 days), loaded on first use so
that starting the bot does not pay for it. Hours are ours. Rules are New York wall time; moments
handed out are aware UTC.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from engine.domain.instrument import (
    AM_MONTHLY,
    AM_SETTLED,
    QUARTERLY,
    Instrument,
    third_friday,
)

NEW_YORK = ZoneInfo("America/New_York")

_DAY = timedelta(days=1)
_LOOK_AHEAD = 15
"""No market of ours was ever shut for so many days in a row."""


class Market(StrEnum):
    """The two sets of hours this desk trades in."""

    NYSE = "nyse"
    """US shares and listed options: 09:30-16:00, 13:00 on half days."""
    CME = "cme"
    """Globex equity-index futures: from 18:00 the evening before to 17:00."""
    ALWAYS = "always"
    """Crypto, and the made-up market of the demo: every hour, by New York days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One trading day of one market: open from ``opens_at`` up to, not including, ``closes_at``."""

    on: date
    """The trading day; for CME the day on which it closes."""
    opens_at: datetime
    closes_at: datetime
    is_short: bool = False
    """Closes earlier than on an ordinary day."""

    def holds(self, at: datetime) -> bool:
        """Whether the market trades at ``at``."""
        return self.opens_at <= at < self.closes_at


@cache
def _holidays(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """NYSE closures and 13:00 days of one year."""
    from holidays.financial.ny_stock_exchange import NewYorkStockExchange

    make: Callable[..., Iterable[date]] = NewYorkStockExchange
    closed = frozenset(make(years=year, categories=("public",)))
    return closed, frozenset(make(years=year, categories=("half_day",))) - closed


def is_nyse_holiday(on: date) -> bool:
    """A weekday or not, the exchange has declared itself closed."""
    return on in _holidays(on.year)[0]


def _is_nyse_short(on: date) -> bool:
    return on in _holidays(on.year)[1]


def new_york_date(at: datetime) -> date:
    """The calendar day in New York, whatever zone ``at`` is in."""
    return at.astimezone(NEW_YORK).date()


def _at(on: date, clock: time) -> datetime:
    return datetime.combine(on, clock, NEW_YORK).astimezone(UTC)


_NYSE_OPEN, _NYSE_CLOSE, _NYSE_SHORT = time(9, 30), time(16), time(13)
_CME_OPEN, _CME_CLOSE = time(18), time(17)
_CME_HOLIDAY = time(13)
"""Globex halts at 12:00 Chicago on US holidays and reopens in the evening."""
_CME_SHORT = time(13, 15)
_CME_JOBS_GOOD_FRIDAY = time(9, 15)
_CME_SPECIAL = {date(2025, 1, 9): time(9, 30)}
"""Days of mourning and the like, from CME's notices."""


def _nyse_session(on: date) -> Session | None:
    if on.weekday() >= 5 or is_nyse_holiday(on):
        return None
    is_short = _is_nyse_short(on)
    return Session(
        on=on,
        opens_at=_at(on, _NYSE_OPEN),
        closes_at=_at(on, _NYSE_SHORT if is_short else _NYSE_CLOSE),
        is_short=is_short,
    )


def _is_christmas_or_new_year(on: date) -> bool:
    """The days Globex keeps shut: the feast itself, or the weekday NYSE observes it on."""
    near = (on - _DAY, on, on + _DAY)
    return any((day.month, day.day) in ((12, 25), (1, 1)) for day in near)


def _cme_close(on: date) -> time | None:
    """Closing time of a weekday's session, or None when there is none."""
    if on in _CME_SPECIAL:
        return _CME_SPECIAL[on]
    if not is_nyse_holiday(on):
        return _CME_SHORT if _is_nyse_short(on) else _CME_CLOSE
    if _is_christmas_or_new_year(on):
        return None
    if on.weekday() == 4 and on.month in (3, 4):  # Good Friday; the jobs report keeps it open
        return _CME_JOBS_GOOD_FRIDAY if on.day <= 7 else None
    return _CME_HOLIDAY


def _cme_session(on: date) -> Session | None:
    closes = None if on.weekday() >= 5 else _cme_close(on)
    if closes is None:
        return None
    return Session(
        on=on,
        opens_at=_at(on - _DAY, _CME_OPEN),
        closes_at=_at(on, closes),
        is_short=closes != _CME_CLOSE,
    )


def _round_the_clock(on: date) -> Session | None:
    return Session(on=on, opens_at=_at(on, time()), closes_at=_at(on + _DAY, time()))


_SESSIONS: dict[Market, Callable[[date], Session | None]] = {
    Market.NYSE: _nyse_session,
    Market.CME: _cme_session,
    Market.ALWAYS: _round_the_clock,
}


class Calendar:
    """Trading days and hours of one market. Holds no state but a cache; safe to share."""

    def __init__(self, market: Market | Literal["nyse", "cme", "always"] = Market.NYSE) -> None:
        self.market = Market(market)
        self._make = _SESSIONS[self.market]
        self._sessions: dict[date, Session | None] = {}

    def session(self, on: date) -> Session | None:
        """The session of that trading day; None when the market has none."""
        if on not in self._sessions:
            self._sessions[on] = self._make(on)
        return self._sessions[on]

    def session_at(self, at: datetime) -> Session | None:
        """The session that is running at ``at`` (aware); None when closed."""
        on = new_york_date(at)
        days = (on, on + _DAY) if self.market is Market.CME else (on,)
        for day in days:
            session = self.session(day)
            if session is not None and session.holds(at):
                return session
        return None

    def is_open(self, at: datetime) -> bool:
        """Whether the market trades at ``at`` (aware): the open is in, the close is out."""
        return self.session_at(at) is not None

    def next_open(self, at: datetime) -> datetime:
        """The first opening after ``at``, in UTC; when open now, that of the next session."""
        return next(s.opens_at for s in self._from(new_york_date(at)) if s.opens_at > at)

    def next_close(self, at: datetime) -> datetime:
        """The first close after ``at``, in UTC."""
        running = self.session_at(at)
        if running is not None:
            return running.closes_at
        return next(s.closes_at for s in self._from(new_york_date(at)) if s.closes_at > at)

    def is_trading_day(self, on: date) -> bool:
        """Whether the market has a session on that day, short or not."""
        return self.session(on) is not None

    def next_trading_day(self, on: date) -> date:
        """The first trading day after ``on``."""
        return self.on_or_after(on + _DAY)

    def on_or_after(self, on: date) -> date:
        """``on`` itself when it is a trading day, else the next one."""
        return next(self._from(on)).on

    def on_or_before(self, on: date) -> date:
        """``on`` itself when it is a trading day, else the one before."""
        days = (on - n * _DAY for n in range(_LOOK_AHEAD))
        return next(day for day in days if self.is_trading_day(day))

    def _from(self, on: date) -> Iterator[Session]:
        for n in range(_LOOK_AHEAD):
            session = self.session(on + n * _DAY)
            if session is not None:
                yield session


NYSE = Calendar(Market.NYSE)
CME = Calendar(Market.CME)
ALWAYS = Calendar(Market.ALWAYS)


@cache
def last_moment(on: date) -> datetime:
    """When a contract ends whose last day is ``on``: the NYSE close, 16:00 where there is none."""
    session = NYSE.session(on)
    return _at(on, _NYSE_CLOSE) if session is None else session.closes_at


def monthly_expiry(year: int, month: int) -> date:
    """The third Friday, or the trading day before when that Friday is a holiday."""
    return NYSE.on_or_before(third_friday(year, month))


def last_trading_day(contract: Instrument) -> date | None:
    """The last day on which it can surely be closed: that of its end, or the one before it.

    None where there is none, or where it is not known (futures that are delivered).
    """
    expiry, root = contract.expiry, contract.symbol
    if expiry is None or (contract.kind == "future" and root not in QUARTERLY):
        return None
    monthly = monthly_expiry(expiry.year, expiry.month)
    if contract.kind == "future":  # settled by the opening prices of that Friday
        return NYSE.on_or_before(monthly - _DAY)
    is_early = root in AM_SETTLED or (root in AM_MONTHLY and expiry == monthly)
    return NYSE.on_or_before(expiry - _DAY) if is_early else expiry


def weekly_expiry(on: date) -> date:
    """Expiry of the week (Monday to Sunday) of ``on``: Friday, or Thursday before a holiday."""
    return NYSE.on_or_before(on + timedelta(days=4 - on.weekday()))
