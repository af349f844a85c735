"""Months by name: ``15 Aug``, ``Aug 15th 2025``, ``Jan 2027``, and ``MAR`` the ticker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.parsers._grammar.words import phrases

if TYPE_CHECKING:
    from engine.parsers._grammar.items import Itemiser
    from engine.parsers._grammar.tokens import Token


RIGHTS = {
    "c": "C", "cs": "C", "call": "C", "calls": "C", "p": "P", "ps": "P", "put": "P", "puts": "P",
    "callz": "C", "putts": "P", "putz": "P",
}  # fmt: skip
ORDINALS = frozenset(("st", "nd", "rd", "th"))


def put(reader: Itemiser, kind: str, value: object, text: str, end: int) -> int:
    """Put an item (an odd number when it has no value) and go on at ``end``."""
    if value is None and kind not in ("sym", "oddnum"):
        kind = "oddnum"
    reader.put(kind, value, text)
    return end


def day_month(reader: Itemiser, at: int, token: Token) -> int:
    """``15 Aug``; the month must not have a day of its own behind it."""
    month = _month_at(reader, at + 1)
    if month is None or not token.text.isdigit() or len(token.text) > 2:
        return 0
    following, beyond = reader.look(at + 2), reader.look(at + 3)
    year = None
    if following is not None and following.kind == "num" and following.text.isdigit():
        is_strike = beyond is not None and not beyond.gap and beyond.low in RIGHTS
        if len(following.text) <= 2 and not is_strike:
            return 0
        year = int(following.text) if _is_year(following) and not is_strike else None
    reader.put("date", (month, int(token.text), year), f"{token.text} {month}")
    return at + 2 + (year is not None)


def dotted_day(reader: Itemiser, at: int) -> int:
    """``15. August``, as German rooms write it: index behind it, else 0."""
    month, token = _month_at(reader, at + 2), reader.tokens[at]
    if month is None or not token.text.isdigit() or len(token.text) > 2:
        return 0
    reader.put("date", (month, int(token.text), None), f"{token.text} {month}")
    return at + 3


def _is_year(token: Token) -> bool:
    return len(token.text) == 4 and token.text.startswith("20")


def _month_at(reader: Itemiser, at: int) -> int | None:
    token = reader.look(at)
    if token is None or token.kind != "word":
        return None
    for rest, entry in phrases(token.low) or ():
        if not rest and entry.kind == "month":
            return int(entry.value)
    return None


def is_month(word: str) -> bool:
    """Whether the word names a month."""
    return any(not rest and entry.kind == "month" for rest, entry in phrases(word) or ())


def month(reader: Itemiser, at: int, end: int, month_no: int) -> int:
    """A month's name: with a day it is a date, with a year a month of LEAPS, else just a month."""
    token = reader.tokens[at]
    dot = reader.look(end)
    if dot is not None and dot.text == "." and not dot.gap:
        end += 1
    day, after = reader.look(end), reader.look(end + 1)
    if day is not None and day.text == "'" and after is not None and after.kind == "num":
        return put(reader, "monthyear", (month_no, 2000 + int(after.text[:2])), "", end + 2)
    if day is None or day.kind != "num" or not day.text.isdigit() or len(day.text) > 4:
        return _bare_month(reader, token, month_no, end)
    if _is_year(day):
        return put(reader, "monthyear", (month_no, int(day.text)), day.text, end + 1)
    if len(day.text) > 2 or _is_strike(reader, end):
        return _bare_month(reader, token, month_no, end)
    return _month_day(reader, end, month_no)


def _bare_month(reader: Itemiser, token: Token, month_no: int, end: int) -> int:
    """A month without a day; small-letter ``may`` is the other word."""
    if token.text == "may":
        reader.put("cue", "plan", token.low)
    else:
        reader.put("month", month_no, token.low, is_upper=True)
    return end


def _is_strike(reader: Itemiser, at: int) -> bool:
    """The number behind a month is no day: ``MAR 95C``, ``MAR 8/15``."""
    after = reader.look(at + 1)
    if after is None or after.gap:
        return False
    return after.low in RIGHTS or after.text == "/"


def _month_day(reader: Itemiser, at: int, month_no: int) -> int:
    day, end = int(reader.tokens[at].text), at + 1
    after = reader.look(end)
    if after is not None and after.low in ORDINALS and not after.gap:
        end += 1
    comma = reader.look(end)
    if comma is not None and comma.text == "," and not comma.gap:
        following = reader.look(end + 1)
        if following is not None and following.kind == "num" and _is_year(following):
            end += 1
    year = reader.look(end)
    value: int | None = None
    if year is not None and year.kind == "num" and year.text.isdigit() and _is_year(year):
        beyond = reader.look(end + 1)
        is_strike = beyond is not None and beyond.low in RIGHTS
        if not is_strike:
            value, end = int(year.text), end + 1
    elif year is not None and year.text == "'":
        short = reader.look(end + 1)
        if short is not None and len(short.text) == 2 and short.text.isdigit():
            value, end = 2000 + int(short.text), end + 2
    reader.put("date", (month_no, day, value), f"{month_no}/{day}")
    return end
