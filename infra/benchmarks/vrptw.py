"""Solomon's and Homberger's files: distance of ours and of PyVRP after the same wall time, and the gap of each class."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import mean

from infra.benchmarks.checker import judge_vrptw
from infra.benchmarks.engines import VRPTW, Engine
from infra.benchmarks.field_service import ask, prices
from infra.benchmarks.instances import chosen, vrptw_instances
from infra.benchmarks.jobs import Failed, Job, Options
from infra.benchmarks.records import Record, Records, middle
from infra.benchmarks.tables import BEST, Table, number, with_best
from infra.benchmarks.world import Customers

OPTIMA = {
    "R101": 1637.7,
    "R112": 948.6,
    "C101": 827.3,
    "RC101": 1619.8,
    "RC108": 1114.2,
    "R201": 1143.2,
    "RC201": 1261.8,
}
"""Known optima in the convention of the DIMACS challenge, as the benchmark folder lists them."""

CLASSES = ("R1", "C1", "RC1", "R2", "C2", "RC2")
_QUICK = ("R101", "C101", "RC108", "R201", "C201", "RC201", "_2_1")
_USUAL = ("R101", "R112", "C101", "C104", "RC101", "RC108", "R201", "R208", "C201", "C204", "RC201", "RC208", "_2_1")
_SECONDS = {"quick": (3.0,), "usual": (10.0,), "full": (10.0, 30.0)}
_INSTANCES = {"quick": _QUICK, "usual": _USUAL, "full": ()}
_START_SECONDS = 1.5


class Vrptw:
    """Least distance, everybody served."""

    name = "vrptw"

    def jobs(self, options: Options) -> list[Job]:
        """Both engines on every file, for every limit and seed."""
        files = chosen(vrptw_instances(), options.instances, _INSTANCES[options.size])
        return [
            Job(self.name, engine.name, file.stem, seconds, seed, seconds + _START_SECONDS, measure)
            for seconds in options.seconds or _SECONDS[options.size]
            for file in files
            for seed in options.seeds
            for engine in VRPTW
            if options.wants(engine)
            for measure in [partial(_measure, engine, file, seconds, seed, options.scratch)]
        ]

    def tables(self, records: Records, options: Options) -> list[Table]:
        """The mean gap of each class, then every file."""
        mine = [record for record in records if record.suite == self.name]
        return [_by_class(mine), _by_file(mine)] if mine else []


def _measure(engine: Engine, file: Path, seconds: float, seed: int, scratch: Path) -> Mapping[str, float]:
    ran, content = ask(engine, file, seconds, seed, scratch)
    score = judge_vrptw(Customers.read(file), content["routes"])
    if score.errors:
        raise Failed(f"its plan breaks a rule: {score.errors[0]}.")
    return {"distance": score.distance, "routes": score.routes, **prices(ran)}


def class_of(instance: str) -> str:
    """R1, C1, RC1, R2, C2 or RC2, and for Homberger's files the number of customers: `R1 of 200`."""
    homberger = re.fullmatch(r"(rc|r|c)([12])_(\d+)_\d+", instance.lower())
    if homberger:
        return f"{homberger[1].upper()}{homberger[2]} of {int(homberger[3]) * 100}"
    solomon = re.fullmatch(r"(rc|r|c)([12])\d\d", instance.lower())
    return f"{solomon[1].upper()}{solomon[2]}" if solomon else "other"


def _groups(instance: str) -> set[str]:
    """A class is Solomon's and Homberger's files together; Homberger's have a row of their own besides."""
    own = class_of(instance)
    return {own, own.partition(" of ")[0]}


def _references(records: Sequence[Record]) -> dict[str, float]:
    """The least distance of each file: the known optimum, or the best that anybody found in any of the runs."""
    least: dict[str, float] = {}
    for record in records:
        if "distance" in record.figures:
            least[record.instance] = min(
                least.get(record.instance, record.figures["distance"]), record.figures["distance"]
            )
    return {name: min(distance, OPTIMA.get(name.upper(), distance)) for name, distance in least.items()}


def _by_class(records: Sequence[Record]) -> Table:
    references = _references(records)
    groups = sorted({(name, r.seconds) for r in records for name in _groups(r.instance)}, key=_class_order)
    rows = []
    for group, seconds in groups:
        files = sorted({r.instance for r in records if group in _groups(r.instance) and r.seconds == seconds})
        gaps = [_mean_gap(records, engine, files, seconds, references) for engine in VRPTW]
        known = [name for name in files if name.upper() in OPTIMA]
        over = [_mean_gap(records, engine, known, seconds, OPTIMA) for engine in VRPTW]
        rows.append(
            [
                group,
                f"{seconds:g}",
                str(len(files)),
                *with_best(gaps, 2),
                str(len(known)),
                *(number(gap, 2) for gap in over),
            ]
        )
    titles = [engine.title for engine in VRPTW]
    heads = [
        "class",
        "limit s",
        "files",
        *(f"{t} gap %" for t in titles),
        "optima",
        *(f"{t} over them %" for t in titles),
    ]
    notes = [
        "mean gap to the least distance that anybody found in any run, or the known optimum; then over known optima alone",
        f"{BEST} the least; a dash where an engine failed on a file or did not run on all of them",
        *sorted(f"{r.instance}, {r.seconds:g} s: {r.engine} {r.error}" for r in records if r.error),
    ]
    return Table("Vehicle routing with time windows: mean gap of each class", heads, rows, notes)


def _mean_gap(
    records: Sequence[Record], engine: Engine, files: Sequence[str], seconds: float, references: Mapping[str, float]
) -> float | None:
    """Percent above the reference, each file counting once; None when the engine has no median for one of them."""
    gaps = []
    for name in files:
        mine = [r for r in records if (r.engine, r.instance, r.seconds) == (engine.name, name, seconds)]
        distance = middle(mine, "distance")
        if distance is None:
            return None
        reference = references[name] if name in references else references[name.upper()]
        gaps.append(100 * (distance / reference - 1))
    return mean(gaps) if gaps else None


def _class_order(group: tuple[str, float]) -> tuple[bool, int, str, float]:
    name, seconds = group
    base = name.split(maxsplit=1)[0]
    return " of " in name, CLASSES.index(base) if base in CLASSES else len(CLASSES), name, seconds


def _by_file(records: Sequence[Record]) -> Table:
    references = _references(records)
    rows = []
    for name, seconds in sorted({(record.instance, record.seconds) for record in records}):
        cells = [[r for r in records if (r.engine, r.instance, r.seconds) == (e.name, name, seconds)] for e in VRPTW]
        distances = with_best([middle(cell, "distance") for cell in cells], 1)
        routes = [number(middle(cell, "routes")) for cell in cells]
        least = number(references.get(name), 1)
        rows.append([name, f"{seconds:g}", least, *(f"{d} ({r})" for d, r in zip(distances, routes, strict=True))])
    heads = ["file", "limit s", "least known", *(engine.title for engine in VRPTW)]
    return Table("Vehicle routing with time windows: distance (routes)", heads, rows, [f"{BEST} the least"])
