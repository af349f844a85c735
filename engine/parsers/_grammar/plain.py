"""Trades of one thing at one price: what shares and futures have in common."""

from decimal import Decimal

from engine.domain.alert import Action, Asset, Signal, SizeClass
from engine.domain.copying import replace
from engine.parsers._grammar import prices, slots, symbols
from engine.parsers._grammar.facts import Facts, as_share, is_fraction, is_report
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.orders import (
    Draft,
    Reading,
    account,
    side_of,
    tags_of,
)
from engine.parsers._grammar.sanity import check_into, check_levels, in_prices
from engine.parsers._grammar.verbs import Side, intent

_PRICED = ("paid", "paidrange", "num", "money", "range", "market", "ref", "kept", "cue")
_HELD = ({"long", "upd"}, {"short", "upd"})
_REPORTS = frozenset(
    ("opened", "opens", "open", "closed", "closes", "close", "flat", "added", "adds", "dumped",
     "sells", "buys",
     "cut", "stopped", "stopped at", "started", "reduced", "dumping", "covered", "locked")
)  # fmt: skip


class PlainTrade:
    """One trade of a share or future. Rooms say how symbols and sizes are written."""

    asset: Asset
    opens: tuple[Action, Action]
    """Order words for opening long and short."""
    closes: tuple[Action, Action]

    def __init__(self, reading: Reading, items: list[Item], last: Draft | None) -> None:
        self.reading = reading
        self.facts = Facts(items)
        self.last = last
        self.base = reading.base if last is None else None
        self.anchor: int | None = None
        self.intent = intent(self.facts, is_reply=self.base is not None)

    # --- what a room decides --------------------------------------------------------------------

    def instrument(self) -> tuple[str, str | None, int | None]:
        """(symbol, contract, position); marks what it used. Empty symbol: none was named."""
        raise NotImplementedError

    def settle_sell(self, signal: Signal) -> None:
        """What a bare ``sell`` means in this room."""

    def size(self) -> SizeClass | None:
        """The size class that was written."""
        return slots.size_class(self.facts)

    def check(self, signal: Signal) -> None:
        """Doubts that only this room has."""

    # --- the whole ------------------------------------------------------------------------------

    def draft(self) -> Draft | None:
        """The trade, or None when this stretch of text holds none."""
        facts, said = self.facts, self.intent
        if not self._family():
            return None
        self._shares()
        symbol, contract, anchor = self.instrument()
        self.anchor = anchor
        size = self.size()
        count = slots.quantity(facts, said, anchor, kind=str(self.asset))
        price = prices.price(facts, said, is_premium=False)
        if self._is_coin(symbol, price.value):
            return None
        signal = Signal(
            action=Action.UPDATE, asset=self.asset, symbol=symbol, contract=contract,
            price=price.value, price_range=price.range, quantity=count, size_class=size,
        )  # fmt: skip
        signal = self._named(signal)
        levels = slots.levels(facts, own=signal.symbol, is_derivative=False)
        signal = replace(signal, stop=levels.stop, targets=levels.targets, trail=levels.trail,
                         stop_underlying=levels.under)  # fmt: skip
        if said.is_sell:
            self.settle_sell(signal)
        if said.is_short_sale and _protects_short(signal):
            said.conflict = ""
        signal = slots.even_stop(facts, said, self._amount(signal, count))
        return self._finish(signal, is_market=price.is_market)

    def _family(self) -> bool:
        said, facts = self.intent, self.facts
        if said.family == "none" and self.last is not None:
            last = self.last.intent
            said.family, said.side, said.is_sell = last.family, last.side, last.is_sell
            said.is_explicit = last.is_explicit
            check_into(self.last, facts)
        if said.family == "open" and self._is_moved():
            said.family = "update"
        has_levels = facts.has("stop", "target", "trail", "under", "oddlevel")
        if said.family in ("none", "update"):
            has_price = facts.has("paid", "num", "money", "paidrange", "range", "market")
            if not has_levels or (said.family == "none" and has_price and self.base is None):
                return False
            if self.base is None and not facts.has("verb", "tag", "stop", "trail", "under"):
                return False  # AAPL PT 250: somebody's target
            said.family = "update"
        return True

    def _is_moved(self) -> bool:
        """``NQ long stop moved up to 25,400``: a side, a new stop and no price."""
        is_held = {str(code) for code in self.facts.values("verb")} in _HELD
        return is_held and not self.facts.has(*_PRICED)

    def _shares(self) -> None:
        """There are no dates here: ``1/2`` is half of the position."""
        if self.intent.family != "close":
            return
        for at in self.facts.at("slash"):
            if is_fraction(self.facts.items[at].value):
                self.facts.items[at].kind = "share"
                self.facts.items[at].value = as_share(self.facts.items[at].value)
                self.facts.by.setdefault("share", []).append(at)
        self.facts.by["slash"] = [
            at for at in self.facts.by.get("slash", []) if self.facts.items[at].kind == "slash"
        ]

    def _is_coin(self, symbol: str, price: Decimal | None) -> bool:
        is_btc = any(item.kind == "verb" and item.text == "btc" for item in self.facts.items)
        if not is_btc or symbol or self.base is not None:
            return False
        return price is None or price >= symbols.COIN_PRICE

    def _named(self, signal: Signal) -> Signal:
        """Fill the instrument from the alert answered, or from the trade before."""
        base, facts = self.base, self.facts
        if base is not None and signal.symbol in ("", base.symbol):
            facts.doubts.pop("symbol", None)
            for field in base.ambiguous:
                if field in ("symbol", "contract", "asset"):
                    facts.doubt(field, f"the {field} of the alert it replies to is not certain")
            is_crossed = "stop" in base.ambiguous and base.stop is not None
            is_sideless = self.intent.family == "close" and self.intent.side is None
            if is_sideless and (is_crossed or "action" in base.ambiguous):
                facts.doubt("action", "the side of the alert it replies to is not certain")
            return replace(signal, symbol=base.symbol, asset=base.asset,
                           contract=signal.contract or base.contract)  # fmt: skip
        if not signal.symbol and self.last is not None and self.intent.family == "close":
            facts.doubts.pop("symbol", None)
            return replace(signal, symbol=self.last.signal.symbol)
        if not signal.symbol:
            facts.doubt("symbol", "no symbol is named")
        return signal

    def _amount(self, signal: Signal, count: Decimal | None) -> Signal:
        if self.intent.family != "close":
            return signal
        out = slots.amount(self.facts, self.intent, count)
        return replace(signal, fraction=out.fraction, is_partial=out.is_partial)

    def side(self) -> Side:
        """Side of the position: as said, else that of the alert answered, else long."""
        if self.intent.side is not None:
            return self.intent.side
        return side_of(self.base)

    def _finish(self, signal: Signal, *, is_market: bool) -> Draft:
        facts, said = self.facts, self.intent
        side = self.side()
        signal = replace(signal, action=self._action(side), tags=self._tags())
        signal = self._in_prices(signal, 1 if side == "long" else -1)
        if said.is_sell and any(item.text.endswith("covered") for item in facts.items):
            facts.doubt("action", "does it close a long or cover a short?")
        if said.conflict:
            facts.doubt("action", said.conflict)
        if said.family == "roll":
            facts.doubt("action", "a roll needs a person here")
        if facts.has("opt", "occ", "spread", "strikes", "right"):
            facts.doubt("asset", "it looks like an option, which this room does not trade")
        is_even = signal.stop is not None and signal.stop.kind == "breakeven"
        is_told = self.base is not None or is_even or facts.has("verb", "tag")
        if said.family == "update" and not is_told:
            facts.doubt("action", "a new trade, or new levels for an open one?")
        if said.family == "open":
            self._check_open(signal, side, is_market)
        if is_report(facts, self.anchor, _REPORTS):
            facts.doubt("action", "is that a trade, or what the market did?")
        self.check(signal)
        return Draft(signal=signal, intent=said, facts=facts, doubts=facts.doubts,
                     strange=account(facts, said))  # fmt: skip

    def _action(self, side: Side) -> Action:
        family = self.intent.family
        if family == "update":
            return Action.UPDATE
        if family == "cancel":
            return Action.CANCEL
        words = self.closes if family == "close" else self.opens
        return words[side == "short"]

    def _tags(self) -> tuple[str, ...]:
        return tags_of(self.facts, self.intent, self.side())

    def _in_prices(self, signal: Signal, sign: int) -> Signal:
        """Distances become prices once the entry is known."""
        entry = signal.price
        if self.intent.family == "update" and self.base is not None:
            entry = self.base.price
        stop = signal.stop
        if stop is not None and stop.kind == "points":
            stop = in_prices((stop,), entry, -sign)[0]
        return replace(signal, stop=stop, targets=in_prices(signal.targets, entry, sign))

    def _check_open(self, signal: Signal, side: Side, is_market: bool) -> None:
        facts, said = self.facts, self.intent
        check_levels(signal, side, facts.doubts)
        is_priced = signal.price is not None or signal.price_range is not None or is_market
        if facts.has("lookback") and not is_priced:
            facts.doubt("price", "a number may be the price or a level")
        if not is_priced and not said.is_explicit and signal.quantity is None:
            facts.doubt("price", "no price is stated")
        for at in facts.by.get("part", []):
            if facts.items[at].value == "some" and facts.text(at)[:4] != "all ":
                facts.take(at)


def _protects_short(signal: Signal) -> bool:
    """Whether the stop lies above the price, where only a new short has one."""
    stop, price = signal.stop, signal.price
    if stop is None or stop.value is None or price is None:
        return False
    return stop.kind == "price" and stop.value > price
