"""`make migration NAME="…"`: write the migration that brings the database from the last one to the tables of today.

It compares on a throwaway server, so it needs no database of yours. Read what it writes: renames look like a drop and
an add, and exclusion constraints and types are not compared.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from hub.db.embedded import EmbeddedServer
from hub.db.schema import alembic_config
from hub.db.tables import metadata

_NUMBERED = re.compile(r"(\d{4})_")


def next_revision(versions: Path) -> str:
    """The number of the next migration, four digits; they count up without gaps."""
    numbers = [int(found[1]) for path in versions.glob("*.py") if (found := _NUMBERED.match(path.name))]
    return f"{max(numbers, default=0) + 1:04d}"


def write_migration(name: str, server_url: str) -> Path | None:
    """Write the migration on a database without tables; returns its file, or None when no table changed."""
    engine = create_engine(server_url.replace("postgresql:", "postgresql+psycopg:", 1))
    try:
        with engine.connect() as connection:
            config = alembic_config(connection)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.upgrade(config, "head")
            connection.commit()
            if not compare_metadata(MigrationContext.configure(connection), metadata):
                return None
            versions = Path(ScriptDirectory.from_config(config).versions)
            revision = next_revision(versions)
            command.revision(config, message=name, autogenerate=True, rev_id=revision)
    finally:
        engine.dispose()
    return next(versions.glob(f"{revision}_*.py"))


def main(name: str) -> int:
    """Write a migration of this name; returns the exit code."""
    place = Path(tempfile.gettempdir()) / f"doorstep-migration-{os.getpid()}"
    with EmbeddedServer(place, throwaway=True) as server:
        written = write_migration(name, server.url)
    if written is None:
        print("The migrations already make the tables of today; nothing was written.")
    else:
        print(f"Wrote {written.relative_to(Path.cwd())}. Read it before you commit it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
