"""`doorstep utility-clients`: what an administrator types."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.domain.errors import NotFoundError
from infra.hosts.cli import app

runner = CliRunner()


@pytest.fixture(autouse=True)
def installation(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DOORSTEP_STATE_DIR", str(tmp_path))


def test_a_client_is_added_listed_and_revoked() -> None:
    added = runner.invoke(
        app, ["utility-clients", "add", "urn:utility:sample", "--name", "orders", "--scope", "work-orders:read"]
    )
    assert added.exit_code == 0, added.output
    told = dict(line.split(maxsplit=1) for line in added.stdout.splitlines() if not line.startswith("The secret"))
    assert told["scope"] == "work-orders:read"
    listed = runner.invoke(app, ["utility-clients", "list"])
    assert f"{told['client_id']}  urn:utility:sample  orders  since" in listed.output
    assert told["client_secret"] not in listed.output
    assert runner.invoke(app, ["utility-clients", "revoke", told["client_id"]]).exit_code == 0
    assert "revoked" in runner.invoke(app, ["utility-clients", "list"]).output
    assert "0 subscriptions." in runner.invoke(app, ["utility-clients", "callbacks"]).output


def test_what_cannot_be_is_a_sentence() -> None:
    unknown = runner.invoke(app, ["utility-clients", "revoke", "nobody"])
    assert isinstance(unknown.exception, NotFoundError)
    bad = runner.invoke(app, ["utility-clients", "add", "two words", "--name", "x"])
    assert "must be the source its orders come from" in str(bad.exception)
