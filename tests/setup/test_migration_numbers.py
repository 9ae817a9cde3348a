"""Migrations are numbered, and the numbered ones make today's tables."""

from pathlib import Path

import pytest

from infra.setup.migration import next_revision, write_migration


def test_numbers_count_up_from_one(tmp_path: Path) -> None:
    assert next_revision(tmp_path) == "0001"
    (tmp_path / "0001_first.py").touch()
    (tmp_path / "0009_ninth.py").touch()
    (tmp_path / "notes.py").touch()
    assert next_revision(tmp_path) == "0010"


@pytest.mark.database
def test_the_migrations_make_the_tables_of_today(empty_database_url: str) -> None:
    written = write_migration("nothing changed", empty_database_url)
    missing = "" if written is None else written.read_text()
    if written is not None:
        # It lies among the others, and the next run would take it for one of them.
        written.unlink()
    assert written is None, missing
