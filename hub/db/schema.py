"""Brings a database to the present schema: our migrations, then the job queue's own tables."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from procrastinate import App, SyncPsycopgConnector
from sqlalchemy import Connection, Engine, inspect, text

from hub.db.engine import naming_the_database

_UPGRADE_LOCK = 0x0D00_5EB0
"""Advisory lock under which one process at a time upgrades; any constant not used elsewhere in the database."""


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the migrations in this folder, on `connection`; without one they can only be listed."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> None:
    """Create or upgrade the schema; safe to call at every start and from several processes. Raises DatabaseUnavailableError."""
    with naming_the_database(engine), engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _UPGRADE_LOCK})
        try:
            connection.commit()
            command.upgrade(alembic_config(connection), "head")
            connection.commit()
            _create_job_tables(connection)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _UPGRADE_LOCK})
            connection.commit()


def _create_job_tables(connection: Connection) -> None:
    if inspect(connection).has_table("procrastinate_jobs"):
        return
    statements = App(connector=SyncPsycopgConnector()).schema_manager.get_schema()
    raw = connection.connection.driver_connection
    if raw is None:
        message = "the connection was closed while the job tables were made"
        raise RuntimeError(message)
    with raw.cursor() as cursor:
        cursor.execute(statements)
