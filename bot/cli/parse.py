"""``tradestream parse``: what the parsers make of a text, or of a whole file of messages."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.clock import SystemClock
from engine.domain.alert import (
    Alert,
    EmbedText,
    Level,
    NotAnAlert,
    Parsed,
    RawAlert,
    Signal,
    SignalLeg,
)
from engine.domain.source import SourceProfile
from engine.parsers import read, render

HELP = "Show what the parsers make of an alert text, or of a JSONL file of messages."

CHANNELS = ("options", "futures", "stocks")
_BAD_INPUT = 2
_YEARS = range(1971, 2100)
"""Trading days are known for these; a time far outside cannot even be moved to New York."""
_MAX_CHAIN = 50
"""Replies to replies to ... are followed so far."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("text", nargs="?", metavar="TEXT", help="one message, in quotes")
    what.add_argument(
        "--jsonl", metavar="FILE", help="messages, one JSON object per line; - is standard input"
    )
    parser.add_argument("--channel", choices=CHANNELS, default=None, help="kind of room")
    parser.add_argument("--at", metavar="ISO", help="when it was posted; default now")


def run(args: argparse.Namespace) -> int:
    """0 when everything was read; 2 when a time or a line of the file was not."""
    if args.jsonl is not None:
        return _file(args.jsonl, args.channel)
    try:
        posted_at = _moment(args.at) if args.at else SystemClock().now()
    except ValueError as why:
        print(f"--at: {why}", file=sys.stderr)
        return _BAD_INPUT
    message = _message(1, args.text, posted_at)
    print(verdict(read(message, profile_of(args.channel))))
    return 0


def profile_of(channel: str | None) -> SourceProfile:
    """A room that assumes nothing: no default expiry, size or stop."""
    name = channel or "auto"
    return SourceProfile(name=name, guild_id=None, channel_id=0, parser=name)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.year not in _YEARS:
        raise ValueError(f"the year {moment.year} is not between 1971 and 2099")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _message(message_id: int, text: str, posted_at: datetime, **more: Any) -> RawAlert:
    return RawAlert(
        guild_id=None, channel_id=0, message_id=message_id, author_id=0, author_name="",
        posted_at=posted_at, received_at=posted_at, text=text, **more,
    )  # fmt: skip


# --- one text -----------------------------------------------------------------------------------


def verdict(parsed: Parsed) -> str:
    """The outcome in a few lines for a person."""
    if isinstance(parsed, NotAnAlert):
        return f"No alert: {parsed.why}"
    head = f"A person has to look: {parsed.question}" if parsed.needs_human else "Clear."
    lines = [head]
    for signal in parsed.signals:
        doubts = f"   (in doubt: {', '.join(signal.ambiguous)})" if signal.ambiguous else ""
        lines.append(f"  {signal.asset or 'unknown'}: {render(signal)}{doubts}")
    return "\n".join(lines)


# --- a file of messages -------------------------------------------------------------------------


class _BadLineError(ValueError):
    """A line that is no message of the corpus schema."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One line, checked."""

    key: str
    channel: str | None
    message: RawAlert
    edit_of: str | None
    reply_to: str | None


def _file(name: str, channel: str | None) -> int:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as why:
        said = why.strerror if isinstance(why, OSError) else "not UTF-8 text"
        print(f"{name}: cannot be read: {said}. Nothing was parsed.", file=sys.stderr)
        return _BAD_INPUT
    rows, errors = _rows(text.split("\n"), channel)
    thread = _File(rows)
    for row in rows:
        print(_json({"id": row.key, "result": label(thread.parsed(row))}))
    for error in errors:
        print(f"{name}: {error}", file=sys.stderr)
    return _BAD_INPUT if errors else 0


def _json(row: dict[str, Any]) -> str:
    """One line of output; half a surrogate pair, which no encoding can write, stays escaped."""
    text = json.dumps(row, ensure_ascii=False)
    return text if text.isascii() or _is_text(text) else json.dumps(row)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _rows(lines: Iterable[str], channel: str | None) -> tuple[list[_Row], list[str]]:
    """Good rows, and a sentence for every bad line; a bad line never costs a good one."""
    rows: list[_Row] = []
    errors: list[str] = []
    numbers: dict[str, int] = {}
    for at, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(_row(line, channel, numbers))
        except (_BadLineError, ValueError, RecursionError) as why:
            errors.append(f"line {at}: {why}")
    return rows, errors


def _row(line: str, channel: str | None, numbers: dict[str, int]) -> _Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as why:
        raise _BadLineError(f"not JSON ({why})") from None
    if not isinstance(row, Mapping) or "id" not in row:
        raise _BadLineError("not an object with an id")
    key, edit_of = str(row["id"]), _text(row, "edit_of") or None
    reply_to = _text(row, "reply_to") or None
    room = channel or _text(row, "channel") or None
    if room not in (None, *CHANNELS):
        raise _BadLineError(f"unknown channel {room!r}")
    meta = row.get("meta") or {}
    message = _message(
        _number(numbers, edit_of or key),
        _text(row, "content"),
        _posted_at(row),
        edit_no=int(edit_of is not None),
        embeds=tuple(_embeds(row.get("embeds") or [])),
        reply_to=None if reply_to is None else _number(numbers, reply_to),
        is_bot=bool(meta.get("bot")) if isinstance(meta, Mapping) else False,
    )
    return _Row(key, room, message, edit_of, reply_to)


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str | int):
        raise _BadLineError(f"{key} is not text")
    return str(value)


