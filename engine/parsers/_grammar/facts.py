"""The items of one trade, with a ledger of what has been understood: nothing may be left over."""

from decimal import Decimal

from engine.parsers._grammar.items import Item

SILENT = frozenset(
    (
        "fill",
        "note",
        "kept",
        "chart",
        "punct",
        "emoji",
        "line",
        "para",
        "stopmark",
        "cue",
        "lookback",
        "relative",
    )
)
"""Kinds that say nothing about the trade; cues and question marks are judged elsewhere."""

CORE = frozenset(
    ("verb", "opt", "occ", "strikes", "list", "right", "spread", "date", "slash", "when", "ndte",
     "paid", "paidrange", "market", "stop", "target", "trail", "under", "qty", "part", "num",
     "money", "pct", "sym", "future", "range", "strike", "size", "effect", "share", "oddnum",
     "oddprice", "oddlevel", "monthyear", "letter", "points", "gain", "gainpct", "ref", "ratio",
     "barelevel", "entryword", "moved")
)  # fmt: skip
"""Kinds that belong to the order itself and not to a remark."""


class Facts:
    """One stretch of items. Positions are indexes into :attr:`items`."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.used: set[int] = set()
        self.doubts: dict[str, str] = {}
        self.by: dict[str, list[int]] = {}
        for at, item in enumerate(items):
            self.by.setdefault(item.kind, []).append(at)

    def doubt(self, field: str, why: str) -> None:
        """A person has to settle ``field``; the first reason is kept."""
        self.doubts.setdefault(field, why)

    def at(self, *kinds: str) -> list[int]:
        """Positions of all items of these kinds, in reading order, used ones left out."""
        found: list[int] = []
        by, used = self.by, self.used
        for kind in kinds:
            if kind in by:
                found += by[kind]
        if not found:  # as mostly
            return found
        if not used.isdisjoint(found):
            found = [at for at in found if at not in used]
        if len(kinds) > 1:
            found.sort()
        return found

    def has(self, *kinds: str) -> bool:
        """Whether an item of one of these kinds was written, used or not."""
        return any(map(self.by.get, kinds))

    def take(self, at: int) -> Item:
        """Mark as understood."""
        self.used.add(at)
        return self.items[at]

    def values(self, kind: str) -> list[object]:
        """Values of all items of a kind."""
        return [self.items[at].value for at in self.by[kind]] if kind in self.by else []

    def before(self, at: int, skip: frozenset[str] = SILENT) -> int | None:
        """Position of the nearest telling item before ``at`` on the same line."""
        return self._near(range(at - 1, -1, -1), skip)

    def after(self, at: int, skip: frozenset[str] = SILENT) -> int | None:
        """Position of the nearest telling item after ``at`` on the same line."""
        return self._near(range(at + 1, len(self.items)), skip)

    def _near(self, where: range, skip: frozenset[str]) -> int | None:
        for at in where:
            kind = self.items[at].kind
            if kind in ("line", "para", "stopmark"):
                return None
            if kind not in skip:
                return at
        return None

    def kind(self, at: int | None) -> str:
        """Kind of the item there; empty for None."""
        return "" if at is None else self.items[at].kind

    def text(self, at: int | None) -> str:
        """Text of the item there; empty for None."""
        return "" if at is None else self.items[at].text

    def left(self) -> list[Item]:
        """What has not been understood, silent kinds left out."""
        used = self.used
        return [
            item for at, item in enumerate(self.items) if at not in used and item.kind not in SILENT
        ]


_NUMBERS = frozenset(("num", "paid", "money"))


def is_report(facts: Facts, anchor: int | None, verbs: frozenset[str]) -> bool:
    """``AAPL closed at 229``: the thing itself did it, nobody says he traded.

    True when one of ``verbs`` stands behind the symbol at ``anchor``, is the only verb, and no
    amount is named.
    """
    found = facts.by.get("verb", [])
    if anchor is None or len(found) != 1 or facts.items[found[0]].text not in verbs:
        return False
    if facts.has("part", "share", "qty", "pct"):
        return False
    if facts.text(found[0]) == "covered" and facts.kind(facts.after(found[0])) in _NUMBERS:
        return False  # a gap is covered, a price is not
    return found[0] > anchor and facts.items[found[0]].sent == facts.items[anchor].sent


def is_fraction(parts: tuple[int, ...]) -> bool:
    """``1/2``, ``2/3``, ``3/4``: could be a share of a position."""
    return len(parts) == 2 and 0 < parts[0] < parts[1] <= 10


def as_share(parts: tuple[int, ...]) -> Decimal:
    """The share, to two places as rooms speak of thirds."""
    return (Decimal(parts[0]) / Decimal(parts[1])).quantize(Decimal("0.01"))


def is_whole(value: Decimal) -> bool:
    """Whether the number counts things: whole and above zero."""
    return value > 0 and value == value.to_integral_value()
