"""Second pass: labels take their values. What a label and its value say becomes one item."""

from collections.abc import Callable
from typing import Any

from engine.parsers._grammar import around, labels, levels, paid, remarks, ticks
from engine.parsers._grammar.items import Item

JOINTS = frozenset((":", "=", "@", "-", "~", "<", ">", "<=", ">=", "->", "=>"))
_JOINT_WORDS = frozenset(
    ("is", "to", "at", "of", "now", "the", "my", "a", "around", "near", "about", "roughly",
     "approx", "approximately", "@", "update", "updated", "usd", "for", "on", "moved", "move",
     "moving",      "in", "set", "its",
     "raised", "up", "down", "by", "level", "here", "limit", "price", "all",
     "below", "under", "above", "over", "then", "first", "second", "new")
)  # fmt: skip  # fmt: skip


class Reducer:
    """Walks the items once and replaces label and value by what they say together."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.out: list[Item] = []

    def run(self) -> list[Item]:
        """The reduced items."""
        items, at = self.items, 0
        ticks.settle(items)
        while at < len(items):
            item = items[at]
            reader = _READERS.get(item.kind)
            if reader is None:
                self.out.append(item)
                at += 1
            else:
                at = reader(self, at)
        return self.out

    def look(self, at: int) -> Item | None:
        """The item there, if there is one."""
        return self.items[at] if at < len(self.items) else None

    def put(self, like: Item, kind: str, value: Any, text: str = "") -> None:
        """Append a new item in the place of ``like``."""
        new = Item(kind, value, text or like.text, like.sent, like.clause, like.is_upper)
        self.out.append(new)

    def joints(self, at: int, signs: frozenset[str] = JOINTS) -> int:
        """Index behind the little words and signs that tie a label to its value."""
        for _ in range(5):
            item = self.look(at)
            if item is None:
                return at
            is_sign = item.kind == "punct" and item.value in signs
            is_word = item.kind in ("fill", "price", "cue", "verb") and item.text in _JOINT_WORDS
            if not (is_sign or is_word):
                return at
            at += 1
        return at


_READERS: dict[str, Callable[[Reducer, int], int]] = {
    "level": levels.level,
    "price": paid.price,
    "verb": remarks.take,
    "fill": remarks.fill,
    "part": remarks.part,
    "spread": remarks.spread,
    "note": remarks.note,
    "cue": remarks.cue,
    "resting": remarks.resting,
    "occasion": around.occasion,
    "label": labels.label,
    "softlabel": labels.label,
}
