"""URLs of databases on one server."""

import pytest

from hub.db.databases import NotADatabaseUrlError, url_of_database


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            "postgresql://postgres@/postgres?host=%2Frun%2Fpg&port=5432",
            "postgresql://postgres@/one?host=%2Frun%2Fpg&port=5432",
        ),
        ("postgresql://me:secret@db.test:5433/old", "postgresql://me:secret@db.test:5433/one"),
        ("postgres://db.test", "postgres://db.test/one"),
        ("postgresql:///old?host=/run/pg", "postgresql:///one?host=/run/pg"),
        ("postgresql+psycopg://me@db.test/old?sslmode=require", "postgresql+psycopg://me@db.test/one?sslmode=require"),
    ],
)
def test_another_database_on_the_same_server(server: str, expected: str) -> None:
    assert url_of_database(server, "one") == expected


@pytest.mark.parametrize("url", ["mysql://db.test/old", "db.test/old", ""])
def test_what_is_no_address_of_postgresql_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(NotADatabaseUrlError, match="not an address of PostgreSQL"):
        url_of_database(url, "one")
