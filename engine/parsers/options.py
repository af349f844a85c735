"""Option rooms: single contracts in every spelling, spreads, rolls, exits and updates."""

from decimal import Decimal

from engine.domain.alert import Action, Parsed, Signal, SignalLeg
from engine.domain.copying import replace
from engine.parsers import RoomParser
from engine.parsers._grammar import prices, slots, symbols
from engine.parsers._grammar.contract import ContractReader
from engine.parsers._grammar.facts import Facts, is_report
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.orders import (
    Draft,
    Reading,
    account,
    decide,
    side_of,
    tags_of,
)
from engine.parsers._grammar.premium import check_premium, is_on_future, is_total
from engine.parsers._grammar.sanity import check_into, check_levels, in_prices
from engine.parsers._grammar.segments import split
from engine.parsers._grammar.spreads import spelled_verbs
from engine.parsers._grammar.verbs import Intent, Side, intent

_ANCHORS = ("occ", "opt", "strikes")
_EVIDENCE = frozenset(("occ", "opt", "spread", "right", "ndte"))


class Options(RoomParser):
    """Reads what option rooms write."""

    name = "options"

    def evidence(self, reading: Reading) -> int:
        """Contracts, rights and spreads speak for options."""
        return 3 * len([1 for item in reading.items if item.kind in _EVIDENCE])

    def read(self, reading: Reading) -> Parsed:
        """All trades of the message, or why there is none."""
        drafts: list[Draft] = []
        parts = split(reading.items, frozenset(_ANCHORS))
        for part in parts:
            draft = _Trade(reading, part, drafts[-1] if drafts else None).draft()
            if draft is not None:
                drafts.append(draft)
        if drafts and len(drafts) < len(parts):
            drafts[0].doubts.setdefault("text", "another contract is named, without an action")
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
        ticker = symbols.symbol(facts, anchor, is_reply=is_reply) if has_name else ""
        reader = ContractReader(self.reading, facts, said, base=self.base, last=self.last)
        signal = reader.read(ticker)
        count = slots.quantity(facts, said, anchor, kind="spread" if signal.legs else "option")
        price = prices.price(facts, said, is_premium=True)
        if self._is_coin(signal, price.value):
            return None
        entry = price.value or (self.base.price if self.base is not None else None)
        levels = slots.levels(facts, own=signal.symbol, is_derivative=True, entry=entry,
                              strike=signal.strike)  # fmt: skip
        signal = replace(signal, price=price.value, price_range=price.range, quantity=count,
                         size_class=size, stop=levels.stop, targets=levels.targets,
                         stop_underlying=levels.under, trail=levels.trail)  # fmt: skip
        signal = slots.even_stop(facts, said, self._amount(signal, count))
        return self._finish(signal)

    def _is_coin(self, signal: Signal, price: Decimal | None) -> bool:
        """``BTC at 96500`` is the coin, not buy-to-close."""
        if signal.strike is not None or signal.legs or self.base is not None:
            return False
        is_btc = any(item.kind == "verb" and item.text == "btc" for item in self.facts.items)
        return is_btc and (price is None or price >= symbols.COIN_PRICE)

    def _anchor(self) -> int | None:
        found = self.facts.at(*_ANCHORS, "strike")
        if not found and self.facts.has("spread", "right", "ndte", "date"):
            found = self.facts.at("right", "spread", "ndte", "date", "slash")
        if not found and self.base is None:
            found = self.facts.at("slash", "when", "paid", "num", "money")
        return found[0] if found else None

    def _family(self, anchor: int | None) -> bool:
        """Settle the action of a stretch without a verb; False when there is none."""
        facts, said = self.facts, self.intent
        if said.family == "none" and self.last is not None:
            self._inherit(self.last)
        if said.family == "none" and self.has_leg_verbs:
            said.family = "open"
        if said.family not in ("none", "update"):
            is_vague = set(facts.values("verb")) <= {"open", "in", "add"}
            return not (said.family == "open" and is_vague and facts.has("ref"))
        has_levels = facts.has("stop", "target", "under", "trail", "oddlevel")
        has_price = facts.has("paid", "paidrange", "num", "money", "range", "oddprice", "market")
        has_contract = facts.has(*_ANCHORS, "spread", "strike")
        if has_levels and (self.base is not None or not has_price or said.family == "update"):
            said.family = "update"
            return True
        if said.family == "update":
            return False
        said.family = "open"
        return has_contract and has_price and not self._is_move() and self._is_plainly_named()

    def _is_plainly_named(self) -> bool:
        """Without a verb, nothing but the contract may stand first: no praise, no talk."""
        is_before = True
        named = next((one.sent for one in self.facts.items if one.kind in _ANCHORS), 0)
        for item in self.facts.items:
            if item.sent < named and item.text in _GREETINGS:
                continue
            if is_before and item.kind == "cue":
                return False
            is_before = is_before and item.kind not in _ANCHORS
            is_before = is_before and item.kind not in ("slash", "date", "sym", "strike")
            if is_before and item.kind in ("note", "kept", "fill") and item.text not in _HEADINGS:
                return False
            if is_before and item.kind == "word" and item.sent < named:
                self.facts.doubt("action", f"{item.text!r} may say what this is")
            signs = _ENTRY_EMOJI | (_STOP_EMOJI if self.facts.has("stop") else frozenset())
            is_odd = item.kind == "emoji" and not set(item.text) <= signs
            if is_odd and not any(one.value[0] == "entry" for one in self._paid()):
                self.facts.doubt("action", "the emoji may mean an exit")
            is_odd_fill = item.kind == "fill" and item.text not in _HEADINGS | _BARE_FILLS
            if not is_before and (is_odd_fill or _is_cost(item) or _is_opinion(item)):
                self.facts.doubt("action", "is that an entry, or how it stands?")
        return True

    def _paid(self) -> list[Item]:
        return [self.facts.items[at] for at in self.facts.by.get("paid", [])]

    def _is_move(self) -> bool:
        """``.47 to .95``, ``from .47 to .95`` beside a contract: how it went, not what to do."""
        items = self.facts.items
        moves = any(
            one.kind in _NUMBERS and to.text == "to" and two.kind in (*_NUMBERS, "paid")
            for one, to, two in zip(items, items[1:], items[2:], strict=False)
        )
        return moves or self.facts.has("ref", "moved")

    def _inherit(self, last: Draft) -> None:
        """``BTO A @ 1, B @ 2``: the verb of the first holds for the second."""
        self.intent.family = last.intent.family
        self.intent.side = last.intent.side
        self.intent.is_explicit = last.intent.is_explicit
        self.intent.is_trim = last.intent.is_trim
        self.intent.is_sell = last.intent.is_sell
        check_into(last, self.facts)
        is_priced = self.facts.has("paid", "paidrange", "market", "num", "money")
        was_priced = last.signal.price is not None or last.signal.price_range is not None
        if was_priced and not is_priced:
            self.facts.doubt("action", "a second contract is named without a price")

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

    # --- amount, action, checks -----------------------------------------------------------------

    def _amount(self, signal: Signal, count: Decimal | None) -> Signal:
        said, facts = self.intent, self.facts
        if said.family != "close":
            return signal
        out = slots.amount(facts, said, count)
        return replace(signal, fraction=out.fraction, is_partial=out.is_partial)

    def _finish(self, signal: Signal) -> Draft:
        facts, said = self.facts, self.intent
        side = self._side()
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
        signal = replace(
            signal,
            action=action,
            legs=legs,
            tags=(*signal.tags, *tags_of(facts, said, side)),
            targets=in_prices(signal.targets, signal.price, 1),
        )
        self._check(signal, side)
        anchor = next((at for kind in _ANCHORS for at in facts.by.get(kind, [])), None)
        if is_report(facts, anchor, _REPORTS):
            facts.doubt("action", "is that a trade, or what the market did?")
        if said.family in ("open", "close") and _is_by_way(facts, signal):
            facts.doubt("action", "is the option traded so, or the stock by way of it?")
        is_bare = not facts.has("verb", "entryword") and not self.has_leg_verbs
        is_bare = is_bare and self.last is None
        if is_bare and said.family == "open" and _is_in_brackets(facts):
            facts.doubt("action", "is that an entry, or how it stands?")
        if is_bare and said.family == "open" and not legs and self._is_premium_sale():
            facts.doubt("action", "is it bought, or written?")
        return Draft(
            signal=signal,
            intent=said,
            facts=facts,
            doubts=facts.doubts,
            strange=account(facts, said),
            is_bare=is_bare and said.family == "open",
        )

    def _effect(self, signal: Signal, side: Side) -> None:
        """A debit or credit beside a single option only repeats what the verb says."""
        pays = (side == "long") == (self.intent.family == "open")
        for at in self.facts.at("effect"):
            if not signal.legs and (self.facts.items[at].value == "debit") == pays:
                self.facts.take(at)

    def _side(self) -> Side:
        """Side of the position: as said, else that of the alert answered, else long."""
        said = self.intent
        if said.side is not None:
            return said.side
        if side_of(self.base) == "short":
            return "short"
        if said.is_sell and self._is_premium_sale():
            self.facts.doubt("action", "does it sell to open or to close?")
        return "long"

    def _is_premium_sale(self) -> bool:
        hints = ("cash secured", "covered", "csp", "naked", "premium")
        is_told = any(item.text.endswith(hints) for item in self.facts.items)
        is_tos = any(item.kind == "gain" and item.text[0] == "-" for item in self.facts.items)
        return is_tos or self.facts.has("effect") or is_told

    def _check(self, signal: Signal, side: Side) -> None:
        facts, said = self.facts, self.intent
        if is_on_future(signal, facts):
            facts.doubt("asset", "an option on a future is not read")
        if is_total(signal, facts, self.reading.today, is_open=said.family == "open"):
            facts.doubt("price", f"{signal.price} is much for it: is it the premium of a share?")
        if said.family == "open":
            check_levels(signal, side, facts.doubts)
            check_premium(signal, facts)
            if facts.has("part"):
                self._open_parts()
            is_priced = signal.price or signal.price_range or facts.has("market")
            if not is_priced and signal.stop is not None and signal.stop.kind == "price":
                facts.doubt("price", "no price is stated: is the stop the price to buy at?")
            if facts.has("lookback") and not is_priced:
                facts.doubt("price", "a number may be the price or a level")
        is_even = signal.stop is not None and signal.stop.kind == "breakeven"
        is_alone = self.base is None and not facts.has("verb") and facts.items[0].text not in _NEWS
        if said.family == "update" and is_alone and not is_even:
            facts.doubt("action", "a new trade, or new levels for an open one?")
        if said.family == "cancel" and self.base is None and not signal.symbol:
            facts.doubt("symbol", "cancel which alert?")

    def _open_parts(self) -> None:
        for at in self.facts.by["part"]:
            if self.facts.items[at].value == "some" and self.facts.text(at)[:4] != "all ":
                self.facts.take(at)


