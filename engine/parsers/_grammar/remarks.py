"""Small words that need their neighbour: now, off, take, up, over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.parsers._grammar import around, charts, levels, paid
from engine.parsers._grammar.facts import is_fraction

if TYPE_CHECKING:
    from engine.parsers._grammar.items import Item
    from engine.parsers._grammar.reduce import Reducer

_SIDES = frozenset(("over", "above", "under", "below", "through", "at", "near"))
_GAINS = frozenset(("num", "money", "pct", "gainpct", "gain", "oddnum", "points", "note", "kept"))
_RESULTS = frozenset(
    ("profit", "profits", "gain", "gains", "loss", "losses", "win", "wins", "money", "l", "w",
     "nice profit", "nice gains", "small loss", "small gain", "quick profit", "good profit",
     "nice win", "small win", "small profit", "nice profits")
)  # fmt: skip
_ENTRIES = frozenset(("bto!", "buy", "open", "in", "long"))
_NUMBERS = frozenset(("num", "money"))
_TALLIES = frozenset(("p/l", "p&l", "pnl", "gain", "profit", "result", "results"))
"""``P/L: +50%`` in the lines of an exit only says how it went."""
_OFF = ("off", "off the table")
_OVER = frozenset(("sell", "stc!", "btc!", "cover", "close", "out", "stopped", "trim"))
_FEW = 20
_COIN_PRICE = 20_000
_CONTRACTS = frozenset(("opt", "occ", "strikes", "sym", "future", "slash", "date"))
_SHARES = frozenset(("part", "num", "pct", "share", "qty"))


def take(reader: Reducer, at: int) -> int:
    """``taking half off`` closes; ``taking AVGO 265c`` opens."""
    item = reader.items[at]
    if around.is_third(reader, at):
        reader.put(item, "cue", "flow")
        return at + 1
    if item.value in ("out", "close") and (end := _conditional_exit(reader, item, at)):
        return end
    if _is_covered_sale(reader, item, at):
        reader.put(item, "note", None)
        return at + 1
    if item.value == "take":
        reader.put(item, "verb", _taken(reader, item, at))
    elif item.text == "btc" and _is_coin(reader, at + 1):
        reader.put(item, "cue", "status")
    else:
        reader.out.append(item)
    return at + 1


def _is_held(item: Item | None) -> bool:
    """``last 1/4 out``, ``sold my last 2``: all that is left."""
    if item is None:
        return False
    is_count = item.kind == "num" and item.text.isdigit() and item.value <= _FEW
    return is_count or item.kind == "qty" or (item.kind == "slash" and is_fraction(item.value))


def _conditional_exit(reader: Reducer, item: Item, at: int) -> int:
    """``BTO ..., out if SMH closes under 372``: behind an entry that is its stop."""
    after = reader.look(at + 1)
    is_if = after is not None and after.text in ("if", "if it", "on a close", "below", "under")
    is_entry = any(one.kind == "verb" and one.value in _ENTRIES for one in reader.out)
    return levels.under(reader, at + 1, item) if is_if and is_entry else 0


def _is_covered_sale(reader: Reducer, item: Item, at: int) -> bool:
    """``STO ... covered``: the shares are held; nothing is bought back."""
    if item.text != "covered":
        return False
    after = reader.look(at + 1)
    is_end = after is None or after.kind in ("line", "para", "stopmark", "punct", "emoji", "fill")
    is_end = is_end or (after is not None and after.kind in ("qty", "paid", "price", "effect"))
    return is_end and _has_sold(reader)


def _has_sold(reader: Reducer) -> bool:
    return any(one.kind == "verb" and one.value in ("sto!", "write", "sell") for one in reader.out)


def spread(reader: Reducer, at: int) -> int:
    """``sold covered call: AAPL 280C``: one call is written, against shares."""
    item = reader.items[at]
    if item.text in ("covered call", "covered calls") and _has_sold(reader):
        reader.put(item, "note", None, "covered")
    else:
        reader.out.append(item)
    return at + 1


def _taken(reader: Reducer, item: Item, at: int) -> str:
    """What is taken: some off, all of it off, a profit or loss, or a position."""
    ahead = [one for one in reader.items[at + 1 : at + 13] if one.sent == item.sent]
    off = next((k for k, one in enumerate(ahead) if one.text.endswith(_OFF)), None)
    if off is not None and ahead[off].text == _OFF[1]:
        ahead[off].kind, ahead[off].value = "fill", ""
    if off is not None:
        is_share = ahead[off].kind != "fill" or any(
            one.kind in _SHARES or (one.kind == "slash" and is_fraction(one.value))
            for one in ahead[:off]
        )
        return "trim" if is_share else "close"
    after = reader.look(at + 1)
    is_part = after is not None and (
        after.kind in ("part", "pct") or (after.kind == "slash" and is_fraction(after.value))
    )
    if is_part and not any(one.kind in _CONTRACTS for one in reader.items[at + 2 :]):
        return "trim"  # a reply: took half 1.50
    nearby = reader.items[at + 1 : at + 7]
    return "close" if any(one.text in _RESULTS for one in nearby) else "open"


def fill(reader: Reducer, at: int) -> int:
    """``now 2.95`` is a status, ``order 88121`` a broker's number."""
    item, after = reader.items[at], reader.look(at + 1)
    if item.text == "at the" and (end := paid.at_level(reader, at)):
        return end
    kind, value = around.told(reader, at) or _filled(reader, item, after)
    if kind:
        reader.put(item, kind, value)
    else:
        reader.out.append(item)
    return at + 1


