"""What every room's reading ends in: a signal, the doubts about it, and what was left over."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from engine.domain.alert import Action, Alert, Effect, NotAnAlert, Parsed, Signal
from engine.domain.copying import replace
from engine.domain.source import SourceProfile
from engine.parsers._grammar.around import quoted
from engine.parsers._grammar.english import COMMON
from engine.parsers._grammar.facts import CORE, Facts
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.judge import judge
from engine.parsers._grammar.sanity import (
    check_exit_price,
    check_new_levels,
    check_rest_stop,
    check_together,
)
from engine.parsers._grammar.slips import is_nearly
from engine.parsers._grammar.verbs import Intent, Side

CONTRACT = frozenset(("symbol", "expiry", "strike", "right", "legs", "contract"))
"""Doubts in these fields mean that it is not known what should be traded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything a room's parser is given."""

    items: list[Item]
    today: date
    """New York day of the post."""
    profile: SourceProfile
    base: Signal | None
    """What the message replied to (or the text before an edit) asked for; None when unknown."""
    is_reply: bool
    open_trades: Callable[[], Sequence[Signal]]
    """Entries of this author that are still open; asked for by exits alone."""
    is_json: bool = False
    is_edit: bool = False


_NAME = re.compile("[A-Z]{1,5}")


@dataclass(slots=True)
class Draft:
    """One trade as read, before anything is decided."""

    signal: Signal
    intent: Intent
    facts: Facts
    doubts: dict[str, str] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    is_talk: bool = False
    """It only tells how a position stands."""
    is_bare: bool = False
    """No verb was written: the contract and its price alone stand for an entry."""

    @property
    def doubted(self) -> Signal:
        """The signal, naming what a person has to settle."""
        fields = {*self.doubts}
        if any(_NAME.fullmatch(text) for text in self.strange):
            fields.add("symbol")  # what was not understood may be the ticker
        return replace(self.signal, ambiguous=tuple(sorted(fields))) if fields else self.signal

    @property
    def is_complete(self) -> bool:
        """Whether the contract is certain, and in everyday English the action too."""
        missing = CONTRACT & self.doubts.keys()
        is_odd = "action" in self.doubts and not self.intent.is_explicit
        return not missing and not is_odd and not self._lacks_price

    @property
    def _lacks_price(self) -> bool:
        """A share or future to buy at no price at all is talk."""
        signal = self.signal
        is_priced = signal.price is not None or signal.price_range is not None
        return "price" in self.doubts and not is_priced and signal.asset in ("stock", "future")

    @property
    def is_near(self) -> bool:
        """Worth a person's look although it is not complete: order words, or one gap only."""
        signal = self.signal
        if self.is_bare:
            return False
        if self.intent.is_explicit:
            return bool(signal.symbol or signal.strike or signal.price)
        if self.intent.family == "roll":
            return bool(signal.symbol)
        is_stopped = signal.stop is not None and bool(signal.symbol) and "price" in self.doubts
        if signal.price is None and not is_stopped and not self.facts.has("oddnum", "oddprice"):
            return False
        missing = CONTRACT & self.doubts.keys()
        if signal.asset in ("option", "spread"):
            return len(missing) <= 1
        return any(item.kind == "root" or _is_ticker(item) for item in self.facts.items)


_SHORT = (Effect.OPEN_SHORT, Effect.CLOSE_SHORT)
_OF_SHORT = "short"
"""Tag of an update or cancel of a short position, so that a reply to it knows the side."""


def side_of(base: Signal | None) -> Side:
    """Side of the position that an earlier signal speaks of; long when nothing says otherwise."""
    is_short = base is not None and (base.action.effect in _SHORT or _OF_SHORT in base.tags)
    return "short" if is_short else "long"


def tags_of(facts: Facts, said: Intent, side: Side) -> tuple[str, ...]:
    """Remarks that later readers need: targets hit, averaging, the side of an update."""
    tags = [str(value) for value in facts.values("tag")]
    if said.is_add:
        tags.append("average")
    if side == "short" and said.family in ("update", "cancel"):
        tags.append(_OF_SHORT)
    return tuple(tags)


def _is_ticker(item: Item) -> bool:
    return item.kind == "sym" and item.value in (2, 3, 4)


