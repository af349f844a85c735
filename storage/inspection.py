"""Everything that can be proven of a database from outside, while a desk may be using it."""

import json
from dataclasses import asdict, dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from engine.domain.errors import StoreUnavailable
from storage import migrations
from storage.chain import Sealer
from storage.closing import ClosingTable, close
from storage.codec import SHAPES
from storage.columns import TABLES
from storage.database import database_path, database_url, in_words
from storage.verify import check, looking, replayed, sqlite_damage


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found. ``damage`` and ``reason`` are empty when all is well."""

    schema: str
    damage: str
    n_events: int
    first_bad_seq: int | None
    reason: str
    n_records: dict[str, int]
    table: ClosingTable | None = None

    @property
    def is_ok(self) -> bool:
        """File sound, journal whole, tables as the journal says, figures equal to the cent."""
        is_sound = not self.damage and not self.reason
        return is_sound and (self.table is None or self.table.is_ok)

    def as_json(self) -> str:
        """For programs: one object, money as text."""
        return json.dumps({"is_ok": self.is_ok, **asdict(self)}, default=str)

    def audit_line(self) -> str:
        """One line about the journal."""
        if self.damage:
            return f"The database is damaged: {self.damage}"
        if self.reason:
            at = f" at event {self.first_bad_seq}" if self.first_bad_seq is not None else ""
            return f"The journal does NOT verify{at}: {self.reason}."
        n_records = sum(self.n_records.values())
        return (
            f"The journal is whole: {self.n_events} event(s), chain and head sealed; "
            f"{n_records} record(s) equal its replay."
        )

    def lines(self) -> list[str]:
        """For people."""
        lines = [self.audit_line()]
        if not self.damage:
            counts = ", ".join(f"{n} {name}" for name, n in self.n_records.items() if n)
            lines.append(f"Schema {self.schema}: {counts or 'no records'}.")
        if self.table is not None:
            lines += self.table.lines()
            wrong = self.table.wrong
            lines.append(f"Figures differ: {', '.join(wrong)}." if wrong else "All figures agree.")
        return lines


def inspect(url: str, audit_key: bytes, *, wants_table: bool = False) -> Inspection:
    """Look at everything; changes nothing.

    Raises:
        StoreUnavailable: there is no database, or it is of a newer program.
    """
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = database_path(parsed)
        if not path.exists():
            raise StoreUnavailable(f"{path} does not exist")
        damage = sqlite_damage(path, is_thorough=True)
        if damage:
            return Inspection(
                schema="",
                damage=damage,
                n_events=0,
                first_bad_seq=None,
                reason="",
                n_records={},
            )
    try:
        with looking(parsed) as connection:
            schema = migrations.stored(connection)
            if schema is None:
                raise StoreUnavailable("the database is empty: nothing was ever stored")
            if migrations.must_upgrade(schema):
                raise StoreUnavailable(f"the database has the older schema {schema}: db upgrade")
            report = check(connection, Sealer(audit_key))
            table = close(replayed(connection)) if wants_table and report.is_ok else None
            counts = {
                shape.table: int(
                    connection.execute(
                        select(func.count()).select_from(TABLES[shape.table])
                    ).scalar_one()
                )
                for shape in SHAPES.values()
            }
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database cannot be read: {in_words(error)}") from error
    return Inspection(
        schema=schema,
        damage="",
        n_events=report.n_events,
        first_bad_seq=report.first_bad_seq,
        reason=report.reason,
        n_records=counts,
        table=table,
    )
