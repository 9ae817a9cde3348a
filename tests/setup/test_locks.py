"""What is installed is pinned with hashes, and no lock file says where from."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYTHON_LOCKS = ["requirements.lock", "infra/setup/build.lock", "infra/setup/tools.lock", "infra/benchmarks/bench.lock"]
NPM_FOLDERS = ["", "infra/lighthouse"]
NPM_FILES = [str(Path(folder) / name) for folder in NPM_FOLDERS for name in ("package.json", "package-lock.json")]


def _package_lock(folder: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / folder / "package-lock.json").read_text())
    return content


def _entries(lock: str) -> list[str]:
    """The pinned requirements, each with its hashes, as one line."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("lock", [*PYTHON_LOCKS, *NPM_FILES, ".npmrc", "pyproject.toml"])
def test_no_lock_names_a_host(lock: str) -> None:
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links", (ROOT / lock).read_text())


@pytest.mark.parametrize("lock", PYTHON_LOCKS)
def test_every_python_package_is_pinned_with_hashes(lock: str) -> None:
    entries = _entries(lock)
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9.\-]*(?:\[[a-z,]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry


def test_the_lock_pins_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["dev"]]
    pinned = {entry.split("==")[0]: entry.split()[0].split("==")[1] for entry in _entries("requirements.lock")}
    for requirement in asked:
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(version, prereleases=True), (
            f"{requirement} but {version}: run `make lock`"
        )


@pytest.mark.parametrize("folder", NPM_FOLDERS)
def test_every_npm_package_has_a_hash_and_no_address(folder: str) -> None:
    packages = _package_lock(folder)["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name


@pytest.mark.parametrize("folder", NPM_FOLDERS)
def test_the_npm_lock_is_of_this_package_file(folder: str) -> None:
    wanted = json.loads((ROOT / folder / "package.json").read_text())
    locked = _package_lock(folder)["packages"][""]
    for kind in ("dependencies", "devDependencies"):
        assert locked.get(kind) == wanted.get(kind)
