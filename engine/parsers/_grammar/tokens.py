"""From text to tokens: one linear pass, one alternative per kind, no backtracking across them."""

import re
import sys
from collections.abc import Callable
from decimal import Decimal

from engine.parsers._grammar.numbers import read_number

MAX_TOKENS = 700
"""A longer message is no order; it is not read to its end."""


class Token:
    """A piece of text. ``gap`` says whether white space stood before it."""

    __slots__ = ("gap", "kind", "low", "text", "value")

    def __init__(self, kind: str, text: str, low: str, gap: bool, value: Decimal | None) -> None:
        self.kind = kind
        """``num word alnum occ iso day dots time glued odd emoji punct line para``."""
        self.text = text
        self.low = low
        """Lower case without apostrophes."""
        self.gap = gap
        self.value = value
        """For ``num``: what it says, None when spelled oddly."""

    def __repr__(self) -> str:
        return f"{self.kind}:{self.text}"


_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_SCAN = re.compile(
    rf"""
    \ *+
    (?:
      (?P<line>\n\s*)
    | (?P<occ>(?:O:|\.)?[A-Za-z]{{1,6}}\d?(?:\ {{0,5}}|_|\ ?\.)\d{{6}}[CPcp]
        (?:\d{{8}}|\d{{1,5}}(?:\.\d{{1,3}})?)(?![\w.]*\w))
    | (?P<iso>[0-9]{{4}}[-/][0-9]{{1,2}}[-/][0-9]{{1,2}}(?![0-9]))
    | (?P<day>[0-9]{{1,2}}[-\ ]?(?i:{_MONTHS})[-\ ]?'?(?:20)?[0-9]{{2}}(?![\w]|\.[0-9]))
    | (?P<dots>[0-9]{{1,2}}\.[0-9]{{1,2}}\.(?:20)?[0-9]{{2}}(?![\w.]))
    | (?P<mday>(?i:{_MONTHS})-[0-9]{{1,2}}-(?:20)?[0-9]{{2}}(?![\w]))
    | (?P<nday>(?i:{_MONTHS})-(?:[01]?[0-9]|2[0-4])(?![\w-]|\.[0-9]))
    | (?P<time>[0-9]{{1,2}}(?::[0-9]{{2}}){{1,2}}(?:\ ?(?i:[ap]m|est|edt|et)\b)?(?!\w)
        | [0-9]{{1,2}}\ ?(?i:am|pm)\b)
    | (?P<glued>[A-Za-z]{{1,5}}[0-9]{{1,5}}(?:\.[0-9]{{1,2}})?[CPcp](?!\w))
    | (?P<num>[0-9](?:[0-9,.']*[0-9])?|[.,][0-9](?:[0-9,.']*[0-9])?)
    | (?P<slash>[A-Z]{{1,4}}[./][AB](?!\w)|[A-Za-z][/&][A-Za-z](?!\w)|[Ww]/o?(?=[\s0-9]|$))
    | (?P<alnum>[A-Za-z]+[0-9][A-Za-z0-9]*)
    | (?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)
    | (?P<more>[^\x00-\x7f]+)
    | (?P<punct>-+>|=+>|>=|<=|//+|--+|\.\.+|[!?]+|.)
    )
    """,
    re.VERBOSE,
)
"""White space, then one token."""
_WE = {
    "we're": "weare",
    **{
        f"{code}'{end}": code for code in ("bto", "stc", "sto", "btc") for end in ("d", "ed", "ing")
    },
}
"""Without its apostrophe it would read as another word."""
_LIST = re.compile(r"[0-9]*\.[0-9]+(?:,[0-9]*\.[0-9]+)+\Z")


def scan(text: str) -> tuple[list[Token], bool]:
    """All tokens of ``text``, and whether the text was cut short."""
    tokens: list[Token] = []
    for match in _SCAN.finditer(text):
        if len(tokens) >= MAX_TOKENS:
            return tokens, True
        kind = match.lastgroup or "punct"
        said, gap = match[kind], match[0][0] == " "
        append = _APPENDERS.get(kind)
        if append is None:
            tokens.append(Token(kind, said, said.lower(), gap, None))
        else:
            append(tokens, said, gap)
    return tokens, False


def _append_line(tokens: list[Token], text: str, gap: bool) -> None:
    tokens.append(Token("para" if text.count("\n") > 1 else "line", "\n", "\n", gap, None))


def _append_word(tokens: list[Token], text: str, gap: bool) -> None:
    low = text.lower()
    if "'" in low:
        low = _WE.get(low) or low.replace("'", "")
    tokens.append(Token("word" if text.isascii() else "odd", text, sys.intern(low), gap, None))


def _append_more(tokens: list[Token], text: str, gap: bool) -> None:
    """Whatever is not ASCII and no word: pictures, and letters that only look like ours."""
    kind = "odd" if any(map(_is_letterlike, text)) else "emoji"
    tokens.append(Token(kind, text, text, gap, None))


def _append_number(tokens: list[Token], text: str, gap: bool) -> None:
    if "," not in text:
        tokens.append(Token("num", text, text, gap, read_number(text)))
        return
    if text[0] == "," and "." in text:
        tokens.append(Token("punct", ",", ",", gap, None))
        text, gap = text[1:], False
    parts = text.split(",") if _LIST.match(text) else (text,)
    for at, part in enumerate(parts):
        if at:
            tokens.append(Token("punct", ",", ",", False, None))
        tokens.append(Token("num", part, part, gap and not at, read_number(part)))


def _append_slash(tokens: list[Token], text: str, gap: bool) -> None:
    """``BRK/B`` is a share class, ``w/`` and ``P&L`` are words."""
    if len(text) > 3 or (text[-1] in "AB" and text[:-1].isupper() and text[-2] == "."):
        text = text.replace("/", ".")
    tokens.append(Token("word", text, text.lower(), gap, None))


def _is_letterlike(char: str) -> bool:
    return char.isalnum() or char == "\u20e3" or "\u0300" <= char <= "\u036f"


_APPENDERS: dict[str, Callable[[list[Token], str, bool], None]] = {
    "num": _append_number,
    "word": _append_word,
    "line": _append_line,
    "slash": _append_slash,
    "more": _append_more,
}
"""What is not a token as it stands."""
