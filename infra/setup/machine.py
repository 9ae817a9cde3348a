"""What the machine must have before anything is installed; each thing missing is one sentence."""

from __future__ import annotations

import shutil
import subprocess
from ctypes.util import find_library
from pathlib import Path

from infra.setup.interpreters import Interpreter


def missing_compiler() -> str | None:
    """A sentence when there is no C compiler: python-qpid-proton (the local broker's AMQP) is built from source."""
    if shutil.which("cc") or shutil.which("gcc"):
        return None
    return (
        "No C compiler is installed; one package (python-qpid-proton) is compiled here. "
        "Debian and Ubuntu: sudo apt-get install build-essential"
    )


def missing_headers(python: Interpreter) -> str | None:
    """A sentence when this Python came without the headers that C extensions are compiled with."""
    if python.has_headers:
        return None
    version = ".".join(map(str, python.version))
    return (
        f"The C headers of {python.program} are missing; one package (python-qpid-proton) is compiled here. "
        f"Debian and Ubuntu: sudo apt-get install python{version}-dev"
    )


def missing_node() -> str | None:
    """A sentence when Node.js or npm is missing: the parts of the pages that run in a browser come from npm."""
    for program, package in (("node", "nodejs"), ("npm", "npm")):
        if not shutil.which(program):
            return (
                f"`{program}` is not installed; the browser's part of the pages comes from npm. "
                f"Debian and Ubuntu: sudo apt-get install {package}"
            )
    answer = subprocess.run(
        ["node", "--version"], capture_output=True, text=True, timeout=20, check=False
    ).stdout.strip()
    if answer.startswith("v") and int(answer[1:].split(".")[0]) >= 18:
        return None
    return f"Node.js is {answer or 'not working'}, and 18 or newer is needed. Debian and Ubuntu: sudo apt-get install nodejs"


def missing_venv(python: Path) -> str | None:
    """A sentence when the plain Python cannot make a virtual environment, in which the installer is put."""
    asked = subprocess.run([str(python), "-c", "import ensurepip, venv"], capture_output=True, timeout=10, check=False)
    if asked.returncode == 0:
        return None
    return (
        f"{python} cannot make virtual environments. Debian and Ubuntu: sudo apt-get install python3-venv "
        "(or python3.12-venv, as your Python is)"
    )


def missing_pango() -> str | None:
    """A sentence when the libraries are missing with which PDF documents are drawn; everything else works without them."""
    if all(find_library(name) for name in ("gobject-2.0", "pango-1.0", "pangoft2-1.0", "harfbuzz-subset")):
        return None
    return (
        "Dossiers as PDF need Pango, which is not installed; everything else works without it. "
        "Debian and Ubuntu: sudo apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
    )
