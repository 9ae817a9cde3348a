"""What a suite is: jobs that each give one record, and the tables made of records.

To add one: write a module with a class that has these two functions, and name it in `suites.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.benchmarks.engines import Engine
from infra.benchmarks.records import Records
from infra.benchmarks.tables import Table


class Failed(Exception):
    """The engine gave no usable answer; the message says in a sentence what it did instead."""


@dataclass(frozen=True)
class Options:
    """What to measure. Empty sequences mean what the suite thinks right for `size`.

    `instances` are parts of names; `size` is "quick", "usual" or "full"; `scratch` is a folder for what engines write.
    """

    scratch: Path
    suites: Sequence[str] = ()
    engines: Sequence[str] = ()
    instances: Sequence[str] = ()
    seconds: Sequence[float] = ()
    seeds: Sequence[int] = (1,)
    size: str = "usual"

    def wants(self, engine: Engine) -> bool:
        """Whether the engine is asked for."""
        return not self.engines or engine.name in self.engines


@dataclass(frozen=True)
class Job:
    """One measurement to be made; the fields say of what, as in `Record`. `about` is how many seconds it should take."""

    suite: str
    engine: str
    instance: str
    seconds: float
    seed: int
    about: float
    measure: Callable[[], Mapping[str, float]]

    @property
    def key(self) -> tuple[str, str, str, float, int]:
        """As `Record.key`."""
        return self.suite, self.engine, self.instance, self.seconds, self.seed


class Suite(Protocol):
    """A family of measurements."""

    name: str

    def jobs(self, options: Options) -> list[Job]:
        """What is to be measured, in order; engines take turns, so that a busy minute of the machine hits them all."""
        ...

    def tables(self, records: Records, options: Options) -> list[Table]:
        """What was found, by all runs that the records hold."""
        ...