# --- what is left over --------------------------------------------------------------------------

_FINE = {
    "close": frozenset(("gain", "gainpct", "ref", "tag", "hit", "even", "ordinal", "clock",
                        "market")),
    "update": frozenset(("gain", "gainpct", "tag", "hit", "ordinal", "clock", "part")),
    "cancel": frozenset(("gain", "ordinal", "clock", "paid", "num", "money", "stop", "target",
                         "range", "paidrange", "market")),
}  # fmt: skip
_OPEN_FINE = frozenset(("ordinal", "clock"))
_WORDS = frozenset(("word", "sym"))


def account(facts: Facts, intent: Intent) -> list[str]:
    """Texts that were not understood. Words of a separate remark may stay unknown; see below."""
    unread = facts.left()
    if not unread:
        return []
    fine = _FINE.get(intent.family, _OPEN_FINE)
    used = [facts.items[at] for at in facts.used]
    core = {item.clause for item in used if item.kind != "size"}
    left: list[str] = []
    loose: list[Item] = []
    for item in unread:
        if item.kind in fine or (item.kind == "tag" and item.value == "GAMMA"):
            continue
        if item.kind in _WORDS and item.clause not in core and item.value in (None, 0, 1):
            loose.append(item)
        elif item.kind == "letter" and item.text in "AI" and item.clause not in core:
            continue
        else:
            left.append(item.text.strip())
    if not _is_remark(loose, facts):
        left += [item.text for item in loose]
    return left


def _is_remark(loose: list[Item], facts: Facts) -> bool:
    """A few unknown words apart from the order, none of them a verb form, are a remark."""
    if len(loose) > 3:
        return False
    if any(item.value == 1 and item.is_upper for item in loose):
        return False
    if any(is_nearly(item.text.lower()) for item in loose):
        return False
    if any(item.kind in CORE for item in _same_clauses(loose, facts)):
        return False
    return not any(item.text.lower().endswith(("ed", "ing", "ould", "nt")) and
                   item.text.lower() not in COMMON for item in loose)  # fmt: skip


def _same_clauses(loose: list[Item], facts: Facts) -> list[Item]:
    clauses = {item.clause for item in loose}
    return [one for one in facts.items if one.clause in clauses and one.kind not in _WORDS]


def check_words(draft: Draft, reading: Reading) -> None:
    """Doubts about wording that all rooms share."""
    said, facts, signal = draft.intent, draft.facts, draft.signal
    is_known = reading.base is not None or reading.is_edit
    if said.family == "cancel" and (said.is_unfilled or (said.is_late_cancel and not is_known)):
        facts.doubt("action", "is the order withdrawn?")
    if reading.base is not None:
        _check_answer(said, facts, side_of(reading.base))
    is_priced = signal.price is not None or signal.price_range is not None
    if said.family == "close" and facts.has("ref") and not is_priced and not facts.has("market"):
        facts.doubt("price", "is that the entry or the exit price?")
    if said.family == "close" and facts.has("hit") and not is_priced and not facts.has("market"):
        facts.doubt("price", "was it closed at the target?")
    if said.family == "open" and _is_held(facts):
        facts.doubt("action", "is that an entry, or what is held?")
    if said.family == "open" and _is_crossed(facts):
        facts.doubt("action", "a sign against it stands beside the order")
    if said.family == "open" and (remark := _aftermath(facts, said)):
        facts.doubt("action", f"{remark!r} is said of a trade already made")
        draft.is_talk = _is_noun(facts) and bool(facts.by.get("verb"))
    if said.family == "update":
        check_new_levels(signal, reading.base, facts)
    if said.family == "close":
        check_rest_stop(signal, facts)
        _check_round_trip(facts, reading.base)
        check_exit_price(signal, reading.base, facts)


