"""What stays of a position: ``leaving 2``, ``1/4 left``, ``runner on``; never what is sold."""

import re
from decimal import Decimal

from engine.parsers._grammar.facts import as_share, is_fraction
from engine.parsers._grammar.items import Item

_SHARES = {
    "half": Decimal("0.5"), "third": Decimal("0.33"), "quarter": Decimal("0.25"),
    "twothirds": Decimal("0.67"), "threequarters": Decimal("0.75"),
}  # fmt: skip
_WORDS = frozenset(("one", "two", "three", "four", "five", "six", "ten"))
_BETWEEN = frozenset(
    ("one", "ones", "it", "them", "piece", "the", "a", "my", "some", "of", "left", "on", "rest",
     "runner", "runners", "with", "only", "just", "last", "final", "still", "more", "position",
     "shares", "contracts", "cons", "contract", "share", *_WORDS)
)  # fmt: skip
_HELD = frozenset(
    ("one", "ones", "piece", "some", "rest", "runner", "runners", "more", "position", "shares",
     "contracts", "cons", "contract", "share", "ride", "riding", "run", "running", *_WORDS)
)  # fmt: skip
_RIDE = frozenset(("ride", "run", "running", "riding", "work", "go", "on", "left", "open"))
_NAMES = frozenset(("sym", "opt", "occ", "slash", "date"))
_AMOUNTS = frozenset(("num", "part", "slash", "pct", "share", "qty"))
_KEPT = frozenset(("keep", "kept"))
_TRIGGERS = frozenset(
    ("left", "remaining", "remain", "remains", "riding", "running", "go", "still")
)
_TAILS = frozenset(("left", "remaining", "remain", "remains", "riding", "running", "ride"))
_STILL = frozenset(("on", "open", "in", "go", "working"))
_LITTLE = frozenset(("is", "are", "still", "more", "to", "the", "contract", "contracts", "cons",
                     "shares", "share", "runner", "runners", "only"))  # fmt: skip
_OWN = frozenset(("my", "the", "last", "final", "of", "those", "these", "our"))


def mark(items: list[Item]) -> list[Item]:
    """The items with every remark on what stays as one item of the kind ``kept``.

    Its value is the share that stays, when one was said.
    """
    if _KEPT.isdisjoint([item.kind for item in items]) and _TRIGGERS.isdisjoint(
        [item.text for item in items]
    ):
        return items
    out: list[Item] = []
    at = 0
    while at < len(items):
        item = items[at]
        if end := _none_left(items, at):
            _put(out, item, "note", "status", _text(items[at:end]))
            at = end
        elif item.kind == "keep" or _leaves(items, at):
            at = _keep(items, at, out)
        elif item.kind == "kept":
            out.append(_phrase(item, out))
            at += 1
        elif _is_amount(item) and (end := _tail(items, at)):
            at = _stays(items, at, end, out)
        else:
            out.append(item)
            at += 1
    return out


def _none_left(items: list[Item], at: int) -> int:
    """``0 left``, ``leaving 0``: all of it is sold; index behind it, else 0."""
    first = at + (items[at].kind == "keep")
    if first >= len(items) or not re.match(r"0(?!\S)", items[first].text):
        return 0
    return first + 1 if first > at or items[first].kind == "kept" else _tail(items, at)


def _put(out: list[Item], like: Item, kind: str, value: object, text: str) -> None:
    out.append(Item(kind, value, text, like.sent, like.clause, like.is_upper))


def _text(items: list[Item]) -> str:
    return " ".join(one.text for one in items)


def _is_amount(item: Item) -> bool:
    """A count or share that can stay; a price or strike is none."""
    if item.kind == "num":
        return item.text.isdigit()
    if item.kind == "slash":
        return bool(is_fraction(item.value))
    if item.kind == "part":
        return str(item.value) != "all"
    return item.kind in ("qty", "pct") or (item.kind in ("fill", "word") and item.text in _WORDS)


def _share(items: list[Item]) -> Decimal | None:
    for item in items:
        if item.kind == "slash":
            return as_share(item.value)
        if item.kind == "pct" and 0 < item.value < 100:
            return Decimal(item.value) / 100
        if item.kind == "part" and item.value in _SHARES:
            return _SHARES[item.value]
    return None


