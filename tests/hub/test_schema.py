"""The schema can be brought up to date at every start."""

from sqlalchemy import create_engine, inspect

from hub.db.engine import sqlalchemy_url
from hub.db.schema import upgrade
from hub.db.tables import metadata


def test_upgrading_twice_is_upgrading_once(empty_database_url: str) -> None:
    engine = create_engine(sqlalchemy_url(empty_database_url))
    upgrade(engine)
    upgrade(engine)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    assert set(metadata.tables) | {"procrastinate_jobs", "alembic_version"} <= names