def _check_round_trip(facts: Facts, base: Signal | None) -> None:
    """``In at 2.10, out at 3.15``: the entry, then the exit; ``ES long 6320 closed``: which?"""
    verbs = facts.by.get("verb", ())
    if base is not None or not verbs:
        return
    entries = [at for at in facts.by.get("paid", ()) if facts.items[at].value[0] == "entry"]
    sent = facts.items[verbs[0]].sent
    if entries and entries[0] < verbs[0] and facts.items[entries[0]].sent == sent:
        facts.doubt("action", "is that an exit, or a trade that is over?")
    prices = [at for kind in ("paid", "num", "money") for at in facts.by.get(kind, ())]
    is_held = facts.items[verbs[0]].value in ("long", "short")
    is_held = is_held and facts.items[verbs[-1]].value in ("close", "out", "sell", "cover")
    if is_held and prices and verbs[0] < min(prices) and max(prices) < verbs[-1]:
        facts.doubt("price", "is that the entry or the exit price?")


def _check_answer(said: Intent, facts: Facts, held: Side) -> None:
    """A reply to an alert does what can be done with the ``held`` side."""
    is_new = said.is_add or said.is_explicit or _is_again(facts)
    if said.family == "open" and not is_new:
        facts.doubt("action", "is it bought again, or is that the fill of the alert?")
    if _is_contrary(said, held):
        facts.doubt("action", f"the alert it answers is {held}")


def _is_crossed(facts: Facts) -> bool:
    """Beside a stop its sign only marks it."""
    if not facts.has("emoji"):
        return False
    signs = _NO - _STOPS if facts.has("stop", "under") else _NO
    return any(item.kind == "emoji" and not signs.isdisjoint(item.text) for item in facts.items)


_MADE_WORDS = """
runner runners rest remainder left winner winners loser win loss losses profit profits gain
gains green red banger hit hits basehit singles yesterday done house ride riding keeping moved
cleared moving money alerted mentioned morning ran without ago paying pay paid riskfree closed
free dying losing
"""
_MADE = frozenset(_MADE_WORDS.split())
"""Words of remarks that look back: nobody says them of a trade he only opens."""
_CHEERS_WORDS = """
boom booom bang easy hod lod look looks looking nice love good great wow woohoo sweet strong weak
fast clean solid working run running finally haha hehe lol
"""
_CHEERS = frozenset(_CHEERS_WORDS.split())
"""Words that cheer: beside a mere "ES 6412 long" they tell how a trade stands."""
_AHEAD = frozenset(("luck", "potential", "lets", "wont", "dont", "not", "protect", "risk", "no"))


def _aftermath(facts: Facts, said: Intent) -> str:
    """The remark beside an entry that only fits a trade already made; else empty."""
    is_noun = _is_noun(facts)
    for item in facts.items:
        if item.kind not in ("note", "kept") or said.is_add:
            continue
        words = set(item.text.lower().split())
        if words & _AHEAD and "free" not in words:
            continue
        if words & _MADE or (is_noun and words & _CHEERS):
            return item.text
    if is_noun and facts.by.get("verb"):
        return next((item.text for item in facts.items if _is_tally(item)), "")
    return ""


def _is_noun(facts: Facts) -> bool:
    """``ES 6412 long`` or no verb at all, and no level or amount goes with it."""
    found = facts.by.get("verb", [])
    for at in found:
        if facts.items[at].text.lower() not in ("long", "short"):
            return False
    is_behind = all(any(one.kind in _NAMES for one in facts.items[:at]) for at in found)
    return is_behind and not facts.has(*_ORDERED)


_NAMES = ("sym", "root", "num", "opt", "occ")
_ORDERED = ("entryword", "stop", "target", "under", "letter", "qty", "market", "trail")
"""Who states one of these gives an order."""


def _is_tally(item: Item) -> bool:
    """``NQ long 23480 ✅``: ticked off or paid; ``short still``: held."""
    if item.kind == "emoji":
        return not _TALLY.isdisjoint(item.text)
    return item.text == "still"


_TALLY = frozenset("✅☑✔💰🤑💵💸🏆🎉")
_STOPS = frozenset("🛑⛔")
"""Beside a stop these only mark it."""
_NO = frozenset("❌🚫⛔🛑✖❎👎🤡🤔")


_OWN = frozenset(("im", "i", "am", "we", "are", "weare", "currently", "been"))
_COSTS = ("cost", "avg", "average", "my a", "our a", "basis")


def _is_owned(facts: Facts, at: int) -> bool:
    """``my DASH long``: a noun, and whose it is."""
    is_noun = at > 1 and facts.text(at) in ("long", "short") and facts.items[at - 1].kind in _NAMES
    return is_noun and facts.text(at - 2) in ("my", "our")


