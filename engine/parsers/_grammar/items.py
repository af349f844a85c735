"""From tokens to items: words get their meaning, numbers their shape; nothing is dropped."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from engine.parsers._grammar import amounts, foreign, led, months, names, slips
from engine.parsers._grammar.english import COMMON
from engine.parsers._grammar.slips import corrected, mistyped
from engine.parsers._grammar.text import folded
from engine.parsers._grammar.tokens import Token
from engine.parsers._grammar.words import Entry, label, phrases, unit


@dataclass(slots=True)
class Item:
    """A piece of meaning. ``value`` depends on ``kind``; ``sent`` and ``clause`` say where."""

    kind: str
    value: Any
    text: str
    sent: int = 0
    clause: int = 0
    is_upper: bool = False


_TICKER = re.compile(r"[A-Z]{1,5}(?:\.[A-Z])?\Z")
_LEVEL = re.compile(r"(pt|tp|t|tgt|target|sl|stop|ts|tsl|x|sl)(\d{1,6})\Z")
_CONTRACT = re.compile(r"([a-z]{1,3}|m2k|m6[abe]|6[a-z])([fghjkmnquvxz])(\d{1,2}|20\d{2})\Z")
_MONTH_DAY = re.compile(
    r"(jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(\d{1,2})(?:st|nd|rd|th)?\Z"
)
_END = frozenset("!?;")
_GLUE = frozenset("-/&")
"""What ties the words of a phrase, as in ``cash-secured``."""
_SEPARATORS = frozenset((",", "(", ")", "-", "--", "---", "//", "|", "[", "]", "~", "->", '"', "+"))


class Itemiser:
    """One pass over the tokens of a message."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.items: list[Item] = []
        self.sent = 0
        self.clause = 0

    @cached_property
    def is_mixed(self) -> bool:
        """Small letters occur, so that capitals mean something."""
        words = [t.text for t in self.tokens if t.kind == "word" and len(t.text) > 2]
        return any("'" not in text and text == text.lower() for text in words)

    def run(self) -> list[Item]:
        """All items, in order."""
        at, tokens = 0, self.tokens
        while at < len(tokens):
            at = _READERS[tokens[at].kind](self, at)
        return self.items

    def put(self, kind: str, value: Any, text: str, *, is_upper: bool = False) -> None:
        """Append an item at the present place."""
        self.items.append(Item(kind, value, text, self.sent, self.clause, is_upper))

    def look(self, at: int) -> Token | None:
        """The token there, if the text goes so far."""
        return self.tokens[at] if at < len(self.tokens) else None

    # --- structure ------------------------------------------------------------------------------

    def line(self, at: int) -> int:
        self.put(self.tokens[at].kind, None, "\n")
        self.sent += 1
        self.clause += 1
        return at + 1

    def emoji(self, at: int) -> int:
        """A picture; a bull's-eye or stop sign right before a lone number labels it."""
        text = self.tokens[at].text
        label = next((mean for sign, mean in _SIGNS.items() if sign in text), "")
        last = self.items[-1].kind if self.items else ""
        self.clause += 1
        if not _MONEYS.isdisjoint(text):
            self.put("odd", None, text)
        elif not _WHALES.isdisjoint(text):
            self.put("cue", "flow", text)
        elif label and last not in ("level", "price", "label") and self._is_labelled(at + 1, label):
            self.put("level", label, text)
        elif last != "price" or not self._is_lone_number(at + 1):  # @ 🔥 2.10
            self.put("emoji", None, text)
        return at + 1

    def _is_labelled(self, at: int, label: str) -> bool:
        """``🛑 2.20``, ``🛑 -> BE`` and ``🎯 hit``."""
        token = self.look(at)
        if label == "stop" and token is not None and token.text in ("->", ":"):
            token = self.look(at + 1)
        words = ("be", "breakeven") if label == "stop" else ("hit", "reached", "smashed")
        return (token is not None and token.low in words) or self._is_lone_number(at)

    def _is_lone_number(self, at: int) -> bool:
        """A number with nothing tied to it: no right, date or percent sign."""
        token = self.look(at)
        at += token is not None and token.text == "$"
        token, after = self.look(at), self.look(at + 1)
        if token is None or token.kind != "num":
            return False
        is_listed = after is not None and after.text == ","
        return after is None or after.kind in ("line", "para", "emoji") or after.gap or is_listed

    def punct(self, at: int) -> int:
        token, after = self.tokens[at], self.look(at + 1)
        if token.text == "@":
            if after is not None and not after.gap and after.kind == "word":
                return self.mention(at, after)
            self.put("price", "plain", "@")
            return at + 1
        if token.text == "$":
            return self.dollar(at, after)
        if token.text in "+-" and after is not None and after.text == "$" and not after.gap:
            return self.signed_dollar(at)
        if token.text == "#" and after is not None and not after.gap and after.text.isdigit():
            self.put("note", None, f"#{after.text}")
            return at + 2
        if token.text == "%":
            self.put("odd", None, "%")
            return at + 1
        if token.text == "'" and after is not None and not after.gap and after.kind == "num":
            self.put("oddnum", None, f"'{after.text}")  # a year, or a quotation
            return at + 2
        if token.text == "/" and after is not None and not after.gap and self._is_start(at):
            return self.slashed(at, after)
        if self._ends_sentence(token, after):
            self.put("stopmark", "?" in token.text, token.text)
            self.sent += 1
            self.clause += 1
        else:
            self.put("punct", token.text, token.text)
            self.clause += token.text in _SEPARATORS
        return at + 1

    def _ends_sentence(self, token: Token, after: Token | None) -> bool:
        if token.text[0] in _END:
            return True
        return token.text[0] == "." and (after is None or after.gap or after.kind == "line")

    def _is_start(self, at: int) -> bool:
        return at == 0 or self.tokens[at].gap or self.tokens[at - 1].kind in ("line", "para")

    def slashed(self, at: int, after: Token) -> int:
        """``/ES`` and ``/ESM5`` are futures."""
        if after.kind == "word" and after.text.isascii():
            if _is_level(after.low):  # 6162 /tp 6174
                self.put("punct", "/", "/")
                return at + 1
            self.put("sym", 4, after.text.upper())
            return at + 2
        is_listed = bool(self.items) and self.items[-1].kind in ("num", "money")  # 2.00 /2.75
        if after.kind == "num" and not is_listed and (end := amounts.number(self, at + 1)):
            return end
        self.put("punct", "/", "/")
        return at + 1

    def dollar(self, at: int, after: Token | None) -> int:
        """``$2.15`` is money, ``$SPY`` a ticker; any other ``$`` is odd."""
        if after is not None and after.kind == "num":
            return amounts.number(self, at + 1, is_money=True)
        if after is None or after.gap:
            self.put("odd", None, "$")
            return at + 1
        if after.kind == "word" and names.has_exchange(self, at + 1):
            self.put("odd", None, f"{after.text}.{self.tokens[at + 3].text}")
            return at + 4
        if after.kind == "word" and after.text.isascii() and len(after.text) <= 6:
            self.put("sym", 3, after.text.upper().rstrip("."))
            return at + 2
        if after.kind == "glued":
            return self.glued(at + 1)
        if after.kind in ("day", "iso", "time", "mday", "nday"):
            self.put("oddnum", None, "$" + after.text)
            return at + 2
        self.put("odd", None, "$")
        return at + 1

    def signed_dollar(self, at: int) -> int:
        """``+$800`` and ``-$120``: a result, not a price."""
        number = self.look(at + 2)
        if number is None or number.kind != "num":
            self.put("punct", self.tokens[at].text, self.tokens[at].text)
            return at + 1
        self.put("gain", number.value, f"{self.tokens[at].text}${number.text}")
        return at + 3

    def mention(self, at: int, after: Token) -> int:
        """``@Some Role`` pings people; ``@market`` and ``@CMP`` are prices."""
        known = phrases(after.low)
        if known and any(entry.kind == "price" and not rest for rest, entry in known):
            self.put("price", "plain", "@")
            return at + 1
        self.put("note", None, "@" + after.text)
        return at + 2

    def odd(self, at: int) -> int:
        """A word with an accent may be an order word of another language."""
        token = self.tokens[at]
        low = folded(token.low)
        if low.isascii() and (found := self.match(at, low)):
            token.low = low
            if low in foreign.WORDS:
                self.put("odd", None, token.text)
            return self.known(at, found[1], found[0])
        self.put("odd", None, self.tokens[at].text)
        return at + 1

    def time(self, at: int) -> int:
        text = self.tokens[at].low
        is_clock = text[-1] in "mt" or not self.items or self.items[-1].kind == "line"
        self.put("clock" if is_clock else "oddnum", None, text)
        return at + 1

    # --- ready-made contracts and dates ---------------------------------------------------------

    def occ(self, at: int) -> int:
        text = self.tokens[at].text
        name = text.split(" ")[0].lower() if " " in text else ""
        self.put("odd" if name and phrases(name) else "occ", None, text)
        return at + 1

    def iso(self, at: int) -> int:
        year, month, day = map(int, re.split("[-/]", self.tokens[at].text))
        self.put("date", (month, day, year), self.tokens[at].text)
        return at + 1

    def day(self, at: int) -> int:
        text = self.tokens[at].low
        found = re.match(r"(\d{1,2})[- ]?([a-z]+)[- ]?'?(\d+)", text)
        month = _month(found.group(2)) if found else None
        if found is None or month is None:
            self.put("oddnum", None, text)
        else:
            year = int(found.group(3))
            self.put("date", (month, int(found.group(1)), year + 2000 * (year < 100)), text)
        return at + 1

    def dots(self, at: int) -> int:
        """``02.13.2026``: only when it cannot be read in the other order too."""
        text = self.tokens[at].text
        one, two, year = map(int, text.split("."))
        if min(one, two) <= 12 < max(one, two) <= 31 or one == two <= 12:
            value = (min(one, two), max(one, two), year + 2000 * (year < 100))
            self.put("date", value, text)
        else:
            self.put("oddnum", None, text)
        return at + 1

    def mday(self, at: int) -> int:
        """``Aug-22-2025``."""
        name, day, year = self.tokens[at].low.split("-")
        month = _month(name)
        if month is None:
            self.put("oddnum", None, self.tokens[at].text)
        else:
            self.put("date", (month, int(day), int(year)), self.tokens[at].text)
        return at + 1

    def nday(self, at: int) -> int:
        """``Oct-17``; from 25 on the number may be a year."""
        name, day = self.tokens[at].low.split("-")
        month = _month(name)
        self.put("date" if month else "oddnum", (month, int(day), None), self.tokens[at].text)
        return at + 1

    def glued(self, at: int) -> int:
        """``SPY590C``: ticker, strike and right in one piece; ``PT2C`` is nothing."""
        text = self.tokens[at].text
        cut = next(i for i, char in enumerate(text) if char.isdigit())
        strike = amounts.read_number(text[cut:-1])
        self.put("sym", 2, text[:cut].upper())
        self.put("opt" if strike is not None else "oddnum", (strike, text[-1].upper()), text)
        return at + 1

    def alnum(self, at: int) -> int:
        low = self.tokens[at].low
        after = self.look(at + 1)
        is_part = after is not None and not after.gap and after.text[0] == "." and len(low) > 2
        if (found := _LEVEL.match(low)) and is_part and after is not None and after.kind == "num":
            return self._numbered(at, found.group(1), found.group(2))
        if low in _WORDLIKE or phrases(low):
            return self.word(at)
        if after is not None and after.text[0] == "!" and not after.gap and low[-1] in "12":
            root = self.tokens[at].text[:-1].upper()  # as TradingView writes the front month
            self.put("sym" if low[-1] == "1" else "odd", 4, root)
            return at + 2
        if found := _LEVEL.match(low):
            return self._numbered(at, found.group(1), found.group(2))
        if found := _MONTH_DAY.match(low):
            return self._month_day(at, found.group(1), int(found.group(2)))
        if found := _CONTRACT.match(low):
            self.put("future", found.groups(), self.tokens[at].text)
            return at + 1
        if end := led.led(self, at):
            return end
        self.put("sym" if low in _ROOTS else "odd", 2, self.tokens[at].text.upper())
        return at + 1

    def _numbered(self, at: int, name: str, digits: str) -> int:
        """``T1`` and ``PT2`` are labels, ``SL57`` a level, ``x3`` a quantity, ``TS10`` a trail."""
        text = self.tokens[at].text
        if name == "x":
            self.put("qty", Decimal(digits), text)
            return at + 1
        is_target = name in ("pt", "tp", "t", "tgt", "target")
        after = self.look(at + 1)
        is_part = after is not None and after.kind == "num" and not after.gap
        if is_part and after is not None and after.text[0] == "." and name != "t":
            self.put("level", "target" if is_target else _LEVEL_OF.get(name, "stop"), text)
            value = digits + after.text
            self.tokens[at + 1] = Token("num", value, value, False, amounts.read_number(value))
            return amounts.number(self, at + 1)
        if is_target and len(digits) == 1:
            self.put("level", "target", text)
            return at + 1
        meaning = "target" if is_target else "trail" if name.startswith("ts") else "stop"
        if name == "t" or (len(digits) == 1 and meaning == "stop"):
            self.put("odd", None, text)
            return at + 1
        self.put("level", meaning, text)
        self.tokens[at] = Token("num", digits, digits, False, amounts.read_number(digits))
        if (after := self.look(at + 1)) and after.kind == "num" and not after.gap:
            self.put("oddnum", None, text + after.text)
            return at + 2
        return amounts.number(self, at)

    def _month_day(self, at: int, name: str, day: int) -> int:
        month, mark, short = _month(name), self.look(at + 1), self.look(at + 2)
        is_year = mark is not None and mark.text == "'" and not mark.gap and short is not None
        if is_year and short is not None and short.text.isdigit() and len(short.text) == 2:
            self.put("date", (month, day, 2000 + int(short.text)), self.tokens[at].text)
            return at + 3
        self.put("date", (month, day, None), self.tokens[at].text)
        return at + 1

    # --- words ----------------------------------------------------------------------------------

    def word(self, at: int) -> int:
        """The longest known phrase that begins here; else a ticker, or a word nobody knows."""
        token = self.tokens[at]
        if len(token.text) == 1 and token.text.isupper() and token.text != "I":
            self.put("letter", token.text, token.text, is_upper=True)
            return at + 1
        if token.text in _SMALL_SIZES and self._is_small_size(at):
            self.put("letter", token.text.upper(), token.text.upper(), is_upper=True)
            return at + 1
        if token.low == "x" and self.is_count(at + 1):
            self.put("qty", self.tokens[at + 1].value, f"x{self.tokens[at + 1].text}")
            return at + 2
        if token.low == "bot" and self._is_bought(at):
            self.put("verb", "bto!", token.low)
            return at + 1
        if "'" in token.text and (whose := names.whose(self, at)):
            self.put("fill" if whose == "today" else "cue", whose, token.low)
            return at + 1
        if token.text.isupper() and names.has_exchange(self, at):
            self.put("odd", None, f"{token.text}.{self.tokens[at + 2].text}")
            return at + 3
        if token.low in led.COUNTS and (end := led.count(self, at)):
            return end
        return self._known_or_not(at, token)

    def _known_or_not(self, at: int, token: Token) -> int:
        low = token.low
        found = self.match(at, low)
        if found is None and (code := slips.meant_code(self, at)):
            token.low, found = code, self.match(at, code)
        if found is None and (
            better := slips.meant(self, at) or corrected(low) or self._misled(at)
        ):
            low, found = better, self.match(at, better)
            is_short = len(low) <= _TICKER_SIZE
            if found is not None and (
                found[0].kind == "unit" or (found[0].kind in ("note", "fill") and is_short)
            ):
                found = None
        if found is not None:
            if not token.text.isupper():
                token.low = low
            entry, end = found
            if low in foreign.WORDS:
                self.put("odd", None, token.text)
            return self.known(at, end, entry)
        self.unknown(at, token)
        return at + 1

    def _misled(self, at: int) -> str | None:
        """What a word with a slip at its beginning is meant to be; short capitals are a ticker."""
        token = self.tokens[at]
        better = slips.misled(token.low)
        if not token.text.isupper() or len(token.text) > _TICKER_SIZE or better is None:
            return better
        return better if _is_level(better) and self.is_label(at + 1) else None

    def _is_small_size(self, at: int) -> bool:
        """``long 6948: a``: a size letter typed small, behind price and colon."""
        if at < 2:
            return False
        colon, price, after = self.tokens[at - 1], self.tokens[at - 2], self.look(at + 1)
        is_end = after is None or after.kind in ("line", "para", "emoji") or after.low == "gamma"
        return colon.text == ":" and price.kind == "num" and is_end

    def is_count(self, at: int) -> bool:
        """A whole number that stands alone: ``x 3``, but not ``5 x 690C``."""
        token, after = self.look(at), self.look(at + 1)
        if token is None or token.kind != "num" or not token.text.isdigit():
            return False
        if after is None:
            return True
        is_tied = after.text in ("/", "%") or not (after.gap or after.kind in ("line", "punct"))
        return not is_tied and after.low not in ("c", "p", "call", "calls", "put", "puts")

    def _is_bought(self, at: int) -> bool:
        """``Bot 5``; small letters only at the beginning of a line: elsewhere it is a machine."""
        is_first = not self.items or self.items[-1].kind in ("line", "para", "emoji")
        after = self.look(at + 1)
        is_counted = after is not None and (after.kind == "num" or after.text in ("+", "$"))
        is_counted = is_counted or (self.tokens[at].text == "BOT" and led.names(self, at + 1))
        return is_counted and (is_first or self.tokens[at].text != "bot")

    def match(self, at: int, low: str) -> tuple[Entry, int] | None:
        """(meaning, index behind it) of the longest phrase whose first word is ``low``."""
        known = phrases(low)
        if known is None:
            return None
        if not known[0][0]:  # the longest is this word alone
            return known[0][1], at + 1
        second = self._skip_hyphen(at + 1)
        after = self.look(second)
        for rest, entry in known:
            if not rest:
                return entry, at + 1
            if after is None or not _is_word(after.low, rest[0]):
                continue
            if end := self._behind(second + 1, rest[1:]):
                return entry, end
        return None

    def _behind(self, at: int, words: tuple[str, ...]) -> int:
        """Index behind these words; 0 when others stand there."""
        for word in words:
            at = self._skip_hyphen(at)
            token = self.look(at)
            if token is None or not _is_word(token.low, word):
                return 0
            at += 1
        return at

    def _skip_hyphen(self, at: int) -> int:
        token = self.look(at)
        if token is None or token.text not in _GLUE or token.gap:
            return at
        after = self.look(at + 1)
        return at + 1 if after is not None and not after.gap else at

    def known(self, at: int, end: int, entry: Entry) -> int:
        is_name = end == at + 1 and led.is_name(self, at)
        if is_name and not (entry.kind == "level" and self.is_label(end)):
            self.put("sym", 2, self.tokens[at].text, is_upper=True)
            return end
        text = " ".join([one.low for one in self.tokens[at:end] if one.text not in _GLUE])
        special = _SPECIAL.get(entry.kind)
        if special is not None:
            return special(self, at, end, entry, text)
        is_upper = end == at + 1 and self.tokens[at].text.isupper()
        self.put(entry.kind, entry.value, text, is_upper=is_upper)
        return end

    def is_label(self, at: int) -> bool:
        """``| TGT 6956``: behind a symbol and before a number it is no symbol itself."""
        token = self.look(at)
        is_named = any(item.kind in ("sym", "future") for item in self.items)
        is_lead = bool(self.items) and self.items[-1].kind in ("verb", "qty")
        is_value = token is not None and (token.kind == "num" or token.text in (":", "$", "@", "="))
        return is_named and not is_lead and is_value

    def unknown(self, at: int, token: Token) -> None:
        text = token.text
        if slips.may_be_part(self, at):
            self.put("odd", None, text)
        elif _TICKER.match(text):
            is_word = token.low in COMMON and not led.is_name(self, at)
            strength = 1 if is_word or len(text) == 1 else 2
            self.put("sym", strength, text, is_upper=True)
        elif len(text) <= 5 and text.isalpha() and token.low not in COMMON:
            self.put("sym", 0, text.upper())
        else:
            self.put("word", None, text)

    def label(self, at: int, end: int, entry: Entry, text: str) -> int:
        """``strike:``, ``exp`` and their kind; without a colon most are ordinary words."""
        after = self.look(end)
        has_colon = after is not None and after.text in (":", "=")
        if has_colon or entry.value in ("exp", "qty", "strike", "symbol"):
            self.put("label" if has_colon else "softlabel", entry.value, text)
            return end + 1 if has_colon else end
        self.put("fill", "", text)
        return end

    def month(self, at: int, end: int, entry: Entry, text: str) -> int:
        return months.month(self, at, end, int(entry.value))

    def right(self, at: int, end: int, entry: Entry, text: str) -> int:
        """``calls`` or ``put`` without a strike before it."""
        if len(text) > 1 and (behind := led.strike(self, end, entry.value, text)):
            return behind
        self.put("right" if len(text) > 1 else "fill", entry.value, text)
        return end

    def unit(self, at: int, end: int, entry: Entry, text: str) -> int:
        self.put("fill", "", text)
        return end


