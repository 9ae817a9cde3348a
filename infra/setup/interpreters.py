"""Find a Python that Doorstep runs on, on machines whose plain `python3` is older.

Like everything that `make setup` starts with, this file runs on Python 3.9 and needs no package.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 12)
"""The oldest Python that runs Doorstep."""

PREFERRED = ((3, 13), (3, 12), (3, 14))
"""The versions the suite runs on, best first; a newer one is taken when there is none of these."""

_NAMES = ("python3.13", "python3.12", "python3.14", "python3")
_ASK = """
import os, sys, sysconfig
header = os.path.join(sysconfig.get_path("include"), "Python.h")
print("%d.%d" % sys.version_info[:2], sys.implementation.name, "with" if os.path.exists(header) else "without", "headers")
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that answered: its program, its version (major, minor), and whether C code can be compiled for it."""

    program: Path
    version: tuple[int, int]
    has_headers: bool = True


def interpreter_at(program: Path) -> Interpreter | None:
    """The interpreter behind a program, or None when it is missing, does not answer within 10 s, or is not CPython."""
    try:
        answer = subprocess.run(
            [str(program), "-c", _ASK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.fullmatch(r"(\d+)\.(\d+) cpython (with|without) headers", answer.stdout.strip())
    return Interpreter(program, (int(said[1]), int(said[2])), said[3] == "with") if said else None


def places_to_look(environment: Mapping[str, str]) -> Iterator[Path]:
    """Programs that may be a Python: on the PATH by name, then every version that pyenv has."""
    folders = [Path(folder) for folder in environment.get("PATH", "").split(os.pathsep) if folder]
    yield from (folder / name for name in _NAMES for folder in folders)
    roots = [Path(environment[name]) for name in ("PYENV_ROOT",) if environment.get(name)]
    roots += [folder.parent for folder in folders if folder.name == "shims"]
    if environment.get("HOME"):
        roots.append(Path(environment["HOME"]) / ".pyenv")
    for root in dict.fromkeys(roots):
        try:
            yield from sorted((root / "versions").glob("3.*/bin/python"), reverse=True)
        except OSError:
            continue


def best_of(found: Iterable[Interpreter]) -> Interpreter | None:
    """The one to use: with headers before one without, then a preferred version, then the newest; None if all are old."""
    usable = [one for one in found if one.version >= OLDEST]
    usable = [one for one in usable if one.has_headers] or usable
    for version in PREFERRED:
        for one in usable:
            if one.version == version:
                return one
    return max(usable, key=lambda one: one.version, default=None)


def find_interpreter(environment: Mapping[str, str]) -> Interpreter | None:
    """A Python of this machine that runs Doorstep, without asking the network; None when it has none."""
    found = []
    for program in dict.fromkeys(places_to_look(environment)):
        if os.access(program, os.X_OK) and (answered := interpreter_at(program)):
            found.append(answered)
            if answered.version == PREFERRED[0] and answered.has_headers:
                break
    return best_of(found)


def wrong_python_sentence() -> str:
    """What to say when no Python is new enough."""
    oldest = ".".join(map(str, OLDEST))
    return (
        f"Doorstep needs Python {oldest} or newer; this machine has Python {sys.version.split()[0]} and no newer one, and "
        "none could be downloaded. Ubuntu 24.04: sudo apt-get install python3.12 python3.12-venv python3.12-dev. "
        "Debian 12: install pyenv, then: pyenv install 3.13. Then run this again."
    )
