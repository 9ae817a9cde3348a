"""`make setup`: a virtual environment with the pinned packages, and the browser's parts of the pages.

Every step is skipped when the files it depends on are unchanged since it was last done. Runs on Python 3.9 and needs no
package, because a machine's plain `python3` may be that old.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from io import TextIOWrapper
from pathlib import Path

from infra.setup.assets import copy_assets
from infra.setup.interpreters import PREFERRED, Interpreter, find_interpreter, interpreter_at, wrong_python_sentence
from infra.setup.machine import missing_compiler, missing_headers, missing_node, missing_pango, missing_venv
from infra.setup.steps import SetupFailedError, fingerprint, is_current, run, shown

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
UV = TOOLS / "bin" / "uv"
_MACHINE_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BUILD_LOCK = ROOT / "infra" / "setup" / "build.lock"


def prepare() -> int:
    """Do what is not done yet; returns the number of steps that were needed.

    Raises:
        SetupFailedError: something is missing or went wrong; the message says what to do.
    """
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return sum([_python_packages(), _front_end(), _assets(), _compiled_engine()])


def _python_packages() -> bool:
    stamp = VENV / ".doorstep-stamp"
    wanted = fingerprint([ROOT / "requirements.lock", ROOT / "pyproject.toml", BUILD_LOCK], str(ROOT))
    if is_current(stamp, wanted) and (VENV / "bin" / "doorstep").exists():
        return False
    _refuse(missing_compiler(), missing_node())
    _installer()
    with shown("Python"):
        python = _interpreter()
        _virtual_environment(python)
    into = ["--quiet", "--python", str(VENV / "bin" / "python"), "--build-constraints", str(BUILD_LOCK)]
    environment = _installer_environment()
    with shown("Python packages (the first time one of them is compiled, about 20 s)"):
        run(
            [str(UV), "pip", "sync", *into, "--require-hashes", str(ROOT / "requirements.lock")],
            environment=environment,
        )
    with shown("Doorstep itself"):
        run([str(UV), "pip", "install", *into, "--no-deps", "--editable", str(ROOT)], environment=environment)
    stamp.write_text(wanted)
    return True


def _compiled_engine() -> bool:
    """Compile the planning engine, so that the first plan need not wait for it. The compiler goes by times of files too."""
    sources = sorted((ROOT / "scheduling" / "engine").rglob("*.py"))
    times = [str(source.stat().st_mtime_ns) for source in sources]
    stamp = VENV / ".doorstep-engine-stamp"
    wanted = fingerprint([*sources, ROOT / "requirements.lock"], *times)
    if is_current(stamp, wanted):
        return False
    with shown("The planning engine, compiled (the first time one to two minutes)"):
        run(
            [str(VENV / "bin" / "python"), "-m", "scheduling.engine.warm"],
            environment={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    stamp.write_text(wanted)
    return True


def _installer() -> None:
    """Put uv into the project's own tool folder, by the plain Python's venv and pip."""
    lock = ROOT / "infra" / "setup" / "tools.lock"
    stamp = TOOLS / ".doorstep-stamp"
    wanted = fingerprint([lock])
    if is_current(stamp, wanted) and UV.exists():
        return
    _refuse(missing_venv(Path(sys.executable)))
    with shown("Installer (uv)"):
        run([sys.executable, "-m", "venv", str(TOOLS)])
        run([str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)])
    stamp.write_text(wanted)


def _installer_environment() -> dict[str, str]:
    """Our settings for uv: the machine's own certificates count, and an active virtual environment is left alone."""
    environment = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    return {
        **environment,
        "UV_PYTHON_INSTALL_DIR": str(TOOLS / "python"),
        "UV_NO_PROGRESS": "1",
        "UV_SYSTEM_CERTS": "1",
    }


def _interpreter() -> Interpreter:
    """A Python that is new enough: one of the machine's, or one that uv downloads into the tool folder."""
    found = find_interpreter(os.environ)
    if found is None or not found.has_headers:
        found = _downloaded() or found
    if found is None:
        raise SetupFailedError(wrong_python_sentence())
    _refuse(missing_headers(found))
    return found


def _downloaded() -> Interpreter | None:
    version = ".".join(map(str, PREFERRED[0]))
    environment = _installer_environment()
    try:
        run([str(UV), "python", "install", version], environment=environment, seconds=300)
        return interpreter_at(Path(run([str(UV), "python", "find", version], environment=environment).strip()))
    except SetupFailedError:
        return None


def _virtual_environment(python: Interpreter) -> None:
    current = interpreter_at(VENV / "bin" / "python")
    if current is not None and current.version == python.version:
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    run([str(UV), "venv", "--quiet", "--python", str(python.program), str(VENV)], environment=_installer_environment())


def _front_end() -> bool:
    stamp = ROOT / "node_modules" / ".doorstep-stamp"
    wanted = fingerprint([ROOT / "package.json", ROOT / "package-lock.json"])
    if is_current(stamp, wanted):
        return False
    _refuse(missing_node())
    with shown("Browser parts (npm)"):
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(ROOT)]
        run(command, environment=node_environment())
    stamp.write_text(wanted)
    return True


def node_environment() -> dict[str, str]:
    """Node trusts only the certificates it brings; where a company adds its own to the machine, npm must know them too."""
    environment = dict(os.environ)
    if _MACHINE_CERTIFICATES.is_file():
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(_MACHINE_CERTIFICATES))
    return environment


def _assets() -> bool:
    target = ROOT / "build" / "static" / "vendor"
    stamp = target / ".doorstep-stamp"
    wanted = fingerprint([ROOT / "package-lock.json", ROOT / "infra" / "setup" / "assets.py"])
    if is_current(stamp, wanted):
        return False
    with shown("Files for the pages"):
        copy_assets(ROOT / "node_modules", target)
    stamp.write_text(wanted)
    return True


def _refuse(*sentences: str | None) -> None:
    missing = [sentence for sentence in sentences if sentence]
    if missing:
        raise SetupFailedError("\n".join(missing))


def main() -> int:
    """Run the set-up for a person; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may know no more than ASCII
    began = time.monotonic()
    try:
        steps = prepare()
    except SetupFailedError as failure:
        print(f"\nSet-up stopped. {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSet-up was interrupted; running it again goes on from here.", file=sys.stderr)
        return 130
    except OSError as failure:
        print(f"\nSet-up stopped: {failure.strerror}: {failure.filename}. Free it and run this again.", file=sys.stderr)
        return 1
    said = "Everything is set up" if steps else "Everything was set up already"
    print(f"{said} ({time.monotonic() - began:.1f} s). The command is .venv/bin/doorstep")
    if hint := missing_pango():
        print(hint)
    return 0


if __name__ == "__main__":
    sys.exit(main())
