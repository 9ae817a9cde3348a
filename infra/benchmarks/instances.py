"""Which instances there are: the benchmark folder beside the checkout, or made ones where it is absent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from infra.benchmarks.engines import ROOT
from infra.benchmarks.generate import write

BENCH = ROOT.parent / "shared" / "bench"
MADE = ROOT / "build" / "bench" / "instances"
_MADE_SIZES = ((50, 8, 1), (200, 25, 1), (1000, 100, 1), (2000, 60, 5), (10_000, 500, 1))


def field_instances() -> list[Path]:
    """All field-service instances, by size and seed."""
    folder = BENCH / "instances"
    if folder.is_dir():
        return sorted(folder.glob("*.json"), key=lambda path: (orders_of(path), path.name))
    return [write(MADE, *size, seed) for size in _MADE_SIZES for seed in ((1,) if size[0] > 5000 else (1, 2, 3))]


def vrptw_instances() -> list[Path]:
    """All Solomon and Homberger files; none where the benchmark folder is absent."""
    return sorted((BENCH / "solomon").glob("*.txt")) + sorted((BENCH / "homberger").glob("*.txt"))


def orders_of(path: Path) -> int:
    """The number of orders, which the name of an instance begins with (`fs_200x25x1_s1`); 0 without one."""
    found = re.search(r"_(\d+)x\d+", path.name)
    return int(found.group(1)) if found else 0


def chosen(paths: Sequence[Path], parts: Sequence[str], usual: Sequence[str]) -> list[Path]:
    """The paths whose name has one of `parts` in it, or, without any, one of `usual` (empty: all)."""
    wanted = parts or usual
    return [path for path in paths if not wanted or any(part.lower() in path.name.lower() for part in wanted)]
