"""A small notation for expected outcomes, and the judge of a reading against it.

``none``, ``ask`` and ``no order`` (one of the two) stand alone. Else: effect, symbol, expiry
(MM-DD of the year of the post, or ISO), contract, ``@price`` and key=value extras; several trades
are joined by `` + ``.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.alert import Alert, EmbedText, Level, NotAnAlert, Parsed, RawAlert, Signal
from engine.domain.source import SourceProfile
from engine.parsers import Thread, read

DEFAULT_AT = "2025-08-12T10:00:00-04:00"  # a Tuesday
EFFECTS = {"open+", "close+", "open-", "close-", "update", "cancel"}


def message(
    text: str,
    at: str = DEFAULT_AT,
    *,
    number: int = 1,
    reply_to: int | None = None,
    edit_no: int = 0,
    embeds: tuple[EmbedText, ...] = (),
) -> RawAlert:
    moment = datetime.fromisoformat(at)
    return RawAlert(
        guild_id=1,
        channel_id=2,
        message_id=number,
        edit_no=edit_no,
        author_id=3,
        author_name="somebody",
        posted_at=moment,
        received_at=moment,
        text=text,
        embeds=embeds,
        reply_to=reply_to,
    )


def profile(channel: str) -> SourceProfile:
    return SourceProfile(name=channel, guild_id=1, channel_id=2, parser=channel)


def outcome(channel: str, text: str, at: str = DEFAULT_AT, first: str | None = None) -> Parsed:
    """Read ``text``; with ``first`` as a reply to that earlier message."""
    thread = Thread()
    if first is None:
        return read(message(text, at), profile(channel), thread)
    thread.remember(1, read(message(first, at), profile(channel), thread))
    return read(message(text, at, number=2, reply_to=1), profile(channel), thread)


def spell(level: Level | None) -> str:
    if level is None:
        return ""
    if level.kind == "breakeven":
        return "BE"
    unit = {"price": "", "percent": "%", "points": "pt"}[level.kind]
    return f"{number(level.value)}{unit}"


def number(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"


def spelled(signal: Signal) -> list[str]:
    """A signal in the notation."""
    words = [signal.action.effect.value, signal.symbol]
    if signal.expiry:
        words.append(signal.expiry.isoformat())
    if signal.contract:
        words.append(signal.contract)
    if signal.strike is not None:
        words.append(number(signal.strike) + (signal.right or "?"))
    for leg in sorted(signal.legs, key=lambda one: (one.expiry, one.right, one.strike)):
        ratio = f"{leg.ratio}*" if leg.ratio != 1 else ""
        on = "" if signal.expiry else f"/{leg.expiry:%m-%d}"
        words.append(f"{leg.action.value}:{ratio}{number(leg.strike)}{leg.right}{on}")
    words += _amounts(signal)
    return words


def _amounts(signal: Signal) -> list[str]:
    out = []
    if signal.price is not None and signal.action.value not in ("UPDATE", "CANCEL"):
        out.append(f"@{number(signal.price)}")
    if signal.price_range is not None:
        out.append("@" + "-".join(map(number, signal.price_range)))
    pairs = {
        "q": number(signal.quantity),
        "f": number(signal.fraction),
        "part": "y" if signal.is_partial else "",
        "sl": spell(signal.stop),
        "pt": ",".join(map(spell, signal.targets)),
        "under": number(signal.stop_underlying),
        "trail": signal.trail or "",
        "size": signal.size_class or "",
    }
    return out + [f"{key}={value}" for key, value in pairs.items() if value]


def canonical(expected: str, at: str) -> list[list[str]]:
    """The expectation with full dates, one list per trade."""
    year = at[:4]
    trades = []
    for part in expected.split(" + "):
        words = part.split()
        for k, word in enumerate(words):
            if len(word) == 5 and word[2] == "-" and word[:2].isdigit():
                words[k] = f"{year}-{word}"
        trades.append(words)
    return trades


@dataclass(frozen=True)
class Score:
    verdict: str
    """exact, size, asked, missed, silent, ok, trap-asked, doubt-missed"""
    got: str


def score(expected: str, parsed: Parsed, at: str = DEFAULT_AT) -> Score:
    got = describe(parsed)
    acts = isinstance(parsed, Alert) and not parsed.needs_human
    if expected == "no order":
        verdict = "silent" if acts else "ok"
    elif expected == "none":
        verdict = "silent" if acts else "ok" if isinstance(parsed, NotAnAlert) else "trap-asked"
    elif expected == "ask":
        verdict = "silent" if acts else "doubt-missed" if isinstance(parsed, NotAnAlert) else "ok"
    elif isinstance(parsed, NotAnAlert):
        verdict = "missed"
    elif parsed.needs_human:
        verdict = "asked"
    else:
        verdict = _compare(canonical(expected, at), [spelled(one) for one in parsed.signals])
    return Score(verdict, got)


_SIZE = ("q=", "f=", "part=", "sl=", "pt=", "under=", "trail=", "size=")


def _compare(want: list[list[str]], got: list[list[str]]) -> str:
    if want == got:
        return "exact"
    core_want = [[w for w in trade if not w.startswith(_SIZE)] for trade in want]
    core_got = [[w for w in trade if not w.startswith(_SIZE)] for trade in got]
    return "size" if core_want == core_got else "silent"


def describe(parsed: Parsed) -> str:
    if isinstance(parsed, NotAnAlert):
        return f"none: {parsed.why}"
    text = " + ".join(" ".join(spelled(one)) for one in parsed.signals)
    return f"ASK {parsed.question} [{text}]" if parsed.needs_human else text
