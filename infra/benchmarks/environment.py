"""The peers' own environment, `.venv-bench` beside `.venv`: pinned with hashes, made when it is first needed.

It is apart because `make setup` makes `.venv` hold exactly what Doorstep itself needs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from infra.benchmarks.engines import PEERS_PYTHON
from infra.setup.prepare import UV
from infra.setup.steps import SetupFailedError, fingerprint, is_current, run, shown

LOCK = Path(__file__).with_name("bench.lock")


def prepare_peers() -> None:
    """Install VROOM and PyVRP unless they are there as the lock has them. Raises `SetupFailedError`."""
    folder = PEERS_PYTHON.parents[1]
    stamp = folder / ".doorstep-stamp"
    wanted = fingerprint([LOCK], str(folder), sys.version)
    if is_current(stamp, wanted):
        return
    dropped = {"VIRTUAL_ENV", "PYTHONPATH"}
    environment = {**{k: v for k, v in os.environ.items() if k not in dropped}, "UV_SYSTEM_CERTS": "1"}
    with shown("The peers of the benchmark (VROOM and PyVRP)"):
        run([str(UV), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], environment=environment)
        into = ["--quiet", "--python", str(PEERS_PYTHON), "--require-hashes", str(LOCK)]
        run([str(UV), "pip", "sync", *into], environment=environment)
    stamp.write_text(wanted)


def main() -> int:
    """Prepare for a person; returns the exit code."""
    try:
        prepare_peers()
    except SetupFailedError as failure:
        print(f"\nThe peers could not be installed. {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
