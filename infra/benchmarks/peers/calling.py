"""What every peer's program does around its engine: arguments, the clock, the answer."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

type Routes = Mapping[str, Sequence[int]] | Sequence[Sequence[int]]


@dataclass(frozen=True)
class Call:
    """One question to an engine. `began` is when reading began: its time counts, as it does for ours."""

    file: Path
    seconds: float
    seed: int
    no_breaks: bool
    began: float

    @property
    def left(self) -> float:
        """Seconds of the limit that are left."""
        return max(0.05, self.began + self.seconds - time.monotonic())


def answer(solve: Callable[[Call], Routes]) -> None:
    """Read the command line, ask the engine and write its routes, as `doorstep plan solve` does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-breaks", action="store_true")
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    routes = solve(Call(given.file, given.seconds, given.seed, given.no_breaks, time.monotonic()))
    given.output.write_text(json.dumps({"routes": routes, "nobreak": given.no_breaks}), encoding="utf-8")
