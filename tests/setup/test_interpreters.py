"""`make setup` finds a Python that is new enough, or says clearly that there is none."""

from pathlib import Path

import pytest

from infra.setup import prepare
from infra.setup.interpreters import Interpreter, best_of, find_interpreter, interpreter_at, wrong_python_sentence
from infra.setup.steps import SetupFailedError


def _pretend(folder: Path, name: str, says: str) -> Path:
    """A program that answers as a Python of some version would."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho {says}\n")
    program.chmod(0o755)
    return program


def test_a_newer_python_beside_an_old_one_is_found(tmp_path: Path) -> None:
    _pretend(tmp_path / "bin", "python3", "3.11 cpython with headers")
    newer = _pretend(tmp_path / "bin", "python3.12", "3.12 cpython with headers")
    assert find_interpreter({"PATH": str(tmp_path / "bin")}) == Interpreter(newer, (3, 12))


def test_a_version_of_pyenv_is_found_by_home_by_root_and_by_the_shims_on_the_path(tmp_path: Path) -> None:
    python = _pretend(tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin", "python", "3.13 cpython with headers")
    (tmp_path / ".pyenv" / "shims").mkdir()
    for environment in (
        {"HOME": str(tmp_path)},
        {"PYENV_ROOT": str(tmp_path / ".pyenv")},
        {"PATH": str(tmp_path / ".pyenv" / "shims")},
    ):
        assert find_interpreter(environment) == Interpreter(python, (3, 13))


def test_one_that_can_be_compiled_for_wins_over_one_that_cannot(tmp_path: Path) -> None:
    _pretend(tmp_path / "bin", "python3.13", "3.13 cpython without headers")
    whole = _pretend(tmp_path / "bin", "python3.12", "3.12 cpython with headers")
    assert find_interpreter({"PATH": str(tmp_path / "bin")}) == Interpreter(whole, (3, 12))


def test_without_headers_and_without_a_download_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Interpreter(Path("python3.12"), (3, 12), has_headers=False)
    monkeypatch.setattr(prepare, "find_interpreter", lambda environment: bare)
    monkeypatch.setattr(prepare, "_downloaded", lambda: None)
    with pytest.raises(SetupFailedError, match=r"headers of python3\.12 are missing.*apt-get install python3\.12-dev"):
        prepare._interpreter()
    whole = Interpreter(Path("downloaded"), (3, 13))
    monkeypatch.setattr(prepare, "_downloaded", lambda: whole)
    assert prepare._interpreter() == whole


def test_a_machine_with_old_ones_only_has_none(tmp_path: Path) -> None:
    _pretend(tmp_path / "bin", "python3", "3.11 cpython with headers")
    assert find_interpreter({"PATH": str(tmp_path / "bin")}) is None


@pytest.mark.parametrize("says", ["3.12 pypy with headers", "nonsense", ""])
def test_what_does_not_answer_like_cpython_is_passed_over(tmp_path: Path, says: str) -> None:
    assert interpreter_at(_pretend(tmp_path, "python3.12", says)) is None


def test_a_program_that_cannot_run_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "python3.12"
    broken.write_text("not a program")
    broken.chmod(0o755)
    assert interpreter_at(broken) is None
    assert interpreter_at(tmp_path / "missing") is None


def test_the_preferred_version_wins_over_newer_ones() -> None:
    found = [Interpreter(Path(str(minor)), (3, minor)) for minor in (15, 12, 14, 13, 11)]
    best = best_of(found)
    assert best is not None
    assert best.version == (3, 13)
    newest = best_of([Interpreter(Path("a"), (3, 15)), Interpreter(Path("b"), (3, 16))])
    assert newest is not None
    assert newest.version == (3, 16)


def test_without_any_the_sentence_says_what_is_needed_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "find_interpreter", lambda environment: None)
    monkeypatch.setattr(prepare, "_downloaded", lambda: None)
    with pytest.raises(
        SetupFailedError, match=r"needs Python 3\.12 or newer; this machine has Python 3\.\d+"
    ) as stopped:
        prepare._interpreter()
    assert str(stopped.value) == wrong_python_sentence()
    assert "apt-get install python3.12" in wrong_python_sentence()
