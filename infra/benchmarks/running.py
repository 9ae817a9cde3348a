"""One engine in one process: how long it took, how much of the processors and of the memory it used.

Memory is the most that the process and all its children held at one time. Pages that several of them share count once.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_EVERY_SECONDS = 0.1
_SAID_MOST = 600
CORES = 2
"""Every engine gets as many cores, the same ones."""


@dataclass(frozen=True)
class Ran:
    """One finished process. `code` is None when it was stopped for taking too long; `said` the end of what it printed."""

    wall: float
    processor: float
    memory: int
    code: int | None
    said: str


def pin_to_cores() -> int:
    """Keep this process and all that it starts on `CORES` cores; returns how many there are."""
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, cores)
    return len(cores)


def run_measured(command: Sequence[str], folder: Path, most_seconds: float) -> Ran:
    """Run a command in a folder to its end, or stop it after `most_seconds`. An interrupt stops it too and is passed on."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code, usage, memory = _watch(process.pid, began + most_seconds)
        except BaseException:
            _stop(process)
            raise
        process.returncode = code if code is not None else -signal.SIGKILL
        wall = time.monotonic() - began
        said.seek(0)
        text = said.read().decode(errors="replace").strip()[-_SAID_MOST:]
    return Ran(wall, usage.ru_utime + usage.ru_stime, memory, code, text)


def _watch(pid: int, until: float) -> tuple[int | None, resource.struct_rusage, int]:
    """Wait for the process, looking at its memory; the exit code is None when it had to be stopped."""
    memory = 0
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), usage, memory
        if time.monotonic() > until:
            os.killpg(pid, signal.SIGKILL)
            _, _, usage = os.wait4(pid, 0)
            return None, usage, memory
        memory = max(memory, held_by(pid))
        time.sleep(_EVERY_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def held_by(pid: int) -> int:
    """Bytes that a process and its descendants hold now, or at least the most that it held alone; 0 when it is gone."""
    family = _family(pid)
    together = sum(map(_share, family)) if len(family) > 1 else 0
    return max(together, _peak(pid))


def _family(pid: int) -> list[int]:
    """The process and its descendants."""
    found, left = [], [pid]
    while left:
        one = left.pop()
        found.append(one)
        try:
            for thread in Path(f"/proc/{one}/task").iterdir():
                left += map(int, (thread / "children").read_text(encoding="ascii").split())
        except OSError:
            continue
    return found


def _peak(pid: int) -> int:
    """The most that one process held since it was loaded, as the kernel keeps it.

    The kernel's other account, `ru_maxrss`, is of no use: it begins with the memory of the process that started this one.
    """
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM:")


def _share(pid: int) -> int:
    """The proportional set size: each page divided by the number of processes that share it."""
    return _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _kilobytes(file: Path, field: str) -> int:
    """A figure that the kernel gives in kilobytes, as bytes; 0 when the process is gone."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)
