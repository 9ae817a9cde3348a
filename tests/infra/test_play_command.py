"""How `doorstep play` ends: what it writes, and its exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.domain.errors import ConfigurationError
from infra.hosts import play
from infra.hosts.cli import app
from infra.play.options import PlayOptions
from infra.play.outcome import Outcome

_LOST = "Order SU-1 is unaccounted for."


def _play(monkeypatch: pytest.MonkeyPatch, outcome: Outcome, json_to: str) -> tuple[int, str]:
    """Run the command with a play that ends in `outcome`; its exit code, and what it wrote to standard output."""

    def played(options: PlayOptions, show: object) -> Outcome:
        assert (options.orders, options.technicians, options.days, options.seed) == (7, 3, 2, 9)
        return outcome

    monkeypatch.setattr(play, "run_play", played)
    sized = ["--orders", "7", "--technicians", "3", "--days", "2", "--seed", "9"]
    ran = CliRunner().invoke(app, ["play", *sized, "--json", json_to])
    return ran.exit_code, ran.stdout


def test_a_good_play_ends_with_0_and_one_json_object_on_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = _play(monkeypatch, Outcome({"received": 7, "unaccounted": 0}), "-")
    assert code == 0
    assert json.loads(said) == {"received": 7, "unaccounted": 0, "violations": []}


def test_a_play_that_lost_an_order_ends_with_1_and_still_writes_its_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    code, said = _play(monkeypatch, Outcome({"unaccounted": 1}, violations=(_LOST,)), str(file))
    assert code == 1
    assert "The play failed." in said
    assert _LOST in said
    assert json.loads(file.read_text()) == {"unaccounted": 1, "violations": [_LOST]}


def test_a_file_that_cannot_be_written_is_said_before_the_play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(play, "run_play", lambda *_: pytest.fail("it played"))
    with pytest.raises(ConfigurationError, match=r"cannot be written to .*Name another file with --json"):
        play.play_from_command_line(1, 1, 1, 1, tmp_path / "nowhere" / "figures.json", kills=0, keep=False)
