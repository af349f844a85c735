"""What the desk keeps for people: journal notes, answers, settings, notifications."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = BigInteger().with_variant(Integer(), "sqlite")
WORD = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    """One more table of records, laid out as the others are."""
    op.create_table(
        "documents",
        Column("born", BIG, primary_key=True, autoincrement=False),
        Column("key", WORD, nullable=False, unique=True),
        Column("version", BIG, nullable=False),
        Column("seq", BIG, nullable=False),
        Column("kind", WORD),
        Column("subject", WORD),
        Column("user_id", BIG),
        Column("filed_at", WORD),
        Column("doc", Text, nullable=False),
    )
    op.create_index("ix_documents_kind_filed_at", "documents", ["kind", "filed_at"])
    op.create_index("ix_documents_subject", "documents", ["subject"])
