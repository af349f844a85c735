"""What the journal told last of every record: kept in a file of its own while a check runs.

A history of years has millions of records; in memory they would crowd out the desk.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from storage.chain import Sealed
from storage.codec import born_at, puts_of

CACHE_KB = 4000
"""Memory for it; what is more lies in SQLite's temporary folder, gone with the check."""

_TABLE = """
CREATE TABLE told (kind TEXT, key TEXT, version INT, seq INT, born INT, doc INT,
PRIMARY KEY (kind, key)) WITHOUT ROWID
"""
_PUT = """
INSERT INTO told VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, key)
DO UPDATE SET version = excluded.version, seq = excluded.seq, doc = excluded.doc
"""
_OF = "SELECT version, seq, born, doc FROM told WHERE kind = ? AND key = ?"
_KEYS = "SELECT key FROM told WHERE kind = ? ORDER BY born"
_COUNT = "SELECT count(*) FROM told WHERE kind = ?"


class Last(NamedTuple):
    """The newest version of a record, and where in the journal it and its first one stand."""

    version: int
    seq: int
    born: int
    doc: int
    """Hash of the document."""


class Tally:
    """Fed with the journal from its beginning, it knows what each table must hold."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # "": a temporary file
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{CACHE_KB}"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def feed(self, rows: Iterable[Sealed]) -> None:
        """Apply the puts of the next rows.

        Raises:
            ValueError: a row's records cannot be read.
        """
        for row in rows:
            puts = [
                (put.table, put.key, put.version, row.seq, born_at(row.seq, nth), hash(put.doc))
                for nth, put in enumerate(puts_of(row.puts))
            ]
            self._db.executemany(_PUT, puts)

    def of(self, table: str, keys: Sequence[str]) -> dict[str, Last]:
        """What was told of these, of which nothing may have been told."""
        found = ((key, self._db.execute(_OF, (table, key)).fetchone()) for key in keys)
        return {key: Last(*last) for key, last in found if last is not None}

    def keys(self, table: str) -> list[str]:
        """Every record of a table, in order of creation."""
        return [key for (key,) in self._db.execute(_KEYS, (table,))]

    def count(self, table: str) -> int:
        """How many records a table must have."""
        return int(self._db.execute(_COUNT, (table,)).fetchone()[0])
