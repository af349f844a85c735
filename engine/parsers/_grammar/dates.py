"""Expiries: what was written, resolved against the New York day of the post."""

from dataclasses import dataclass
from datetime import date, timedelta

from engine.domain.instrument import third_friday
from engine.market import NYSE, monthly_expiry, weekly_expiry

MAX_AHEAD_DAYS = 270
"""A month and day without a year that lies further ahead is not believed."""
MAX_LEAPS_DAYS = 1200
"""No listed option expires later."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """A resolved expiry.

    ``doubt`` says why a person has to confirm it; then ``on`` is only shown, or None.
    """

    on: date | None
    doubt: str = ""


def from_date(parts: tuple[int, ...], today: date) -> Expiry:
    """``(month, day)`` or ``(month, day, year)``; a year of two digits is of this century."""
    month, day = parts[0], parts[1]
    year = parts[2] if len(parts) > 2 else None
    if year is not None and year < 100:
        year += 2000
    if year is None:
        return _without_year(month, day, today)
    on = _real(year, month, day)
    if on is None:
        return Expiry(None, f"{month}/{day}/{year} is not a date")
    if on < today:
        return Expiry(None, f"the expiry {on} is past")
    if (on - today).days > MAX_LEAPS_DAYS:
        return Expiry(None, f"the expiry {on} is too far ahead")
    return _tradable(on)


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _without_year(month: int, day: int, today: date) -> Expiry:
    on = _real(today.year, month, day)
    if on is None or on < today:
        on = _real(today.year + 1, month, day)
    if on is None:
        return Expiry(None, f"{month}/{day} is not a date")
    if (on - today).days > MAX_AHEAD_DAYS:
        return Expiry(None, f"the expiry {month}/{day} is past, or a year is missing")
    return _tradable(on)


def _tradable(on: date) -> Expiry:
    if NYSE.is_trading_day(on):
        return Expiry(on)
    before = NYSE.on_or_before(on)
    return Expiry(before, f"{on} is not a trading day; {before} is the one before")


def in_days(days: int, today: date) -> Expiry:
    """``nDTE``: that many calendar days on, moved to the next trading day; 0 is today."""
    if days > MAX_LEAPS_DAYS:
        return Expiry(None, f"{days} days is too far ahead")
    if days == 0 and not NYSE.is_trading_day(today):
        return Expiry(None, f"today, {today}, is not a trading day")
    return Expiry(NYSE.on_or_after(today + timedelta(days=days)))


def from_word(word: str, today: date, is_next: bool = False) -> Expiry:
    """``0dte``, ``tomorrow``, ``weekly``, ``nextweek``, ``monthly``, ``day:4``, ``vague``."""
    if word == "0dte":
        return in_days(0, today)
    if word == "tomorrow":
        return in_days(1, today)
    if word.startswith("day:"):
        return _weekday(int(word[4:]), today, is_next)
    if word in ("weekly", "nextweek"):
        return _week(today, 7 * (word == "nextweek"))
    if word == "monthly":
        return _monthly(today.year, today.month, today)
    return Expiry(None, "the expiry is not a date")


def _week(today: date, later: int) -> Expiry:
    if today.weekday() >= 5:
        return Expiry(None, "posted on a weekend: which week is meant?")
    on = weekly_expiry(today + timedelta(days=later))
    return Expiry(on) if on >= today else Expiry(None, "the expiry of this week is past")


def _weekday(day: int, today: date, is_next: bool) -> Expiry:
    ahead = (day - today.weekday()) % 7
    if is_next:
        later = today + timedelta(days=7 - today.weekday() + day)
        on = NYSE.on_or_before(later)
        is_clear = day == today.weekday()
        return Expiry(on, "" if is_clear else f"'next' may mean this week or {on}")
    if ahead == 0:
        return Expiry(None, "the weekday named is today: today or in a week?")
    named = today + timedelta(days=ahead)
    if day == 4:
        return Expiry(NYSE.on_or_before(named))
    return _tradable(named)


def from_month(month: int, year: int | None, today: date) -> Expiry:
    """The monthly expiry of a named month, of this year or the next one to come."""
    if year is None:
        year = today.year + (month < today.month)
    return _monthly(year, month, today)


def _monthly(year: int, month: int, today: date) -> Expiry:
    on = monthly_expiry(year, month)
    if on < today:
        return Expiry(None, f"the monthly expiry {on} is past")
    if (on - today).days > MAX_LEAPS_DAYS:
        return Expiry(None, f"the expiry {on} is too far ahead")
    return Expiry(on)


def is_weekly(on: date) -> bool:
    """Whether ``on`` is the last trading day of its week's Friday expiry."""
    return weekly_expiry(on) == on


def is_monthly(on: date) -> bool:
    """Whether ``on`` is the monthly expiry of its month, or the nominal third Friday."""
    return on in (monthly_expiry(on.year, on.month), third_friday(on.year, on.month))


def from_occ(digits: str, is_month_first: bool, today: date) -> Expiry:
    """Six digits: YYMMDD of OCC and thinkorswim, MMDDYY of the underscore form."""
    one, two, three = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    usual = (three, one, two) if is_month_first else (one, two, three)
    found = _occ(usual, today)
    if is_month_first and found.on is None:
        other = _occ((one, two, three), today)
        return other if other.on is not None else found
    return found


def _occ(parts: tuple[int, int, int], today: date) -> Expiry:
    year, month, day = parts
    return from_date((month, day, 2000 + year), today)
