"""Option rooms: single contracts in every spelling, spreads, rolls, exits and updates."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import cast

from engine.domain.alert import Action, Effect, Parsed, Right, Signal, SignalLeg
from engine.parsers import RoomParser
from engine.parsers._grammar import dates, slots
from engine.parsers._grammar.expiry import read_expiries
from engine.parsers._grammar.facts import Facts, is_report
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.numbers import read_number
from engine.parsers._grammar.orders import Draft, Reading, account, check_levels, decide, in_prices
from engine.parsers._grammar.segments import split
from engine.parsers._grammar.spreads import Plan, flipped, is_spread, read_spread, settle_strikes, spelled_verbs
from engine.parsers._grammar.verbs import Intent, Side, intent

_ANCHORS = ("occ", "opt", "strikes")
_EVIDENCE = frozenset(("occ", "opt", "spread", "right", "ndte"))


class Options(RoomParser):
    """Reads what option rooms write."""

    name = "options"

    def evidence(self, reading: Reading) -> int:
        """Contracts, rights and spreads speak for options."""
        return 3 * sum(item.kind in _EVIDENCE for item in reading.items)

    def read(self, reading: Reading) -> Parsed:
        """All trades of the message, or why there is none."""
        drafts: list[Draft] = []
        for part in split(reading.items, frozenset(_ANCHORS)):
            draft = _Trade(reading, part, drafts[-1] if drafts else None).draft()
            if draft is not None:
                drafts.append(draft)
        _rolls(drafts)
        return decide(reading, drafts, "no action and no contract")


def _rolls(drafts: list[Draft]) -> None:
    """A roll is a close and an entry; one of them alone is half a roll."""
    rolls = [draft for draft in drafts if draft.intent.family == "roll"]
    if rolls and len(drafts) != 2:
        rolls[0].doubts.setdefault("action", "a roll needs the old and the new contract")
    if len(drafts) == 2 and any("roll" in draft.signal.tags for draft in drafts):
        first = drafts[0].signal
        drafts[0].signal = replace(first, tags=tuple(dict.fromkeys((*first.tags, "roll"))))


class _Trade:
    """One trade of the message."""

    def __init__(self, reading: Reading, items: list[Item], last: Draft | None) -> None:
        self.reading = reading
        self.facts = Facts(items)
        self.last = last
        self.base = reading.base if last is None else None
        leg_verbs = spelled_verbs(self.facts)
        self.facts.used |= leg_verbs
        self.has_leg_verbs = bool(leg_verbs)
        self.intent = intent(self.facts, is_reply=self.base is not None)

    # --- the whole ------------------------------------------------------------------------------

    def draft(self) -> Draft | None:
        """The trade, or None when this stretch of text holds none."""
        facts, said = self.facts, self.intent
        anchor = self._anchor()
        if not self._family(anchor):
            return None
        self._thinkorswim()
        size = slots.size_class(facts)
        is_reply = self.base is not None
        has_name = facts.has("sym", "letter") or anchor is not None
        ticker = slots.symbol(facts, anchor, is_reply=is_reply) if has_name else ""
        signal = self._contract(ticker)
        count = slots.quantity(facts, said, self._count_anchor(anchor), kind=self._kind(signal))
        price = slots.price(facts, said, is_premium=True)
        if self._is_coin(signal, price.value):
            return None
        signal = replace(signal, price=price.value, price_range=price.range, quantity=count)
        levels = slots.levels(facts, own=signal.symbol, is_derivative=True)
        signal = replace(signal, size_class=size, stop=levels.stop, targets=levels.targets,
                         stop_underlying=levels.under, trail=levels.trail)  # fmt: skip
        signal = self._amount(signal, count)
        return self._finish(signal)

    def _is_coin(self, signal: Signal, price: Decimal | None) -> bool:
        """``BTC at 96500`` is the coin, not buy-to-close."""
        is_btc = any(item.kind == "verb" and item.text == "btc" for item in self.facts.items)
        is_contract = signal.strike is not None or bool(signal.legs) or self.base is not None
        return is_btc and not is_contract and (price is None or price >= slots.COIN_PRICE)

    def _anchor(self) -> int | None:
        found = self.facts.at(*_ANCHORS, "strike")
        if not found and self.facts.has("spread", "right", "ndte", "date"):
            found = self.facts.at("right", "spread", "ndte", "date", "slash")
        if not found and self.base is None:
            found = self.facts.at("slash", "when", "paid", "num", "money")
        return found[0] if found else None

    def _count_anchor(self, anchor: int | None) -> int | None:
        return anchor

    def _kind(self, signal: Signal) -> str:
        return "spread" if signal.legs else "option"

    def _family(self, anchor: int | None) -> bool:
        """Settle the action of a stretch without a verb; False when there is none."""
        facts, said = self.facts, self.intent
        if said.family == "none" and self.last is not None:
            self._inherit(self.last)
        if said.family == "none" and self.has_leg_verbs:
            said.family = "open"
        if said.family not in ("none", "update"):
            return True
        has_levels = facts.has("stop", "target", "under", "trail", "oddlevel")
        has_price = facts.has("paid", "paidrange", "num", "money", "range", "oddprice", "market")
        has_contract = facts.has(*_ANCHORS, "spread", "strike")
        if has_levels and (self.base is not None or not has_price or said.family == "update"):
            said.family = "update"
            return True
        if said.family == "update":
            return False
        said.family = "open"
        return has_contract and has_price and self._is_plainly_named()

    def _is_plainly_named(self) -> bool:
        """Without a verb, nothing but the contract may stand first: no praise, no talk."""
        is_before = True
        for item in self.facts.items:
            is_before = is_before and item.kind not in _ANCHORS
            is_before = is_before and item.kind not in ("slash", "date", "sym", "strike")
            if is_before and item.kind in ("note", "fill") and item.text not in _HEADINGS:
                return False
            is_odd_fill = item.kind == "fill" and item.text not in _HEADINGS | _BARE_FILLS
            if not is_before and (is_odd_fill or _is_cost(item)):
                self.facts.doubt("action", "is that an entry, or how it stands?")
        return True

    def _inherit(self, last: Draft) -> None:
        """``BTO A @ 1, B @ 2``: the verb of the first holds for the second."""
        self.intent.family = last.intent.family
        self.intent.side = last.intent.side
        self.intent.is_explicit = last.intent.is_explicit
        self.intent.is_trim = last.intent.is_trim
        self.intent.is_sell = last.intent.is_sell

    def _thinkorswim(self) -> None:
        """``SPX 100 (Weeklys) 27 JUN 25``: the multiplier and the series are no facts of ours."""
        facts = self.facts
        for at in facts.at("num"):
            item = facts.items[at]
            if item.text == "100" and at and facts.items[at - 1].kind == "sym":
                after = facts.after(at)
                if facts.kind(after) == "when" and after is not None and facts.has("date"):
                    facts.take(after)
                    facts.take(at)
                elif facts.kind(after) == "date":
                    facts.take(at)

    # --- the contract ---------------------------------------------------------------------------

    def _contract(self, ticker: str) -> Signal:
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
        found = list(dict.fromkeys(facts.items[at].value for at in facts.at("opt")))
        for at in facts.at("opt"):
            facts.take(at)
        rights = {str(facts.take(at).value) for at in facts.at("right")}
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
        if not ticker and self.last is not None and facts.doubts.pop("symbol", None):
            ticker = self.last.signal.symbol
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

    def _held(self, signal: Signal) -> Signal | None:
        """The one open contract of this author that fits what an exit names."""
        if not signal.symbol or (signal.strike is None and signal.expiry is None):
            return None
        fits = [
            one for one in self.reading.open_trades
            if one.asset == "option" and one.symbol == signal.symbol
            and signal.strike in (None, one.strike) and signal.right in (None, one.right)
            and signal.expiry in (None, one.expiry)
        ]  # fmt: skip
        if len(fits) != 1 or "expiry" in self.facts.doubts and signal.expiry is not None:
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
        if len({each.on for each in found}) > 1:
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
        if "credit" in names or is_tos_order:
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

    # --- amount, action, checks -----------------------------------------------------------------

    def _amount(self, signal: Signal, count: Decimal | None) -> Signal:
        said, facts = self.intent, self.facts
        if said.family != "close":
            return signal
        out = slots.amount(facts, said, count)
        return replace(signal, fraction=out.fraction, is_partial=out.is_partial)

    def _finish(self, signal: Signal) -> Draft:
        facts, said = self.facts, self.intent
        side = self._side(signal)
        self._effect(signal, side)
        if said.conflict:
            facts.doubt("action", said.conflict)
        action, legs = _action(said, side, signal.legs)
        if said.family == "roll":
            action = Action.BTO if self.last is not None else Action.STC
            signal = replace(signal, tags=("roll",))
            if side == "short":
                facts.doubt("action", "a roll of a short position")
            if self.last is None:
                signal = replace(signal, fraction=Decimal(1))
        signal = replace(signal, action=action, legs=legs, tags=(*signal.tags, *self._tags()))
        signal = replace(signal, targets=in_prices(signal.targets, signal.price, 1))
        self._check(signal, side)
        anchor = next((at for kind in _ANCHORS for at in facts.by.get(kind, [])), None)
        if is_report(facts, anchor, _REPORTS):
            facts.doubt("action", "is that a trade, or what the market did?")
        is_bare = not facts.has("verb", "entryword") and not self.has_leg_verbs
        is_bare = is_bare and self.last is None
        return Draft(signal=signal, intent=said, facts=facts, doubts=facts.doubts,
                     strange=account(facts, said), is_bare=is_bare and said.family == "open")  # fmt: skip

    def _effect(self, signal: Signal, side: Side) -> None:
        """A debit or credit beside a single option only repeats what the verb says."""
        pays = (side == "long") == (self.intent.family == "open")
        for at in self.facts.at("effect"):
            if not signal.legs and (self.facts.items[at].value == "debit") == pays:
                self.facts.take(at)

    def _side(self, signal: Signal) -> Side:
        """Side of the position: as said, else that of the alert answered, else long."""
        said = self.intent
        if said.side is not None:
            return said.side
        if self.base is not None and self.base.action.effect in _SHORT:
            return "short"
        if said.is_sell and self._is_premium_sale():
            self.facts.doubt("action", "does it sell to open or to close?")
        del signal
        return "long"

    def _is_premium_sale(self) -> bool:
        hints = ("cash secured", "cash covered", "csp", "naked", "covered")
        texts = {item.text for item in self.facts.items}
        is_tos = any(item.kind == "gain" and item.text[0] == "-" for item in self.facts.items)
        return is_tos or self.facts.has("effect") or not texts.isdisjoint(hints)

    def _tags(self) -> tuple[str, ...]:
        tags = tuple(str(value) for value in self.facts.values("tag"))
        return (*tags, "average") if self.intent.is_add else tags

    def _check(self, signal: Signal, side: Side) -> None:
        facts, said = self.facts, self.intent
        if said.family == "open":
            check_levels(signal, side, facts.doubts)
            _check_premium(signal, facts)
            if facts.has("part") and not said.is_add:
                self._open_parts()
            is_priced = signal.price or signal.price_range or facts.has("market")
            if facts.has("lookback") and not is_priced:
                facts.doubt("price", "a number may be the price or a level")
        if said.family == "update" and self.base is None and not facts.has("verb"):
            if signal.stop is None or signal.stop.kind != "breakeven":
                facts.doubt("action", "a new trade, or new levels for an open one?")
        if said.family == "cancel" and self.base is None and not signal.symbol:
            facts.doubt("symbol", "cancel which alert?")

    def _open_parts(self) -> None:
        for at in self.facts.by["part"]:
            if self.facts.items[at].value == "some":
                self.facts.take(at)


def _fits(base: Signal, ticker: str, strike: Decimal | None, found: list[dates.Expiry]) -> bool:
    """Whether a reply names no other contract than the one it answers."""
    is_same = ticker in ("", base.symbol) and strike in (None, base.strike)
    return is_same and {one.on for one in found} <= {base.expiry}


def _is_cost(item: Item) -> bool:
    """A price word that tells of something held rather than of an entry."""
    return item.kind == "paid" and item.text.startswith(("cost", "avg", "average", "my a", "new a"))


_REPORTS = frozenset(("opened", "opens", "closed", "closes", "flat"))
_BARE_FILLS = frozenset(
    ("the", "a", "at", "for", "of", "on", "in", "and", "with", "w/", "lmt", "limit", "each", "exp",
     "expiring", "expires", "expiration", "@", "entry", "per", "per contract", "just", "to", "is")
)  # fmt: skip
_HEADINGS = frozenset(
    ("alert", "alerts", "new", "new trade", "new alert", "trade alert", "options alert", "trade",
     "option alert", "entry alert", "signal", "contract", "contracts", "option", "options",
     "ticker", "symbol", "play", "day trade", "daytrade", "scalp", "swing", "swing trade",
     "risky", "degen", "quick", "exp", "", "strike", "expiration", "and", "also", "the", "a",
     "expiry", "type", "earnings play", "weekly play", "first trade")
)  # fmt: skip
"""Words that may stand over a contract that is named without a verb."""
_SHORT = (Effect.OPEN_SHORT, Effect.CLOSE_SHORT)


def _action(
    said: Intent, side: Side, legs: tuple[SignalLeg, ...]
) -> tuple[Action, tuple[SignalLeg, ...]]:
    """The order word, and the legs as they are traded by it."""
    if said.family == "update":
        return Action.UPDATE, legs
    if said.family == "cancel":
        return Action.CANCEL, legs
    if said.family == "close":
        return (Action.BTC if side == "short" else Action.STC), tuple(map(_closing, legs))
    return (Action.STO if side == "short" else Action.BTO), tuple(map(_opening, legs))


def _closing(leg: SignalLeg) -> SignalLeg:
    is_long = leg.action in (Action.BTO, Action.STC)
    return replace(leg, action=Action.STC if is_long else Action.BTC)


def _opening(leg: SignalLeg) -> SignalLeg:
    is_long = leg.action in (Action.BTO, Action.STC)
    return replace(leg, action=Action.BTO if is_long else Action.STO)


def _check_premium(signal: Signal, facts: Facts) -> None:
    """A premium above the strike, or a net price beyond the width, is a slip."""
    price = signal.price if signal.price_range is None else signal.price_range[1]
    if price is None:
        return
    if signal.strike is not None and price >= signal.strike:
        facts.doubt("price", f"the price {price} is not below the strike {signal.strike}")
    kinds = {(leg.right, leg.expiry, leg.ratio) for leg in signal.legs}
    if len(signal.legs) == 2 and len(kinds) == 1 and len({leg.action for leg in signal.legs}) == 2:
        width = abs(signal.legs[0].strike - signal.legs[1].strike)
        if price >= width:
            facts.doubt("price", f"the net price {price} is not below the width {width}")


def _read_occ(text: str, today: date) -> tuple[str, dates.Expiry, Decimal | None, Right]:
    """``SPY250404P00550000``, ``.SPY250404C560`` or ``TSLA_041125C260``."""
    upper = text.upper().lstrip(".")
    cut = next(at for at in range(len(upper) - 1, -1, -1) if upper[at] in "CP")
    body, right, tail = upper[:cut], upper[cut], upper[cut + 1 :]
    digits, name = body[-6:], body[:-6].rstrip(" ._")
    expiry = dates.from_occ(digits, "_" in body, today)
    strike = Decimal(tail) / 1000 if len(tail) == 8 and "." not in tail else read_number(tail)
    return slots.root_of(name), expiry, strike, cast("Right", right)