def _is_held(facts: Facts) -> bool:
    """``I'm long DASH, cost 198.50``, ``our DASH long 198.50``: he tells what he holds."""
    if any(facts.text(at).startswith("cost basis") for at in facts.by.get("paid", ())):
        return True
    if _is_noun(facts) and any(facts.text(at).endswith(" paid") for at in facts.by.get("paid", ())):
        return True
    if any(_is_owned(facts, at) for at in facts.by.get("verb", ())):
        return True
    if not any(facts.text(at).startswith(_COSTS) for at in facts.by.get("paid", ())):
        return False
    found = facts.by.get("verb", ())
    return bool(found) and all(
        facts.text(at) in ("long", "short") and at > 0 and facts.text(at - 1) in _OWN
        for at in found
    )


def _is_contrary(said: Intent, held: Side) -> bool:
    """``sold .80`` answers a short, or ``BTC`` a long: it cannot close what is held."""
    if said.family not in ("open", "close"):
        return False
    return (said.is_sell and held == "short") or said.stated not in (None, held)


def _is_again(facts: Facts) -> bool:
    words = ("back in", "more", "again", "another", "reentered", "reentry", "reloading", "reloaded")
    return any(item.text in words for item in facts.items)


# --- the verdict --------------------------------------------------------------------------------


def decide(reading: Reading, drafts: list[Draft], why: str) -> Parsed:
    """From drafts to the outcome: an alert, an alert for a person, or no alert.

    ``why``: said when there are no drafts at all.
    """
    if reading.base is not None and reading.is_reply and _corrects(reading.items):
        return _correction(reading.base)
    if not drafts:
        return NotAnAlert(why=why)
    for draft in drafts:
        check_words(draft, reading)
    check_together(drafts)
    if all(draft.is_talk for draft in drafts):
        return NotAnAlert(why="it tells how a position stands")
    is_complete = all(draft.is_complete for draft in drafts)
    is_order = is_complete or any(one.is_near and one.intent.is_explicit for one in drafts)
    found = judge(reading.items, is_complete=is_order)
    quote = quoted(reading.items)
    if quote == "told":
        return NotAnAlert(why="what somebody else said, between quotation marks")
    if found.verdict == "none":
        return NotAnAlert(why=found.why)
    if found.verdict == "ask" and any(draft.is_bare for draft in drafts):
        return NotAnAlert(why=found.why)
    strange = [text for draft in drafts for text in draft.strange]
    if strange and not is_complete and not any(draft.is_near for draft in drafts):
        return NotAnAlert(why=f"not understood: {', '.join(strange[:4])}")
    reasons = [f"unclear: {', '.join(strange[:4])}"] if strange else []
    reasons += ["the order stands between quotation marks"] if quote else []
    reasons += [f"beside the order there is {found.why}"] if found.verdict == "ask" else []
    reasons += [why for draft in drafts for why in draft.doubts.values()]
    signals = tuple([draft.doubted for draft in drafts])
    if not reasons:
        return Alert(signals=signals)
    return Alert(signals=signals, needs_human=True, question=_sentence(reasons))


_CORRECTIONS = frozenset(
    ("ignore", "please ignore", "wrong", "mistake", "oops", "correction", "corrected", "typo",
     "my bad", "sorry", "meant", "incorrect", "error", "fixed", "mistaken", "apologies", "whoops",
     "fixed typo", "edit typo")
)  # fmt: skip


def _corrects(items: list[Item]) -> bool:
    """A reply that takes back or corrects the alert it answers."""
    has_question = any(item.kind == "stopmark" and item.value for item in items)
    return not has_question and any(item.text.lower() in _CORRECTIONS for item in items)


def _correction(base: Signal) -> Alert:
    signal = replace(base, action=Action.UPDATE, ambiguous=("action",))
    question = "The reply corrects or withdraws the alert it answers; which, a person must say."
    return Alert(signals=(signal,), needs_human=True, question=question)


def _sentence(reasons: list[str]) -> str:
    text = "; ".join(dict.fromkeys(reasons))
    return text[0].upper() + text[1:] + ("" if text.endswith("?") else ".")
