"""Second pass: labels take their values. Prices, stops, targets, trails, what is kept."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.domain.alert import Level
from engine.parsers._grammar.items import Item

_JOINTS = frozenset((":", "=", "@", "-", "~", "<", ">", "<=", ">=", "->", "=>"))
_EQUALS = _JOINTS - {"<", ">", "<=", ">="}
_JOINT_WORDS = frozenset(
    ("is", "to", "at", "of", "now", "the", "my", "a", "around", "near", "about", "roughly",
     "approx", "approximately", "@", "update", "updated", "update:", "usd", "for", "on", "moved", "move", "moving", "in", "set", "its",
     "raised", "up", "down", "level", "here", "limit", "price", "all",
     "below", "under", "above", "over", "then", "first", "second", "new")
)  # fmt: skip
_LIST_JOINTS = frozenset((",", "/", "&", "|", "-", ";"))
_LIST_WORDS = frozenset(("and", "then", "to", "n", "or"))
_HIT = frozenset(("hit", "hits", "target hit", "tagged", "done", "reached", "filled", "smashed"))
_UNDER_WORDS = frozenset(
    ("if", "if it", "when", "once", "loses", "lose", "breaks", "break", "closes", "close", "trades",
     "below", "under", "above", "over", "at", "it", "price", "stock", "underlying", "on", "the",
     "a", "drops", "falls", "goes", "back", "is", "gets", "touches", "hits", "reclaims", "crosses",
     "break below", "breaks below", "break above", "breaks above", "holds", "spot", "5 min",
     "candle", "hourly", "daily", "min", "on a close", "holds below", "holds above", "closing",
     "reaches", "gets to", "through", "to", "stop", "down", "up")
)  # fmt: skip


class Reducer:
    """Walks the items once and replaces label and value by what they say together."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.out: list[Item] = []

    def run(self) -> list[Item]:
        """The reduced items."""
        at = 0
        while at < len(self.items):
            item = self.items[at]
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

    def joints(self, at: int, signs: frozenset[str] = _JOINTS) -> int:
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

    # --- stops, targets, trails -----------------------------------------------------------------

    def level(self, at: int) -> int:
        """A stop, target, trail or risk label, with whatever it is given."""
        item = self.items[at]
        if item.value == "target":
            return self.target(at)
        if item.value == "trail":
            return self.trail(at)
        if item.value == "risk":
            return self.risk(at)
        return self.stop(at)

    def stop(self, at: int) -> int:
        label = self.items[at]
        end = self.joints(at + 1)
        found = self.look(end)
        if found is not None and (value := _level(found, is_stop=True)) is not None:
            return self._stop_value(label, value, found, end + 1)
        if found is not None and found.kind == "oddnum":
            self.put(label, "oddlevel", "stop", f"{label.text} {found.text}")
            return end + 1
        if self._far(at):
            return at + 1
        if under := self._under(at + 1, label):
            return under
        return self._behind(at, "stop")

    def _note_move(self, label: Item, end: int) -> None:
        """``SL to 5``: something held gets a new stop."""
        if any(item.text in ("to", "->", "now") for item in self.items[max(end - 3, 0) : end - 1]):
            self.put(label, "verb", "upd")

    def _far(self, at: int) -> bool:
        """``stop on GS 740C 8/15 to 5``: the contract stands between label and value."""
        label, is_contract = self.items[at], False
        for end in range(at + 1, min(at + 9, len(self.items))):
            item, found = self.items[end], self.look(end + 1)
            is_tie = item.text in _TIES and is_contract and found is not None
            if is_tie and found is not None and (value := _level(found, is_stop=True)):
                self.put(label, "stop", value, f"{label.text} {found.text}")
                del self.items[end : end + 2]
                return True
            is_contract = is_contract or item.kind in _CONTRACT or item.kind == "sym"
            is_moved = item.kind == "verb" and item.value == "update"
            is_known = item.kind in _CONTRACT or item.text in _TIES or item.kind == "sym"
            if not is_known and not is_moved:
                return False
        return False

    def _stop_value(self, label: Item, value: Level, found: Item, end: int) -> int:
        """``stop 284 on CRM`` is a level of the underlying."""
        on, symbol = self.look(end), self.look(end + 1)
        is_on = on is not None and on.text in ("on", "on the")
        if is_on and symbol is not None and (symbol.kind == "sym" or symbol.text in _STOCK):
            after = self.look(end + 2)
            is_contract = after is not None and after.kind in _CONTRACT
            if value.kind == "price" and not is_contract:
                self._note_move(label, end)
                self.put(label, "under", (value.value, _name(symbol)), found.text)
                return end + 1
        self._note_move(label, end)
        self.put(label, "stop", value, f"{label.text} {found.text}")
        return end

    def _under(self, at: int, label: Item) -> int:
        """``if CRM < 284``, ``if SPX loses 6448``, ``below SPY 590``: a stop on the underlying."""
        symbol = ""
        for end in range(at, min(at + 9, len(self.items))):
            item = self.items[end]
            if item.kind in ("num", "money") and end > at:
                self.put(label, "under", (item.value, symbol), f"{label.text} {item.text}")
                return end + 1
            if item.kind == "sym":
                symbol = symbol or item.text
            elif item.text not in _UNDER_WORDS and item.text not in _JOINTS:
                return 0
        return 0

    def _behind(self, at: int, kind: str) -> int:
        """``8 pt stop``, ``$2.20 TARGET``: the value stands before its label."""
        label = self.items[at]
        last = self.out[-1] if self.out else None
        if last is not None and last.text == "be" and kind == "stop":
            self.out.pop()
            self.put(label, "stop", Level(kind="breakeven"))
        elif last is None or last.sent != label.sent or (value := _level(last, True)) is None:
            self.put(label, "barelevel", kind)
        else:
            self.out.pop()
            self.put(
                label, kind, value if kind == "stop" else (value,), f"{last.text} {label.text}"
            )
            self.out[-1].is_upper = False
            self.out.append(Item("lookback", None, "", label.sent, label.clause))
        return at + 1

    def target(self, at: int) -> int:
        label = self.items[at]
        nearest = self.look(at + 1)
        skip = int(nearest is not None and nearest.text in "12345" and nearest.kind == "num")
        told = self.look(at + 1 + skip)
        if told is not None and (told.text in _HIT or _is_tick(told)):
            self.put(label, "tag", f"{label.text.upper()} hit")
            return at + 2 + skip
        end = self._ordinal(at + 1)
        end = self._more_labels(self.joints(end))
        values, end = self._values(end)
        if values is None:
            self.put(label, "oddlevel", "targets", label.text)
            return end
        if values:
            self.put(label, "target", values)
            return end
        if label.text.endswith(("for", "ing")):
            self.put(label, "cue", "plan")
            return at + 1
        return self._behind(at, "target")

    def _ordinal(self, at: int) -> int:
        """``target 1: 6352`` and ``TP 1 2.00`` number the target; ``targets 1 / 2`` do not."""
        item, after, beyond = self.look(at), self.look(at + 1), self.look(at + 2)
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

    def _more_labels(self, at: int) -> int:
        """``PT1/PT2 1.60/2.00``: a label list before a value list."""
        while True:
            sign, label = self.look(at), self.look(at + 1)
            is_label = label is not None and label.kind == "level" and label.value == "target"
            if not (is_label and sign is not None and sign.text in ("/", ",", "&", "and")):
                return at
            at = self.joints(at + 2)

    def _values(self, at: int) -> tuple[tuple[Level, ...] | None, int]:
        """The list of levels at ``at``: empty when there is none, None when one is odd."""
        found: list[Level] = []
        end = at
        while (item := self.look(at)) is not None:
            if item.kind in ("oddnum", "range"):
                return None, at + 1
            more = _levels(item)
            if not more:
                break
            found += more
            end = at + 1
            at = self._list_joint(end)
            if at == end:
                break
        return _same_unit(found), end

    def _list_joint(self, at: int) -> int:
        item = self.look(at)
        if item is None:
            return at
        is_sign = item.kind == "punct" and item.value in _LIST_JOINTS
        is_word = item.kind == "fill" and item.text in _LIST_WORDS
        if not is_sign and not is_word:
            return at
        following = self.look(at + 1)
        if following is not None and following.text in _LIST_WORDS:
            return at + 2
        return at + 1

    def trail(self, at: int) -> int:
        label = self.items[at]
        end, following = at + 1, self.look(at + 1)
        if following is not None and following.kind == "level" and following.value == "stop":
            end += 1
        after = self.look(end)
        is_price = after is not None and after.text in ("to", "at", "@", ":", "up", "now")
        end = self.joints(end)
        found = self.look(end)
        if found is None or (value := _level(found, is_stop=True)) is None:
            self.put(label, "barelevel", "trail")
            return at + 1
        if value.kind == "breakeven" or (value.kind == "price" and is_price):
            self.put(label, "verb", "update")
            self.put(label, "stop", value, f"{label.text} {found.text}")
        else:
            self.put(label, "trail", found.text, f"{label.text} {found.text}")
        return end + 1

    def risk(self, at: int) -> int:
        """``risk 6 pts`` is a stop; a share of the account is no level."""
        label = self.items[at]
        end = self.joints(at + 1)
        found = self.look(end)
        if found is not None and found.kind == "points":
            self.put(label, "stop", Level(kind="points", value=found.value), found.text)
            return end + 1
        is_to = any(item.text in ("to", ":") for item in self.items[at + 1 : end])
        if is_to and found is not None and found.kind in ("num", "money"):
            self.put(label, "stop", Level(kind="price", value=found.value), found.text)
            return end + 1
        is_number = found is not None and found.kind in ("num", "money", "pct", "oddnum", "slash")
        if is_number:
            self.put(label, "oddlevel", "stop", label.text)
            return end + 1
        self.put(label, "note", None)
        return at + 1

    # --- prices ---------------------------------------------------------------------------------

    def price(self, at: int) -> int:
        label = self.items[at]
        if label.value == "market":
            self.put(label, "market", None)
            return at + 1
        if label.text == "lmt" and self._is_ticker(at):
            self.put(label, "fill", "")
            return at + 1
        end = self.joints(at + 1, _EQUALS)
        found = self.look(end)
        kind = _PRICED.get(found.kind, "") if found is not None else ""
        if found is None or not kind:
            return self._loose_price(at)
        if kind == "market":
            if found.value != "market":
                return self._loose_price(at)
            self.put(label, "market", None)
            return end + 1
        if label.value == "ref":
            self.put(label, "ref", found.value, f"{label.text} {found.text}")
        elif kind == "price":
            self.put(label, "paid", (label.value, found.value), f"{label.text} {found.text}")
        elif found.kind == "slash" and label.text == "for":
            self.put(label, "fill", "")
            return at + 1
        else:
            self.put(label, kind, found.value, f"{label.text} {found.text}")
        return end + 1

    def _is_ticker(self, at: int) -> bool:
        """``Shorting LMT @ 59``: capitals between verb and price word."""
        last, after = (self.out[-1] if self.out else None), self.look(at + 1)
        is_slot = last is not None and last.kind in ("verb", "num", "qty", "part")
        is_priced = after is not None and after.kind in ("price", "slash", "date", "opt")
        return self.items[at].is_upper and is_slot and is_priced

    def _loose_price(self, at: int) -> int:
        """A price word without a number behind it: ``3.40 entry``, ``for Friday``."""
        label = self.items[at]
        last = self.out[-1] if self.out else None
        if label.text in ("avg", "average") and (last is None or last.sent != label.sent):
            self.put(label, "verb", "add")
            return at + 1
        names_price = label.text not in ("at", "@", "for", "fill", "filled", "limit", "lmt", "from")
        if names_price and label.value != "ref" and last is not None:
            if last.kind in ("num", "money") and last.sent == label.sent:
                self.out.pop()
                self.put(label, "paid", (label.value, last.value), f"{last.text} {label.text}")
                return at + 1
        after = self.look(at + 1)
        if label.text in ("filled", "fill", "fills") and after is not None and after.text == ":":
            self.put(label, "cue", "echo")
        elif label.text == "@" or (label.text in ("at", "for") and _is_end(after)):
            self.put(label, "dangling", None)
        elif label.value == "entry" and label.text in ("entry", "entries"):
            self.put(label, "entryword", None)
        else:
            self.put(label, "fill", "")
        return at + 1

    def keep(self, at: int) -> int:
        """``leaving 2 runners``, ``holding half``: what stays is no order."""
        label = self.items[at]
        end = at + 1
        for _ in range(4):
            item = self.look(end)
            if item is None or item.text not in _KEPT and item.kind not in _KEPT_KINDS:
                break
            end += 1
        if end > at + 1 and end < len(self.items) and self.items[end].text in _RIDE:
            end += 1
        while end > at + 1 and self.items[end - 1].kind == "fill":
            end -= 1
        if end > at + 1:
            self.put(label, "note", None, " ".join(one.text for one in self.items[at:end]))
            return end
        self.put(label, "cue" if label.value == "hold" else "note", "status")
        return at + 1

    def take(self, at: int) -> int:
        """``taking half off`` closes; ``taking AVGO 265c`` opens."""
        item = self.items[at]
        if item.value == "take":
            is_off = any(
                one.text.endswith("off") and one.sent == item.sent
                for one in self.items[at + 1 : at + 5]
            )
            is_done = any(one.text in _RESULTS for one in self.items[at + 1 : at + 7])
            self.put(item, "verb", "trim" if is_off else "close" if is_done else "open")
        elif item.text == "btc" and self._is_coin(at + 1):
            self.put(item, "cue", "status")
        else:
            self.out.append(item)
        return at + 1

    # --- words that need their neighbour --------------------------------------------------------

    def fill(self, at: int) -> int:
        """``now 2.95`` is a status, ``order 88121`` a broker's number."""
        item, after = self.items[at], self.look(at + 1)
        kind = after.kind if after is not None else ""
        if item.text == "off" and self._ends_share(item):
            self.put(item, "verb", "trim")
        elif item.text == "trades" and after is not None and after.text == ":":
            self.put(item, "cue", "recap")
        elif item.text == "got" and kind in ("sym", "num", "qty") and self._is_start(item):
            self.put(item, "verb", "open")
        elif item.text == "now" and kind in ("num", "money", "price", "oddnum"):
            self.put(item, "cue", "status")
        elif item.text == "order" and kind in ("num", "oddnum"):
            self.put(item, "cue", "echo")
        else:
            self.out.append(item)
        return at + 1

    def _is_start(self, item: Item) -> bool:
        return all(one.sent != item.sent or one.kind in ("emoji", "note") for one in self.out)

    def _ends_share(self, item: Item) -> bool:
        """``half off at 235`` without a verb is a trim."""
        last = self.out[-1] if self.out else None
        is_share = last is not None and last.kind in ("part", "slash", "pct", "share")
        return is_share and not any(
            one.kind == "verb" and one.sent == item.sent for one in self.out
        )

    def part(self, at: int) -> int:
        """``stop to BE on the rest``: the rest is what the stop is for, not what is sold."""
        item, last = self.items[at], (self.out[-1] if self.out else None)
        is_on = last is not None and last.text in ("on", "on the", "for", "for the")
        has_stop = any(one.kind == "stop" and one.sent == item.sent for one in self.out)
        if is_on and has_stop and item.value in ("rest", "runner"):
            self.put(item, "note", None)
        else:
            self.out.append(item)
        return at + 1

    def cue(self, at: int) -> int:
        """``breakout over 358``: a level behind a remark about the chart is part of it."""
        item, after = self.items[at], self.look(at + 1)
        last = self.out[-1] if self.out else None
        is_level = after is not None and after.kind in ("num", "money")
        if item.text in ("up", "down"):
            beyond = self.look(at + 2)
            is_cap = after is not None and after.text == "to" and beyond is not None
            is_cap = is_cap and beyond is not None and beyond.kind in ("num", "money", "oddnum")
            kind = after.kind if after is not None else ""
            is_cue = kind in _GAINS or is_cap
            self.put(item, "cue" if is_cue else "fill", "cond" if is_cap else "status")
            return at + 1
        if item.text in _SIDES and is_level and last is not None and last.kind == "note":
            self.put(item, "note", None)
            return at + 2
        self.out.append(item)
        return at + 1

    def note(self, at: int) -> int:
        """``a gain of 60%`` is a result, not a share."""
        item, tie, after = self.items[at], self.look(at + 1), self.look(at + 2)
        self.out.append(item)
        is_result = item.text in _RESULTS and tie is not None and tie.text == "of"
        if is_result and after is not None and after.kind in ("pct", "gainpct", "num", "money"):
            self.put(after, "gainpct", after.value)
            return at + 3
        return at + 1

    def resting(self, at: int) -> int:
        """``buy stop``: an order that waits for a price; a person decides."""
        item = self.items[at]
        self.put(item, "verb", item.value)
        self.put(item, "cue", "cond")
        return at + 1

    def _is_coin(self, at: int) -> bool:
        """``BTC 118,500``: the coin and its price."""
        found = self.look(at)
        if found is not None and found.kind == "price":
            found = self.look(at + 1)
        is_number = found is not None and found.kind in ("num", "money")
        return is_number and found is not None and found.value >= _COIN_PRICE

    # --- labelled lines -------------------------------------------------------------------------

    def label(self, at: int) -> int:
        """``ticker: SPY``, ``strike: 590``, ``type: call``, ``qty: 2``."""
        label, found = self.items[at], self.look(at + 1)
        is_value = found is not None and found.sent == label.sent
        reader = _LABELLED.get(label.value)
        if found is None or not is_value or reader is None:
            self.put(label, "fill" if label.value != "notes" else "note", "")
            return at + 1
        return reader(self, at, label, found)

    def label_symbol(self, at: int, label: Item, found: Item) -> int:
        if found.kind in ("sym", "word", "note", "verb", "part", "fill") and label.kind == "label":
            self.put(found, "sym", 3, found.text.upper())
            return at + 2
        self.put(label, "fill", "")
        return at + 1

    def label_strike(self, at: int, label: Item, found: Item) -> int:
        kind = {"num": "strike", "money": "strike", "slash": "strikes"}.get(found.kind)
        if kind == "strikes":
            pairs = tuple((Decimal(part), "") for part in found.value)
            self.put(found, kind, pairs)
            return at + 2
        if kind:
            self.put(found, kind, found.value)
            return at + 2
        self.put(label, "fill", "")
        return at + 1

    def label_type(self, at: int, label: Item, found: Item) -> int:
        if found.kind == "letter" and found.value in ("C", "P"):
            self.put(found, "right", found.value)
            return at + 2
        self.put(label, "fill", "")
        return at + 1

    def label_qty(self, at: int, label: Item, found: Item) -> int:
        if found.kind == "num" and label.text != "size":
            self.put(found, "qty", found.value)
            return at + 2
        if found.kind == "num":
            self.put(found, "oddnum", None)
            return at + 2
        self.put(label, "fill", "")
        return at + 1

    def label_fraction(self, at: int, label: Item, found: Item) -> int:
        if found.kind == "pct":
            self.put(found, "share", found.value / 100)
            return at + 2
        self.put(label, "fill", "")
        return at + 1