def _is_cost(item: Item) -> bool:
    """A price word that tells of something held rather than of an entry."""
    return item.kind == "paid" and item.text.startswith(("cost", "avg", "average", "my a", "new a"))


def _is_in_brackets(facts: Facts) -> bool:
    """``SPY 640C 8/15 (2.15)``: as positions are listed."""
    texts = [item.text for item in facts.items]
    return any(
        texts[at - 1 : at + 2 : 2] == ["(", ")"]
        for kind in _NUMBERS for at in facts.by.get(kind, ()) if at
    )  # fmt: skip


def _is_by_way(facts: Facts, signal: Signal) -> bool:
    """``short SPY with 600p``, ``Covered NKE with 75c``: is the option meant, or the stock?"""
    sides = [at for at in facts.by.get("verb", ()) if facts.items[at].value in _SIDES]
    anchor = next(iter(facts.by.get("opt", ())), None)
    if not sides or anchor is None or (facts.items[sides[0]].value, signal.right) == ("long", "C"):
        return False
    between = facts.items[sides[0] : anchor]
    named = next((k for k, item in enumerate(between) if item.kind in ("sym", "letter")), None)
    ties = _WAYS | {",", "-", "here"} if facts.items[sides[0]].value == "short" else _WAYS
    return named is not None and any(item.text in ties for item in between[named:])


