"""Futures rooms: the siren form with a size letter, plain orders, exits in points and prices."""

from datetime import date
from decimal import Decimal

from engine.domain.alert import Action, Parsed, Signal, SizeClass
from engine.domain.instrument import FUTURES
from engine.parsers import RoomParser
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.orders import Draft, Reading, decide
from engine.parsers._grammar.plain import PlainTrade
from engine.parsers._grammar.segments import split

_MORE_ROOTS = (
    "QM QG MNG HG MHG PL PA SIL RB HO ZF ZT UB TN ZC ZS ZW ZL ZM KE HE LE GF NKD EMD VX VXM "
    "6A 6B 6C 6J 6N 6S M6E M6A M6B MBT MET BTI BRN DX FDAX FESX FGBL DAX KC SB CC CT OJ"
)
ROOTS = frozenset((*FUTURES, *_MORE_ROOTS.split()))
"""Roots that are read without a slash or month code; what is traded is decided elsewhere."""
_SIDES = {"L": "long", "S": "short"}
_LETTERS: dict[str, SizeClass] = {"A": "A", "B": "B", "C": "C"}
_INDEXES = frozenset(("ES", "MES", "NQ", "MNQ", "YM", "MYM", "RTY", "M2K"))
_LEAST_INDEX = 1000
_FAR_STOP = Decimal("0.01")
_MARKS = frozenset(("+", "-", "/", "++", "--", "*"))
_MONTHS = "FGHJKMNQUVXZ"


class Futures(RoomParser):
    """Reads what futures rooms write."""

    name = "futures"

    def evidence(self, reading: Reading) -> int:
        """Contract codes and roots speak for futures; a root alone is weak beside a strike."""
        named = [item for item in reading.items if item.kind in ("sym", "future")]
        codes = [item for item in named if item.kind == "future" or item.value == 4]
        roots = [item for item in named if item.kind == "sym" and item.text in ROOTS]
        return 4 * len(codes) + 2 * bool(roots)

    def read(self, reading: Reading) -> Parsed:
        """All trades of the message, or why there is none."""
        items = _sides([_root(item, reading.today) for item in reading.items])
        drafts = _drafts(reading, split(items, frozenset(("root",))))
        if drafts is None:
            drafts = _drafts(reading, [items]) or []
        return decide(reading, drafts, "no action on a future")


def _root(item: Item, today: date) -> Item:
    """Roots and contract codes become anchors: value is (root, contract or None)."""
    if item.kind == "future":
        root, month, year = item.value
        item.kind, item.value = "root", (root.upper(), _contract(root, month, year, today))
    elif item.kind == "sym" and (item.value == 4 or item.text in ROOTS):
        item.kind, item.value = "root", (item.text, None)
    return item


def _sides(items: list[Item]) -> list[Item]:
    """``MNQ L 25410``: a letter between root and price is the side."""
    if not any(item.kind in ("stop", "target") for item in items):
        return items  # S 24000: a support
    for before, item, after in zip(items, items[1:], items[2:], strict=False):
        is_side = item.kind == "letter" and item.text in _SIDES and before.kind == "root"
        if is_side and after.kind in ("num", "paid", "money", "price"):
            item.kind, item.value = "verb", _SIDES[item.text]
    return items


def _contract(root: str, month: str, year: str, today: date) -> str:
    """``ESM5`` in 2025 is ``ESM25``; one digit means the nearest such year not past."""
    number = int(year)
    if len(year) == 1:
        number = today.year - today.year % 10 + number
        number += 10 if number < today.year else 0
    code = f"{root}{month}".upper()
    return f"{code}{number % 100:02d}"


def _is_past(contract: str, today: date) -> bool:
    year, month = 2000 + int(contract[-2:]), _MONTHS.index(contract[-3]) + 1
    return (year, month) < (today.year, today.month) or year > today.year + 3


def _drafts(reading: Reading, parts: list[list[Item]]) -> list[Draft] | None:
    """One draft per part; None when a part of several holds no trade."""
    drafts: list[Draft] = []
    for part in parts:
        draft = _Trade(reading, part, drafts[-1] if drafts else None).draft()
        if draft is not None:
            drafts.append(draft)
        elif len(parts) > 1:
            return None
    return drafts


