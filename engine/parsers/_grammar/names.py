"""Names with an ending: another trader's trade, a share of another exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.parsers._grammar.items import Itemiser

_OWNED = frozenset(
    ("trade", "trades", "alert", "alerts", "play", "plays", "idea", "pick", "entry", "position",
     "signal", "setup", "order", "bto", "stc", "buy", "call")
)  # fmt: skip
_EXCHANGES = frozenset(
    ("to", "v", "l", "de", "f", "pa", "as", "mi", "sw", "hk", "ax", "t", "ns", "bo", "ss", "sz",
     "sa", "mx", "ks", "si", "st", "he", "co", "br", "mc", "vi", "cn", "ne", "x", "o", "n", "us")
)  # fmt: skip
_OURS = frozenset(("it", "that", "let", "here", "there", "what", "this", "tomorrow"))
_OTHER_DAYS = frozenset(("monday", "tuesday", "wednesday", "thursday", "friday", "week", "morning"))


def whose(reader: Itemiser, at: int) -> str:
    """``Dan's trade`` is another's, ``Friday's trade`` one of another day; else empty."""
    token, after = reader.tokens[at], reader.look(at + 1)
    stem, _, end = token.text.lower().rpartition("'")
    if end != "s" or stem in _OURS or after is None or after.low not in _OWNED:
        return ""
    if stem == "today":
        return stem
    return "status" if stem in _OTHER_DAYS else "recap" if stem == "yesterday" else "source"


def has_exchange(reader: Itemiser, at: int) -> bool:
    """``TSLA.TO``, ``VOD.L``: listed elsewhere, and not the ticker before the point."""
    dot = reader.look(at + 1)
    if dot is None or dot.text != "." or dot.gap:
        return False
    end, beyond = reader.look(at + 2), reader.look(at + 3)
    if end is None or end.gap:
        return False
    is_whole = beyond is None or beyond.gap or beyond.kind != "num"
    return is_whole and end.kind == "word" and end.low in _EXCHANGES