def _is_word(low: str, word: str) -> bool:
    """Whether ``low`` is that word of a phrase, typing slips included."""
    if low == word:
        return True
    return len(word) >= _LONG and word in (corrected(low), mistyped(low))


def _is_level(low: str) -> bool:
    return any(not rest and entry.kind == "level" for rest, entry in phrases(low) or ())


def _month(name: str) -> int | None:
    for rest, entry in phrases(name) or ():
        if not rest and entry.kind == "month":
            return int(entry.value)
    return None


_SIGNS = {"🎯": "target", "🛑": "stop", "⛔": "stop"}
_WHALES = frozenset("🐋🐳")
_MONEYS = frozenset("€£¥₹₿₽₩")
"""Nothing of ours is priced in these."""
_LEVEL_OF = {"ts": "trail", "tsl": "trail"}
_ROOTS = frozenset(("m2k", "m6e", "m6a", "m6b", "m6j"))
_SMALL_SIZES = frozenset(("a", "b", "c"))
_WORDLIKE = frozenset(("tp1", "tp2"))
_LONG = 4
_TICKER_SIZE = 5
"""A longer word is no ticker; one so short may be, when it is a slip of a mere remark."""
_Special = Callable[[Itemiser, int, int, Entry, str], int]
_SPECIAL: dict[str, _Special] = {
    "label": Itemiser.label,
    "month": Itemiser.month,
    "right": Itemiser.right,
    "unit": Itemiser.unit,
}
_READERS: dict[str, Callable[[Itemiser, int], int]] = {
    "num": amounts.number,
    "word": Itemiser.word,
    "alnum": Itemiser.alnum,
    "occ": Itemiser.occ,
    "iso": Itemiser.iso,
    "day": Itemiser.day,
    "dots": Itemiser.dots,
    "mday": Itemiser.mday,
    "nday": Itemiser.nday,
    "time": Itemiser.time,
    "glued": Itemiser.glued,
    "odd": Itemiser.odd,
    "emoji": Itemiser.emoji,
    "punct": Itemiser.punct,
    "line": Itemiser.line,
    "para": Itemiser.line,
}

__all__ = ["Item", "Itemiser", "label", "unit"]
