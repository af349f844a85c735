"""Several trades in one message: where one ends and the next begins."""

from itertools import pairwise

from engine.parsers._grammar.items import Item

_SEPARATORS = frozenset((",", "/", "|", "+", "->", "=>", "&", "//", "-", "--"))
_AND = frozenset(("and", "then", "plus", "also", "now", "w/", "to", "into"))
_PRICES = frozenset(("paid", "paidrange", "market"))
_ANY_PRICE = _PRICES | {"num", "money", "range"}


def split(items: list[Item], anchors: frozenset[str]) -> list[list[Item]]:
    """Stretches of items with one trade each; one stretch when that is all there is.

    ``anchors``: the kinds that name a contract. Spreads, whose legs are anchors too, stay whole.
    """
    found = [at for at, item in enumerate(items) if item.kind in anchors]
    found = _distinct(items, found)
    if len(found) < 2 or _is_one_spread(items, found):
        return [items]
    cuts = [0]
    for one, two in pairwise(found):
        cut = _cut(items, one, two)
        if cut is None:
            return [items]
        cuts.append(cut)
    cuts.append(len(items))
    return [items[start:end] for start, end in pairwise(cuts)]


def _distinct(items: list[Item], found: list[int]) -> list[int]:
    """Anchors without those that only repeat the contract before them."""
    out: list[int] = []
    for at in found:
        is_same = bool(out) and _same(items, out[-1], at)
        if not is_same:
            out.append(at)
    return out


def _same(items: list[Item], one: int, two: int) -> bool:
    if items[one].kind != items[two].kind or items[one].value != items[two].value:
        return False
    if items[one].kind == "occ" and items[one].text != items[two].text:
        return False
    between = {item.kind for item in items[one:two]}
    return not ("verb" in between and between & _PRICES)


def _is_one_spread(items: list[Item], found: list[int]) -> bool:
    """A named spread, or legs with one price behind them all."""
    if items[found[0]].kind not in ("opt", "occ", "strikes"):
        return False
    stretch = items[: found[-1]]
    has_price_between = any(
        item.kind in _PRICES or _is_bare_price(items, at)
        for at, item in enumerate(items[: found[-1]])
        if at > found[0]
    )
    has_line = any(item.kind in ("line", "para") for item in items[found[0] : found[-1]])
    if any(item.kind == "spread" for item in items):
        spreads = sum(item.kind == "spread" for item in items)
        return spreads == 1 or not has_price_between
    return not has_price_between and not has_line and bool(stretch)


def _is_bare_price(items: list[Item], at: int) -> bool:
    """A number right behind a contract, as in ``RIVN 13C 8/22 .78``."""
    is_number = items[at].kind in ("num", "money") and "." in items[at].text
    return is_number and items[at - 1].kind in ("opt", "slash", "date", "when", "ndte", "fill")


def _cut(items: list[Item], one: int, two: int) -> int | None:
    """Where the trade of anchor ``two`` begins."""
    verb = next((at for at in range(two, one + 1, -1) if items[at].kind == "verb"), None)
    line = next((at for at in range(two, one, -1) if items[at].kind in ("line", "para")), None)
    if verb is not None:
        if line is not None and (line < verb or _is_priced(items[one:line])):
            return line + 1
        while verb - 1 > one and items[verb - 1].kind in ("verb", "fill"):
            verb -= 1
        return verb
    if line is not None:
        return line + 1
    return _separator(items, one, two)


def _is_priced(items: list[Item]) -> bool:
    """``ES long 6952: B`` on a line of its own: what follows begins behind the line."""
    kinds = [item.kind for item in items]
    return "verb" in kinds and any(kind in _ANY_PRICE for kind in kinds[kinds.index("verb") :])


def _separator(items: list[Item], one: int, two: int) -> int | None:
    priced = next((at for at in range(one + 1, two) if items[at].kind in _ANY_PRICE), None)
    if priced is None:
        return None
    for at in range(priced + 1, two):
        is_sign = items[at].kind == "punct" and items[at].value in _SEPARATORS
        if is_sign or items[at].text in _AND or items[at].kind in ("cue", "stopmark", "emoji"):
            return at + 1
    return None
