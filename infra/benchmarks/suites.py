"""All families of measurements, in the order in which they run. A new one is a class as `Suite` describes, named here."""

from __future__ import annotations

from collections.abc import Mapping

from infra.benchmarks.field_service import FieldService
from infra.benchmarks.growth import Growth
from infra.benchmarks.jobs import Suite
from infra.benchmarks.repair import Repairing
from infra.benchmarks.slots import SlotOffering
from infra.benchmarks.vrptw import Vrptw

_ALL: tuple[Suite, ...] = (FieldService(), Vrptw(), Growth(), SlotOffering(), Repairing())

SUITES: Mapping[str, Suite] = {suite.name: suite for suite in _ALL}