class _Trade(PlainTrade):
    asset = "future"
    opens = (Action.LONG, Action.SHORT)
    closes = (Action.STC, Action.BTC)

    def instrument(self) -> tuple[str, str | None, int | None]:
        facts = self.facts
        found = facts.at("root")
        if not found:
            return "", None, None
        names = {facts.items[at].value[0] for at in found}
        contracts = {facts.items[at].value[1] for at in found} - {None}
        for at in found:
            facts.take(at)
        if len(names) > 1 or len(contracts) > 1:
            facts.doubt("symbol", "more than one future is named")
            return "", None, found[0]
        if not names <= ROOTS:
            facts.doubt("symbol", f"{', '.join(sorted(names))} is no future known here")
        contract = contracts.pop() if contracts else None
        if contract is not None and _is_past(contract, self.reading.today):
            facts.doubt("contract", f"the contract {contract} is past or too far ahead")
        return names.pop(), contract, found[0]

    def size(self) -> SizeClass | None:
        facts = self.facts
        found = super().size()
        letters = [at for at in facts.at("letter") if self._is_size(at)]
        for at in letters:
            letter = facts.take(at).text
            after = facts.items[at + 1] if at + 1 < len(facts.items) else None
            if after is not None and after.text in _MARKS:
                facts.doubt("size_class", f"{letter}{after.text} is no size of this room")
            if letter not in _LETTERS:
                facts.doubt("size_class", f"{letter} is no size of this room")
            elif found is not None and found != _LETTERS[letter]:
                facts.doubt("size_class", "two sizes are stated")
            found = _LETTERS.get(letter, found)
        return found

    def _is_size(self, at: int) -> bool:
        """A letter behind the price, a colon or the word size."""
        items = self.facts.items
        before = items[at - 1] if at else None
        after = items[at + 1] if at + 1 < len(items) else None
        is_after = before is not None and (
            before.kind in ("num", "paid", "money") or before.text in (":", "(", "-", "size", "@")
        )
        return is_after or (after is not None and after.text in ("size", "sized"))

    def settle_sell(self, signal: Signal) -> None:
        """``Selling NQ 20040 stop 20075`` opens a short: its stop is above."""
        said, facts = self.intent, self.facts
        if said.side is not None or self.base is not None or facts.has("part", "share", "pct"):
            return
        stop, price = signal.stop, signal.price
        if stop is not None and stop.value is not None and price is not None:
            is_above = stop.kind == "points" or stop.value > price
            if is_above:
                said.family, said.side = "open", "short"
                return
        said.family = "open" if signal.stop is not None or signal.targets else said.family
        said.side = "short" if said.family == "open" else None
        facts.doubt("action", "does it open a short or close a long?")

    def check(self, signal: Signal) -> None:
        facts = self.facts
        self._check_size(signal)
        if self.intent.family != "open":
            return
        is_form = self._is_form()
        if signal.stop is None and (is_form or self.reading.profile.always_has_stop):
            facts.doubt("stop", "no stop is stated, and this source always gives one")
        if is_form and signal.size_class is None:
            facts.doubt("size_class", "no size letter is stated, and this form always has one")

    def _check_size(self, signal: Signal) -> None:
        """An index stands in the thousands, moves in ticks, and its stops lie near."""
        price, stop = signal.price, signal.stop
        if price is None and self.intent.family == "update" and self.base is not None:
            price = self.base.price
        if price is None:
            return
        tick = FUTURES.get(signal.symbol, ("", ""))[1]
        if self.intent.family == "open" and tick and price % Decimal(tick):
            self.facts.doubt("price", f"{price} is no price of {signal.symbol}: not in its steps")
        if signal.symbol not in _INDEXES:
            return
        if price < _LEAST_INDEX:
            self.facts.doubt("price", f"{price} is too low for {signal.symbol}: digits left out?")
        near = stop is not None and stop.kind == "price" and stop.value is not None
        if near and stop is not None and abs(Decimal(stop.value or 0) - price) > price * _FAR_STOP:
            self.facts.doubt("stop", f"the stop {stop.value} is far from {price}")

    def _is_form(self) -> bool:
        """The siren form: a siren, or a size letter behind the price."""
        items = self.facts.items
        first = next((at for at, item in enumerate(items) if item.kind in ("root", "verb")), 0)
        has_siren = any(item.kind == "emoji" and "🚨" in item.text for item in items[:first])
        if has_siren and self.facts.has("target") and not self.facts.has("line", "para"):
            has_siren = False  # the form has a line for the stop
        has_letter = any(item.kind == "letter" for item in items)
        return has_siren or has_letter
