"""What the verbs of one trade ask for together."""

from dataclasses import dataclass
from typing import Literal

from engine.parsers._grammar.facts import Facts

Family = Literal["open", "close", "update", "cancel", "roll", "none"]
Side = Literal["long", "short"]

_SIDES: dict[str, Side] = {
    "bto!": "long", "buy": "long", "stc!": "long", "long": "long",
    "sto!": "short", "write": "short", "btc!": "short", "cover": "short", "short": "short",
}  # fmt: skip
_BOUGHT = ("bought at", "entered at", "in at")
_EXITS = frozenset(("sell", "stc!", "btc!", "cover", "close", "trim"))
"""``cancel the sell``: which order is withdrawn?"""
_OPEN = frozenset(("bto!", "sto!", "buy", "open", "in", "starter", "add", "write"))
_ENDS = frozenset(("cover", "close", "out", "stopped", "trim", "btc!"))
"""Beside one of these ``short`` only names what is held."""
_CLOSE = frozenset(("stc!", "btc!", "sell", "cover", "close", "out", "stopped", "trim"))


@dataclass(slots=True)
class Intent:
    """The meaning of the verbs: what to do, on which side, how sure."""

    family: Family = "none"
    side: Side | None = None
    """The side of the position, not of the order; None when not said."""
    stated: Side | None = None
    """The side by the verbs alone."""
    is_explicit: bool = False
    """An order word such as BTO was used, not only everyday English."""
    is_trim: bool = False
    is_add: bool = False
    is_sell: bool = False
    """Only ``sell`` was said: closes a long, or opens a short where that is usual."""
    is_short_sale: bool = False
    """``sell`` and ``short`` both: a short is opened, or one that is held is closed."""
    is_late_cancel: bool = False
    """Said behind the order: clear where an alert is answered."""
    is_unfilled: bool = False
    """Only that nothing was filled: the order may be left to work."""
    conflict: str = ""
    """Why the verbs cannot be followed; empty when they agree."""


def intent(facts: Facts, *, is_reply: bool = False) -> Intent:
    """Read all verbs of a trade, and mark them as understood.

    In a reply ``in at 2.55`` only reports the fill of the alert it answers.
    """
    codes = [str(facts.take(at).value) for at in facts.at("verb")]
    is_late = "cancel" in codes and codes[0] not in ("cancel", "nofill")
    for at in facts.at("entryword"):
        facts.take(at)
        codes.append("open")
    if not codes and not is_reply and _is_bought(facts):
        codes.append("open")
    is_joined = codes != (codes := _joined(facts, codes))
    out = Intent(is_explicit=any(code.endswith("!") for code in codes))
    said = set(codes)
    if "sto!" in said and not said & _ENDS:
        said -= {"sell"}  # selling puts: STO ...
    out.is_late_cancel = is_late
    out.is_unfilled = said & {"cancel", "nofill"} == {"nofill"}
    if len(codes) == 1 and not is_joined and _is_half_code(facts):
        out.conflict = "bought or sold?"
    out.is_trim = "trim" in said
    out.is_add = "add" in said
    _side(out, said)
    _family(out, said)
    if {"sell", "short"} <= said and not said & _ENDS:
        out.family, out.is_short_sale = "open", True
        out.conflict = "does it sell short, or close a short?"
    out.conflict = out.conflict or _unclear_word(facts, is_reply=is_reply)
    if out.family == "close" and _is_turned(facts):
        out.conflict = "is it closed, or turned or opened again?"
    if {"sell", "cover"} <= said and "short" not in said:
        out.conflict = "does it close a long or cover a short?"
    if {"short", "cover"} <= said and facts.has("stop", "target", "under"):
        out.conflict = "a short is opened or covered?"
    out.stated = "long" if out.side is None and out.is_add and _is_bought_more(facts) else out.side
    out.is_sell = out.family == "close" and "sell" in said and not said & {"stc!", "trim", "out"}
    return out


def _unclear_word(facts: Facts, *, is_reply: bool) -> str:
    """Why a single verb may mean its opposite; empty when none does."""
    texts = [facts.text(at) for at in facts.by.get("verb", ())]
    if texts.count("cancel") > 1:
        return "is the cancel itself cancelled?"
    if "stop out" in texts and not is_reply:
        return "was it stopped out, or is that its stop?"
    return ""


def _is_bought(facts: Facts) -> bool:
    """``in at 2.55``: the words before a price are the verb."""
    return any(facts.text(at).startswith(_BOUGHT) for at in facts.at("paid"))


def _is_bought_more(facts: Facts) -> bool:
    """``bought more``: what is held is long."""
    verbs = [facts.items[at] for at in facts.by.get("verb", [])]
    return any(one.value == "add" and one.text.startswith(("bought", "buy")) for one in verbs)


_JOINED = {("sell", "open"): "sto!", ("buy", "open"): "bto!", ("sell", "close"): "stc!",
           ("buy", "close"): "btc!"}  # fmt: skip


def _joined(facts: Facts, codes: list[str]) -> list[str]:
    """``Sell TSLA 450C @ 3 to open``: the order word and its end stand apart."""
    if len(codes) != 2 or (codes[0], codes[1]) not in _JOINED:
        return codes
    return [_JOINED[codes[0], codes[1]]] if _is_half_code(facts) else codes


def _is_turned(facts: Facts) -> bool:
    """``out, long again 6445``: behind the exit, and apart from it, a side is taken."""
    found = [facts.items[at] for at in facts.by.get("verb", ())]
    closes = {item.clause for item in found if item.value in _CLOSE}
    sides = {item.clause for item in found if item.value in ("long", "short")} - closes
    return bool(closes and sides) and (max(sides) > min(closes) or _is_bar(facts))


def _is_bar(facts: Facts) -> bool:
    """``Close: 230`` beside ``Signal: LONG``: where the bar closed, as charts send it."""
    items = facts.items
    return any(
        items[at].text == "close" and at + 1 < len(items) and items[at + 1].text == ":"
        for at in facts.by.get("verb", ())
    )


def _is_half_code(facts: Facts) -> bool:
    """``to open`` and ``to close`` without the word before them."""
    for at in facts.by.get("verb", ()):
        if facts.items[at].text in ("open", "close") and facts.text(at - 1 if at else None) == "to":
            return True
    return False


def _side(out: Intent, said: set[str]) -> None:
    sides = {_SIDES[code] for code in said if code in _SIDES}
    if "sell" in said and not sides:
        return
    if len(sides) == 1:
        out.side = sides.pop()
    elif len(sides) == 2:
        out.conflict = "both sides are named"


def _family(out: Intent, said: set[str]) -> None:
    opens, closes = said & _OPEN, said & _CLOSE
    if said & {"cancel", "nofill"}:
        out.family = "cancel"
        is_entered = "open" in said or "in" in said
        is_both = is_entered or "add" in said or bool(closes & _EXITS)
        out.conflict = "it cancels and trades at once" if is_both else ""
    elif "roll" in said:
        out.family = "roll"
    elif opens and closes:
        out.family = "open"
        out.conflict = "it buys and sells at once"
    elif closes:
        out.family = "close"
    elif opens or said & {"long", "short"}:
        out.family = "open"
        _open_and_update(out, said, opens)
    elif said & {"update", "upd"}:
        out.family = "update"


def _open_and_update(out: Intent, said: set[str], opens: set[str]) -> None:
    """``NQ short: trail stop to 20020`` names the side of what is held and opens nothing."""
    if "update" not in said:
        return
    if opens:
        out.conflict = "it opens and changes a trade at once"
    else:
        out.family = "update"
