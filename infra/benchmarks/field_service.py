"""Field-service instances: unserved weight and travel of every engine after the same wall time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from infra.benchmarks.checker import judge_plan
from infra.benchmarks.engines import FIELD, ROOT, VARIANT, Engine
from infra.benchmarks.instances import chosen, field_instances, orders_of
from infra.benchmarks.jobs import Failed, Job, Options
from infra.benchmarks.records import Record, Records, middle
from infra.benchmarks.running import Ran, run_measured
from infra.benchmarks.tables import BEST, Table, number, with_best
from infra.benchmarks.world import World

_SECONDS = {"quick": (5.0,), "usual": (5.0, 30.0), "full": (5.0, 30.0, 60.0)}
_INSTANCES = {"quick": ("50x8x1_s1", "200x25x1_s1"), "usual": ("_s1",), "full": ()}
_START_SECONDS = 1.5
_PATIENCE = 120.0


class FieldService:
    """Ours, VROOM and OR-Tools on the whole problem; ours, PyVRP and VROOM on the variant without breaks and pins."""

    name = "field"

    def jobs(self, options: Options) -> list[Job]:
        """Every engine on every instance, for every limit and seed."""
        files = chosen(field_instances(), options.instances, _INSTANCES[options.size])
        return [
            job_of(self.name, engine, file, seconds, seed, options.scratch)
            for seconds in options.seconds or _SECONDS[options.size]
            for file in files
            for seed in options.seeds
            for engine in (*FIELD, *VARIANT)
            if options.wants(engine)
        ]

    def tables(self, records: Records, options: Options) -> list[Table]:
        """Unserved weight, and the price of it in time and memory, for both problems."""
        mine = [record for record in records if record.suite == self.name]
        found = []
        for title, engines in (
            ("Field service, the whole problem", FIELD),
            ("Field service, variant without breaks and bound orders", VARIANT),
        ):
            rows = _cells(mine, engines)
            if rows:
                found += [_quality(title, engines, rows), _price(title, engines, rows)]
        return found


type _Rows = list[tuple[str, float, list[list[Record]]]]


def job_of(suite: str, engine: Engine, file: Path, seconds: float, seed: int, scratch: Path) -> Job:
    """The job of one engine on one field-service instance."""
    tried = orders_of(file) <= engine.most_orders
    measure = partial(measure_engine, engine, file, seconds, seed, scratch)
    return Job(suite, engine.name, file.stem, seconds, seed, seconds + _START_SECONDS if tried else 0.1, measure)


def measure_engine(engine: Engine, file: Path, seconds: float, seed: int, scratch: Path) -> Mapping[str, float]:
    """Let the engine plan, have the plan judged. Raises `Failed` when there is none, or it breaks a rule."""
    if orders_of(file) > engine.most_orders:
        raise Failed(f"not run: {engine.why_not}.")
    ran, content = ask(engine, file, seconds, seed, scratch)
    score = judge_plan(World.read(file), content["routes"], no_breaks=engine.no_breaks)
    if score.errors:
        raise Failed(f"its plan breaks a rule: {score.errors[0]}.")
    if score.served == 0:
        raise Failed("found no plan in time.")
    return {
        "unserved": score.unserved_weight,
        "travel": score.travel,
        "served": score.served,
        "technicians": score.technicians,
        "cost": score.cost,
        **prices(ran),
    }


def ask(engine: Engine, file: Path, seconds: float, seed: int, scratch: Path) -> tuple[Ran, dict[str, Any]]:
    """Run the engine in a process of its own and read what it wrote. Raises `Failed` when it wrote nothing."""
    output = scratch / f"{engine.name}.json"
    output.unlink(missing_ok=True)
    ran = run_measured(engine.command(file, seconds, seed, output), ROOT, 2 * seconds + _PATIENCE)
    if ran.code is None:
        raise Failed(f"was stopped after {ran.wall:.0f} s, without a plan.")
    if ran.code != 0 or not output.exists():
        last = ran.said.splitlines()[-1] if ran.said else "nothing"
        raise Failed(f"ended with code {ran.code} and said: {last[:200]}")
    return ran, json.loads(output.read_text(encoding="utf-8"))


def prices(ran: Ran) -> dict[str, float]:
    """What a run cost: seconds by the clock and of processors, and megabytes at most."""
    return {
        "wall": round(ran.wall, 2),
        "processor": round(ran.processor, 2),
        "megabytes": round(ran.memory / 1e6, 1),
    }


def _cells(records: Sequence[Record], engines: Sequence[Engine]) -> _Rows:
    """The records of each instance and limit by engine, in a fixed order."""
    names = [engine.name for engine in engines]
    mine = [record for record in records if record.engine in names]
    pairs = sorted({(orders_of(Path(one.instance)), one.instance, one.seconds) for one in mine})
    return [
        (
            instance,
            seconds,
            [
                [one for one in mine if (one.engine, one.instance, one.seconds) == (name, instance, seconds)]
                for name in names
            ],
        )
        for _, instance, seconds in pairs
    ]


def _quality(title: str, engines: Sequence[Engine], rows: _Rows) -> Table:
    lines, notes = [], {f"{BEST} the least; medians where several seeds ran; travel in thousands of seconds"}
    for instance, seconds, cells in rows:
        unserved = with_best([middle(cell, "unserved") for cell in cells])
        travel = [middle(cell, "travel") for cell in cells]
        both = [
            f"{weight} ({number(way / 1000)})" if way is not None else weight
            for weight, way in zip(unserved, travel, strict=True)
        ]
        lines.append([instance, f"{seconds:g}", str(max(map(len, cells))), *both])
        notes |= {
            f"{instance}, {seconds:g} s: {engine.title} {record.error}"
            for engine, cell in zip(engines, cells, strict=True)
            for record in cell
            if record.error
        }
    heads = ["instance", "limit s", "seeds", *(engine.title for engine in engines)]
    return Table(f"{title}: unserved weight (travel)", heads, lines, sorted(notes))


def _price(title: str, engines: Sequence[Engine], rows: _Rows) -> Table:
    """Seconds from the start of the process to its end, and the most memory it held."""
    lines = [
        [
            instance,
            f"{seconds:g}",
            *(f"{number(middle(cell, 'wall'), 1)} / {number(middle(cell, 'megabytes'))}" for cell in cells),
        ]
        for instance, seconds, cells in rows
    ]
    note = "the whole process, its start and the reading of the instance included; memory of all its processes together"
    return Table(f"{title}: wall s / memory MB", ["instance", "limit s", *(e.title for e in engines)], lines, [note])