_CONTRACT = frozenset(("opt", "occ", "slash", "date", "when", "right", "ndte", "future"))
_TIES = frozenset(("to", "at", "@", "on", "for", "now", ":", "->", "is", "my", "the"))
_SIDES = frozenset(("over", "above", "under", "below", "through", "at", "near"))
_GAINS = frozenset(("num", "money", "pct", "gainpct", "gain", "oddnum", "points", "note"))
_RESULTS = frozenset(
    ("profit", "profits", "gain", "gains", "loss", "losses", "win", "wins", "money", "l", "w",
     "nice profit", "nice gains", "small loss", "small gain", "quick profit", "good profit",
     "nice win", "small win", "small profit", "nice profits")
)  # fmt: skip
_COIN_PRICE = 20_000
_STOCK = frozenset(("stock", "underlying", "the stock", "chart"))
_PRICED = {
    "num": "price", "money": "price", "oddnum": "oddprice", "range": "paidrange",
    "price": "market", "pct": "gainpct", "gainpct": "gainpct", "gain": "gain", "list": "oddprice",
    "slash": "oddprice", "strikes": "oddprice",
}  # fmt: skip
_KEPT = frozenset(
    (
        "one",
        "ones",
        "it",
        "them",
        "piece",
        "the",
        "a",
        "my",
        "some",
        "of",
        "left",
        "on",
        "rest",
        "runner",
        "runners",
        "with",
    )
)
_RIDE = frozenset(("ride", "run", "running", "riding", "work", "go", "on", "left", "open"))
_KEPT_KINDS = frozenset(("num", "part", "slash", "pct", "qty", "share"))
_LABELLED: dict[str, Callable[[Reducer, int, Item, Item], int]] = {
    "symbol": Reducer.label_symbol,
    "strike": Reducer.label_strike,
    "type": Reducer.label_type,
    "qty": Reducer.label_qty,
    "fraction": Reducer.label_fraction,
}
_READERS: dict[str, Callable[[Reducer, int], int]] = {
    "level": Reducer.level,
    "price": Reducer.price,
    "keep": Reducer.keep,
    "verb": Reducer.take,
    "fill": Reducer.fill,
    "cue": Reducer.cue,
    "resting": Reducer.resting,
    "part": Reducer.part,
    "note": Reducer.note,
    "label": Reducer.label,
    "softlabel": Reducer.label,
}


def _is_end(item: Item | None) -> bool:
    return item is None or item.kind in ("line", "para", "stopmark", "emoji")


def _is_tick(item: Item) -> bool:
    return item.kind == "emoji" and any(mark in item.text for mark in "✅☑✔")


def _name(item: Item) -> str:
    return item.text if item.kind == "sym" else ""


def _level(item: Item, is_stop: bool) -> Level | None:
    """The one level that an item states, or None."""
    if item.kind in ("num", "money"):
        return Level(kind="price", value=item.value)
    if item.kind == "points":
        return Level(kind="points", value=item.value)
    if item.kind in ("pct", "gainpct"):
        return Level(kind="percent", value=item.value)
    is_entry = item.kind == "price" and item.value == "entry"
    if is_stop and (item.kind == "even" or item.text == "be" or is_entry):
        return Level(kind="breakeven")
    if item.kind == "gain" and "$" not in item.text and not is_stop:
        return Level(kind="points", value=item.value)
    return None


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
