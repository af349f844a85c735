"""Which days a question means: a date, a weekday, last week, three days ago. Nothing guessed."""

import re
from calendar import monthrange
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_MONTH = "|".join(f"{m[:3]}(?:{m[3:]})?" if len(m) > 3 else m for m in _MONTHS)
_ISO = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_US = re.compile(r"\bon (\d{1,2})/(\d{1,2})(?:/(\d{2}|\d{4}))?\b")
_NAMED = re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|[nr]d|th)?\b(?:,? (\d{{4}}))?")
_NAMED_LATE = re.compile(rf"\b(\d{{1,2}})(?:st|[nr]d|th)?\.? (?:of )?({_MONTH})\b(?:,? (\d{{4}}))?")
_IN_MONTH = re.compile(rf"\b(?:in|during|of) ({_MONTH})\b(?! ?\d)")
_WEEKDAY = re.compile(rf"\b(next |this coming )?({'|'.join(_WEEKDAYS)})(?:'s|s)?\b")
_AGO = re.compile(r"\b(\d{1,3}|a|one|two|three) (day|week)s? ago\b")
_BACK = re.compile(r"\b(?:last|previous|past) (week|month)(?:'s)?\b(?! of)")
_UNREAD = re.compile(
    r"\b\d{1,2}\.\d{1,2}\.(\d{2,4})?|\blast (quarter|year)\b|\bago\b|\bq[1-4]\b|"
    r"\b\d{1,2}(st|[nr]d|th)\b"
)
_COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """From the first to the last day, both included."""

    first: date
    last: date


def days_of(low: str, today: date) -> Days | None:
    """The days that a lower-case question names; None: it names none that can be read."""
    readers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Days | None]], ...] = (
        (_ISO, lambda m: _one(int(m[1]), int(m[2]), int(m[3]))),
        (_US, lambda m: _dated(m[3], int(m[1]), int(m[2]), today)),
        (_NAMED, lambda m: _dated(m[3], _month(m[1]), int(m[2]), today)),
        (_NAMED_LATE, lambda m: _dated(m[3], _month(m[2]), int(m[1]), today)),
        (_AGO, lambda m: _ago(m, today)),
        (_BACK, lambda m: _back(m[1], today)),
        (_WEEKDAY, lambda m: _weekday(m, today)),
        (_IN_MONTH, lambda m: _whole_month(_month(m[1]), today)),
    )
    for rule, read in readers:
        found = rule.search(low)
        if found is not None:
            with suppress(ValueError, OverflowError):
                return read(found)
            return None
    return None


def names_a_day(low: str) -> bool:
    """Whether the question speaks of a day or time that :func:`days_of` may not have read."""
    rules = (_ISO, _US, _NAMED, _NAMED_LATE, _AGO, _UNREAD)
    return any(rule.search(low) for rule in rules)


def _one(year: int, month: int, day: int) -> Days:
    on = date(year, month, day)
    return Days(first=on, last=on)


def _dated(year: str | None, month: int, day: int, today: date) -> Days:
    """Without a year: the newest one on which that day was."""
    if year is not None:
        return _one(int(year) + (2000 if len(year) == 2 else 0), month, day)
    found = _one(today.year, month, day)
    return found if found.first <= today else _one(today.year - 1, month, day)


def _month(name: str) -> int:
    return next(n for n, m in enumerate(_MONTHS, 1) if m.startswith(name[:3]))


def _whole_month(month: int, today: date) -> Days:
    year = today.year if month <= today.month else today.year - 1
    return Days(first=date(year, month, 1), last=date(year, month, monthrange(year, month)[1]))


def _ago(found: re.Match[str], today: date) -> Days:
    n = _COUNTS.get(found[1]) or int(found[1])
    if found[2] == "week":
        return _week(today - timedelta(weeks=n))
    on = today - timedelta(days=n)
    return Days(first=on, last=on)


def _back(what: str, today: date) -> Days:
    if what == "week":
        return _week(today - timedelta(weeks=1))
    last = today.replace(day=1) - timedelta(days=1)
    return Days(first=last.replace(day=1), last=last)


def _week(within: date) -> Days:
    monday = within - timedelta(days=within.weekday())
    return Days(first=monday, last=monday + timedelta(days=6))


def _weekday(found: re.Match[str], today: date) -> Days | None:
    if found[1]:
        return None
    back = (today.weekday() - _WEEKDAYS.index(found[2])) % 7
    on = today - timedelta(days=back)
    return Days(first=on, last=on)
