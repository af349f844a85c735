"""Stops, targets and trails: every way a level is tied to its label."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.domain.alert import Level
from engine.parsers._grammar.english import TICKER_WORDS
from engine.parsers._grammar.items import Item

if TYPE_CHECKING:
    from engine.parsers._grammar.reduce import Reducer

_SIGNS = frozenset((":", "=", "@", "-", "~", "<", ">", "<=", ">="))
_LIST_JOINTS = frozenset((",", "/", "&", "|", "-", ";"))
_LIST_WORDS = frozenset(("and", "then", "to", "n", "or"))
_BEHIND_HIT = frozenset(("hit", "hits", "tagged", "reached", "smashed"))
_HIT = frozenset(("hit", "hits", "target hit", "tagged", "done", "reached", "filled", "smashed"))
_UNDER_WORDS = frozenset(
    ("if", "if it", "when", "once", "loses", "lose", "breaks", "break", "closes", "close", "trades",
     "below", "under", "above", "over", "at", "it", "price", "stock", "underlying", "on", "the",
     "a", "drops", "falls", "goes", "back", "is", "gets", "touches", "hits", "reclaims", "crosses",
     "break below", "breaks below", "break above", "breaks above", "holds", "spot", "5 min",
     "candle", "hourly", "daily", "min", "on a close", "holds below", "holds above", "closing",
     "reaches", "gets to", "through", "to", "stop", "down", "up")
)  # fmt: skip
_CONTRACT = frozenset(("opt", "occ", "slash", "date", "when", "right", "ndte", "future"))
_TIES = frozenset(
    ("to", "at", "@", "on", "for", "now", ":", "->", "is", "my", "the", "up", "exp", "expiring",
     "expires", "down", "by")
)  # fmt: skip
_HELD = frozenset(
    ("position", "this position", "trade", "this trade", "this", "it", "this one", "on this",
     "on this one", "on it")
)  # fmt: skip
_UNITS = frozenset("$ ")
"""A gain of so many dollars or ticks is no distance in points."""
_STOCK = frozenset(("stock", "underlying", "the stock", "chart"))


def level(reader: Reducer, at: int) -> int:
    """A stop, target, trail or risk label, with whatever it is given."""
    item = reader.items[at]
    if item.value == "target":
        return target(reader, at)
    if item.value == "trail":
        return trail(reader, at)
    if item.value == "risk":
        return risk(reader, at)
    return stop(reader, at)


def stop(reader: Reducer, at: int) -> int:
    label = reader.items[at]
    end = new_level(reader, reader.joints(at + 1))
    found = reader.look(end)
    if found is not None and found.kind == "gainpct" and found.text[0] == "+":
        reader.put(label, "oddlevel", "stop", f"{label.text} {found.text}")  # above the entry
        return end + 1
    if found is not None and (value := _level(found, is_stop=True)) is not None:
        if _is_below(reader, at, end) and value.kind == "price":
            return _below(reader, label, value, end)
        _note_relative(reader, at, end, value)
        return _aside(reader, _stop_value(reader, label, value, found, end + 1))
    if found is not None and found.kind == "moved" and found.value:
        reader.put(label, "verb", "upd")
        reader.put(label, "stop", Level(kind="price", value=found.value[1]), label.text)
        return end + 1
    if found is not None and (found.kind == "oddnum" or found.text.endswith("¢")):
        reader.put(label, "oddlevel", "stop", f"{label.text} {found.text}")
        return end + 1
    if _far(reader, at):
        return at + 1
    if end := under(reader, at + 1, label):
        return end
    return _behind(reader, at, "stop")


def new_level(reader: Reducer, at: int) -> int:
    """``raised from .80 to 1.12``: index of the new level; ``at`` when no old one is told."""
    lead, old, to, new = (reader.look(at + k) for k in range(4))
    is_told = lead is not None and lead.text == "from" and to is not None and to.text in _NEW_TIES
    if not is_told or old is None or new is None:
        return at
    is_pair = _level(old, is_stop=True) and _level(new, is_stop=True)
    return at + 3 if is_pair else at


_NEW_TIES = frozenset(("to", "->", "up to", "=>"))
_MOVED = frozenset(("moved", "raised", "moving", "move"))
_SIDES = frozenset(("below", "under", "above", "over"))


def _is_below(reader: Reducer, at: int, end: int) -> bool:
    return any(item.text in _SIDES for item in reader.items[at + 1 : end])


def _below(reader: Reducer, label: Item, value: Level, end: int) -> int:
    """``stop below 660``: of what, its size will tell; ``stop under 660 SPY`` says it."""
    on = reader.look(end + 1)
    is_on = on is not None and on.text in ("on", "on the")
    symbol = reader.look(end + 1 + is_on)
    is_named = symbol is not None and symbol.kind == "sym" and symbol.value >= 2
    name = symbol.text if is_named and symbol is not None else ""
    found = reader.items[end]
    _note_move(reader, label, end + 1)
    reader.put(label, "under", (value.value, name), f"{label.text} {found.text}")
    return end + 1 + (is_on + is_named if is_named else 0)


def _note_relative(reader: Reducer, at: int, end: int, value: Level) -> None:
    """``stop up 5 points``: a distance from where it stands, unlike ``stop to 5 points``."""
    ties, after = {item.text for item in reader.items[at + 1 : end]}, reader.look(end + 1)
    is_led = bool(ties & _WAYS) and "to" not in ties
    is_way = is_led or (after is not None and after.text in _WAYS)
    if "by" in ties or (is_way and value.kind in ("points", "percent")):
        label = reader.items[at]
        reader.out.append(Item("relative", None, "", label.sent, label.clause))


_WAYS = frozenset(("up", "down", "higher", "lower"))


def _aside(reader: Reducer, at: int) -> int:
    """Index behind ``(-25%)``: a result in brackets only repeats the level before it."""
    shape = [item for item in (reader.look(at), reader.look(at + 1), reader.look(at + 2)) if item]
    if len(shape) < 3 or shape[0].text != "(" or shape[2].text != ")":
        return at
    is_same = shape[1].kind in ("pct", "gainpct", "gain", "points", "even") or shape[1].text == "be"
    return at + 3 if is_same else at


def _note_move(reader: Reducer, label: Item, end: int) -> None:
    """``SL to 5``: something held gets a new stop."""
    for item in reversed(reader.items[max(end - 4, 0) : end - 1]):
        if item is label:
            return
        if item.text in ("to", "->", "now"):
            reader.put(label, "verb", "upd")
            return


def _far(reader: Reducer, at: int) -> bool:
    """``stop on GS 740C 8/15 to 5``: the contract stands between label and value."""
    label, is_contract = reader.items[at], False
    for end in range(at + 1, min(at + 9, len(reader.items))):
        item, found = reader.items[end], reader.look(end + 1)
        is_tie = item.text in _TIES and is_contract and found is not None
        if is_tie and found is not None and (value := _level(found, is_stop=True)):
            if item.text in ("to", "->", "now"):
                reader.put(label, "verb", "upd")
            _note_relative(reader, end - 1, end + 1, value)
            reader.put(label, "stop", value, f"{label.text} {found.text}")
            del reader.items[end : end + 2]
            return True
        is_named = item.kind in ("sym", "part", "letter") or item.is_upper
        is_contract = is_contract or item.kind in _CONTRACT or is_named
        is_contract = is_contract or item.text in _HELD
        is_rest = item.kind == "part" and item.value in ("rest", "runner") and found is not None
        if is_rest and found is not None and (value := _level(found, is_stop=True)):
            reader.put(label, "stop", value, f"{label.text} {found.text}")
            del reader.items[end : end + 2]
            return True
        is_moved = item.kind == "verb" and item.value == "update"
        is_known = item.kind in _CONTRACT or item.text in _TIES or is_named
        is_known = is_known or item.text in _HELD
        if not is_known and not is_moved:
            return False
    return False


def _stop_value(reader: Reducer, label: Item, value: Level, found: Item, end: int) -> int:
    """``stop 284 on CRM`` is a level of the underlying."""
    on, symbol = reader.look(end), reader.look(end + 1)
    is_on = on is not None and on.text in ("on", "on the")
    if is_on and symbol is not None and (symbol.kind == "sym" or symbol.text in _STOCK):
        after = reader.look(end + 2)
        is_contract = after is not None and after.kind in _CONTRACT
        if value.kind == "price" and not is_contract:
            _note_move(reader, label, end)
            reader.put(label, "under", (value.value, _name(symbol)), found.text)
            return end + 1
    _note_move(reader, label, end)
    reader.put(label, "stop", value, f"{label.text} {found.text}")
    return end


def under(reader: Reducer, at: int, label: Item) -> int:
    """``if CRM < 284``, ``if SPX loses 6448``, ``below SPY 590``: a stop on the underlying."""
    symbol = ""
    for end in range(at, min(at + 9, len(reader.items))):
        item = reader.items[end]
        if item.kind in ("num", "money") and end > at:
            reader.put(label, "under", (item.value, symbol), f"{label.text} {item.text}")
            return end + 1
        if item.kind == "sym" or (item.is_upper and item.text.upper() in TICKER_WORDS):
            symbol = symbol or item.text.upper()
        elif item.text not in _UNDER_WORDS and item.text not in _SIGNS:
            return 0
    return 0


def _behind(reader: Reducer, at: int, kind: str) -> int:
    """``8 pt stop``, ``$2.20 TARGET``: the value stands before its label."""
    label = reader.items[at]
    last = reader.out[-1] if reader.out else None
    if last is not None and last.text == "be" and kind == "stop":
        reader.out.pop()
        reader.put(label, "stop", Level(kind="breakeven"))
    elif last is None or last.sent != label.sent or (value := _level(last, True)) is None:
        reader.put(label, "barelevel", kind)
    else:
        reader.out.pop()
        reader.put(label, kind, value if kind == "stop" else (value,), f"{last.text} {label.text}")
        reader.out[-1].is_upper = False
        reader.out.append(Item("lookback", None, "", label.sent, label.clause))
    return at + 1


def target(reader: Reducer, at: int) -> int:
    label = reader.items[at]
    nearest = reader.look(at + 1)
    skip = int(nearest is not None and nearest.text in "12345" and nearest.kind == "num")
    told = reader.look(at + 1 + skip)
    if told is not None and (told.text in _HIT or _is_tick(told) or told.text[0] == "!"):
        reader.put(label, "tag", f"{label.text.upper()} hit")
        return at + 2 + skip
    end = _ordinal(reader, at + 1)
    end = _more_labels(reader, reader.joints(end))
    values, end = _values(reader, end)
    if values is None:
        reader.put(label, "oddlevel", "targets", label.text)
        return end
    if values:
        after = reader.look(end)
        if after is not None and after.text in _BEHIND_HIT:
            reader.put(label, "tag", f"{label.text.upper()} hit")
            reader.put(label, "hit", values)
            return end + 1
        if len(values) == 1:
            _note_relative(reader, at, end - 1, values[0])
        is_moved = any(item.text in _MOVED for item in reader.items[at + 1 : end])
        if is_moved:
            reader.put(label, "verb", "upd")
        reader.put(label, "target", values)
        return end
    if label.text.endswith(("for", "ing")):
        reader.put(label, "cue", "plan")
        return at + 1
    return _behind(reader, at, "target")


def _ordinal(reader: Reducer, at: int) -> int:
    """``target 1: 6352`` and ``TP 1 2.00`` number the target; ``targets 1 / 2`` do not."""
    item, after, beyond = reader.look(at), reader.look(at + 1), reader.look(at + 2)
    if item is None or after is None or item.kind != "num" or item.text not in "12345":
        return at
    if after.text in (":", "=", "@") or after.kind in (
        "num",
        "money",
        "price",
        "pct",
        "points",
    ):
        return at + 1
    if after.text == "-" and beyond is not None and beyond.kind in ("num", "money"):
        return at + 1
    return at


def _more_labels(reader: Reducer, at: int) -> int:
    """``PT1/PT2 1.60/2.00``: a label list before a value list."""
    while True:
        sign, label = reader.look(at), reader.look(at + 1)
        is_label = label is not None and label.kind == "level" and label.value == "target"
        if not (is_label and sign is not None and sign.text in ("/", ",", "&", "and")):
            return at
        at = reader.joints(at + 2)


def _values(reader: Reducer, at: int) -> tuple[tuple[Level, ...] | None, int]:
    """The list of levels at ``at``: empty when there is none, None when one is odd."""
    found: list[Level] = []
    end = at
    while (item := reader.look(at)) is not None:
        if item.kind in ("oddnum", "range") or item.text.endswith("¢"):
            return None, at + 1
        more = _levels(item)
        if not more:
            break
        found += more
        end = _aside(reader, at + 1)
        at = _list_joint(reader, end)
        if at == end and not _goes_on(found[-1], reader.look(at)):
            break
    return _same_unit(found), end


def _goes_on(last: Level, item: Item | None) -> bool:
    """``TP 6960 6970``: a second price of the same size right behind the first."""
    if item is not None and item.kind in ("gainpct", "pct") and last.kind == "percent":
        return bool(item.value > (last.value or 0))
    if item is None or item.kind not in ("num", "money") or last.kind != "price" or not last.value:
        return False
    return bool(abs(item.value - last.value) * 20 < last.value)


def _list_joint(reader: Reducer, at: int) -> int:
    item = reader.look(at)
    if item is None:
        return at
    is_sign = item.kind == "punct" and item.value in _LIST_JOINTS
    is_word = item.kind == "fill" and item.text in _LIST_WORDS
    if not is_sign and not is_word:
        return at
    following = reader.look(at + 1)
    if following is not None and following.text in _LIST_WORDS:
        return at + 2
    return at + 1


def trail(reader: Reducer, at: int) -> int:
    label = reader.items[at]
    end, following = at + 1, reader.look(at + 1)
    if following is not None and following.kind == "level" and following.value == "stop":
        end += 1
    after = reader.look(end)
    is_price = after is not None and after.text in ("to", "at", "@", ":", "up", "now")
    end = reader.joints(end)
    found = reader.look(end)
    if found is None or (value := _level(found, is_stop=True)) is None:
        if not _far(reader, at):
            reader.put(label, "barelevel", "trail")
        return at + 1
    if value.kind == "breakeven" or (value.kind == "price" and is_price):
        reader.put(label, "verb", "update")
        reader.put(label, "stop", value, f"{label.text} {found.text}")
    else:
        reader.put(label, "trail", found.text, f"{label.text} {found.text}")
    return end + 1


def risk(reader: Reducer, at: int) -> int:
    """``risk 6 pts`` is a stop; a share of the account is no level."""
    label = reader.items[at]
    end = reader.joints(at + 1)
    found = reader.look(end)
    if found is not None and found.kind == "points":
        reader.put(label, "stop", Level(kind="points", value=found.value), found.text)
        return end + 1
    is_to = any(item.text in ("to", ":") for item in reader.items[at + 1 : end])
    if is_to and found is not None and found.kind in ("num", "money"):
        reader.put(label, "stop", Level(kind="price", value=found.value), found.text)
        return end + 1
    is_number = found is not None and found.kind in ("num", "money", "pct", "oddnum", "slash")
    if is_number:
        reader.put(label, "oddlevel", "stop", label.text)
        return end + 1
    reader.put(label, "note", None)
    return at + 1


def _is_tick(item: Item) -> bool:
    return item.kind == "emoji" and any(mark in item.text for mark in "✅☑✔")


def _name(item: Item) -> str:
    return item.text if item.kind == "sym" else ""


def _level(item: Item, is_stop: bool) -> Level | None:
    """The one level that an item states, or None."""
    if item.kind in ("num", "money") and not item.text.endswith("¢"):
        return Level(kind="price", value=item.value)
    if item.kind == "points":
        return Level(kind="points", value=item.value)
    if item.kind in ("pct", "gainpct"):
        return Level(kind="percent", value=item.value)
    is_entry = item.kind == "price" and item.value == "entry"
    if is_stop and (item.kind == "even" or item.text == "be" or is_entry):
        return Level(kind="breakeven")
    if item.kind == "gain" and not _UNITS.intersection(item.text) and not is_stop:
        return Level(kind="points", value=item.value)
    return None


def level_of(item: Item) -> Level | None:
    """The stop that an item states, or None."""
    return _level(item, is_stop=True)


def _levels(item: Item) -> list[Level]:
    if item.kind == "slash":
        return [Level(kind="price", value=Decimal(part)) for part in item.value]
    if item.kind in ("list", "strikes") and not any(right for _, right in item.value):
        return [Level(kind="price", value=value) for value, _ in item.value]
    if item.kind == "pctlist":
        return [Level(kind="percent", value=value) for value in item.value]
    one = _level(item, is_stop=False)
    return [one] if one is not None else []


def _same_unit(levels: list[Level]) -> tuple[Level, ...]:
    """``10 and 20 pts``: the unit of the last holds for plain numbers before it."""
    if levels and levels[-1].kind in ("points", "percent"):
        kind = levels[-1].kind
        plain = all(level.kind in ("price", kind) for level in levels)
        if plain:
            return tuple(Level(kind=kind, value=level.value) for level in levels)
    return tuple(levels)
