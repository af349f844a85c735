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
_OPEN = frozenset(("bto!", "sto!", "buy", "open", "in", "starter", "add", "write"))
_CLOSE = frozenset(("stc!", "btc!", "sell", "cover", "close", "out", "stopped", "trim"))


@dataclass(slots=True)
class Intent:
    """The meaning of the verbs: what to do, on which side, how sure."""

    family: Family = "none"
    side: Side | None = None
    """The side of the position, not of the order; None when not said."""
    is_explicit: bool = False
    """An order word such as BTO was used, not only everyday English."""
    is_trim: bool = False
    is_add: bool = False
    is_sell: bool = False
    """Only ``sell`` was said: closes a long, or opens a short where that is usual."""
    conflict: str = ""
    """Why the verbs cannot be followed; empty when they agree."""


def intent(facts: Facts) -> Intent:
    """Read all verbs of a trade, and mark them as understood."""
    codes = [str(facts.take(at).value) for at in facts.at("verb")]
    for at in facts.at("entryword"):
        facts.take(at)
        codes.append("open")
    out = Intent(is_explicit=any(code.endswith("!") for code in codes))
    said = set(codes)
    out.is_trim = "trim" in said
    out.is_add = "add" in said
    _side(out, said)
    _family(out, said)
    out.is_sell = out.family == "close" and "sell" in said and not said & {"stc!", "trim", "out"}
    return out


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
    if "cancel" in said:
        out.family = "cancel"
        out.conflict = "" if not (opens and closes) else "it cancels and trades at once"
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
    elif "update" in said:
        out.family = "update"


def _open_and_update(out: Intent, said: set[str], opens: set[str]) -> None:
    """``NQ short: trail stop to 20020`` names the side of what is held and opens nothing."""
    if "update" not in said:
        return
    if opens:
        out.conflict = "it opens and changes a trade at once"
    else:
        out.family = "update"
