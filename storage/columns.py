"""The tables: one per kind of record, the journal, its sealed head, the paper broker's book.

Every record table is laid out alike: ``born`` (order of creation), ``key``, ``version``, ``seq``
(journal place of the last change), the promoted columns, ``doc`` (the whole record as JSON).
Promoted columns hold text, 64-bit integers or booleans only: moments are ISO text of fixed width,
Decimals their exact text, so that both databases keep and order them alike.
"""

from functools import cache
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from storage.codec import SHAPES, CellKind, Shape

METADATA = MetaData()

_BIG = BigInteger().with_variant(Integer(), "sqlite")
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
_TYPES: dict[CellKind, TypeEngine[Any]] = {
    "text": _TEXT,
    "decimal": _TEXT,
    "utc": _TEXT,
    "int": _BIG,
    "bool": Boolean(),
}

INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "intake": (("channel_id", "message_id"), ("received_at",)),
    "alerts": (("received_at",),),
    "intents": (("alert_id",), ("trade_id",)),
    "approvals": (("alert_id",),),
    "orders": (("alert_id",), ("trade_id",)),
    "executions": (("trade_id",),),
    "ledger": (("trade_id",), ("booked_at",)),
    "positions": (("trade_id",),),
    "outbox": (("created_at",),),
    "posted": (("posted_at",),),
    "documents": (("kind", "filed_at"), ("subject",)),
}
"""What is searched often among many rows. Each index costs every commit a page (about 10 us);
searching 10,000 rows without one costs a reader some 5 ms and the writer nothing."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("at", _TEXT, nullable=False),
    Column("kind", _TEXT, nullable=False),
    Column("ref", _TEXT, nullable=False),
    Column("actor", _TEXT, nullable=False),
    Column("data", Text, nullable=False),
    Column("puts", Text, nullable=False),
    Column("prev", _TEXT, nullable=False),
    Column("mac", _TEXT, nullable=False),
    Index("ix_audit_ref", "ref"),
)

HEAD = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", _BIG, nullable=False),
    Column("mac", _TEXT, nullable=False),
    Column("seal", _TEXT, nullable=False),
)

PAPER = Table(
    "paper_book",
    METADATA,
    Column("key", _TEXT, primary_key=True),
    Column("body", Text, nullable=False),
)

SEALED_TABLES = ("audit", "executions", "ledger")
"""Tables whose rows may never be changed or deleted; triggers refuse it."""


def _record_table(shape: Shape[Any]) -> Table:
    promoted = [
        Column(name, _TYPES[kind]) for name, kind in zip(shape.columns, shape.kinds, strict=True)
    ]
    table = Table(
        shape.table,
        METADATA,
        Column("born", _BIG, primary_key=True, autoincrement=False),
        Column("key", _TEXT, nullable=False, unique=True),
        Column("version", _BIG, nullable=False),
        Column("seq", _BIG, nullable=False),
        *promoted,
        Column("doc", Text, nullable=False),
    )
    for names in INDEXES.get(shape.table, ()):
        Index(f"ix_{shape.table}_{'_'.join(names)}", *(table.c[name] for name in names))
    return table


TABLES: dict[str, Table] = {shape.table: _record_table(shape) for shape in SHAPES.values()}
"""Table of each kind of record, by name."""


class Statements:
    """The writer's SQL, compiled once per database; parameters are tuples in the order named."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.append = self._text(_insert(AUDIT, dialect))
        """seq, at, kind, ref, actor, data, puts, prev, mac"""
        self.head = self._text(
            update(HEAD)
            .where(HEAD.c.id == bindparam("one"), HEAD.c.seq == bindparam("before"))
            .values(seq=bindparam("v_seq"), mac=bindparam("v_mac"), seal=bindparam("v_seal"))
        )
        """seq, mac, seal, 1, seq before"""
        self.first_head = self._text(insert(HEAD))
        """1, seq, mac, seal"""
        self.read_head = self._text(select(HEAD.c.seq, HEAD.c.mac, HEAD.c.seal))
        self.read_mac = self._text(select(AUDIT.c.mac).where(AUDIT.c.seq == bindparam("at_seq")))
        """seq"""
        self.paper_put = self._text(_upsert_paper(dialect))
        """key, body"""
        self.paper_delete = self._text(delete(PAPER).where(PAPER.c.key == bindparam("gone")))
        """key"""

    @cache  # noqa: B019 - one Statements per store, and as few tables
    def add(self, table: str) -> str:
        """Insert unless the key is there: born, key, version, seq, promoted..., doc."""
        return self._text(_insert(TABLES[table], self._dialect, or_nothing=True))

    @cache  # noqa: B019
    def change(self, table: str) -> str:
        """Replace one version: version, seq, promoted..., doc, key, version before."""
        t = TABLES[table]
        new: dict[str, Any] = {
            c.name: bindparam(f"v_{c.name}") for c in t.c if c.name not in ("born", "key")
        }
        found = (t.c.key == bindparam("w_key"), t.c.version == bindparam("w_version"))
        return self._text(update(t).where(*found).values(new))

    @cache  # noqa: B019
    def version_of(self, table: str) -> str:
        """Stored version and its place in the journal: key."""
        t = TABLES[table]
        return self._text(select(t.c.version, t.c.seq).where(t.c.key == bindparam("w_key")))

    def _text(self, statement: Any) -> str:
        return str(statement.compile(dialect=self._dialect))


class _Insert(Protocol):
    def __call__(self, table: Table) -> Any: ...


def _insert_of(dialect: Dialect) -> _Insert:
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert
    from sqlalchemy.dialects import sqlite

    return sqlite.insert


def _insert(table: Table, dialect: Dialect, *, or_nothing: bool = False) -> Any:
    statement = _insert_of(dialect)(table)
    return statement.on_conflict_do_nothing() if or_nothing else statement


def _upsert_paper(dialect: Dialect) -> Any:
    statement = _insert_of(dialect)(PAPER)
    return statement.on_conflict_do_update(
        index_elements=["key"], set_={"body": statement.excluded.body}
    )


def matching(shape: Shape[Any], name: str, value: Any) -> ColumnElement[bool]:
    """The condition that a promoted column equals ``value`` (or any of several)."""
    column = TABLES[shape.table].c[name] if name in shape.columns else None
    cells = shape.wanted(name, value)
    assert column is not None  # noqa: S101 - wanted() refuses other names
    if len(cells) == 1:
        return column.is_(None) if cells[0] is None else column == cells[0]
    found = column.in_([cell for cell in cells if cell is not None])
    return found | column.is_(None) if None in cells else found