def _filled(reader: Reducer, item: Item, after: Item | None) -> tuple[str, str]:
    """(kind, value) of a filler that its neighbours turn into something; empty when none do."""
    kind = after.kind if after is not None else ""
    last = reader.out[-1] if reader.out else None
    if item.text == "be" and _is_even(item, last, after):
        return "even", "even"
    if item.text == "one" and last is not None and last.kind == "verb":
        return "oddnum", ""  # sold one: a count in letters
    if item.text == "off" and _ends_share(reader, item):
        return "verb", "trim"
    if item.text == "trades" and after is not None and after.text == ":":
        return "cue", "recap"
    if item.text == "got" and kind in ("sym", "num", "qty") and _is_start(reader, item):
        return "verb", "open"
    if item.text == "now" and kind in ("num", "money", "price", "oddnum"):
        return "cue", "status"
    if item.text == "order" and kind in ("num", "oddnum"):
        return "cue", "echo"
    return "", ""


def _is_even(item: Item, last: Item | None, after: Item | None) -> bool:
    """``BE`` for break-even: in capitals, or behind ``to``, at the end of what is said."""
    is_end = after is None or after.kind in ("line", "para", "stopmark", "punct", "emoji")
    is_end = is_end or (after is not None and after.text in ("now", "here", "on"))
    return is_end and (item.is_upper or (last is not None and last.text in ("to", "at", "@")))


def _is_start(reader: Reducer, item: Item) -> bool:
    return all(one.sent != item.sent or one.kind in ("emoji", "note", "kept") for one in reader.out)


def _ends_share(reader: Reducer, item: Item) -> bool:
    """``half off at 235`` without a verb is a trim."""
    last = reader.out[-1] if reader.out else None
    is_share = last is not None and last.kind in ("part", "slash", "pct", "share", "qty")
    return is_share and not any(
        one.kind == "verb" and one.sent == item.sent and not _is_side(reader.out, at)
        for at, one in enumerate(reader.out)
    )


def _is_side(items: list[Item], at: int) -> bool:
    """``ES long:``: only the side of what is held."""
    is_behind = at > 0 and items[at - 1].kind in ("sym", "future", "opt", "slash")
    return items[at].text in ("long", "short") and is_behind


def part(reader: Reducer, at: int) -> int:
    """``stop to BE on the rest``: the rest is what the stop is for, not what is sold."""
    item, last = reader.items[at], (reader.out[-1] if reader.out else None)
    is_on = last is not None and last.text in ("on", "on the", "for", "for the")
    has_stop = any(one.kind == "stop" and one.sent == item.sent for one in reader.out)
    if is_on and has_stop and item.value in ("rest", "runner"):
        reader.put(item, "note", None)
    else:
        reader.out.append(item)
    return at + 1


def cue(reader: Reducer, at: int) -> int:
    """``breakout over 358``: a level behind a remark about the chart is part of it."""
    item, after = reader.items[at], reader.look(at + 1)
    last = reader.out[-1] if reader.out else None
    if said := around.told(reader, at):
        reader.put(item, *said)
        return at + 1
    if (
        item.text == "back at"
        and after is not None
        and after.kind in _NUMBERS
        and "." in after.text
    ):
        reader.put(item, "paid", ("plain", after.value), f"@ {after.text}")
        return at + 2
    if item.text == "last" and _is_held(after):
        reader.put(item, "part", "rest")
        return at + 2
    if item.text in _TALLIES and after is not None and after.text == ":":
        result = reader.look(at + 2)
        if result is not None and result.kind in ("gain", "gainpct", "pct"):
            is_over = any(one.kind == "verb" and one.value in _OVER for one in reader.items)
            reader.put(item, "note" if is_over else "cue", "status")
            return at + 3
    is_level = after is not None and after.kind in ("num", "money")
    if item.text in ("paying", "im paying") and after is not None and is_level:
        reader.put(item, "paid", ("plain", after.value), f"{item.text} {after.text}")
        return at + 2
    if item.text in ("up", "down"):
        beyond = reader.look(at + 2)
        is_cap = after is not None and after.text == "to" and beyond is not None
        is_cap = is_cap and beyond is not None and beyond.kind in ("num", "money", "oddnum")
        kind = after.kind if after is not None else ""
        is_cue = kind in _GAINS or is_cap
        reader.put(item, "cue" if is_cue else "fill", "cond" if is_cap else "status")
        return at + 1
    if item.text in _SIDES and is_level and last is not None and last.kind == "note":
        reader.put(item, "note", None)
        return at + 2
    reader.out.append(item)
    return at + 1


def note(reader: Reducer, at: int) -> int:
    """``a gain of 60%`` is a result, not a share."""
    item, tie, after = reader.items[at], reader.look(at + 1), reader.look(at + 2)
    if said := around.told(reader, at):
        reader.put(item, *said)
        return at + 1
    if end := charts.stop(reader, at) or charts.chart(reader, at):
        return end
    if item.text == "flow" and tie is not None and tie.text == ":":
        reader.put(item, "cue", "flow")
        return at + 1
    reader.out.append(item)
    is_result = item.text in _RESULTS and tie is not None and tie.text == "of"
    if is_result and after is not None and after.kind in ("pct", "gainpct", "num", "money"):
        reader.put(after, "gainpct", after.value)
        return at + 3
    return at + 1


def resting(reader: Reducer, at: int) -> int:
    """``buy stop``: an order that waits for a price; a person decides."""
    item = reader.items[at]
    reader.put(item, "verb", item.value)
    reader.put(item, "cue", "cond")
    return at + 1


def _is_coin(reader: Reducer, at: int) -> bool:
    """``BTC 118,500``: the coin and its price."""
    found = reader.look(at)
    if found is not None and found.kind == "price":
        found = reader.look(at + 1)
    is_number = found is not None and found.kind in ("num", "money")
    return is_number and found is not None and found.value >= _COIN_PRICE
