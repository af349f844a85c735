"""Numbers of a remark about the chart or the stop, which are no price of the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.parsers._grammar import levels

if TYPE_CHECKING:
    from engine.parsers._grammar.items import Item
    from engine.parsers._grammar.reduce import Reducer

_STOPS = frozenset(
    ("tight stop", "tight stops", "use a tight stop", "with a tight stop", "tight sl",
     "mental stop", "soft stop", "stop moved", "stops moved", "hard stop in", "stop in", "stops in",
     "stop is in", "mental")
)  # fmt: skip
_TIES = frozenset(("to", "at", "@", "up", "down", "in", "is", ":", "now", "around", "near"))
_LEVELS = frozenset(
    ("support", "resistance", "vwap", "ema", "sma", "hod", "lod", "pdh", "pdl", "pmh", "pml", "ath",
     "gap fill", "pivot", "demand", "supply", "trendline", "highs", "lows", "fib", "above vwap",
     "below vwap", "over vwap", "under vwap", "retest", "reclaim")
)  # fmt: skip
_NUMBERS = frozenset(("num", "money"))
_BEFORE = frozenset(("off", "above", "below", "over", "under", "near", "from", "at"))


def stop(reader: Reducer, at: int) -> int:
    """``mental stop at 180``, ``stop moved to 24``: index behind the stop, 0 when none is told."""
    item, end = reader.items[at], at + 1
    if item.text not in _STOPS:
        return 0
    while (tie := reader.look(end)) is not None and tie.text in _TIES and end < at + 4:
        end += 1
    end = levels.new_level(reader, end)
    found = reader.look(end)
    value = levels.level_of(found) if found is not None else None
    if value is None:
        return 0
    if item.text.endswith("moved"):
        reader.put(item, "verb", "upd")
    reader.put(item, "stop", value, f"{item.text} {found.text if found else ''}")
    return end + 1


def chart(reader: Reducer, at: int) -> int:
    """``support 180``, ``vwap at 182.5``, ``, 180 resistance``: index behind it, 0 when none is."""
    item = reader.items[at]
    if item.text not in _LEVELS:
        return 0
    _length(reader, item)
    end = at + 1
    tie = reader.look(end)
    if tie is not None and tie.text in ("at", "of", ":", "is", "near", "around"):
        end += 1
    found = reader.look(end)
    if found is not None and found.kind in _NUMBERS and _is_level(reader, found):
        reader.put(item, "note", None)
        reader.put(found, "chart", found.value)
        return end + 1
    last = reader.out[-1] if reader.out else None
    lead = reader.out[-2] if len(reader.out) > 1 else None
    if last is not None and last.kind in _NUMBERS and _leads(lead) and _is_level(reader, last):
        last.kind = "chart"
    return 0


def _length(reader: Reducer, item: Item) -> None:
    """``50 ema``: how many bars it looks back."""
    if item.text in ("ema", "sma") and reader.out and reader.out[-1].kind == "num":
        reader.out[-1].kind = "clock"


def _leads(item: Item | None) -> bool:
    return item is None or item.text in _BEFORE or item.kind in ("punct", "line", "stopmark")


def _is_level(reader: Reducer, found: Item) -> bool:
    """Beside a contract only a number near its strike is one of the chart."""
    strikes = [item.value[0] for item in reader.items if item.kind == "opt" and item.value[0]]
    near = [one for one in strikes if abs(found.value - one) * 3 < one]
    return bool(near) or not strikes
