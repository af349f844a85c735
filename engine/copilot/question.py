"""What a question is about: subjects, symbols, days, a supposed move. No model, nothing guessed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from engine.copilot.amount import ALL, Part, part_of, supposed
from engine.copilot.when import Days, days_of, names_a_day

Span = Literal["today", "yesterday", "week", "month", "ytd", "all"]
Wish = Literal["", "close", "close-all", "cancel-all", "buy", "stop"]

_SPANS: tuple[tuple[Span, re.Pattern[str]], ...] = (
    ("yesterday", re.compile(r"\b(yesterday|last session|last trading day|previous day)\b")),
    ("today", re.compile(r"\b(today|tonight|this morning|this session|so far|right now|24 ?h)\b")),
    ("week", re.compile(r"\b(week|weekly)\b")),
    ("month", re.compile(r"\b(month|monthly)\b")),
    ("ytd", re.compile(r"\b(year|ytd|annual)\b")),
    ("all", re.compile(r"\b(ever|all time|overall|in total|since (the )?(start|beginning))\b")),
)
_MARKET = re.compile(r"\b(market|markets|s&p|spy|spx|everything|index|stocks)\b")
_MARKET_NAMES = frozenset({"SPY", "SPX"})
_TICKER = re.compile(r"\$([A-Za-z][A-Za-z./]{0,9})|(?<![\w&'’])([A-Z]{2,6})(?![\w&])")
_MOVED = re.compile(
    r"\b(?:if|suppose|imagine|when|in case)\s+(?:that\s+)?([a-z]{2,6})\s+"
    r"(?:drop|fall|fell|lose|crash|sink|decline|tank|rise|rall|jump|gain|gap|move|go|goes|is|was)"
)
_NO_TICKERS = frozenset({"IF", "P&L", "PNL", "PL", "OK", "USD", "USA", "US", "ATH", "EOD", "WHAT"})
"""Words in capitals that are none."""
_SECRETS = re.compile(
    r"\b(api[ _-]?keys?|tokens?|passwords?|secrets?|credentials?|private keys?|system prompt|"
    r"your (prompt|instructions|rules)|account numbers?|\.env|config\.yaml|"
    r"(other|another|someone else'?s) (user|person|trader|account)s?)\b"
)
_FORECAST = re.compile(
    r"\b(will|gonna|going to|forecast|predict|prediction|moon|guarantee|certain to|tomorrow)\b"
)
_CLOSE = re.compile(r"\b(close|sell|exit|flatten|liquidate|dump|get (me )?out)\b")
_ALL = re.compile(r"\b(all|everything|every position|all positions)\b")
_CANCEL = re.compile(r"\b(cancel|withdraw|pull)\b")
_BUY = re.compile(r"\b(buy|long|short|open a|enter)\b")
_STOP = re.compile(r"\b(stop|stops|trail|trailing|target|protect)\b")
_NOT = re.compile(r"\b(don'?t|don’t|do not|never|not to|without)\b")
_ASKING = re.compile(r"^\s*(what|when|which|who|how|why|is|are|am|did|do|does|was|were|has|have)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, as far as rules can read it."""

    text: str
    topics: tuple[str, ...]
    """Files of ``engine/copilot/topics``, most fitting first; () when none fits."""
    symbols: tuple[str, ...] = ()
    span: Span | None = None
    days: Days | None = None
    """Days of its own that it asks about; then no span is set."""
    is_day_unread: bool = False
    """It names a day that cannot be read."""
    move_pct: Decimal | None = None
    """A supposed move in percent, signed; None when none is supposed."""
    is_move_unread: bool = False
    """A move is supposed that is none, or none that can be reckoned with."""
    moved: str = ""
    """Symbol that is supposed to move, held or not; empty: none, or the market."""
    is_market: bool = False
    """The move is of the market as a whole, which SPY stands for."""
    wish: Wish = ""
    """What the person wants done; it is only ever offered as a button."""
    part: Part = ALL
    """For a close: how much of it."""
    wants_secret: bool = False
    wants_forecast: bool = False