# --- leaving 2, keeping a quarter, left half on ---------------------------------------------------


def _leaves(items: list[Item], at: int) -> bool:
    """``sold and left 2 on``: the word before the amount."""
    if items[at].text != "left" or at + 1 >= len(items) or not _is_amount(items[at + 1]):
        return False
    return at == 0 or not _is_amount(items[at - 1])


def _keep(items: list[Item], at: int, out: list[Item]) -> int:
    label = items[at]
    end = at + 1
    for item in items[at + 1 : at + 6]:
        is_name = item.kind in _NAMES and not _is_amount(item)
        if is_name or not (item.text in _BETWEEN or _is_kept(item)):
            break
        end += 1
    after = items[at + 1] if at + 1 < len(items) else None
    if end == at + 1 and after is not None and after.kind in _NAMES:
        _put(out, label, "cue", "status", label.text)
        return at + 1
    if end > at + 1 and end < len(items) and items[end].text in _RIDE:
        end += 1
    said = items[at:end]
    while end > at + 1 and items[end - 1].kind == "fill" and items[end - 1].text not in _WORDS:
        end -= 1
    held = items[at + 1 : end]
    is_phrase = bool(held) or (after is not None and after.text in _BETWEEN)
    is_all = any(item.kind == "part" and item.value == "all" for item in held)
    if is_all or (is_phrase and not _says_what(said)):
        _put(out, label, "cue", "status", _text(items[at:end]))
    elif is_phrase:
        _put(out, label, "kept", _share(held), _text(items[at:end]))
    else:
        _put(out, label, "cue" if label.value == "hold" else "note", "status", label.text)
    return end


def _says_what(items: list[Item]) -> bool:
    """A count, a share or a thing that is held; ``keep the profit``, ``let it go`` name none."""
    is_on = len(items) > 2 and items[-1].text in ("on", "open")
    named = is_on or any(i.text in _HELD or _is_kept(i) for i in items[1:])
    return named and items[-1].text != "go"


def _is_kept(item: Item) -> bool:
    return item.kind == "kept" or (
        item.kind in _AMOUNTS and (_is_amount(item) or item.kind == "part")
    )


# --- 2 left, half still on, 25% remaining ---------------------------------------------------------


def _tail(items: list[Item], at: int) -> int:
    """Index behind ``left`` or ``still on`` when that is said of the amount at ``at``; else 0."""
    is_still = False
    for end in range(at + 1, min(at + 5, len(items))):
        text = items[end].text
        if text in _TAILS:
            return 0 if items[at].value == "rest" and text[:2] in ("le", "re") else end + 1
        if text in _STILL and is_still:
            return end + 1
        is_still = is_still or text in ("still", "is", "are", "to")
        if text not in _LITTLE:
            return 0
    return 0


def _stays(items: list[Item], at: int, end: int, out: list[Item]) -> int:
    """The amount stays; behind a verb it is what is traded: ``sold my 2 left``."""
    text = _text(items[at:end])
    if not _is_object(out):
        _put(out, items[at], "kept", _share(items[at : at + 1]), text)
    elif items[at].kind in ("num", "qty") or items[at].text in _WORDS:
        is_own = items[end - 1].text != "left" or out[-1].text in _OWN
        _put(out, items[at], "part" if is_own else "oddnum", "rest" if is_own else None, text)
    else:
        out.append(items[at])
    return end


def _phrase(item: Item, out: list[Item]) -> Item:
    """``sold my 2 runners``: they are what is sold; a phrase of the table names no share."""
    if isinstance(item.value, Decimal) and _is_object(out):
        return Item("part", "runner", item.text, item.sent, item.clause, item.is_upper)
    value = item.value if item.value == "free" else None
    return Item("kept", value, item.text, item.sent, item.clause, item.is_upper)


def _is_object(out: list[Item]) -> bool:
    for item in reversed(out):
        if item.kind == "verb":
            return True
        if item.text not in _OWN:
            return False
    return False
