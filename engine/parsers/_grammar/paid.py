"""Price words and the numbers they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.parsers._grammar import around

if TYPE_CHECKING:
    from engine.parsers._grammar.items import Item
    from engine.parsers._grammar.reduce import Reducer

_EQUALS = frozenset((":", "=", "@", "-", "~", "->", "=>"))
_PRICED = {
    "num": "price", "money": "price", "oddnum": "oddprice", "range": "paidrange",
    "price": "market", "pct": "gainpct", "gainpct": "gainpct", "gain": "gain", "list": "oddprice",
    "slash": "oddprice", "strikes": "oddprice",
}  # fmt: skip


def price(reader: Reducer, at: int) -> int:
    label = reader.items[at]
    if label.text == "from" and around.by(reader, at):
        reader.put(label, "cue", "source")
        return at + 1
    if label.value == "market":
        if label.text == "mp" and label.is_upper and not _is_end(reader.look(at + 1)):
            reader.put(label, "sym", 2, "MP")
        else:
            reader.put(label, "market", None)
        return at + 1
    if label.text == "lmt" and _is_ticker(reader, at):
        reader.put(label, "fill", "")
        return at + 1
    end = reader.joints(at + 1, _EQUALS)
    found = reader.look(end)
    kind = _PRICED.get(found.kind, "") if found is not None else ""
    if found is None or not kind:
        return _loose_price(reader, at)
    if kind == "market":
        if found.value != "market":
            return _loose_price(reader, at)
        reader.put(label, "market", None)
        return end + 1
    return _given(reader, at, end, kind)


def _given(reader: Reducer, at: int, end: int, kind: str) -> int:
    """A price word at ``at`` with the number at ``end``."""
    label, found = reader.items[at], reader.items[end]
    if label.value == "ref":
        reader.put(label, "ref", found.value, f"{label.text} {found.text}")
    elif kind == "price":
        reader.put(label, "paid", (label.value, found.value), f"{label.text} {found.text}")
    elif found.kind == "slash" and label.text == "for":
        reader.put(label, "fill", "")
        return at + 1
    else:
        reader.put(label, kind, found.value, f"{label.text} {found.text}")
    return end + 1


def _is_ticker(reader: Reducer, at: int) -> bool:
    """``Shorting LMT @ 59``: capitals between verb and price word."""
    last, after = (reader.out[-1] if reader.out else None), reader.look(at + 1)
    is_slot = last is not None and last.kind in ("verb", "num", "qty", "part")
    is_priced = after is not None and after.kind in ("price", "slash", "date", "opt")
    return reader.items[at].is_upper and is_slot and is_priced


def _loose_price(reader: Reducer, at: int) -> int:
    """A price word without a number behind it: ``3.40 entry``, ``for Friday``."""
    label = reader.items[at]
    last = reader.out[-1] if reader.out else None
    if label.text in ("at", "@", "for") and (end := at_level(reader, at)):
        return end
    if label.text == "filled on" and _names(reader.look(at + 1)):
        reader.put(label, "verb", "open")
        return at + 1
    if label.text in ("avg", "average") and (last is None or last.sent != label.sent):
        reader.put(label, "verb", "add")
        return at + 1
    names_price = label.text not in ("at", "@", "for", "fill", "filled", "limit", "lmt", "from")
    is_number = last is not None and last.kind in ("num", "money") and last.sent == label.sent
    if names_price and label.value != "ref" and last is not None and is_number:
        reader.out.pop()
        reader.put(label, "paid", (label.value, last.value), f"{last.text} {label.text}")
        return at + 1
    after = reader.look(at + 1)
    if label.text in ("filled", "fill", "fills") and after is not None and after.text == ":":
        reader.put(label, "cue", "echo")
    elif label.text == "@" and after is not None and after.kind == "even":
        reader.put(label, "fill", "@")
    elif label.text == "@" or (label.text in ("at", "for") and _is_end(after)):
        reader.put(label, "dangling", None)
    elif label.value == "entry" and label.text in ("entry", "entries"):
        reader.put(label, "entryword", None)
    else:
        reader.put(label, "fill", "")
    return at + 1


_CLOSES = frozenset(("sell", "stc!", "btc!", "cover", "close", "out"))


def at_level(reader: Reducer, at: int) -> int:
    """``out at stop 3.90``, ``sold at TP 5``: there it was closed; index behind it, else 0."""
    last = reader.out[-1] if reader.out else None
    named = reader.joints(at + 1)
    level = reader.look(named)
    is_level = level is not None and level.kind == "level" and level.value in ("stop", "target")
    if last is None or last.kind != "verb" or last.value not in _CLOSES or not is_level:
        return 0
    end = reader.joints(named + 1)
    found = reader.look(end)
    if found is None or found.kind not in ("num", "money"):
        return 0
    reader.put(reader.items[at], "paid", ("plain", found.value), f"@ {found.text}")
    return end + 1


def _names(item: Item | None) -> bool:
    return item is not None and item.kind in ("sym", "opt", "occ", "future")


def _is_end(item: Item | None) -> bool:
    return item is None or item.kind in ("line", "para", "stopmark", "emoji")
