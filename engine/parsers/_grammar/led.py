"""What its neighbours make of it: ``two SPY``, ``call 663``, ``BE 170 calls``."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from engine.parsers._grammar.english import NAMESAKES, TICKER_WORDS
from engine.parsers._grammar.months import RIGHTS, is_month
from engine.parsers._grammar.numbers import read_number
from engine.parsers._grammar.words import phrases, unit

if TYPE_CHECKING:
    from engine.parsers._grammar.items import Itemiser
    from engine.parsers._grammar.tokens import Token

_TICKER = re.compile(r"[A-Z]{1,5}(?:\.[A-Z])?\Z")
_STRIKE = re.compile(r"([CPcp])(\d{1,5})\Z")
_DATES = frozenset(("iso", "day", "mday", "nday"))
_NAMED = frozenset(("sym", "slash", "date", "when", "ndte"))
_LEAST_STRIKE = 100
"""A smaller number behind ``calls`` may be how many."""
_TIES = frozenset(("/", "-", "%", ":", "x"))
COUNTS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10,
}  # fmt: skip


def count(reader: Itemiser, at: int) -> int:
    """``four contracts``, ``STC two SPY``: index behind the count, 0 when it is none."""
    token, after = reader.tokens[at], reader.look(at + 1)
    if after is None or after.kind in ("line", "para"):
        return 0
    value = Decimal(COUNTS[token.low])
    if unit(after.low) in ("contracts", "shares"):
        reader.put("qty", value, f"{token.low} {after.low}")
        return at + 2
    if _is_piece(reader, at, after):
        reader.put("qty", value, token.low)
        return at + 1
    is_name = after.text == "$" or (_TICKER.match(after.text) and not phrases(after.low))
    if not is_name or not reader.items or reader.items[-1].kind != "verb":
        return 0
    reader.put("num", value, str(value))
    return at + 1


_PIECE_VERBS = frozenset(("sell", "stc!", "btc!", "cover", "close", "out", "trim", "take", "add"))
_BEHIND_PIECE = frozenset(("off", "out", "@", "at", "here", "for", "more", ",", "."))
_GONE = frozenset(("out", "off", "sold", "closed", "trimmed", "covered"))


def _is_piece(reader: Itemiser, at: int, after: Token) -> bool:
    """``sold one 6.40``, ``took two off``, ``one more out``: how many are closed."""
    items = reader.items
    is_led = bool(items) and items[-1].kind == "verb" and items[-1].value in _PIECE_VERBS
    if is_led and items[-1].value == "sell" and reader.tokens[at].low == "one":
        return False  # sold one: of the contracts, or of the positions?
    if is_led:
        return after.low in _BEHIND_PIECE or after.kind == "num"
    is_first = not items or items[-1].kind in ("line", "para", "emoji", "stopmark", "tag")
    beyond = reader.look(at + 2)
    if after.low == "more" and beyond is not None:
        after = beyond
    return is_first and after.low in _GONE


def strike(reader: Itemiser, at: int, right: str, text: str) -> int:
    """``SPY call 663 10/17 @``: index behind the strike, 0 when none stands there."""
    found, after = reader.look(at), reader.look(at + 1)
    if found is None or after is None or not found.text.isdigit() or not _is_named(reader):
        return 0
    ahead = [token.text for token in reader.tokens[at + 1 : at + 8]]
    is_dated = len(ahead) > 1 and (ahead[1] == "/" or after.kind == "word")
    if (found.value or 0) < _LEAST_STRIKE or not is_dated or "@" not in ahead:
        return 0
    if after.text in _TIES:
        return 0
    reader.put("opt", (found.value, right), f"{text} {found.text}")
    return at + 1


def led(reader: Itemiser, at: int) -> int:
    """``C663`` behind a ticker or a date: index behind it, else 0."""
    text = reader.tokens[at].text
    found = _STRIKE.match(text)
    if found is None or not _is_named(reader):
        return 0
    digits, part = found.group(2), reader.look(at + 1)
    if part is not None and part.text[0] == "." and not part.gap and part.kind == "num":
        digits, text, at = digits + part.text, text + part.text, at + 1
    reader.put("opt", (read_number(digits), found.group(1).upper()), text)
    return at + 1


_SLOTS = TICKER_WORDS | {"BE"}


def is_name(reader: Itemiser, at: int) -> bool:
    """A word that is a ticker: in capitals amid small letters, or right before its contract."""
    text = reader.tokens[at].text
    if text in NAMESAKES:
        return _is_led(reader, at) and is_contract(reader, at + 1)
    if text not in _SLOTS:
        return False
    if text in _HEADWORDS and _is_share(reader, at):
        return True
    if reader.is_mixed and text != "BE":
        return True
    last = reader.tokens[at - 1].low if at else ""
    return last not in ("to", "at", "sl", "stop", "@", "the") and is_contract(reader, at + 1)


_HEADWORDS = frozenset(("COST", "TGT", "OPEN"))


def _is_share(reader: Itemiser, at: int) -> bool:
    """``BTO 100 COST @ 1042``: between a count and the price sign, or as thinkorswim has it."""
    items, after = reader.items, reader.look(at + 1)
    if items and items[-1].kind == "spread":
        return after is not None and after.text == "100"  # Vertical COST 100 (Weeklys)
    is_counted = len(items) == 2 and items[1].kind in ("num", "qty") and items[0].kind == "verb"
    return is_counted and items[0].text in CODES and after is not None and after.text == "@"


CODES = frozenset(("bto", "stc", "sto", "btc"))


def _is_led(reader: Itemiser, at: int) -> bool:
    """``Contract: IT 8/15 420C``, ``Entry: SO 90C``, ``STC 1/2 ON 75C``: a ticker must follow."""
    items = reader.items
    if not items:
        return reader.tokens[at].text in ("ON", "IT", "ARE")
    if items[-1].kind == "label":
        return items[-1].value in ("contract", "symbol")
    if len(items) > 1 and items[-1].text == ":":
        return items[-2].text == "entry"
    is_share = len(items) > 1 and items[-1].kind == "slash" and items[-2].kind == "verb"
    return is_share and reader.tokens[at].text != "ALL"


def names(reader: Itemiser, at: int) -> bool:
    """A ticker and its contract: ``SBUX 299C``, ``C 8/15 95C``."""
    token = reader.look(at)
    is_ticker = token is not None and bool(_TICKER.match(token.text))
    return is_ticker and is_contract(reader, at + 1)


def is_contract(reader: Itemiser, at: int) -> bool:
    """``8C``, ``170 calls`` or a date with such a thing behind it."""
    token, after, beyond = (reader.look(at + k) for k in range(3))
    if token is None or after is None:
        return False
    if token.kind == "num" and after.low in RIGHTS:
        return True
    is_date = (token.kind == "num" and after.text == "/") or token.kind in _DATES
    is_date = is_date or (token.kind == "alnum" and is_month(token.low.rstrip("0123456789")))
    is_date = is_date or (is_month(token.low) and after.kind == "num" and beyond is not None)
    ahead = reader.tokens[at + 1 : at + 8]
    return is_date and any(one.kind == "num" and two.low in RIGHTS for one, two in pairwise(ahead))


def _is_named(reader: Itemiser) -> bool:
    return bool(reader.items) and reader.items[-1].kind in _NAMED | {"letter"}
