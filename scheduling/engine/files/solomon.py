"""Vehicle routing problems with time windows in the text format of Solomon (1987), and of Gehring & Homberger (1999).

A file names the fleet (`VEHICLE`: number and capacity) and one line for each customer, the depot first: number, x, y,
demand, first and last second at which service may start, time of service. Distance and time are the same. In the
convention of the DIMACS challenge (2021) a distance is Euclidean, truncated to one decimal; everything here is in whole tenths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scheduling.engine.files.fields import BadFileError, one_line, read_text

TENTHS = 10
MOST_CUSTOMERS = 20_000
_MOST = 10_000_000.0


@dataclass(frozen=True, eq=False)
class Vrptw:
    """One instance. The arrays have one entry for each customer, the depot at index 0.

    `x`, `y` as the file gives them; `opens` and `closes` are the first and the last tenth at which service may start (of the
    depot: of leaving and of being back), `service` its length in tenths. At most `vehicles` routes, each with at most `capacity`.
    """

    name: str
    vehicles: int
    capacity: int
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    demand: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    service: NDArray[np.int64]

    @property
    def customers(self) -> int:
        """How many customers there are, the depot not counted."""
        return len(self.x) - 1


def distances(instance: Vrptw) -> NDArray[np.int32]:
    """Tenths between each pair, truncated."""
    apart = np.hypot(instance.x[:, None] - instance.x[None, :], instance.y[:, None] - instance.y[None, :])
    # What is a whole number of tenths on paper must not fall below it by the last bit of a square root.
    return np.floor(apart * TENTHS + 1e-7).astype(np.int32)


def read_vrptw(path: Path) -> Vrptw:
    """Read and check a file. Raises `BadFileError` with the file, the customer or line, and the rule."""
    lines = [line.split() for line in read_text(path).splitlines()]
    words = [line[0].upper() if line else "" for line in lines]
    if "VEHICLE" not in words or "CUSTOMER" not in words:
        raise BadFileError(
            path.name, "", "format", "has no VEHICLE and CUSTOMER part. Name a file in Solomon's format."
        )
    fleet_at, customers_at = words.index("VEHICLE"), words.index("CUSTOMER")
    fleet = _numeric_rows(path, lines, fleet_at, customers_at, 2)
    rows = _numeric_rows(path, lines, customers_at, len(lines), 7)
    if len(fleet) != 1 or len(rows) < 1:
        raise BadFileError(path.name, "", "format", "needs one line about the fleet and at least the depot. Add them.")
    if len(rows) > MOST_CUSTOMERS:
        raise BadFileError(path.name, "", "size", f"has more than {MOST_CUSTOMERS} customers. Split it.")
    for at, row in enumerate(rows):
        _check_row(path, at, row)
    table = np.array(rows, dtype=np.float64)
    return Vrptw(
        name=one_line(" ".join(next((line for line in lines if line), [path.stem])))[:200],
        vehicles=_count(path, "the number of vehicles", fleet[0][0]),
        capacity=_count(path, "the capacity", fleet[0][1]),
        x=table[:, 1].copy(),
        y=table[:, 2].copy(),
        demand=_tenths(table[:, 3]) // TENTHS,
        opens=_tenths(table[:, 4]),
        closes=_tenths(table[:, 5]),
        service=_tenths(table[:, 6]),
    )


def _numeric_rows(path: Path, lines: list[list[str]], after: int, until: int, width: int) -> list[list[float]]:
    """The lines of numbers in a part of the file; its headings are skipped."""
    rows = []
    for at in range(after + 1, until):
        words = lines[at]
        if not words or not _is_number(words[0]):
            continue
        if len(words) != width or not all(map(_is_number, words)):
            raise BadFileError(path.name, f"line {at + 1}", "format", f"must be {width} numbers. Correct it there.")
        rows.append([float(word) for word in words])
    return rows


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _check_row(path: Path, at: int, row: list[float]) -> None:
    """One customer's numbers; the numbering must be the place in the list, because routes are lists of it."""
    subject = f"customer {at}"
    if row[0] != at:
        raise BadFileError(path.name, subject, "number", f"is numbered {row[0]:g}. Number customers from 0, the depot.")
    for rule, value in zip(("x", "y", "demand", "ready time", "due date", "service time"), row[1:], strict=True):
        if not math.isfinite(value) or abs(value) > _MOST or (rule not in {"x", "y"} and value < 0):
            raise BadFileError(path.name, subject, rule, f"{rule} must be from 0 to {_MOST:.0f}, not {value:g}.")
        scaled = value * (1 if rule == "demand" else TENTHS)
        if rule not in {"x", "y"} and abs(scaled - round(scaled)) > 1e-6:
            raise BadFileError(path.name, subject, rule, f"{rule} has too many decimals ({value:g}). Round it.")
    if row[5] < row[4]:
        raise BadFileError(path.name, subject, "due date", f"due date {row[5]:g} is before ready time {row[4]:g}.")


def _count(path: Path, what: str, value: float) -> int:
    if not (math.isfinite(value) and 1 <= value <= _MOST and value == int(value)):
        raise BadFileError(path.name, "", "fleet", f"{what} must be a whole number from 1, not {value:g}.")
    return int(value)


def _tenths(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(values * TENTHS).astype(np.int64)
