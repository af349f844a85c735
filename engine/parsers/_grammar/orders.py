"""What every room's reading ends in: a signal, the doubts about it, and what was left over."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from engine.domain.alert import Alert, Level, NotAnAlert, Parsed, Signal
from engine.domain.source import SourceProfile
from engine.parsers._grammar.english import COMMON
from engine.parsers._grammar.facts import CORE, Facts
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.judge import judge
from engine.parsers._grammar.verbs import Intent

CONTRACT = frozenset(("symbol", "expiry", "strike", "right", "legs", "action", "contract"))
"""Doubts in these fields mean that the order as such is not complete."""


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
    open_trades: tuple[Signal, ...] = ()
    is_json: bool = False
    is_edit: bool = False


@dataclass(slots=True)
class Draft:
    """One trade as read, before anything is decided."""

    signal: Signal
    intent: Intent
    facts: Facts
    doubts: dict[str, str] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    is_bare: bool = False
    """No verb was written: the contract and its price alone stand for an entry."""

    @property
    def is_complete(self) -> bool:
        """Whether action and contract are certain."""
        return not CONTRACT & self.doubts.keys()


# --- what is left over --------------------------------------------------------------------------

_FINE = {
    "close": frozenset(("gain", "gainpct", "ref", "tag", "even", "ordinal", "clock", "market")),
    "update": frozenset(("gain", "gainpct", "tag", "ordinal", "clock")),
    "cancel": frozenset(("gain", "ordinal", "clock", "paid", "num", "money", "stop", "target",
                         "range", "paidrange", "market")),
}  # fmt: skip
_OPEN_FINE = frozenset(("ordinal", "clock"))
_WORDS = frozenset(("word", "sym"))


def account(facts: Facts, intent: Intent) -> list[str]:
    """Texts that were not understood. Words of a separate remark may stay unknown; see below."""
    fine = _FINE.get(intent.family, _OPEN_FINE)
    core = {item.clause for at, item in enumerate(facts.items) if at in facts.used}
    left: list[str] = []
    loose: list[Item] = []
    for _, item in facts.left():
        if item.kind in fine:
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
    if any(item.kind in CORE for item in _same_clauses(loose, facts)):
        return False
    return not any(item.text.lower().endswith(("ed", "ing", "ould", "nt")) and
                   item.text.lower() not in COMMON for item in loose)  # fmt: skip


def _same_clauses(loose: list[Item], facts: Facts) -> list[Item]:
    clauses = {item.clause for item in loose}
    return [one for one in facts.items if one.clause in clauses and one.kind not in _WORDS]


# --- sanity of prices ---------------------------------------------------------------------------

_ODD_RATIO = {"option": Decimal(8), "spread": Decimal(8), "stock": Decimal("1.6"),
              "future": Decimal("1.25")}  # fmt: skip


def check_levels(signal: Signal, side: str, doubts: dict[str, str]) -> None:
    """Stop on the losing side, targets on the winning one, and prices of one magnitude."""
    price = signal.price if signal.price_range is None else sum(signal.price_range) / 2
    if not price:
        return
    sign = 1 if side == "long" else -1
    odd = _ODD_RATIO[signal.asset or "stock"]
    if signal.stop is not None:
        _check_stop(signal.stop, Decimal(price), sign, odd, doubts)
    for target in signal.targets:
        if target.kind != "price" or target.value is None:
            continue
        if (target.value - price) * sign <= 0:
            doubts.setdefault("targets", f"the target {target.value} is on the losing side")
        elif max(target.value, price) > min(target.value, price) * odd * 3:
            doubts.setdefault("targets", f"the target {target.value} is far from {price}")


def _check_stop(
    stop: Level, price: Decimal, sign: int, odd: Decimal, doubts: dict[str, str]
) -> None:
    value = stop.value
    if stop.kind == "percent" and value is not None and not 0 < value <= 100:
        doubts.setdefault("stop", f"a stop of {value}% is impossible")
    if stop.kind != "price" or value is None:
        return
    if value <= 0:
        doubts.setdefault("stop", "the stop is zero")
    elif max(value, price) > min(value, price) * odd:
        doubts.setdefault("price", f"the price {price} and the stop {value} are far apart")
    elif (price - value) * sign <= 0:
        doubts.setdefault("stop", f"the stop {value} is on the wrong side of {price}")


def in_prices(levels: tuple[Level, ...], entry: Decimal | None, sign: int) -> tuple[Level, ...]:
    """Points turned into prices when the entry is known; ``sign`` 1 is above the entry."""
    if entry is None:
        return levels
    return tuple(
        Level(kind="price", value=entry + sign * level.value)
        if level.kind == "points" and level.value is not None
        else level
        for level in levels
    )


# --- the verdict --------------------------------------------------------------------------------


def decide(reading: Reading, drafts: list[Draft], why: str) -> Parsed:
    """From drafts to the outcome: an alert, an alert for a person, or no alert.

    ``why``: said when there are no drafts at all.
    """
    if not drafts:
        return NotAnAlert(why=why)
    is_complete = all(draft.is_complete for draft in drafts)
    found = judge(reading.items, is_complete=is_complete)
    if found.verdict == "none":
        return NotAnAlert(why=found.why)
    strange = [text for draft in drafts for text in draft.strange]
    if strange and not is_complete and not _is_code(drafts):
        return NotAnAlert(why=f"not understood: {', '.join(strange[:4])}")
    if strange and any(draft.is_bare for draft in drafts) and not is_complete:
        return NotAnAlert(why="a contract is named, but no action")
    reasons = [f"unclear: {', '.join(strange[:4])}"] if strange else []
    if found.verdict == "ask":
        reasons.append(f"beside the order there is {found.why}")
    for draft in drafts:
        reasons += draft.doubts.values()
    signals = tuple(
        replace(draft.signal, ambiguous=tuple(sorted(draft.doubts))) for draft in drafts
    )
    if not reasons:
        return Alert(signals=signals)
    return Alert(signals=signals, needs_human=True, question=_sentence(reasons))


def _is_code(drafts: list[Draft]) -> bool:
    """Order words with a symbol are shown to a person even when the rest is not understood."""
    return any(draft.intent.is_explicit and draft.signal.symbol for draft in drafts)


def _sentence(reasons: list[str]) -> str:
    text = "; ".join(dict.fromkeys(reasons))
    return text[0].upper() + text[1:] + "."
