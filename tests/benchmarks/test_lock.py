"""The peers' environment is the one that pyproject.toml asks for."""

from __future__ import annotations

import tomllib

from packaging.requirements import Requirement

from infra.benchmarks.engines import ROOT
from infra.benchmarks.environment import LOCK


def test_the_lock_pins_what_the_group_asks_for() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pinned = dict(line.split(" ")[0].split("==") for line in LOCK.read_text().splitlines() if "==" in line)
    for requirement in map(Requirement, groups["bench"]):
        assert requirement.specifier.contains(pinned[requirement.name]), f"{requirement}: run `make lock`"
