"""What a commit will do to journal and tables, worked out before anything is written."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from engine.domain.errors import Conflict
from engine.domain.record import Record
from storage.chain import Sealed, Sealer
from storage.codec import BY_TABLE, SHAPES, Entry, Put, born_at, puts_of


class Change(NamedTuple):
    """Outcome for one record: the version that must be stored now, and what replaces it."""

    prior: int
    """0: it must not exist."""
    put: Put
    seq: int
    born: int
    """Meant only when ``prior`` is 0."""


class Plan:
    """Rows to append and records to change, of one commit or of several in turn."""

    def __init__(self, sealer: Sealer, seq: int, mac: str) -> None:
        self._sealer = sealer
        self.seq = seq
        self.mac = mac
        self.rows: list[Sealed] = []
        self.changes: dict[tuple[str, str], Change] = {}

    def add(self, entries: Iterable[Entry]) -> int:
        """Append events; returns the last place.

        Raises:
            Conflict: two puts within the plan do not follow on each other.
        """
        for entry in entries:
            self.seq += 1
            row = self._sealer.row(self.seq, entry, self.mac)
            self.rows.append(row)
            self.mac = row.mac
            for nth, put in enumerate(entry.puts):
                self._change(put, nth)
        return self.seq

    def take(self, more: "Plan") -> None:
        """Add what was planned from this plan's end on."""
        self.seq, self.mac = more.seq, more.mac
        self.rows += more.rows
        for name, change in more.changes.items():
            before = self.changes.get(name)
            if before is not None:
                change = change._replace(prior=before.prior, born=before.born)
            self.changes[name] = change

    def _change(self, put: Put, nth: int) -> None:
        name = (put.shape.table, put.key)
        before = self.changes.get(name)
        if before is None:
            born = born_at(self.seq, nth)
            self.changes[name] = Change(put.version - 1, put, self.seq, born)
        elif before.put.version == put.version - 1:
            self.changes[name] = Change(before.prior, put, self.seq, before.born)
        else:
            raise conflict(*name, wanted=put.version, stored=before.put.version)


def conflict(table: str, key: str, *, wanted: int, stored: int) -> Conflict:
    """The refusal of a put that does not follow on what is stored."""
    was = "does not exist" if stored == 0 else f"stands at version {stored}"
    return Conflict(f"{table} {key} {was}; version {wanted} does not follow")


State = dict[type[Record], dict[str, Any]]
"""Kind -> key -> record."""


class Stored(NamedTuple):
    """A record as its table holds it, but for the promoted columns, which follow from it."""

    version: int
    seq: int
    born: int
    doc: str


class Projection:
    """The tables as the journal alone tells them (I-05): table -> key -> row, oldest first."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Stored]] = {table: {} for table in BY_TABLE}

    def feed(self, rows: Iterable[Sealed]) -> None:
        """Apply the puts of the next rows.

        Raises:
            ValueError: a row's records cannot be read.
        """
        for row in rows:
            for nth, (table, key, version, doc) in enumerate(puts_of(row.puts)):
                told = self._tables[table]
                before = told.get(key)
                born = before.born if before is not None else born_at(row.seq, nth)
                told[key] = Stored(version, row.seq, born, doc)

    def state(self) -> State:
        """The records themselves."""
        return {
            kind: {key: shape.decode(row.doc) for key, row in self._tables[shape.table].items()}
            for kind, shape in SHAPES.items()
        }