def _posted_at(row: Mapping[str, Any]) -> datetime:
    text = _text(row, "posted_at")
    if not text:
        raise _BadLineError("posted_at is missing")
    try:
        return _moment(text)
    except ValueError as why:
        raise _BadLineError(f"posted_at: {why}") from None


def _embeds(embeds: Any) -> Iterator[EmbedText]:
    if not isinstance(embeds, Sequence) or isinstance(embeds, str):
        raise _BadLineError("embeds is not a list")
    for embed in embeds:
        if not isinstance(embed, Mapping):
            raise _BadLineError("an embed is not an object")
        fields = embed.get("fields") or []
        yield EmbedText(
            title=_text(embed, "title"),
            description=_text(embed, "description"),
            author=_text(embed.get("author") or {}, "name"),
            fields=tuple(_field(one) for one in fields),
            footer=_text(embed.get("footer") or {}, "text"),
        )


def _field(one: Any) -> tuple[str, str]:
    if not isinstance(one, Mapping):
        raise _BadLineError("a field of an embed is not an object")
    return _text(one, "name"), _text(one, "value")


def _number(numbers: dict[str, int], key: str) -> int:
    """A message id for a row's id: the same one whenever it is named."""
    return numbers.setdefault(key, len(numbers) + 1)


@dataclass(slots=True)
class _File:
    """All rows of a file; replies and edits are resolved within it, in any order of lines."""

    rows: list[_Row]
    by_message: dict[int, list[_Row]] = field(default_factory=dict)
    done: dict[int, Parsed] = field(default_factory=dict)
    depth: int = 0

    def __post_init__(self) -> None:
        for row in sorted(self.rows, key=lambda one: one.message.posted_at):
            self.by_message.setdefault(row.message.message_id, []).append(row)

    def parsed(self, row: _Row) -> Parsed:
        """The outcome of one row, read once."""
        if id(row) not in self.done:
            context = _Context(self, row)
            self.done[id(row)] = read(context.message(), profile_of(row.channel), context)
        return self.done[id(row)]


@dataclass(slots=True)
class _Context:
    """What one row may know of the others: only what was posted before it."""

    file: _File
    row: _Row

    def message(self) -> RawAlert:
        """The row's message; an edit keeps the reply of the original."""
        message = self.row.message
        texts = self.file.by_message[message.message_id]
        answered = next((one.message.reply_to for one in texts if one.reply_to), None)
        return message if message.reply_to is not None else replace(message, reply_to=answered)

    def alert_of(self, message_id: int) -> Alert | None:
        """The latest text of that message before this one, as an alert."""
        if self.file.depth >= _MAX_CHAIN:
            return None
        now = self.row.message.posted_at
        texts = [
            one
            for one in self.file.by_message.get(message_id, [])
            if one is not self.row and one.message.posted_at <= now
        ]
        if not texts:
            return None
        self.file.depth += 1
        try:
            parsed = self.file.parsed(texts[-1])
        finally:
            self.file.depth -= 1
        return parsed if isinstance(parsed, Alert) else None

    def open_trades(self) -> tuple[Signal, ...]:
        """A file holds no positions."""
        return ()


# --- the label schema ---------------------------------------------------------------------------


def label(parsed: Parsed) -> dict[str, Any]:
    """The outcome in the label schema of the alert corpus."""
    if isinstance(parsed, NotAnAlert):
        return {"kind": "none", "why": parsed.why}
    first, *others = (_signal(signal, parsed.needs_human) for signal in parsed.signals)
    if parsed.needs_human:
        first["question"] = parsed.question
    if others:
        first["also"] = others
    return first


def _signal(signal: Signal, needs_human: bool) -> dict[str, Any]:
    low_high = signal.price_range
    return {
        "kind": "alert",
        "action": signal.action.value,
        "asset": signal.asset,
        "symbol": signal.symbol or None,
        "contract": signal.contract,
        "expiry": signal.expiry.isoformat() if signal.expiry else None,
        "strike": _plain(signal.strike),
        "right": signal.right,
        "legs": [_leg(leg) for leg in signal.legs],
        "price": _plain(signal.price),
        "price_range": [_plain(one) for one in low_high] if low_high else None,
        "price_effect": signal.price_effect,
        "quantity": _plain(signal.quantity),
        "fraction": _plain(signal.fraction),
        "partial": signal.is_partial,
        "stop": _level(signal.stop),
        "targets": [_level(target) for target in signal.targets],
        "stop_underlying": _plain(signal.stop_underlying),
        "trail": signal.trail,
        "size_class": signal.size_class,
        "needs_human": needs_human,
        "ambiguous": list(signal.ambiguous),
        "tags": list(signal.tags),
    }


def _leg(leg: SignalLeg) -> dict[str, Any]:
    return {
        "action": leg.action.value,
        "right": leg.right,
        "strike": _plain(leg.strike),
        "expiry": leg.expiry.isoformat(),
        "ratio": leg.ratio,
    }


def _plain(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _level(level: Level | None) -> int | float | str | None:
    if level is None:
        return None
    if level.kind == "breakeven":
        return "BE"
    unit = {"percent": "%", "points": "pt"}.get(level.kind, "")
    number = _plain(level.value)
    return f"{number}{unit}" if unit else number
