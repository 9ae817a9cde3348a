"""Growth: made instances of one kind from 1,000 to 10,000 orders, a technician for every twenty, after the same wall time."""

from __future__ import annotations

from pathlib import Path

from infra.benchmarks.engines import FIELD
from infra.benchmarks.field_service import job_of
from infra.benchmarks.generate import write
from infra.benchmarks.instances import MADE, chosen, orders_of
from infra.benchmarks.jobs import Job, Options
from infra.benchmarks.records import Records, middle
from infra.benchmarks.tables import BEST, Table, number, with_best

_SIZES = (1000, 2000, 5000, 10_000)
_ORDERS_EACH = 20
_SECONDS = {"quick": (), "usual": (30.0,), "full": (60.0,)}
_ENGINES = tuple(engine for engine in FIELD if engine.name in {"ours", "vroom"})


class Growth:
    """How quality, time and memory change with size."""

    name = "growth"

    def jobs(self, options: Options) -> list[Job]:
        """Ours and VROOM on one instance of each size; none in a quick run."""
        limits = options.seconds or _SECONDS[options.size]
        files = [write(MADE, size, size // _ORDERS_EACH, 1, 7) for size in _SIZES] if limits else []
        return [
            job_of(self.name, engine, file, seconds, seed, options.scratch)
            for seconds in limits
            for file in chosen(files, options.instances, ())
            for seed in options.seeds
            for engine in _ENGINES
            if options.wants(engine)
        ]

    def tables(self, records: Records, options: Options) -> list[Table]:
        """One row for each size."""
        mine = [record for record in records if record.suite == self.name]
        rows = []
        for size, name, seconds in sorted({(orders_of(Path(r.instance)), r.instance, r.seconds) for r in mine}):
            cells = [
                [r for r in mine if (r.engine, r.instance, r.seconds) == (e.name, name, seconds)] for e in _ENGINES
            ]
            unserved = with_best([middle(cell, "unserved") for cell in cells])
            prices = [f"{number(middle(c, 'wall'), 1)} / {number(middle(c, 'megabytes'))}" for c in cells]
            rows.append([f"{size:,}", f"{seconds:g}", *unserved, *prices])
        titles = [engine.title for engine in _ENGINES]
        heads = ["orders", "limit s", *(f"{t} unserved" for t in titles), *(f"{t} s / MB" for t in titles)]
        return [Table("Growth from 1,000 to 10,000 orders", heads, rows, [f"{BEST} the least"])] if rows else []
