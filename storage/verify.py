"""The full check: the chain, then the tables against a replay of the journal (I-05, X-09).

Reads with a connection of its own, in one snapshot, so that the desk may go on writing.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import URL, Connection, NullPool, create_engine, select, text

from engine.domain.record import Record
from engine.store import ChainReport
from storage.chain import Head, Sealed, Sealer, Walk
from storage.codec import SHAPES, Row, Shape
from storage.columns import AUDIT, HEAD, TABLES
from storage.plan import Projection

CHUNK = 500


def verify(url: URL, sealer: Sealer) -> ChainReport:
    """Check everything; names the first bad row, or the first record that differs."""
    with snapshot(url) as connection:
        return check(connection, sealer)


def replay(url: URL, upto_seq: int | None) -> dict[type[Record], dict[str, Any]]:
    """The records as they stood after event ``upto_seq``."""
    projection = Projection()
    with snapshot(url) as connection:
        for rows in journal(connection, upto_seq):
            projection.feed(rows)
    return projection.state()


class snapshot:  # noqa: N801 - reads as a function
    """A connection whose questions all see the same moment."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    def __enter__(self) -> Connection:
        if self._engine.dialect.name == "postgresql":
            self._connection = self._engine.connect().execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        else:
            self._connection = self._engine.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            )
            self._connection.execute(text("PRAGMA query_only=ON"))
            self._connection.execute(text("BEGIN"))
        return self._connection

    def __exit__(self, *_: object) -> None:
        if self._engine.dialect.name == "sqlite":
            self._connection.execute(text("ROLLBACK"))
        self._connection.close()
        self._engine.dispose()


def journal(connection: Connection, upto_seq: int | None = None) -> Iterator[list[Sealed]]:
    """The journal in order, some rows at a time."""
    after = -(1 << 62)
    while True:
        query = select(AUDIT).where(AUDIT.c.seq > after).order_by(AUDIT.c.seq).limit(CHUNK)
        if upto_seq is not None:
            query = query.where(AUDIT.c.seq <= upto_seq)
        rows = [Sealed(*row) for row in connection.execute(query)]
        if not rows:
            return
        yield rows
        after = rows[-1].seq


def check(connection: Connection, sealer: Sealer) -> ChainReport:
    """The whole check on one snapshot."""
    walk = Walk(sealer)
    projection = Projection()
    for rows in journal(connection):
        if walk.feed(rows):
            projection.feed(rows)
    head = connection.execute(select(HEAD.c.seq, HEAD.c.mac, HEAD.c.seal)).first()
    report = walk.end(Head(*head) if head is not None else None)
    if not report.is_ok:
        return report
    for shape in SHAPES.values():
        reason = _difference(connection, shape, projection)
        if reason:
            return ChainReport(n_events=report.n_events, reason=reason)
    return report


def _difference(connection: Connection, shape: Shape[Any], projection: Projection) -> str:
    """Names the first record, in order of creation, that is not as the journal says."""
    told = projection.tables[shape.table]
    table = TABLES[shape.table]
    n_same = 0
    for born, key, version, seq, *cells, doc in connection.execute(
        select(table).order_by(table.c.born)
    ):
        expected = told.get(key)
        if expected is None:
            return f"{shape.table} {key} is not in the journal"
        if Row(version, seq, born, doc, tuple(cells)) != expected:
            return f"{shape.table} {key} differs from what the journal says of it"
        n_same += 1
    if n_same != len(told):
        missing = next(iter(told.keys() - {key for (key,) in _keys(connection, shape)}))
        return f"{shape.table} {missing} is in the journal but not in its table"
    return ""


def _keys(connection: Connection, shape: Shape[Any]) -> Iterator[Any]:
    return iter(connection.execute(select(TABLES[shape.table].c.key)))