def read(
    text: str,
    topics: Iterable[tuple[str, re.Pattern[str]]],
    known: Iterable[str],
    today: date,
) -> Asked:
    """Read a question; ``topics``: name and the words that call for it, ``known``: symbols.

    ``today``: the New York day, for "last week" and "on Monday".
    """
    low = " ".join(text.lower().split())
    symbols = tuple(dict.fromkeys(_symbols(text, known)))
    found = [(n, len(rule.findall(low))) for n, rule in topics]
    chosen = tuple(n for n, hits in sorted(found, key=lambda f: -f[1]) if hits)
    move, is_move_unread = supposed(low)
    moved = "" if move is None else _moved(text, low, symbols)
    days = None if move is not None or is_move_unread else days_of(low, today)
    if days is not None and days.first == days.last == today:
        days = None
    return Asked(
        text=text,
        topics=chosen,
        symbols=symbols,
        span=None if days else next((name for name, rule in _SPANS if rule.search(low)), None),
        days=days,
        is_day_unread=days is None and move is None and names_a_day(low),
        move_pct=move,
        is_move_unread=is_move_unread,
        moved=moved,
        is_market=move is not None and not moved and bool(_MARKET.search(low)),
        wish=_wish(low, symbols),
        part=part_of(low, symbols),
        wants_secret=bool(_SECRETS.search(low)),
        wants_forecast=bool(_FORECAST.search(low)),
    )


def _symbols(text: str, known: Iterable[str]) -> Iterable[str]:
    """Known symbols in the text: in capitals or after a ``$``; longer ones in any case."""
    words = {w.strip(".,;:!?()'\"") for w in re.split(r"[\s/]+", text)}
    plain = {w.lstrip("$#").removesuffix("'s").removesuffix("’s") for w in words}
    lower = {w.lower() for w in plain}
    for symbol in known:
        name = symbol.lstrip("/")
        is_plain = len(name) >= 3 and name.lower() not in _COMMON and name.lower() in lower
        if name in plain or is_plain:
            yield symbol


_COMMON = frozenset(
    {
        *("all", "and", "any", "are", "can", "cut", "day", "for", "get", "has", "how", "let"),
        *("low", "now", "old", "one", "out", "see", "sell", "the", "too", "top", "two", "was"),
        *("why", "you", "real", "open", "fast", "life", "good", "main", "next", "well", "nice"),
        *("best", "ever", "cash", "gain", "loss", "hold"),
    }
)
"""Words of questions that are tickers too."""


def _moved(text: str, low: str, symbols: tuple[str, ...]) -> str:
    """The symbol that a supposed move is of; the first one named, known to the desk or not."""
    named = [(low.find(s.lower().lstrip("/")), s) for s in symbols]
    for found in () if text.isupper() else _TICKER.finditer(text):
        name = (found[1] or found[2]).upper()
        if name not in _NO_TICKERS and name not in symbols:
            named.append((found.start(), name))
    spoken = _MOVED.search(low)
    if spoken and not (named or _MARKET.search(spoken[1]) or spoken[1] in _NO_SYMBOLS):
        named.append((spoken.start(1), spoken[1].upper()))
    first = min(named, default=(0, ""))[1]
    return "" if first in _MARKET_NAMES else first


_NO_SYMBOLS = frozenset({"the", "it", "they", "that", "this", "price", "prices", "all", "we", "my"})


def _wish(low: str, symbols: tuple[str, ...]) -> Wish:
    if _NOT.search(low):
        return ""
    if _ASKING.search(low) and not low.startswith(("do ", "can you", "could you")):
        return ""
    if _CANCEL.search(low):
        return "cancel-all"
    if _CLOSE.search(low):
        return "close-all" if _ALL.search(low) and not symbols else "close"
    if _STOP.search(low) and symbols:
        return "stop"
    return "buy" if _BUY.search(low) else ""
