"""Labelled lines: ``ticker: SPY``, ``strike: 590``, ``type: call``, ``qty: 2``."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.parsers._grammar.items import Item
    from engine.parsers._grammar.reduce import Reducer


_TICKER = re.compile(r"[A-Za-z]{1,6}(?:[./][A-Za-z])?\Z")
_MOST_RISKED = 10
_NUMBERS = frozenset(("opt", "qty", "num", "money", "odd", "oddnum"))


def label(reader: Reducer, at: int) -> int:
    """``ticker: SPY``, ``strike: 590``, ``type: call``, ``qty: 2``."""
    label, found = reader.items[at], reader.look(at + 1)
    is_value = found is not None and found.sent == label.sent
    read = _LABELLED.get(label.value)
    if found is None or not is_value or read is None:
        reader.put(label, "fill" if label.value != "notes" else "note", "", label.value)
        return at + 1
    return read(reader, at, label, found)


def label_symbol(reader: Reducer, at: int, label: Item, found: Item) -> int:
    if label.kind == "label" and _TICKER.match(found.text) and found.kind not in _NUMBERS:
        reader.put(found, "sym", 3, found.text.upper())
        return at + 2
    reader.put(label, "fill", "", label.value)
    return at + 1


def label_strike(reader: Reducer, at: int, label: Item, found: Item) -> int:
    last = reader.out[-1] if reader.out else None
    is_behind = label.kind == "softlabel" and found.kind not in ("num", "money")
    if is_behind and last is not None and last.kind in ("num", "money"):
        last.kind = "strike"  # 575 strike 8/15
        return at + 1
    kind = {"num": "strike", "money": "strike", "slash": "strikes"}.get(found.kind)
    if kind == "strikes":
        pairs = tuple((Decimal(part), "") for part in found.value)
        reader.put(found, kind, pairs)
        return at + 2
    if kind:
        reader.put(found, kind, found.value)
        return at + 2
    reader.put(label, "fill", "", label.value)
    return at + 1


def label_type(reader: Reducer, at: int, label: Item, found: Item) -> int:
    if found.kind == "letter" and found.value in ("C", "P"):
        reader.put(found, "right", found.value)
        return at + 2
    reader.put(label, "fill", "", label.value)
    return at + 1


def label_qty(reader: Reducer, at: int, label: Item, found: Item) -> int:
    if found.kind == "num" and not label.text.endswith("size"):
        reader.put(found, "qty", found.value)
        return at + 2
    if found.kind == "num" or (found.kind == "gain" and label.kind == "label"):
        reader.put(found, "oddnum", None)
        return at + 2
    if found.kind == "pct" and label.kind == "label" and not label.text.endswith("size"):
        reader.put(found, "share", found.value / 100)
        return at + 2
    if found.kind == "pct" and label.kind == "label" and found.value <= _MOST_RISKED:
        reader.put(label, "note", None)  # of the account
        return at + 2
    reader.put(label, "fill", "", label.value)
    return at + 1


def label_fraction(reader: Reducer, at: int, label: Item, found: Item) -> int:
    if found.kind == "pct":
        reader.put(found, "share", found.value / 100)
        return at + 2
    reader.put(label, "fill", "", label.value)
    return at + 1


def label_count(reader: Reducer, at: int, label: Item, found: Item) -> int:
    """``Contracts: 2`` and ``Shares: 40`` count; ``Contract: 640C`` names."""
    if found.kind == "num" and label.kind == "label" and label.text.endswith("s"):
        after = reader.look(at + 2)
        if after is None or after.kind in ("line", "para", "punct"):
            reader.put(found, "qty", found.value)
            return at + 2
    reader.put(label, "fill", "", label.value)
    return at + 1


def label_days(reader: Reducer, at: int, label: Item, found: Item) -> int:
    if found.kind == "num" and label.kind == "label":
        reader.put(found, "ndte", found.value, f"{found.text}dte")
        return at + 2
    reader.put(label, "fill", "", label.value)
    return at + 1


_LABELLED: dict[str, Callable[[Reducer, int, Item, Item], int]] = {
    "symbol": label_symbol,
    "contract": label_count,
    "dte": label_days,
    "strike": label_strike,
    "type": label_type,
    "qty": label_qty,
    "fraction": label_fraction,
}
