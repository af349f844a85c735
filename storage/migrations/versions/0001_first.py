"""The first schema: journal, head, paper book, one table per kind of record, guards."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = BigInteger().with_variant(Integer(), "sqlite")
WORD = Text().with_variant(Text(collation="C"), "postgresql")


def _text(*names: str) -> list[Column[Any]]:
    return [Column(name, WORD) for name in names]


def _ints(*names: str) -> list[Column[Any]]:
    return [Column(name, BIG) for name in names]


RECORDS: dict[str, list[Column[Any]]] = {
    "intake": [
        *_text("source"),
        *_ints("channel_id", "message_id", "edit_no"),
        *_text("received_at"),
    ],
    "alerts": [
        *_text("source"),
        *_ints("author_id"),
        *_text("symbol", "state"),
        *_ints("message_id"),
        *_text("received_at"),
    ],
    "intents": _text("alert_id", "trade_id", "account", "created_at"),
    "approvals": _text("alert_id", "trade_id", "state", "expires_at"),
    "orders": _text(
        "alert_id", "intent_id", "trade_id", "account", "state", "purpose", "created_at"
    ),
    "executions": _text("order_id", "trade_id", "account", "executed_at"),
    "ledger": _text("trade_id", "account", "booked_at"),
    "positions": _text("trade_id", "account"),
    "trades": _text(
        "alert_id",
        "account",
        "source",
        "symbol",
        "state",
        "opened_at",
        "closed_at",
        "realised_usd",
    ),
    "accounts": [],
    "outbox": _text("channel", "created_at"),
    "posted": _text("posted_at"),
    "facts": [],
}
INDEXES = (
    ("intake", "channel_id", "message_id"),
    ("intake", "received_at"),
    ("alerts", "received_at"),
    ("intents", "alert_id"),
    ("intents", "trade_id"),
    ("approvals", "alert_id"),
    ("orders", "alert_id"),
    ("orders", "trade_id"),
    ("executions", "trade_id"),
    ("ledger", "trade_id"),
    ("ledger", "booked_at"),
    ("positions", "trade_id"),
    ("outbox", "created_at"),
    ("posted", "posted_at"),
)
SEALED = ("audit", "executions", "ledger")


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "audit",
        Column("seq", BIG, primary_key=True, autoincrement=False),
        *(Column(name, WORD, nullable=False) for name in ("at", "kind", "ref", "actor")),
        Column("data", Text, nullable=False),
        Column("puts", Text, nullable=False),
        Column("prev", WORD, nullable=False),
        Column("mac", WORD, nullable=False),
    )
    op.create_index("ix_audit_ref", "audit", ["ref"])
    op.create_table(
        "audit_head",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("seq", BIG, nullable=False),
        Column("mac", WORD, nullable=False),
        Column("seal", WORD, nullable=False),
    )
    op.create_table(
        "paper_book",
        Column("key", WORD, primary_key=True),
        Column("body", Text, nullable=False),
    )
    for name, promoted in RECORDS.items():
        op.create_table(
            name,
            Column("born", BIG, primary_key=True, autoincrement=False),
            Column("key", WORD, nullable=False, unique=True),
            Column("version", BIG, nullable=False),
            Column("seq", BIG, nullable=False),
            *promoted,
            Column("doc", Text, nullable=False),
        )
    for name, *columns in INDEXES:
        op.create_index(f"ix_{name}_{'_'.join(columns)}", name, columns)
    guard = _guard_postgres if op.get_bind().dialect.name == "postgresql" else _guard_sqlite
    for table in SEALED:
        guard(table)


def _guard_sqlite(table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _guard_postgres(table: str) -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
