"""What stands around an order and changes whose it is, whether it is one, or when it is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.parsers._grammar.english import COMMON
from engine.parsers._grammar.words import phrases

if TYPE_CHECKING:
    from engine.parsers._grammar.items import Item
    from engine.parsers._grammar.reduce import Reducer

_DONE = frozenset(
    ("bought", "sold", "got", "took", "got in", "got out", "bought back", "sold out", "sold some",
     "bought more", "sold it", "jumped in", "hopped in", "went long", "went short", "sold short",
     "in", "im in", "out", "cut", "wrote", "bto", "stc", "sto", "btc", "in on", "got into")
)  # fmt: skip
_CODES = frozenset(("bto", "stc", "sto", "btc"))
_CLOSERS = frozenset(("stc!", "btc!", "sell", "cover", "close", "out", "trim"))


def occasion(reader: Reducer, at: int) -> int:
    """``on a pullback``, ``at the open``, ``by EOD``: when to trade, or when it was traded.

    Beside what is done already it is a remark; an order to be carried out then is a condition.
    """
    item = reader.items[at]
    verbs = [one for one in reader.items if one.kind == "verb" and one.sent == item.sent]
    told = item.value == "run" and not any(one.value in _CLOSERS for one in verbs)
    is_remark = not verbs or told or any(_is_done(one, str(item.value)) for one in verbs)
    is_aim = item.text.startswith(("by ", "before ")) and all(one.text in _OUT for one in verbs)
    is_remark = is_remark and not (verbs and is_aim)
    if not verbs and item.value == "hour":  # SPY 640C @ 1.00 at the close: where it stood
        reader.put(item, "cue", "status")
        return at + 1
    reader.put(item, "note" if is_remark else "cue", "cond")
    return at + 1


_OUT = frozenset(("out", "im out", "in", "im in", "flat", "out of"))
"""Beside ``by EOD`` these tell what is meant to be done."""


def _is_done(verb: Item, when: str) -> bool:
    words = verb.text.split()
    if verb.text in _CODES:
        return False
    is_doing = any(word.endswith("ing") for word in words) and when == "event"
    return is_doing or verb.text in _DONE or any(word.endswith("ed") for word in words)


# --- whose trade it is ----------------------------------------------------------------------------

_BY = frozenset(
    ("by", "via", "from", "per", "credit", "thanks", "thx", "ty", "h/t", "with", "following",
     "copying", "tailing", "thank you", "props", "props to", "kudos", "called")
)  # fmt: skip
_TRADES = frozenset(
    ("trade", "trades", "alert", "alerts", "play", "plays", "pick", "idea", "call", "setup",
     "signal", "entry", "position", "order", "trade alert", "trade idea", "calls")
)  # fmt: skip
_NAMES = frozenset(("word", "sym", "odd"))


def by(reader: Reducer, at: int) -> bool:
    """``via @dan``, ``alert by Dan``, ``from Dan -``: the trade is another's."""
    item, after = reader.items[at], (reader.items[at + 1] if at + 1 < len(reader.items) else None)
    if after is None or item.text not in _BY:
        return False
    is_mention = after.kind == "note" and after.text.startswith("@")
    is_name = after.kind in _NAMES and after.value in (None, 0) and not after.is_upper
    last = reader.out[-1] if reader.out else None
    is_trade = last is not None and last.text in _TRADES and item.text in ("by", "from")
    is_start = item.text == "from" and (last is None or last.sent != item.sent)
    return is_mention or (is_name and (is_trade or is_start or item.text in ("via", "h/t")))


_TRADED = frozenset(("bought", "sold", "added", "bought more", "sold some", "shorted", "covered"))


def is_third(reader: Reducer, at: int) -> bool:
    """``Buffett bought OXY``: the sentence begins with a name that is no ticker."""
    last = reader.out[-1] if reader.out else None
    if reader.items[at].text not in _TRADED or last is None or last.kind != "word":
        return False
    return last.text.istitle() and all(one is last or one.sent != last.sent for one in reader.out)


def mention(reader: Reducer, at: int) -> bool:
    """``@dan: BTO ...``: what he says."""
    after = reader.items[at + 1] if at + 1 < len(reader.items) else None
    is_first = all(one.kind in ("emoji", "line", "para", "punct") for one in reader.out)
    name = reader.items[at].text[1:].lower()
    if phrases(name) or name in COMMON:  # a role, as in @Swing
        return False
    return is_first and after is not None and after.text == ":"


# --- questions and examples without their mark ----------------------------------------------------

_ASKS = frozenset(("is", "are", "am", "was", "has", "does"))
_ASKED = frozenset(("verb", "sym", "opt", "occ", "future", "strikes"))
_SAMPLES = frozenset(("like this", "this one", "this", "like it", "like this one", "like"))


def is_asked(reader: Reducer, at: int) -> bool:
    """``is BTO SPY 575C ok``: a question that lost its mark."""
    item, after = reader.items[at], (reader.items[at + 1] if at + 1 < len(reader.items) else None)
    if item.text not in _ASKS or after is None or after.kind not in _ASKED:
        return False
    return all(one.sent != item.sent or one.kind in ("emoji", "punct") for one in reader.out)


def is_sample(reader: Reducer, at: int) -> bool:
    """``like this: BTO ...``, ``type BTO ...``: how it is written."""
    item, after = reader.items[at], (reader.items[at + 1] if at + 1 < len(reader.items) else None)
    if after is None:
        return False
    if item.text in ("type", "say", "write", "enter"):
        return after.kind == "verb" and str(after.value).endswith("!")
    return item.text in _SAMPLES and after.text == ":" and item.text.startswith("like")


def told(reader: Reducer, at: int) -> tuple[str, str] | None:
    """(kind, value) of a small word that makes the order another's, a sample or a question."""
    if by(reader, at) or (reader.items[at].text.startswith("@") and mention(reader, at)):
        return "cue", "source"
    if is_asked(reader, at):
        return "cue", "question"
    return ("cue", "test") if is_sample(reader, at) else None


# --- quotation marks ------------------------------------------------------------------------------

_CORE = frozenset(("opt", "occ", "strikes", "sym", "root", "ticker", "future", "paid"))
_TELLING = frozenset(("word", "sym", "cue", "note", "fill", "verb"))


def quoted(items: list[Item]) -> str:
    """``alone`` or ``told`` when verb and contract stand between quotation marks, else empty.

    ``told``: somebody says something about it.
    """
    if '"' not in [item.text for item in items]:
        return ""
    marks = [at for at, item in enumerate(items) if item.kind == "punct" and item.value == '"']
    for start, end in zip(marks[::2], marks[1::2], strict=False):
        kinds = {item.kind for item in items[start:end]}
        if ("verb" in kinds or "entryword" in kinds) and kinds & _CORE:
            others = items[:start] + items[end + 1 :]
            return "told" if any(item.kind in _TELLING for item in others) else "alone"
    return ""
