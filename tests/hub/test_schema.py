"""The migrations make just the tables that the code speaks of, and can be run again at every start."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from hub.db.engine import sqlalchemy_url
from hub.db.schema import upgrade
from hub.db.tables import metadata


def test_the_migrations_make_what_the_tables_say(database_url: str) -> None:
    engine = create_engine(sqlalchemy_url(database_url))
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    # The job queue's tables are its own library's.
    assert [one for one in differences if "procrastinate" not in str(one)] == []


def test_upgrading_twice_is_upgrading_once(empty_database_url: str) -> None:
    engine = create_engine(sqlalchemy_url(empty_database_url))
    upgrade(engine)
    upgrade(engine)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    assert set(metadata.tables) | {"procrastinate_jobs", "alembic_version"} <= names
