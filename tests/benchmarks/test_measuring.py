"""Measuring: what is kept of a run, what a process used, and the tables."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from infra.benchmarks.engines import FIELD, VARIANT, Engine
from infra.benchmarks.field_service import FieldService, measure_engine
from infra.benchmarks.generate import generate, write
from infra.benchmarks.instances import chosen, orders_of
from infra.benchmarks.jobs import Failed, Options
from infra.benchmarks.records import Record, Records, middle
from infra.benchmarks.running import run_measured
from infra.benchmarks.suites import SUITES
from infra.benchmarks.tables import Table, with_best
from infra.benchmarks.vrptw import Vrptw, class_of
from scheduling.engine.files.instance import read_instance

MEGABYTES_40 = "x = bytearray(40_000_000); x[::4096] = b'1' * len(x[::4096])"


def record(
    engine: str = "ours", seed: int = 1, suite: str = "field", instance: str = "fs_50x8x1_s1", **figures: float
) -> Record:
    return Record(suite, engine, instance, 5.0, seed, figures, "" if figures else "found no plan in time.")


def test_memory_of_children_counts(tmp_path: Path) -> None:
    child = f"{MEGABYTES_40}; import time; time.sleep(4)"
    script = f"import subprocess, sys; c = [subprocess.Popen([sys.executable, '-c', {child!r}]) for _ in range(2)]; {MEGABYTES_40}; [p.wait() for p in c]"
    ran = run_measured([sys.executable, "-c", script], tmp_path, 30)
    assert ran.code == 0, ran.said
    assert 120e6 < ran.memory < 200e6
    assert ran.wall > 1


def test_what_takes_too_long_is_stopped_with_its_children(tmp_path: Path) -> None:
    script = "import subprocess, sys; c = subprocess.Popen(['sleep', '60']); print(c.pid, flush=True); c.wait()"
    ran = run_measured([sys.executable, "-c", script], tmp_path, 0.7)
    assert ran.code is None
    assert ran.wall < 20
    child = Path(f"/proc/{int(ran.said)}/stat")
    for _ in range(100):
        if not child.exists() or child.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the child still runs")


def test_what_a_program_says_is_kept(tmp_path: Path) -> None:
    ran = run_measured([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path, 30)
    assert (ran.code, ran.said) == (1, "no such thing")


def test_a_newer_record_replaces_an_older_one_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    first = Records(path)
    first.add(record("vroom", unserved=9))
    first.add(record("ours", unserved=8))
    again = Records(path)
    again.add(record("ours", unserved=7))
    assert {(one.engine, one.figures["unserved"]) for one in Records(path)} == {("vroom", 9), ("ours", 7)}
    assert not list(tmp_path.glob("*.part"))
    assert list(Records(path, fresh=True)) == []


def test_a_file_of_another_version_is_not_misread(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"format": 99, "records": []}))
    with pytest.raises(SystemExit, match="another version"):
        Records(path)


def test_a_failure_is_never_dropped_from_a_median() -> None:
    good = [record(seed=seed, unserved=value) for seed, value in ((1, 5.0), (2, 9.0), (3, 6.0))]
    assert middle(good, "unserved") == 6
    assert middle([*good, record(seed=4)], "unserved") is None
    assert middle([], "unserved") is None


def test_the_best_of_a_row_is_marked_and_equals_share_it() -> None:
    assert with_best([3, None, 3, 4]) == ["3 *", "–", "3 *", "4"]
    assert with_best([3, None]) == ["3", "–"]


def test_tables_show_every_engine_and_say_who_failed(tmp_path: Path) -> None:
    records = Records(tmp_path / "results.json")
    records.add(record("ours", unserved=100, travel=5000, wall=5.1, megabytes=90))
    records.add(record("vroom", unserved=120, travel=4000, wall=5.0, megabytes=80))
    records.add(record("routing"))
    text = "\n".join(table.markdown() for table in FieldService().tables(records, Options(tmp_path)))
    assert "| fs_50x8x1_s1 | 5 | 1 | 100 * (5) | 120 (4) | – |" in text
    assert "OR-Tools found no plan in time." in text


def test_classes_and_gaps_of_vrptw(tmp_path: Path) -> None:
    assert [class_of(name) for name in ("R101", "rc208", "c1_2_1", "notes")] == ["R1", "RC2", "C1 of 200", "other"]
    records = Records(tmp_path / "results.json")
    records.add(record("ours", suite="vrptw", instance="C101", distance=827.3, routes=10))
    records.add(record("pyvrp", suite="vrptw", instance="C101", distance=910.03, routes=11))
    by_class: Table = Vrptw().tables(records, Options(tmp_path))[0]
    assert list(by_class.rows) == [["C1", "5", "1", "0.00 *", "10.00", "1", "0.00", "10.00"]]
    for engine, distance in (("ours", 110.0), ("pyvrp", 100.0)):
        records.add(record(engine, suite="vrptw", instance="c1_2_1", distance=distance, routes=20))
    rows = {row[0]: list(row[2:]) for row in Vrptw().tables(records, Options(tmp_path))[0].rows}
    assert rows["C1"][:3] == ["2", "5.00 *", "5.00 *"], "Solomon's and Homberger's files together"
    assert rows["C1 of 200"][:3] == ["1", "10.00", "0.00 *"]


def test_engines_take_turns_and_only_those_asked_for(tmp_path: Path) -> None:
    jobs = FieldService().jobs(Options(tmp_path, seconds=[5.0], instances=["50x8", "x25x1_s1"], seeds=[1, 2]))
    assert [job.engine for job in jobs[:6]] == [engine.name for engine in (*FIELD, *VARIANT)]
    few = FieldService().jobs(Options(tmp_path, seconds=[5.0], engines=["vroom"], instances=["50x8"]))
    assert {job.engine for job in few} == {"vroom"}
    assert len({job.key for job in jobs}) == len(jobs)


def test_every_suite_has_bounded_usual_work(tmp_path: Path) -> None:
    for suite in SUITES.values():
        assert sum(job.about for job in suite.jobs(Options(tmp_path, size="quick"))) < 15 * 60
        assert sum(job.about for job in suite.jobs(Options(tmp_path))) < 60 * 60


def test_made_instances_are_the_same_for_a_seed_and_ask_for_more_than_there_is(tmp_path: Path) -> None:
    assert generate(80, 10, 2, 5) == generate(80, 10, 2, 5)
    assert generate(80, 10, 2, 5) != generate(80, 10, 2, 6)
    path = write(tmp_path, 200, 25, 1, 1)
    problem = read_instance(path).problem
    assert orders_of(path) == len(problem.tasks) == 200
    hours = sum(route.shift.end - route.shift.start for route in problem.routes)
    assert 0.8 * hours < sum(task.service_seconds for task in problem.tasks) < 0.9 * hours
    assert all(any(task.skills <= route.skills for route in problem.routes) for task in problem.tasks)


def test_instances_are_chosen_by_parts_of_names() -> None:
    paths = [Path(name) for name in ("fs_50x8x1_s1.json", "fs_200x25x1_s1.json")]
    assert chosen(paths, ["50X8"], ["200"]) == paths[:1]
    assert chosen(paths, [], ["200"]) == paths[1:]
    assert chosen(paths, [], []) == paths


def engine(tmp_path: Path, script: str, **changes: object) -> Engine:
    program = tmp_path / "engine.py"
    program.write_text(f"import sys, json\noutput = sys.argv[sys.argv.index('--output') + 1]\n{script}\n")
    return Engine("fake", "Fake", (sys.executable, str(program)), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("sys.exit('no licence')", "ended with code 1 and said: no licence"),
        ("open(output, 'w').write(json.dumps({'routes': {'0': [0, 0]}}))", "breaks a rule"),
        ("open(output, 'w').write(json.dumps({'routes': {}}))", "found no plan in time"),
    ],
)
def test_an_engine_that_fails_is_quoted(tmp_path: Path, script: str, text: str) -> None:
    file = write(tmp_path, 20, 4, 1, 1)
    with pytest.raises(Failed, match=text):
        measure_engine(engine(tmp_path, script), file, 0.2, 1, tmp_path)


def test_an_engine_is_not_tried_beyond_its_size(tmp_path: Path) -> None:
    small = engine(tmp_path, "sys.exit('never called')", most_orders=10, why_not="too large for it")
    with pytest.raises(Failed, match="not run: too large for it"):
        measure_engine(small, write(tmp_path, 20, 4, 1, 1), 0.2, 1, tmp_path)


def test_our_own_engine_is_measured_by_its_command(tmp_path: Path) -> None:
    figures = measure_engine(FIELD[0], write(tmp_path, 20, 4, 1, 1), 0.5, 1, tmp_path)
    assert figures["served"] > 5
    assert figures["wall"] > 0.5
    assert figures["megabytes"] > 30
