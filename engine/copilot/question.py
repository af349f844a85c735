"""What a question is about: subjects, symbols, days, a supposed move. No model, nothing guessed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

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
_MOVE = re.compile(r"([-+−]?)\s*(\d{1,2}(?:\.\d{1,2})?)\s*(?:%|percent\b|per cent\b)")
_DOWN = re.compile(
    r"\b(drop|drops|fall|falls|fell|falling|down|lose|loses|crash|crashes|sink|sinks|decline|"
    r"declines|sell-?off|tank|tanks)\b"
)
_SUPPOSE = re.compile(r"\b(what if|if|suppose|imagine|when|in case|effect|impact|affect|affects)\b")
_MARKET = re.compile(r"\b(market|markets|s&p|everything|index|stocks)\b")
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
_ASKING = re.compile(r"^\s*(what|when|which|who|how|why|is|are|am|did|do|does|was|were|has|have)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, as far as rules can read it."""

    text: str
    topics: tuple[str, ...]
    """Files of ``engine/copilot/topics``, most fitting first; () when none fits."""
    symbols: tuple[str, ...] = ()
    span: Span | None = None
    move_pct: Decimal | None = None
    """A supposed move in percent, signed; None when none is supposed."""
    is_market: bool = False
    """The move is of the market as a whole."""
    wish: Wish = ""
    """What the person wants done; it is only ever offered as a button."""
    wants_secret: bool = False
    wants_forecast: bool = False


def read(text: str, topics: Iterable[tuple[str, re.Pattern[str]]], known: Iterable[str]) -> Asked:
    """Read a question; ``topics``: name and the words that call for it, ``known``: symbols."""
    low = " ".join(text.lower().split())
    symbols = tuple(dict.fromkeys(_symbols(text, known)))
    found = [(n, len(rule.findall(low))) for n, rule in topics]
    chosen = tuple(n for n, hits in sorted(found, key=lambda f: -f[1]) if hits)
    move = _move(low)
    return Asked(
        text=text,
        topics=chosen,
        symbols=symbols,
        span=next((name for name, rule in _SPANS if rule.search(low)), None),
        move_pct=move,
        is_market=move is not None and not symbols and bool(_MARKET.search(low)),
        wish=_wish(low, symbols),
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


def _move(low: str) -> Decimal | None:
    found = _MOVE.search(low)
    if found is None or not _SUPPOSE.search(low):
        return None
    size = Decimal(found[2])
    return -size if found[1] in ("-", "−") or _DOWN.search(low) else size


def _wish(low: str, symbols: tuple[str, ...]) -> Wish:
    if _ASKING.search(low) and not low.startswith(("do ", "can you", "could you")):
        return ""
    if _CANCEL.search(low):
        return "cancel-all"
    if _CLOSE.search(low):
        return "close-all" if _ALL.search(low) and not symbols else "close"
    if _STOP.search(low) and symbols:
        return "stop"
    return "buy" if _BUY.search(low) else ""
