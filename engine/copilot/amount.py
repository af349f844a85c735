"""How much a question means: a supposed move, and the part of a position to close."""

import re
from dataclasses import dataclass
from decimal import Decimal

LEAST_MOVE, MOST_MOVE = Decimal(-99), Decimal(100)
"""Supposed moves in percent, as /stress-test takes them."""

_MOVE = re.compile(r"(?<![\d.,])([-+−]?)\s*(\d+(?:[.,]\d+)*)\s*(?:%|percent\b|per cent\b)")
_RANGE = re.compile(r"\d\s*%?\s*(?:-|–|to|or)\s*\d[\d.,]*\s*(?:%|percent\b|per cent\b)")
_DOWN = re.compile(
    r"\b(drop|drops|fall|falls|fell|falling|down|lose|loses|crash|crashes|sink|sinks|decline|"
    r"declines|sell-?off|tank|tanks)\b"
)
_SUPPOSE = re.compile(r"\b(what if|if|suppose|imagine|when|in case|effect|impact|affect|affects)\b")

_ALL_OF_IT = re.compile(r"\b(100 ?(%|percent)|all|entire|entirely|whole|completely|fully)\b")
_HALF = re.compile(r"\b(half|halve)\b")
_SHARE = re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d+)?)\s*(?:%|percent\b|per cent\b)")
_UNIT = r"(?:shares?|contracts?|units?|lots?)\b"
_UNITS = re.compile(
    rf"\b(?:close|sell|exit|dump)\s+(\d{{1,7}})\b(?:\s*{_UNIT})?|\b(\d{{1,7}})\s*(?:{_UNIT}|of\b)"
)
_AT_ONCE = re.compile(r"\bat (the )?market\b|\bat once\b")
_UNSURE = re.compile(
    r"[\d½⅓⅔¼¾⅕⅛]|\b(one|single|an?|third|thirds|quarter|quarters|fifth|tenth|some|part|partly|partial|partially|most|few|"
    r"bit|little|rest|remaining|runners?|couple|two|three|four|five|six|seven|eight|nine|ten|"
    r"dozen|hundred|except|excluding|but|besides|apart|other than|only|losers?|winners?|losing|"
    r"winning|profitable|red|green|options?|calls?|puts?|stocks?|shares|futures?|crypto|shorts?|"
    r"longs?|if|when|once|unless|at|above|below|before|after|in|later|tomorrow|tonight|end of)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How much of what is held a wish is about."""

    percent: Decimal | None = None
    units: Decimal | None = None
    is_sure: bool = True
    """False: it names a part that cannot be told."""


ALL = Part(percent=Decimal(100))
UNSURE = Part(is_sure=False)


def supposed(low: str) -> tuple[Decimal | None, bool]:
    """A supposed move in percent, and whether one is named that cannot be taken."""
    found = _MOVE.search(low)
    if found is None or not _SUPPOSE.search(low):
        return None, False
    if "," in found[2] or found[2].count(".") > 1 or _RANGE.search(low) or len(found[2]) > 9:
        return None, True
    size = Decimal(found[2])
    move = -size if found[1] in ("-", "−") or _DOWN.search(low) else size
    return (move, False) if LEAST_MOVE <= move <= MOST_MOVE else (None, True)


def part_of(low: str, names: tuple[str, ...]) -> Part:
    """What part a wish to close asks for; all of it when it names none.

    ``names``: symbols in the question, lower-case.
    """
    rest = low
    for name in names:
        rest = re.sub(rf"(?<![\w]){re.escape(name.lower())}(?![\w])", " ", rest)
    rest = _AT_ONCE.sub(" ", rest)
    if _HALF.search(rest):
        return _alone(rest, _HALF, Part(percent=Decimal(50)))
    if share := _SHARE.search(rest):
        percent = Decimal(share[1])
        part = Part(percent=percent) if 0 < percent <= 100 else UNSURE
        return _alone(rest, _SHARE, part)
    if units := _UNITS.search(rest):
        part = Part(units=Decimal(units[1] or units[2]))
        return _alone(rest, _UNITS, part if part.units else UNSURE)
    return UNSURE if _UNSURE.search(_ALL_OF_IT.sub(" ", rest)) else ALL


def _alone(rest: str, rule: re.Pattern[str], part: Part) -> Part:
    """The part, unless the question names another beside it."""
    return UNSURE if _UNSURE.search(rule.sub(" ", rest)) else part
