"""Schema versions. ``versions/NNNN_name.py`` are run in order, each start, in one transaction.

A new promoted column or kind of record needs a new file there (``revision``, ``down_revision``
and ``upgrade()``; the test ``tests/unit/storage/test_migrations.py`` fails until the migrated
schema equals ``storage.columns.METADATA`` and names the difference) and a new :data:`HEAD`.
Released files are never edited. Alembic itself is imported only when there is something to do.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from engine.domain.errors import StoreUnavailable

HEAD = "0002"
"""The schema that this program is written for."""


def known() -> list[str]:
    """Every revision this program has, oldest first."""
    folder = Path(__file__).parent / "versions"
    return sorted(path.name.partition("_")[0] for path in folder.glob("[0-9]*_*.py"))


def stored(connection: Connection) -> str | None:
    """The revision of the stored schema; None for an empty database.

    Raises:
        StoreUnavailable: there are tables, but none of ours says which version.
    """
    names = set(inspect(connection).get_table_names())
    if "alembic_version" not in names:
        if names & {"audit", "trades", "orders"}:
            raise StoreUnavailable("the database has tables of ours but no schema version")
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def must_upgrade(revision: str | None) -> bool:
    """Whether the stored schema is older than this program.

    Raises:
        StoreUnavailable: it is newer.
    """
    if revision is not None and revision not in known():
        raise StoreUnavailable(
            f"the database has schema {revision}, this program knows schemas up to {HEAD}: "
            "start the newer program, or restore a backup made before the upgrade"
        )
    return revision != HEAD


def upgrade(connection: Connection, to: str = HEAD) -> None:
    """Bring the schema to a revision within the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