_SIDES = frozenset(("long", "short", "cover"))
_WAYS = frozenset(("with", "w/", "via", "using", "through", "by"))
_REPORTS = frozenset(("opened", "opens", "closed", "closes", "flat"))
_NUMBERS = ("num", "money")
_STOP_EMOJI = frozenset("🛑⛔")
_OPINIONS = ("look", "nice", "good", "great", "love", "like", "i like", "i love", "sweet", "solid",
             "clean", "cheap", "expensive", "pricey", "strong", "weak", "fast", "winner", "banger",
             "home run", "easy money", "free money", "green", "red", "profit", "gain",
             "boom")  # fmt: skip
_WATCHING = frozenset("👀🔴🟡👁🔭")


def _is_opinion(item: Item) -> bool:
    """Beside a contract that no verb opens, praise or a pair of eyes says it is watched."""
    if item.kind == "emoji":
        return not _WATCHING.isdisjoint(item.text)
    return item.kind == "note" and item.text.startswith(_OPINIONS)


_NEWS = frozenset(("update", "updates", "trade update", "alert update", "position update"))
_BARE_FILLS = frozenset(
    ("filled", "the", "a", "at", "for", "of", "on", "in", "and", "with", "w/", "lmt", "limit",
     "each", "exp",
     "expiring", "expires", "expiration", "@", "entry", "per", "per contract", "just", "to")
)  # fmt: skip
_ENTRY_EMOJI = frozenset(
    "🚨🔥🚀🟢⚡🎯📈🔔⚠💎📢‼❗⭐🌟💥🐂🐻💪🤞🎰🟩📊🔊➡🎟🍉🗨☀"
    "🎲🤏🙌👉👇☝⚔🧨🦅🐳🐋🦁🍀🤠😎👊✊🫡📌📍🧲🎣🏹🛒🆕🔵🟣🟠🛸🚂🏎⚙🔑👑🎬🌊🧪🦾🛫🪂🏄"
    "🏻🏼🏽🏾🏿"
)
"""Signs that may decorate an entry; a red light or a tick may stand for an exit."""
_GREETINGS = frozenset(
    ("good morning", "morning", "gm", "hey", "hi", "hello", "team", "guys", "everyone", "all",
     "not financial advice", "nfa", "not advice", "opinions only", "dyor", "folks", "traders",
     "fam", "alright", "ok", "okay", "here", "go", "we")
)  # fmt: skip
"""Said in a sentence of its own before the contract, these change nothing."""
_HEADINGS = frozenset(
    ("alert", "alerts", "new", "new trade", "new alert", "trade alert", "options alert", "trade",
     "option alert", "entry alert", "signal", "contract", "contracts", "option", "options",
     "ticker", "symbol", "play", "day trade", "daytrade", "scalp", "swing", "swing trade",
     "risky", "degen", "quick",  "exp", "", "strike", "expiration", "and", "also", "the", "a",
     "new play", "qty", "notes", "expiry", "type", "direction", "option type", "side", "action",
     "earnings play", "weekly play", "first trade", "first entry", "second entry", "third entry",
     "scalping", "swinging", "swing trading",
     "day trading")
)  # fmt: skip
"""Words that may stand over a contract that is named without a verb."""


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
