"""What a number is, by its neighbours: strike, date, fraction, share, size, distance, price."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.parsers._grammar import led, months
from engine.parsers._grammar.months import ORDINALS, RIGHTS, put
from engine.parsers._grammar.numbers import read_number
from engine.parsers._grammar.slips import beside_keys, corrected, is_nearly, mistyped
from engine.parsers._grammar.words import unit

if TYPE_CHECKING:
    from engine.parsers._grammar.items import Itemiser
    from engine.parsers._grammar.tokens import Token

_GAIN = frozenset(
    (
        "gain",
        "gains",
        "profit",
        "profits",
        "win",
        "winner",
        "loss",
        "loser",
        "return",
        "roi",
        "green",
    )
)
_WHOLES = frozenset(("max", "maximum", "credit"))
"""``75% of max`` is a result."""
_TIME = ("min", "mins", "minute", "minutes", "hour", "hours", "hr", "hrs", "sec", "seconds")
_COUNTED_PAST = (
    "trades",
    "wins",
    "losses",
    "winners",
    "losers",
    "alerts",
    "greens",
    "reds",
    "trade",
)
_REMARKS = {
    **dict.fromkeys(_TIME, "clock"),
    **dict.fromkeys(_COUNTED_PAST, "cue"),
}
"""Words that make the number before them a remark."""
_PERCENT = frozenset(("percent", "pct", "prozent"))
_TAIL_LABELS = frozenset(("cr", "db", "sl", "tp", "stop", "tgt"))
"""Written against a price they are words of their own: ``1.12SL.80``."""
_CURRENCY_FUTURES = frozenset("ABCEJLMNSZ")


def number(reader: Itemiser, at: int, is_money: bool = False) -> int:
    """Read the number at ``at`` together with whatever belongs to it."""
    token, after = reader.tokens[at], reader.look(at + 1)
    if after is None:
        return _plain(reader, at, is_money)
    if not after.gap:
        end = _glued(reader, at, token, after, is_money)
        if end:
            return end
    if after.text == "." and not after.gap and (end := months.dotted_day(reader, at)):
        return end
    if after.text == "%" or after.low in _PERCENT:
        return _percent(reader, at, at + 2)
    if after.text == "/" and (end := _run(reader, at)):
        return end
    if after.text in ("-", "->", "=>", "--") and (end := _dash(reader, at, after)):
        return end
    if _is_counted_letter(reader, at, after):
        return _plain(reader, at, is_money)
    if after.kind in ("word", "alnum") and (end := _worded(reader, at, after, is_money)):
        return end
    return _plain(reader, at, is_money)


def _plain(reader: Itemiser, at: int, is_money: bool) -> int:
    token, after = reader.tokens[at], reader.look(at + 1)
    if after is not None and after.low in _MADE and (kind := _result(reader, at, is_money)):
        reader.put(kind, token.value, token.text)
        return at + 1
    is_tagged = is_money and at > 0 and reader.tokens[at - 1].text == "$"
    sign = _sign(reader, reader.tokens[at - 1] if is_tagged else token)  # exp 8/15 - $1.20
    if token.value is None:
        reader.put("oddnum", None, token.text)
    elif sign:
        reader.items.pop()
        reader.put("gain", token.value, sign + token.text)
    else:
        reader.put("money" if is_money else "num", token.value, token.text)
    return at + 1


_MADE = frozenset(("profit", "profits", "gain", "gains", "loss", "win", "winner", "loser"))


def _result(reader: Itemiser, at: int, is_money: bool) -> str:
    """``for a $500 profit`` is a result; ``@ 2.00 profit`` a price before a cheer; else empty."""
    before = reader.look(at - 1 - is_money) if at > is_money else None
    is_whole = reader.tokens[at].text.isdigit()
    if before is not None and before.low in ("for", "a"):
        return "gain" if is_whole else "oddnum"
    if before is not None and before.low in ("@", "at", "price"):
        return ""
    if not is_money:
        return "" if is_whole else "oddnum"
    is_behind = before is not None and before.kind == "num"
    return "gain" if is_whole and is_behind else "oddnum"


def _sign(reader: Itemiser, token: Token) -> str:
    """A ``+`` or ``-`` that was written against ``token``, else empty."""
    last = reader.items[-1] if reader.items else None
    if token.gap or last is None or last.kind != "punct" or last.value not in ("+", "-"):
        return ""
    return str(last.value)


# --- glued: 590C, 5x, 30%, 0DTE, 15th, 1.2k -----------------------------------------------------


def _glued(reader: Itemiser, at: int, token: Token, after: Token, is_money: bool) -> int:
    if after.text == "%":
        return _percent(reader, at, at + 2)
    if after.kind == "word":
        return _suffix(reader, at, token, after, is_money)
    if after.text == "-" and (end := _hyphened(reader, at)):
        return end
    if after.kind == "odd" or after.text == "'":
        reader.put("oddnum", None, token.text + after.text)
        return at + 2
    if after.kind == "alnum":
        return _glued_alnum(reader, at, token, after)
    return 0


def _hyphened(reader: Itemiser, at: int) -> int:
    """``663-call`` and ``0-DTE``."""
    word = reader.look(at + 2)
    if word is None or word.gap:
        return 0
    if word.low in RIGHTS:
        return _option(reader, at, at + 3, RIGHTS[word.low])
    if word.low in ("dte", "dtes"):
        return put(reader, "ndte", reader.tokens[at].value, reader.tokens[at].text + "dte", at + 3)
    return 0


def _suffix(reader: Itemiser, at: int, token: Token, after: Token, is_money: bool) -> int:
    low = after.low
    if low in ("c", "p") and (end := _run(reader, at)):
        return end
    if low in RIGHTS:
        return _option(reader, at, at + 2, RIGHTS[low])
    if low == "x":
        is_result = bool(reader.items) and reader.items[-1].text == "for"  # sold for 2x
        kind = "oddnum" if is_result else "qty"
        return put(reader, kind, token.value, token.text + "x", at + 2)
    if low in ("dte", "dtes"):
        return put(reader, "ndte", token.value, token.text + "dte", at + 2)
    if low in ORDINALS:
        return put(reader, "ordinal", token.value, token.text + low, at + 2)
    if unit(low) and after.text != "CAR":  # the ticker
        return _counted(reader, at, at + 2, unit(low) or "")
    if months.is_month(low) and not is_money:
        return months.day_month(reader, at, token) or put(reader, "oddnum", None, low, at + 2)
    if low in _TAIL_LABELS:
        return _plain(reader, at, is_money and low not in ("cr", "db"))
    if len(token.text) == 1 and after.text in _CURRENCY_FUTURES and token.text == "6":
        return put(reader, "sym", 2, f"6{after.text}", at + 2)
    return put(reader, "oddnum", None, token.text + after.text, at + 2)


def _glued_alnum(reader: Itemiser, at: int, token: Token, after: Token) -> int:
    low = after.low
    if low[0] == "x" and low[1:].isdigit() and token.value is not None:
        ratio = (token.value, Decimal(low[1:]))
        return put(reader, "ratio", ratio, token.text + low, at + 2)
    if low.startswith("ts"):
        return 0
    return put(reader, "oddnum", None, token.text + after.text, at + 2)


def _percent(reader: Itemiser, at: int, end: int) -> int:
    token = reader.tokens[at]
    sign = _sign(reader, token)
    if sign:
        reader.items.pop()
    after = reader.look(end)
    last = reader.items[-1] if reader.items else None
    is_gain = bool(sign) or (after is not None and after.low in _GAIN)
    is_gain = is_gain or (last is not None and last.text in ("up", "down"))
    if token.value is None:
        return put(reader, "oddnum", None, token.text + "%", end)
    of, whole = reader.look(end), reader.look(end + 1)
    if of is not None and whole is not None and of.low == "of" and whole.low in _WHOLES:
        return put(reader, "gainpct", token.value, f"{token.text}% of {whole.low}", end + 2)
    end += after is not None and after.low in _GAIN
    return put(reader, "gainpct" if is_gain else "pct", token.value, f"{sign}{token.text}%", end)


def _option(reader: Itemiser, at: int, end: int, right: str) -> int:
    token = reader.tokens[at]
    if token.value is None or token.text[-3:-2] == ",":  # 6,00C
        return put(reader, "oddnum", None, token.text + right, end)
    return put(reader, "opt", (token.value, right), token.text + right, end)


def _counted(reader: Itemiser, at: int, end: int, what: str) -> int:
    token = reader.tokens[at]
    if what == "points":
        sign = _sign(reader, token)
        if sign:
            reader.items.pop()
        kind = "gain" if sign else "points"
        return put(reader, kind, token.value, f"{sign}{token.text}pt", end)
    if what == "cents":
        return _cents(reader, at, end)
    if what == "ticks":
        if sign := _sign(reader, token):
            reader.items.pop()
        text = f"{sign}{token.text} {reader.tokens[end - 1].low}"
        return put(reader, "ticks", token.value, text, end)
    if what == "dte":
        return put(reader, "ndte", token.value, token.text + "dte", end)
    return put(reader, "qty", token.value, f"{token.text} {what}", end)


# --- runs: 1/17, 1/2, 230/240, 265p/290c, 5980/6000/6020 ----------------------------------------


def _run(reader: Itemiser, at: int) -> int:
    """Numbers joined by slashes without white space, each with an optional right."""
    parts: list[tuple[Token, str]] = []
    tokens, here = reader.tokens, at
    while True:
        right, end = "", here + 1
        slash = reader.look(end)
        if slash is not None and slash.low in ("c", "p") and not slash.gap:
            right, end = slash.low.upper(), end + 1
            slash = reader.look(end)
        parts.append((tokens[here], right))
        if slash is None or slash.text != "/":
            break
        following = reader.look(end + 1)
        if following is None or following.kind != "num" or slash.gap != following.gap:
            break
        here = end + 1
    return _joined(reader, parts, end) if len(parts) > 1 else 0


def _right_after(reader: Itemiser, at: int) -> tuple[str, int]:
    token = reader.look(at)
    if token is not None and not token.gap and token.low in ("c", "p"):
        return token.low.upper(), at + 1
    return "", at


def _joined(reader: Itemiser, parts: list[tuple[Token, str]], end: int) -> int:
    texts = [token.text for token, _ in parts]
    rights = [right for _, right in parts]
    has_space = True in [token.gap for token, _ in parts[1:]]
    has_right = any(rights)
    if not has_right and not has_space and _may_be_date(texts):
        return put(reader, "slash", tuple(map(int, texts)), "/".join(texts), end)
    text = "/".join([token.text + right for token, right in parts])
    values = [token.value for token, _ in parts]
    if None in values:
        return put(reader, "oddnum", None, text, end)
    if not has_right:
        kind = "list" if has_space else "strikes"
    else:
        kind = "strikes"
        rights = _filled(rights)
    pairs = tuple(zip(values, rights, strict=True))
    after = reader.look(end)
    if kind == "strikes" and after is not None and after.text == "%":
        return put(reader, "pctlist", tuple(values), text, end + 1)
    return put(reader, kind, pairs, text, end)


def _filled(rights: list[str]) -> list[str]:
    """A right after the last strike holds for those before it: ``5450/5400p``."""
    out: list[str] = []
    for right in reversed(rights):
        out.append(right or (out[-1] if out else ""))
    return out[::-1]


def _may_be_date(texts: list[str]) -> bool:
    """Month and day in either order (the wrong one is doubted later), with or without a year."""
    sizes = [len(text) if text.isdigit() else 9 for text in texts]
    if len(texts) not in (2, 3) or sizes[0] > 2 or sizes[1] > 2:
        return False
    if len(texts) == 3 and sizes[2] not in (2, 4):
        return False
    one, two = int(texts[0]), int(texts[1])
    return min(one, two) <= 12 and max(one, two) <= 31


# --- dashes: 6.8-7.0, 230-240C, 8-15 ------------------------------------------------------------


def _dash(reader: Itemiser, at: int, dash: Token) -> int:
    tokens = reader.tokens
    following = reader.look(at + 2)
    money = 0
    if following is not None and following.text == "$":
        money, following = 1, reader.look(at + 3)
    if following is None or following.kind != "num" or dash.gap != tokens[at + 2].gap:
        return 0
    end = at + 3 + money
    if dash.text != "-":
        value = None if following.value is None else (tokens[at].value, following.value)
        return put(reader, "moved", value, tokens[at].text + dash.text + following.text, end)
    low, high = tokens[at].value, following.value
    right, after_right = _right_after(reader, end)
    third = reader.look(end)
    if third is not None and third.text == "-" and not third.gap:
        return _dashed_date(reader, at, end)
    if low is None or high is None:
        return put(reader, "oddnum", None, f"{tokens[at].text}-{following.text}", end)
    if right:
        pairs = ((low, right), (high, right))
        return put(reader, "strikes", pairs, f"{low}-{high}{right}", after_right)
    return put(reader, "range", (low, high), f"{tokens[at].text}-{following.text}", end)


def _dashed_date(reader: Itemiser, at: int, end: int) -> int:
    """``8-15-25`` is a date; four parts or more are nothing."""
    texts = [reader.tokens[at].text, reader.tokens[at + 2].text]
    year, more = reader.look(end + 1), reader.look(end + 2)
    is_more = more is not None and more.text == "-" and not more.gap
    if year is None or is_more or not _may_be_date([*texts, year.text]):
        return put(reader, "oddnum", None, "-".join(texts), end)
    values = (int(texts[0]), int(texts[1]), int(year.text))
    return put(reader, "slash", values, "-".join([*texts, year.text]), end + 2)


# --- words after a number -----------------------------------------------------------------------


def _worded(reader: Itemiser, at: int, after: Token, is_money: bool) -> int:
    token, low = reader.tokens[at], _mended(after)
    if low in RIGHTS and (len(low) > 1 or after.text.isupper() or _is_right(reader, at + 2)):
        return _spaced_right(reader, at, after)
    if (what := unit(low)) and after.text != "CAR":
        return _unit_word(reader, at, after, what)
    if low in ("runner", "runners") and token.text.isdigit() and not _is_behind_verb(reader):
        beyond = reader.look(at + 2)
        end = at + 2 + (beyond is not None and beyond.low in ("left", "on"))
        return put(reader, "kept", token.value, f"{token.text} {low}", end)
    if (kind := _REMARKS.get(low)) and (kind != "cue" or token.text.isdigit()):
        value = "recap" if kind == "cue" else token.value
        return put(reader, kind, value, f"{token.text} {low}", at + 2)
    if low == "of" and (end := _of(reader, at)):
        return end
    if low == "x" and reader.is_count(at + 2):
        return 0  # 1.20 x 2: the count stands behind
    beyond = reader.look(at + 2)
    is_quote = beyond is not None and beyond.kind == "num" and "." in beyond.text
    if low == "x" and beyond is not None and is_quote and "." in token.text:
        return put(reader, "oddnum", None, f"{token.text} x {beyond.text}", at + 3)  # bid x ask
    if low == "x" and after.gap and (after.text == "x" or _is_capital_word(reader, at + 2)):
        return put(reader, "qty", token.value, f"{token.text} x", at + 2)
    if low in ("k", "mil", "m", "b", "bn", "million", "billion", "thousand"):
        return put(reader, "oddnum", None, f"{token.text} {low}", at + 2)
    return 0 if is_money else months.day_month(reader, at, token)


def _is_counted_letter(reader: Itemiser, at: int, after: Token) -> bool:
    """``BTO 4 C 212C``, ``STC 10 M 8/15 23C``: a count, and a ticker of one letter."""
    is_letter = len(after.text) == 1 and after.text.isupper() and after.gap
    text = reader.tokens[at].text
    if not is_letter or not text.isdigit() or len(text) > 3 or not _is_behind_verb(reader):
        return False
    price = reader.look(at + 2)
    is_priced = price is not None and price.text == "@" and reader.items[-1].text in led.CODES
    return is_priced or (len(text) < 3 and led.is_contract(reader, at + 2))


def _cents(reader: Itemiser, at: int, end: int) -> int:
    """``95 cents`` is 0.95; ``.95 cents`` means the same; anything else is odd."""
    token = reader.tokens[at]
    value, is_money = token.value, at > 0 and reader.tokens[at - 1].text == "$"
    if value is not None and token.text.isdigit() and 0 < value < 100 and not is_money:
        value /= 100
        return put(reader, "money", value, f"{value:f}¢", end)
    if value is not None and 0 < value < 1:
        return put(reader, "money", value, f"{token.text}¢", end)
    return put(reader, "oddnum", None, f"{token.text} cents", end)


def _is_behind_verb(reader: Itemiser) -> bool:
    return bool(reader.items) and reader.items[-1].kind == "verb"


def _mended(token: Token) -> str:
    """``clals`` behind a number is ``calls``; the token keeps the right spelling."""
    better = (corrected(token.low) or mistyped(token.low)) if len(token.low) > 3 else None
    if better in RIGHTS or (better is not None and len(better) > 4 and unit(better)):
        token.low = better or token.low
    elif token.low not in RIGHTS and (token.low in _SHORTENED or is_nearly(token.low)):
        token.low = next((one for one in _SPELLED if _is_slip(token.low, one)), token.low)
    return token.low


_SPELLED = ("calls", "puts", "call")
_SHORTENED = ("cll", "pus", "cls", "clls")


def _is_slip(word: str, known: str) -> bool:
    """``cals``, ``clls``, ``ptus``, ``purs``: left out, swapped, or the key beside."""
    if word[0] != known[0]:
        return False
    is_short = any(word == known[:k] + known[k + 1 :] for k in range(1, len(known)))
    if is_short or len(word) != len(known):
        return is_short
    return sorted(word) == sorted(known) or known in beside_keys(word)


def _is_capital_word(reader: Itemiser, at: int) -> bool:
    token = reader.look(at)
    return token is not None and token.kind == "word" and token.text.isupper()


def _spaced_right(reader: Itemiser, at: int, after: Token) -> int:
    """``230 calls``; but ``240 call debit spread`` leaves the word to the spread."""
    found = reader.match(at + 1, after.low)
    if found is not None and found[0].kind != "right":
        return 0
    end = found[1] if found is not None else at + 2
    return _option(reader, at, end, RIGHTS[after.low])


def _is_right(reader: Itemiser, at: int) -> bool:
    """``695 c 2/13``, ``695 c Feb 13``: a small letter between strike and date or price."""
    token = reader.look(at)
    if token is None:
        return False
    is_dated = token.kind in _DATED or months.is_month(token.low)
    return is_dated or token.low in _BEHIND_RIGHT


_DATED = ("num", "day", "iso", "mday", "nday", "dots")
_BEHIND_RIGHT = frozenset(
    ("@", "$", "at", "for", "exp", "expiring", "0dte", "weekly", "weeklies", "monthlies", "opex",
     "eow", "this", "next", "same", "tomorrow")
)  # fmt: skip


def _unit_word(reader: Itemiser, at: int, after: Token, what: str) -> int:
    if after.low in ("pts", "pt"):
        beyond = reader.look(at + 2)
        if beyond is not None and (
            beyond.kind == "num" or beyond.text in (":", "=", "@", "$", "+")
        ):
            return 0  # PT before a value is a target
    return _counted(reader, at, at + 2, what)


def _of(reader: Itemiser, at: int) -> int:
    """``2 of 4``: two, out of four held."""
    total = reader.look(at + 2)
    token = reader.tokens[at]
    if total is None or total.kind != "num" or total.value is None or token.value is None:
        return 0
    beyond = reader.look(at + 3)
    if beyond is not None and (not beyond.gap and beyond.text in ("/", "c", "p", "C", "P")):
        return 0
    if token.value > total.value or not (token.text.isdigit() and total.text.isdigit()):
        return 0
    return put(reader, "qty", token.value, f"{token.text} of {total.text}", at + 3)


__all__ = ["number", "read_number"]
