"""Entry point that Alembic calls: migrate on the connection we were given."""

from alembic import context

from storage.columns import METADATA


def run() -> None:
    """Migrate within the caller's transaction: all of it happens, or nothing."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=METADATA,
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    context.run_migrations()


run()
