"""One step of the set-up: skipped when its inputs are unchanged, shown while it runs, explained when it fails."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_QUIET_SECONDS = 15.0
_LAST_LINES = 15


class SetupFailedError(Exception):
    """The set-up stops; the message is for the person at the keyboard."""


def fingerprint(inputs: Sequence[Path], *more: str) -> str:
    """A hash over the contents of files and further words; a missing file counts as empty."""
    digest = hashlib.sha256()
    for path in inputs:
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    digest.update("\0".join(more).encode())
    return digest.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    """Whether the stamp says that the step was done with these inputs."""
    return stamp.exists() and stamp.read_text() == wanted


@contextmanager
def shown(title: str) -> Iterator[None]:
    """Say what is being done and, when it is done, how long it took; a long step shows that it lives."""
    over, began = threading.Event(), time.monotonic()
    ticker = threading.Thread(target=_tick, args=(title, began, over), daemon=True)
    print(f"  … {title}", end="" if sys.stdout.isatty() else "\n", flush=True)
    ticker.start()
    worked = False
    try:
        yield
        worked = True
    finally:
        over.set()
        ticker.join()
        start = "\r\033[K" if sys.stdout.isatty() else ""
        print(f"{start}  {'✓' if worked else '✗'} {title} ({time.monotonic() - began:.1f} s)", flush=True)


def _tick(title: str, began: float, over: threading.Event) -> None:
    terminal = sys.stdout.isatty()
    while not over.wait(0.5 if terminal else _QUIET_SECONDS):
        seconds = int(time.monotonic() - began)
        print(
            f"\r\033[K  … {title} {seconds} s" if terminal else f"    still at it: {seconds} s",
            end="" if terminal else "\n",
        )
        sys.stdout.flush()


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None, seconds: float = 900) -> str:
    """Run a program of the set-up and return what it printed.

    Raises:
        SetupFailedError: it failed or took too long; with the end of what it said.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as late:
        raise SetupFailedError(
            f"`{command[0]}` did not end within {seconds:.0f} s. Check the network and run this again."
        ) from late
    if done.returncode != 0:
        said = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-_LAST_LINES:])
        raise SetupFailedError(f"`{' '.join(command[:3])} …` failed. It said:\n{said}")
    return done.stdout
