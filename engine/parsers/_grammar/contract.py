"""The option contract or spread that one trade names, or inherits from the alert it answers."""

from datetime import date
from decimal import Decimal
from typing import cast

from engine.domain.alert import Action, Right, Signal
from engine.domain.copying import replace
from engine.parsers._grammar import dates, symbols
from engine.parsers._grammar.expiry import read_expiries
from engine.parsers._grammar.facts import SILENT, Facts
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.numbers import read_number
from engine.parsers._grammar.orders import Draft, Reading
from engine.parsers._grammar.spreads import flipped, is_spread, read_spread, settle_strikes
from engine.parsers._grammar.structures import Plan
from engine.parsers._grammar.verbs import Intent, Side

_JOINTS = frozenset(("and", "also", "plus", "then", "the", "with", "bto", "buy", "x", "both",
                     "some", "more", "my", "of"))  # fmt: skip
"""Words between two contracts of one symbol."""


class ContractReader:
    """Fills symbol, expiry, strike, right or legs; whatever is missing becomes a doubt."""

    def __init__(
        self,
        reading: Reading,
        facts: Facts,
        said: Intent,
        *,
        base: Signal | None,
        last: Draft | None,
    ) -> None:
        self.reading = reading
        self.facts = facts
        self.intent = said
        self.base = base
        self.last = last

    def read(self, ticker: str) -> Signal:
        """The signal with its instrument filled in; action and amounts come later."""
        facts = self.facts
        if facts.at("occ"):
            return self._occ(ticker)
        settle_strikes(facts)
        expiries = read_expiries(facts, self.intent, self.reading.today)
        if is_spread(facts):
            return self._spread(ticker, expiries)
        strike, right = self._strike()
        if self.base is not None and _fits(self.base, ticker, strike, expiries):
            return self._from_base(self.base, right)
        return self._single(ticker, strike, right, expiries)

    def _strike(self) -> tuple[Decimal | None, Right | None]:
        facts = self.facts
        found = list(dict.fromkeys([facts.take(at).value for at in facts.at("opt")]))
        rights: set[str] = set()
        for at in facts.at("right"):
            rights.add(str(facts.take(at).value))
        if not found and not rights:
            rights = self._lone_letter()
        if found:
            strike, right = found[0]
            if len(found) > 1:
                facts.doubt("strike", "two contracts are named")
            if rights - {right}:
                facts.doubt("right", "calls and puts are both named")
            return strike, cast("Right", right)
        if len(rights) > 1:
            facts.doubt("right", "calls and puts are both named")
        right = cast("Right", rights.pop()) if len(rights) == 1 else None
        return self._loose_strike(), right

    def _lone_letter(self) -> set[str]:
        """``640 | C |``: a cell of its own."""
        facts = self.facts
        cells = [
            at for at in facts.at("letter")
            if facts.items[at].text in ("C", "P") and at and facts.items[at - 1].text == "|"
        ]  # fmt: skip
        return {facts.take(at).text for at in cells}

    def _loose_strike(self) -> Decimal | None:
        """A labelled strike, or a number beside the right or symbol when the price is known."""
        facts = self.facts
        labelled = facts.at("strike")
        if len(labelled) == 1:
            return cast("Decimal", facts.take(labelled[0]).value)
        if not facts.has("paid", "paidrange", "market") and not self._two_numbers():
            return None
        for at in facts.at("num", "money"):
            before = facts.kind(facts.before(at))
            near = {before, facts.kind(facts.after(at))}
            if before != "verb" and near & {"sym", "right", "slash", "date", "when", "ndte"}:
                return cast("Decimal", facts.take(at).value)
        return None

    def _two_numbers(self) -> bool:
        return len(self.facts.at("num", "money")) >= 2 and self.facts.has("right", "slash", "date")

    def _from_base(self, base: Signal, right: Right | None) -> Signal:
        """The contract of the alert that this message answers."""
        facts = self.facts
        for field in ("symbol", "expiry", "right"):
            facts.doubts.pop(field, None)
        for at in facts.at("sym"):
            if facts.items[at].text.upper() == base.symbol:
                facts.take(at)
        if right is not None and base.right is not None and right != base.right:
            facts.doubt("right", "the reply names the other right")
        for field in base.ambiguous:
            if field in ("symbol", "expiry", "strike", "right", "legs"):
                facts.doubt(field, f"the {field} of the alert it replies to is not certain")
        return Signal(
            action=base.action, asset=base.asset, symbol=base.symbol, expiry=base.expiry,
            strike=base.strike, right=base.right, legs=base.legs, contract=base.contract,
            price_effect=base.price_effect,
        )  # fmt: skip

    def _single(
        self, ticker: str, strike: Decimal | None, right: Right | None, found: list[dates.Expiry]
    ) -> Signal:
        facts = self.facts
        if not ticker and self.last is not None and facts.doubts.pop("symbol", ""):
            ticker = self.last.signal.symbol
            self._check_inherited(ticker)
        if not ticker:
            facts.doubt("symbol", "no symbol is named")
        expiry = self._one_expiry(found)
        signal = Signal(action=Action.BTO, asset="option", symbol=ticker, expiry=expiry,
                        strike=strike, right=right)  # fmt: skip
        if self.intent.family != "open" and (held := self._held(signal)) is not None:
            facts.doubts.pop("expiry", None)
            return held
        if strike is None:
            facts.doubt("strike", "no strike is named")
        elif strike <= 0:
            facts.doubt("strike", "the strike is zero")
        if right is None:
            facts.doubt("right", "neither call nor put is said")
        return signal

    def _check_inherited(self, ticker: str) -> None:
        """``BTO SPY 640C @ 1, SO 25C @ 2``: the word in capitals may be a ticker of its own."""
        facts = self.facts
        for at in facts.by.get("opt", ()):
            word = facts.items[at - 1] if at else None
            if word is None or word.kind not in SILENT | {"part"} or not word.is_upper:
                word = self._behind_code(at)
            if word and word.text.isalpha() and word.text.lower() not in _JOINTS:
                facts.doubt("symbol", f"is it {ticker} or {word.text.upper()}?")

    def _behind_code(self, at: int) -> Item | None:
        """The small word between ``BTO`` and the contract, where a ticker stands: ``BTO lmt``."""
        items = self.facts.items
        while at and items[at - 1].kind in symbols.PASSED - {"price"}:
            at -= 1
        if at < 2 or items[at - 1].kind in ("sym", "size", "punct") or _is_code(items[at - 1]):
            return None
        is_led = items[at - 2].kind in ("num", "qty") or _is_code(items[at - 2])
        return items[at - 1] if is_led and len(items[at - 1].text) <= symbols.LONGEST else None

    def _held(self, signal: Signal) -> Signal | None:
        """The one open contract of this author that fits what an exit names."""
        if not signal.symbol or (signal.strike is None and signal.expiry is None):
            return None
        fits = [
            one for one in self.reading.open_trades()
            if one.asset == "option" and one.symbol == signal.symbol
            and signal.strike in (None, one.strike) and signal.right in (None, one.right)
            and signal.expiry in (None, one.expiry)
        ]  # fmt: skip
        if len(fits) != 1 or ("expiry" in self.facts.doubts and signal.expiry is not None):
            return None
        one = fits[0]
        return replace(signal, expiry=one.expiry, strike=one.strike, right=one.right)

    def _one_expiry(self, found: list[dates.Expiry]) -> date | None:
        facts = self.facts
        if not found:
            default = self.reading.profile.default_expiry
            if default == "ask" or self.intent.family != "open":
                facts.doubt("expiry", "no expiry is named")
                return None
            one = dates.from_word(default, self.reading.today)
        else:
            one = found[0]
        if len(found) > 1 and len({each.on for each in found}) > 1:
            facts.doubt("expiry", "two expiries are named")
        if one.doubt:
            facts.doubt("expiry", one.doubt)
        return one.on

    def _occ(self, ticker: str) -> Signal:
        facts = self.facts
        found = [_read_occ(facts.take(at).text, self.reading.today) for at in facts.at("occ")]
        first = found[0]
        facts.doubts.pop("symbol", None)
        if ticker and ticker != first[0]:
            facts.doubt("symbol", "two symbols are named")
        expiries = read_expiries(facts, self.intent, self.reading.today)
        if any(one.on != first[1].on for one in expiries):
            facts.doubt("expiry", "two expiries are named")
        if first[1].doubt:
            facts.doubt("expiry", first[1].doubt)
        if first[2] is None:
            facts.doubt("strike", "the strike is unclear")
        for at in facts.at("opt"):
            if facts.items[at].value == (first[2], first[3]):
                facts.take(at)
        for at in facts.at("right"):
            if facts.items[at].value == first[3]:
                facts.take(at)
        return Signal(action=Action.BTO, asset="option", symbol=first[0], expiry=first[1].on,
                      strike=first[2], right=first[3])  # fmt: skip

    # --- spreads --------------------------------------------------------------------------------

    def _spread(self, ticker: str, found: list[dates.Expiry]) -> Signal:
        facts, said = self.facts, self.intent
        if self.base is not None and self.base.legs and not facts.has("strikes", "opt", "list"):
            for at in facts.at("spread", "effect"):
                facts.take(at)
            return self._from_base(self.base, None)
        for one in found:
            if one.doubt:
                facts.doubt("expiry", one.doubt)
        if not found:
            facts.doubt("expiry", "no expiry is named")
        days = list(dict.fromkeys(one.on for one in found if one.on is not None))
        is_tos_order = any(item.text[:1] in "+-" and item.kind == "gain" for item in facts.items)
        self._spread_side(is_tos_order)
        plan = read_spread(facts, said, days)
        if plan.doubt:
            facts.doubt("legs", plan.doubt)
        self._check_side(plan)
        effect = plan.effect
        if effect is not None and said.family == "close":
            effect = flipped(effect)
        return Signal(
            action=Action.BTO, asset="spread", symbol=ticker,
            expiry=days[0] if len(days) == 1 else None,
            legs=tuple(plan.legs), price_effect=effect,
        )  # fmt: skip

    def _spread_side(self, is_tos_order: bool) -> None:
        """``SOLD ... credit spread`` opens it, ``SOLD ... debit spread`` closes it."""
        said, facts = self.intent, self.facts
        names = " ".join(str(value) for value in facts.values("spread"))
        if not said.is_sell:
            return
        is_condor = "condor" in names and "credit" in facts.values("effect")
        if "credit" in names or is_tos_order or is_condor:
            said.family, said.side, said.is_sell = "open", "short", False
        elif "debit" not in names:
            facts.doubt("action", "does it open a credit spread or close a debit spread?")

    def _check_side(self, plan: Plan) -> None:
        said, facts = self.intent, self.facts
        side: Side | None = {"debit": "long", "credit": "short"}.get(plan.effect or "")  # type: ignore[assignment]
        if side is None and not plan.doubt:
            facts.doubt("price_effect", "debit or credit is not said")
        if said.side is None:
            said.side = side
        elif side is not None and side != said.side:
            facts.doubt("action", "the verb and debit or credit do not agree")


def _fits(base: Signal, ticker: str, strike: Decimal | None, found: list[dates.Expiry]) -> bool:
    """Whether a reply names no other contract than the one it answers."""
    is_same = ticker in ("", base.symbol) and strike in (None, base.strike)
    return is_same and {one.on for one in found} <= {base.expiry}


def _read_occ(text: str, today: date) -> tuple[str, dates.Expiry, Decimal | None, Right]:
    """``SPY250404P00550000``, ``.SPY250404C560`` or ``TSLA_041125C260``."""
    upper = text.upper().removeprefix("O:").lstrip(".")
    cut = next(at for at in range(len(upper) - 1, -1, -1) if upper[at] in "CP")
    body, right, tail = upper[:cut], upper[cut], upper[cut + 1 :]
    digits, name = body[-6:], body[:-6].rstrip(" ._")
    expiry = dates.from_occ(digits, "_" in body, today)
    strike = Decimal(tail) / 1000 if len(tail) == 8 and "." not in tail else read_number(tail)
    return symbols.root_of(name), expiry, strike, cast("Right", right)


def _is_code(item: Item) -> bool:
    """``BTO`` and its kind."""
    return item.kind == "verb" and str(item.value).endswith("!")
