"""`python -m infra.benchmarks`: measure, show what runs and how long remains, print tables, keep every figure."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from infra.benchmarks.engines import FIELD, PEERS_PYTHON, ROOT, VARIANT, VRPTW
from infra.benchmarks.environment import prepare_peers
from infra.benchmarks.jobs import Failed, Job, Options
from infra.benchmarks.records import Record, Records
from infra.benchmarks.running import CORES, pin_to_cores
from infra.benchmarks.suites import SUITES
from infra.setup.steps import SetupFailedError

_WIDTH = 150
_OUTPUT = ROOT / "build" / "bench" / "results.json"


def main() -> int:
    """Run the benchmark for a person; returns the exit code: 130 after an interrupt, with what was measured kept."""
    given = _arguments()
    try:
        if not given.report and _peers_wanted(given.engines):
            prepare_peers()
    except SetupFailedError as failure:
        print(f"\nThe peers could not be installed. {failure}", file=sys.stderr)
        return 1
    records = Records(given.output, fresh=given.fresh)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    code = 0
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as scratch:
        options = _options(given, Path(scratch))
        suites = [SUITES[name] for name in options.suites or SUITES]
        if not given.report:
            jobs = [job for suite in suites for job in suite.jobs(options)]
            code = _measure([job for job in jobs if not (given.missing and job.key in records)], records, console)
    tables = [table for suite in suites for table in suite.tables(records, options)]
    for table in tables:
        table.draw(console)
    busy = _busy(records)
    if busy:
        console.print(busy, highlight=False)
    if tables:
        written = given.output.with_suffix(".md")
        written.write_text("\n".join([*(table.markdown() for table in tables), busy]), encoding="utf-8")
        console.print(f"Written to {given.output} and {written.name} beside it.", highlight=False, soft_wrap=True)
    return code


def _arguments() -> argparse.Namespace:
    engines = sorted({engine.name for engine in (*FIELD, *VARIANT, *VRPTW)})
    parser = argparse.ArgumentParser(prog="make bench-scheduling BENCH=", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a few minutes")
    size.add_argument("--full", action="store_true", help="every instance and limit: many hours")
    parser.add_argument("--suites", type=_words, default=[], help=f"of {','.join(SUITES)}")
    parser.add_argument("--engines", type=_words, default=[], help=f"of {','.join(engines)}; others keep their figures")
    parser.add_argument("--instances", type=_words, default=[], help="parts of names, as 50x8,200x25x1_s1,R1")
    parser.add_argument("--seconds", type=_numbers, default=[], help="limits of wall time, as 5,30")
    parser.add_argument("--seeds", type=_whole, default=[1], help="as 1,2,3; tables give medians")
    parser.add_argument("--repeats", type=int, default=0, help="the seeds from 1 to this instead")
    parser.add_argument("--missing", action="store_true", help="measure only what the file does not hold")
    parser.add_argument("--report", action="store_true", help="measure nothing, print what the file holds")
    parser.add_argument("--fresh", action="store_true", help="forget what the file holds")
    parser.add_argument("--output", type=Path, default=_OUTPUT, help="the file of figures")
    given = parser.parse_args()
    for what, names, known in (("suite", given.suites, list(SUITES)), ("engine", given.engines, engines)):
        unknown = sorted(set(names) - set(known))
        if unknown:
            parser.error(f"there is no {what} {unknown[0]}; there is {', '.join(known)}")
    return given


def _peers_wanted(engines: Sequence[str]) -> bool:
    """Whether an engine is asked for that lives in the peers' environment."""
    theirs = {engine.name for engine in (*FIELD, *VARIANT, *VRPTW) if engine.program[0] == str(PEERS_PYTHON)}
    return not engines or bool(theirs.intersection(engines))


def _options(given: argparse.Namespace, scratch: Path) -> Options:
    return Options(
        scratch=scratch,
        suites=given.suites,
        engines=given.engines,
        instances=given.instances,
        seconds=given.seconds,
        seeds=range(1, given.repeats + 1) if given.repeats else given.seeds,
        size="quick" if given.quick else "full" if given.full else "usual",
    )


def _measure(jobs: Sequence[Job], records: Records, console: Console) -> int:
    """Do the jobs one after the other; 130 when interrupted."""
    cores = pin_to_cores()
    console.print(
        f"{len(jobs)} runs, about {_duration(sum(job.about for job in jobs))}, each alone on {cores} cores. "
        "Ctrl-C stops; what was measured stays.",
        highlight=False,
    )
    if os.getloadavg()[0] > CORES / 2:
        console.print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): figures will be worse than they could be.")
    columns = (MofNCompleteColumn(), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(jobs))
        for at, job in enumerate(jobs):
            remains = _duration(sum(later.about for later in jobs[at:]))
            bar.update(
                task, description=f"{remains} left: {job.engine} on {job.instance}, {job.seconds:g} s", advance=0
            )
            try:
                record = _made(job)
            except KeyboardInterrupt:
                console.print(f"Stopped by you after {at} of {len(jobs)} runs.", highlight=False)
                return 130
            records.add(record)
            bar.console.print(f"  {_said(record)}", highlight=False, markup=False)
            bar.advance(task)
    return 0


def _made(job: Job) -> Record:
    """The record of one job; an engine that fails has an error instead of figures."""
    load, now = round(os.getloadavg()[0], 2), datetime.now(UTC).isoformat(timespec="seconds")
    figures, error = {}, ""
    try:
        figures = dict(job.measure())
    except Failed as failure:
        error = str(failure)
    return Record(job.suite, job.engine, job.instance, job.seconds, job.seed, figures, error, load, now)


def _said(record: Record) -> str:
    what = f"{record.suite} {record.instance} {record.seconds:g} s seed {record.seed} {record.engine}: "
    return what + (record.error or ", ".join(f"{name} {value:,.10g}" for name, value in record.figures.items()))


def _busy(records: Records) -> str:
    """A warning about the figures that were taken while others used the cores; "" when there are none."""
    loaded = sum(record.load > 1.5 * CORES for record in records)
    if not loaded:
        return ""
    return (
        f"{loaded} of {len(list(records))} runs began while other work wanted the {CORES} cores (see `load` and `processor` in "
        "the file). Compare nothing with them; measure again on a quiet machine."
    )


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _numbers(text: str) -> list[float]:
    return [float(word) for word in _words(text)]


def _whole(text: str) -> list[int]:
    return [int(word) for word in _words(text)]


if __name__ == "__main__":
    sys.exit(main())
