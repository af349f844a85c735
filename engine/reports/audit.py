"""Who did what and when: journal rows that match a question, newest first."""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.record import Event, Record
from engine.reports import Frame, Stamp
from engine.store import Journaled

_CARDS = "card."
"""Where cards were posted: most rows, nobody's decision; shown to who asks for them by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for; what is empty fits everything."""

    user_id: int | None = None
    action: str = ""
    """Part of the event's kind: ``order``, ``mode``, ``access.denied``."""
    entity: str = ""
    """Part of the story's id, or of the key of a record that was changed."""
    since: datetime | None = None

    def fits(self, event: Event) -> bool:
        """Whether this is one of those."""
        if self.user_id is not None and event.actor != f"user:{self.user_id}":
            return False
        if self.action and self.action.lower() not in event.kind.lower():
            return False
        if not (self.action or self.entity) and event.kind.startswith(_CARDS):
            return False
        if self.since is not None and event.at < self.since:
            return False
        wanted = self.entity.lower()
        return (
            not wanted
            or wanted in event.ref.lower()
            or any(wanted in put.key.lower() for put in event.puts)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One record as an event left it, and as it was before."""

    table: str
    key: str
    version: int
    fields: tuple[tuple[str, str, str], ...]
    """Name, before, after; everything of a new record has an empty before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One journal event."""

    seq: int
    at: datetime
    kind: str
    actor: str
    ref: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """Rows that fit, newest first."""

    stamp: Stamp
    rows: tuple[Row, ...]
    n_looked_at: int
    looked_back_to: datetime | None
    """Moment of the oldest row that was looked at; None: the journal is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One event in full."""

    stamp: Stamp
    row: Row
    changes: tuple[Change, ...]


def build(
    frame: Frame, *, found: Iterable[Journaled], n_looked_at: int, back_to: datetime | None
) -> AuditReport:
    """``found``: newest first."""
    return AuditReport(
        stamp=frame.stamp("audit"),
        rows=tuple(_row(j) for j in found),
        n_looked_at=n_looked_at,
        looked_back_to=back_to,
    )


def one(frame: Frame, journaled: Journaled, before: dict[tuple[str, str], Record]) -> AuditRow:
    """``before``: the records as they were, by table and key; those that were new are absent."""
    return AuditRow(
        stamp=frame.stamp(journaled.event.ref),
        row=_row(journaled),
        changes=tuple(
            _change(put, before.get((put.TABLE, put.key))) for put in journaled.event.puts
        ),
    )


def _row(journaled: Journaled) -> Row:
    event = journaled.event
    return Row(
        seq=journaled.seq,
        at=event.at,
        kind=event.kind,
        actor=event.actor,
        ref=event.ref,
        detail=said(event),
    )


def said(event: Event) -> str:
    """What an event holds besides records, in one line; passed checks are counted, not listed."""
    found = [(k.replace("_", " "), v) for k, v in event.data.items() if v not in ("", None)]
    return " · ".join(f"{k} {_listed(v) if isinstance(v, list | tuple) else v}" for k, v in found)


def _listed(values: list[object] | tuple[object, ...]) -> str:
    words = [str(v) for v in values]
    others = [w for w in words if not w.endswith(":ok")]
    n_ok = len(words) - len(others)
    return ", ".join([*others, f"{n_ok} ok"] if n_ok else others)


def _change(after: Record, before: Record | None) -> Change:
    names = [f.name for f in dataclasses.fields(after) if f.name != "version"]
    fields = []
    for name in names:
        new = _word(getattr(after, name))
        old = "" if before is None else _word(getattr(before, name))
        if new != old:
            fields.append((name, old, new))
    return Change(table=after.TABLE, key=after.key, version=after.version, fields=tuple(fields))


def _word(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str | int | float | bool):
        return str(value)
    return json.dumps(value, default=str, ensure_ascii=False)
