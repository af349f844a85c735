"""JSON lines for machines and people, each with its correlation id, none with a secret."""

import html
import json
import logging
import re
import sys
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TextIO
from urllib.parse import quote, quote_plus

from bot.secret_shapes import masked

correlation: ContextVar[str] = ContextVar("correlation", default="")
"""The story that runs: alert, intent, order and fill of one trade share it."""

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
    "correlation",
}
_SHORTEST_SECRET = 6
_KEPT_LINES = 2_000


@contextmanager
def story(correlation_id: str) -> Iterator[None]:
    """Everything logged inside belongs to this correlation id."""
    token = correlation.set(correlation_id)
    try:
        yield
    finally:
        correlation.reset(token)


class Redactor:
    """Takes known secrets, however they are written, and everything of a secret's shape out."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # Longest first, so that a secret inside another leaves no rest.
        rule = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        self._rule = re.compile(rule, re.IGNORECASE) if rule else None

    def __call__(self, text: str) -> str:
        """``text`` without secrets."""
        if self._rule is not None:
            text = self._rule.sub("[secret]", text)
        return masked(text)


def _forms(secret: str) -> set[str]:
    """The ways a secret may appear in an output; too short a one would black out everything."""
    if len(secret) < _SHORTEST_SECRET:
        return set()
    raw = secret.encode()
    written = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), raw.hex()}
    written |= {html.escape(secret), repr(raw)[2:-1], b64encode(raw).decode().rstrip("=")}
    for _ in range(3):  # a repr of a repr inside a JSON text; nothing new in plain letters
        written |= {escaped for form in written for escaped in _escaped(form)}
    return written


def _escaped(text: str) -> set[str]:
    return {
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        # repr escapes one kind of quote only when both kinds stand in the text
        text.replace("\\", "\\\\").replace("'", "\\'"),
    }


class JsonLines(logging.Formatter):
    """One record, one JSON object on one line; secrets are taken out last, of the whole line."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = datetime.fromtimestamp(record.created, UTC)
        entry: dict[str, Any] = {
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "correlation": getattr(record, "correlation", ""),
            "message": record.getMessage(),
        }
        extras = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if extras:
            entry["extra"] = extras
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = record.stack_info
        return self._redact(json.dumps(entry, default=str, ensure_ascii=False))


class _Quiet:
    """A handler's own failure must not print the record's arguments, which may hold a secret."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a line was lost, and nothing of it."""
        kind = sys.exc_info()[0]
        name = kind.__name__ if kind is not None else "unknown error"
        lost = {"level": "ERROR", "message": f"a log line of {record.name} was lost: {name}"}
        sys.stderr.write(json.dumps(lost) + "\n")


class _Line(NamedTuple):
    """One finished line and what it can be searched by."""

    level: int
    name: str
    created: float
    correlation: str
    text: str


class _Stream(_Quiet, logging.StreamHandler[TextIO]):
    """Standard error; keeps the last lines for admins who cannot reach the machine."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.lines: deque[_Line] = deque(maxlen=_KEPT_LINES)

    def format(self, record: logging.LogRecord) -> str:
        """The line as it is written, secrets already out."""
        text = super().format(record)
        story = getattr(record, "correlation", "")
        self.lines.append(_Line(record.levelno, record.name, record.created, story, text))
        return text


class _File(_Quiet, RotatingFileHandler):
    """A rotating file that nobody else may read."""

    def _open(self) -> Any:
        stream = super()._open()
        Path(self.baseFilename).chmod(0o600)
        return stream


def recent(
    *, at_least: str = "INFO", component: str = "", since: datetime | None = None, story: str = ""
) -> list[str]:
    """The last lines of this process that fit, oldest first; at most 2,000 are kept."""
    level = logging.getLevelNamesMapping()[at_least]
    begin = 0.0 if since is None else since.timestamp()
    kept = [h.lines for h in logging.getLogger().handlers if isinstance(h, _Stream)]
    return [
        line.text
        for lines in kept
        for line in list(lines)
        if line.level >= level
        and component.lower() in line.name.lower()
        and line.created >= begin
        and story in ("", line.correlation)
    ]


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A record that remembers whose story it belongs to, whatever thread writes it out."""
    made = logging.LogRecord(*args, **kwargs)
    made.correlation = correlation.get()
    return made


def start(
    *,
    level: str = "INFO",
    secrets: Iterable[str] = (),
    file: Path | None = None,
    max_bytes: int = 10_000_000,
    backups: int = 5,
    stream: TextIO | None = None,
) -> Redactor:
    """Send every logger's records, warnings and uncaught exceptions out as JSON lines.

    Call it once per process, before anything can fail; calling it again replaces the set-up.

    Returns:
        The redactor, for whatever else leaves the process (error replies, health).
    """
    redact = Redactor(secrets)
    handlers: list[logging.Handler] = [_Stream(stream or sys.stderr)]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(
            _File(file, maxBytes=max_bytes, backupCount=backups, encoding="utf-8", delay=False)
        )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.setFormatter(JsonLines(redact))
        root.addHandler(handler)
    root.setLevel(level)
    logging.setLogRecordFactory(_record)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )
    return redact


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("bot").critical("uncaught exception", exc_info=(kind, error, trace))
