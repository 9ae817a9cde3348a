"""What was measured, kept in one JSON file: a later run replaces what it measures again and keeps the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

_FORMAT = 1


@dataclass(frozen=True)
class Record:
    """One measurement. Suite, engine, instance, limit in seconds and seed say of what.

    `figures` are its numbers by name; `error` says in a sentence why there are none. `load` is the number of processes that
    wanted a core when it began: well above the number of cores the figures are worth less.
    """

    suite: str
    engine: str
    instance: str
    seconds: float
    seed: int
    figures: dict[str, float] = field(default_factory=dict)
    error: str = ""
    load: float = 0.0
    at: str = ""

    @property
    def key(self) -> tuple[str, str, str, float, int]:
        """What a newer record must share to replace this one."""
        return self.suite, self.engine, self.instance, self.seconds, self.seed


class Records:
    """All records of a file; each new one is written at once, so that an interrupt loses nothing."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self._path = path
        self._found: dict[tuple[str, str, str, float, int], Record] = {}
        if path.exists() and not fresh:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.get("format") != _FORMAT:
                raise SystemExit(f"{path} is of another version of the benchmark. Move it away, or run with --fresh.")
            for one in content["records"]:
                self._keep(Record(**one))

    def __iter__(self) -> Iterator[Record]:
        return iter(self._found.values())

    def __contains__(self, key: tuple[str, str, str, float, int]) -> bool:
        return key in self._found

    def add(self, record: Record) -> None:
        """Keep a record and write the file."""
        self._keep(record)
        self.write()

    def write(self) -> None:
        """Write the file whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(f".{os.getpid()}.part")
        content: dict[str, Any] = {"format": _FORMAT, "records": [asdict(record) for record in self]}
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        beside.replace(self._path)

    def _keep(self, record: Record) -> None:
        self._found.pop(record.key, None)
        self._found[record.key] = record


def middle(records: Iterable[Record], figure: str) -> float | None:
    """The median of a figure over the records that have it; None when any of them failed or there is none.

    A failure is never dropped from a median: an engine that answers only sometimes has no middle.
    """
    found: Sequence[Record] = list(records)
    values = [record.figures[figure] for record in found if figure in record.figures]
    return median(values) if values and len(values) == len(found) else None
