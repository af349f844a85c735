"""Share rooms: entries, shorts, trims and levels of a single ticker."""

from engine.domain.alert import Action, Parsed, Signal, SizeClass
from engine.parsers import RoomParser
from engine.parsers._grammar import symbols
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.orders import Draft, Reading, decide
from engine.parsers._grammar.plain import PlainTrade
from engine.parsers._grammar.segments import split


class Stocks(RoomParser):
    """Reads what share rooms write."""

    name = "stocks"

    def evidence(self, reading: Reading) -> int:
        """A ticker speaks for shares when nothing speaks for more."""
        return int("sym" in [item.kind for item in reading.items])

    def read(self, reading: Reading) -> Parsed:
        """All trades of the message, or why there is none."""
        drafts = _drafts(reading, split(_anchored(reading.items), frozenset(("ticker",))))
        if drafts is None:
            drafts = _drafts(reading, [_anchored(reading.items)]) or []
        return decide(reading, drafts, "no action on a share")


def _anchored(items: list[Item]) -> list[Item]:
    """Strong tickers become anchors, so that each trade of a list is read alone."""
    for item in items:
        if item.kind == "sym" and item.value >= 2:
            item.kind = "ticker"
            item.value = (item.text, item.value)
    return items


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
    asset = "stock"
    opens = (Action.BUY, Action.SHORT)
    closes = (Action.SELL, Action.BTC)

    def __init__(self, reading: Reading, items: list[Item], last: Draft | None) -> None:
        for item in items:
            if item.kind == "ticker":
                item.kind, item.value = "sym", item.value[1]
        super().__init__(reading, items, last)

    def instrument(self) -> tuple[str, str | None, int | None]:
        facts = self.facts
        strong = [at for at in facts.at("sym") if facts.items[at].value >= 2]
        anchor = strong[0] if strong else None
        if anchor is None and self.intent.family != "none":
            near = facts.at("paid", "paidrange", "market", "num", "range", "money")
            anchor = near[-1] if near and not strong else None
        has_name = facts.has("sym", "letter") or (anchor is not None and self.base is None)
        is_reply = self.base is not None
        symbol = symbols.symbol(facts, anchor, is_reply=is_reply) if has_name else ""
        return symbol, None, strong[0] if strong else self._weak_anchor(symbol)

    def _weak_anchor(self, symbol: str) -> int | None:
        for at in self.facts.used:
            if self.facts.items[at].text.upper() == symbol:
                return at
        return None

    def size(self) -> SizeClass | None:
        found = super().size()
        if found is None and "starter" in {item.value for item in self.facts.items}:
            return "small"
        return found

    def check(self, signal: Signal) -> None:
        least = symbols.COINS.get(signal.symbol)
        if least is not None and (signal.price or 0) >= least:
            self.facts.doubt("symbol", f"{signal.symbol} may be the coin or the fund of that name")
        if signal.contract is not None:
            self.facts.doubt("asset", "a futures contract is named in a share room")
