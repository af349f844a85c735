"""Is it an order at all? Weighs the cues around it: question, plan, recap, news, test, chat."""

from dataclasses import dataclass
from typing import Literal

from engine.parsers._grammar.items import Item

Verdict = Literal["order", "ask", "none"]

_WHY = {
    "test": "an example, a test or an explanation",
    "echo": "a bot's or broker's report of an order",
    "promo": "a promotion",
    "flow": "order flow of others",
    "news": "news",
    "recap": "a look back at past trades",
    "question": "a question",
    "watch": "a watch list or a heads-up",
    "life": "talk that is not about a trade",
    "cond": "a condition",
    "plan": "a plan or a wish",
    "neg": "a negation",
    "status": "a status",
    "source": "the name of another trader",
    "choice": "a choice between trades",
    "praise": "praise for a past trade",
}
_WHOLE = frozenset(("test", "echo"))
"""Cues that spoil the whole message wherever they stand."""
_CHAT = frozenset(("promo", "flow", "news", "recap", "question", "watch", "life"))
"""Cues that make the sentence they stand in no order."""
_ANCHORS = frozenset(
    ("opt", "occ", "strikes", "spread", "paid", "paidrange", "stop", "target", "under", "future",
     "trail")
)  # fmt: skip
_BODY = _ANCHORS | frozenset(
    ("verb", "slash", "date", "when", "ndte", "num", "money", "part", "qty", "right")
)


_NUMBERS = frozenset(("num", "money", "paid"))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do with a message, and why when it is not plainly an order."""

    verdict: Verdict
    why: str = ""


ORDER = Judgement("order")


def judge(items: list[Item], *, is_complete: bool) -> Judgement:
    """Weigh all cues of a message.

    ``is_complete``: contract and action were read without a gap. A cue beside a complete order
    sends it to a person; beside anything less it makes the message no order.
    """
    cues = _cues(items)
    if not cues:
        return ORDER
    core = _core_sentences(items)
    first = _first_of_core(items, core)
    worst = ORDER
    for at, cue, why in cues:
        if cue in _WHOLE:
            return Judgement("none", why)
        sent = items[at].sent
        found = _one(cue, sent in core, at < first, is_complete)
        if found == "none" and items[at].kind == "stopmark" and _answered(items, sent):
            found = "ask" if is_complete else "none"
        if found == "none":
            return Judgement("none", why)
        if found == "ask" and worst is ORDER:
            worst = Judgement("ask", why)
    return worst


def _answered(items: list[Item], asked: int) -> bool:
    """``STC or roll ...? I'm taking 0.80 here``: an order follows in a sentence of its own."""
    later = [item.kind for item in items if item.sent > asked]
    return "verb" in later and not _NUMBERS.isdisjoint(later)


def _one(cue: str, in_core: bool, is_before: bool, is_complete: bool) -> Verdict:
    """What one cue means: the verdict if it were the only one."""
    if cue == "praise":
        return "none" if in_core and is_before else "order"
    if not is_complete:
        return "none"
    if in_core and cue in _CHAT:
        return "none"
    if in_core and is_before:
        return "none"
    return "ask"


def _core_sentences(items: list[Item]) -> set[int]:
    """Sentences that hold the order: those with a contract or price, else those with a verb."""
    core = {item.sent for item in items if item.kind in _ANCHORS or _is_order_word(item)}
    return core or {item.sent for item in items if item.kind in ("verb", "entryword")}


def _is_order_word(item: Item) -> bool:
    return item.kind == "verb" and str(item.value).endswith("!")


def _first_of_core(items: list[Item], core: set[int]) -> int:
    """Where the order begins: its verb; without one, whatever comes first."""
    inside = [at for at, item in enumerate(items) if item.kind in _BODY and item.sent in core]
    verbs = [at for at in inside if items[at].kind == "verb"]
    return min(verbs or inside, default=len(items))


def _cues(items: list[Item]) -> list[tuple[int, str, str]]:
    """(position, class, reason) of every cue; a question mark counts in the sentence it ends."""
    found = []
    for at, item in enumerate(items):
        if item.kind == "cue":
            found.append((at, str(item.value), f"{_WHY[str(item.value)]} ({item.text!r})"))
        elif item.kind == "stopmark" and item.value:
            found.append((at, "question", _WHY["question"]))
    return found
