"""Each thing that a machine lacks is one sentence which says what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.setup import machine, prepare
from infra.setup.machine import missing_compiler, missing_node, missing_pango, missing_venv

ROOT = Path(__file__).resolve().parents[2]


def _program(folder: Path, name: str, says: str = "", code: int = 0) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho {says}\nexit {code}\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH has nothing but what the test puts into this folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_missing_compiler(bare_path: Path) -> None:
    sentence = missing_compiler()
    assert sentence is not None
    assert "No C compiler" in sentence
    assert "apt-get install build-essential" in sentence
    _program(bare_path, "cc")
    assert missing_compiler() is None


def test_missing_node_and_npm(bare_path: Path) -> None:
    assert "apt-get install nodejs" in (missing_node() or "")
    _program(bare_path, "node", "v20.1.0")
    assert "apt-get install npm" in (missing_node() or "")
    _program(bare_path, "npm")
    assert missing_node() is None


def test_an_old_node(bare_path: Path) -> None:
    _program(bare_path, "node", "v16.20.2")
    _program(bare_path, "npm")
    assert "Node.js is v16.20.2, and 18 or newer is needed" in (missing_node() or "")


def test_a_python_that_cannot_make_virtual_environments(tmp_path: Path) -> None:
    assert "apt-get install python3-venv" in (missing_venv(_program(tmp_path, "python", code=1)) or "")
    assert missing_venv(Path(sys.executable)) is None


def test_all_that_is_missing_is_said_at_once(
    bare_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prepare, "VENV", tmp_path / "venv")
    monkeypatch.setattr(prepare, "TOOLS", tmp_path / "tools")
    assert prepare.main() == 1
    said = capsys.readouterr().err
    assert said.startswith("\nSet-up stopped. No C compiler")
    assert "`node` is not installed" in said


def test_a_machine_without_python_is_told_so(tmp_path: Path) -> None:
    environment = {**os.environ, "MAKEFLAGS": ""}
    command = ["make", "--directory", str(ROOT), "setup", f"PYTHON={tmp_path}/no-python"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment)
    assert done.returncode != 0
    assert "Set-up stopped. Python 3 is not installed." in done.stderr
    assert "apt-get install python3" in done.stderr


def test_a_python_too_old_even_for_set_up_is_named(tmp_path: Path) -> None:
    old = _program(tmp_path, "python3.8", code=1)
    environment = {**os.environ, "MAKEFLAGS": ""}
    command = ["make", "--directory", str(ROOT), "setup", f"PYTHON={old}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment)
    assert done.returncode != 0
    assert f"Set-up stopped. {old} is older than 3.9. Name a newer one" in done.stderr


def test_help_lists_every_verb() -> None:
    environment = {**os.environ, "MAKEFLAGS": ""}
    command = ["make", "--no-print-directory", "--directory", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, env=environment)
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    declared = {line.split()[1] for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:")}
    assert listed == declared
    assert {"setup", "demo", "demo-reset", "test", "check", "clean", "lock", "migration", "screenshots"} <= listed


def test_missing_pango_is_a_hint_that_says_what_is_lost_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_library", lambda name: f"lib{name}.so.0")
    assert missing_pango() is None
    monkeypatch.setattr(machine, "find_library", lambda name: None if name == "pangoft2-1.0" else f"lib{name}.so.0")
    said = missing_pango() or ""
    assert "everything else works" in said
    assert "apt-get install libpango-1.0-0 libpangoft2-1.0-0" in said
