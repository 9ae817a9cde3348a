"""Planning from files: what is read, what is refused and how, and the commands `doorstep plan solve` and `solve-vrptw`."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hub.domain.places import Place
from infra.benchmarks.checker import drive_seconds, judge_plan, judge_vrptw
from infra.benchmarks.generate import generate
from infra.benchmarks.instances import BENCH
from infra.benchmarks.world import Customers, World
from infra.hosts import searching
from infra.hosts.plan_files import solve_file
from scheduling.engine.files.fields import BadFileError
from scheduling.engine.files.instance import read_instance
from scheduling.engine.files.solomon import distances, read_vrptw
from scheduling.engine.files.solution import is_variant, read_sequences, refuse_unwritable, write_json
from scheduling.engine.spans import Span

SMALL = generate(12, 3, 1, 4)
SOLOMON = """tiny

VEHICLE
NUMBER     CAPACITY
  2         10

CUSTOMER
CUST NO.   XCOORD.   YCOORD.    DEMAND   READY TIME   DUE DATE   SERVICE TIME

    0   0    0    0   0   230   0
    1   1    1    6   0   171  10
    2   2    0    5   5    60  10
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DOORSTEP_", "DATABASE_"))}
    return subprocess.run(
        [sys.executable, "-m", "infra.hosts", "plan", *arguments],
        env={**clean, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    content = deepcopy(SMALL)
    change(content)
    return content


def test_an_instance_is_read_with_all_that_it_says(tmp_path: Path) -> None:
    content = changed(lambda c: c["orders"][0].update(tw=[30_000, 33_600], tech=1, skills=[0, 5], kind="meter"))
    instance = read_instance(written(tmp_path / "a.json", content))
    task, order = instance.problem.tasks[0], content["orders"][0]
    assert task.windows == (Span(30_000, 33_601),), "the file's window is closed, ours is half-open"
    assert task.allowed_technicians == frozenset({"1"})
    assert task.skills == frozenset({"fibre", "gas"})
    assert (task.place, task.weight, task.service_seconds) == (Place(*order["loc"]), order["weight"], order["dur"])
    assert instance.kinds["0"] == "meter"
    assert instance.order_ids["0"] == 0
    vehicle = next(v for v in content["vehicles"] if v["brk"])
    first, last = vehicle["brk"]["tw"]
    route = instance.problem.routes[vehicle["id"]]
    assert route.breaks == ((Span(first, last + 1), vehicle["brk"]["dur"]),)
    assert route.shift == Span(*vehicle["tw"])


def test_the_variant_has_neither_breaks_nor_bound_orders(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", changed(lambda c: c["orders"][0].update(tech=1)))
    variant = read_instance(path, no_breaks=True)
    assert variant.breaks_ignored
    assert not any(route.breaks for route in variant.problem.routes)
    assert all(task.allowed_technicians is None for task in variant.problem.tasks)


def test_travel_is_that_of_the_file(tmp_path: Path) -> None:
    for radius in (6_371_000.0, 3_000_000.0):
        content = changed(lambda c, r=radius: c["model"].update(radius=r, detour=1.7, speed_mps=9.0))  # type: ignore[misc]
        problem = read_instance(written(tmp_path / "a.json", content)).problem
        places = [task.place for task in problem.tasks]
        table = problem.travel.matrix(places, places)
        world = World(content["orders"], content["vehicles"], content["model"])
        for a, here in enumerate(places):
            for b, there in enumerate(places):
                assert table[a, b] == drive_seconds(world, (here.lat, here.lon), (there.lat, there.lon))


HOSTILE: list[tuple[str, object, str]] = [
    ("is no JSON: Expecting value in line 1", "plan?", "json"),
    ("must be a JSON object, not a list of 0", "[]", "object"),
    ("NaN is no number in JSON", json.dumps(SMALL).replace('"weight": ', '"weight": NaN, "w": ', 1), "number"),
    ("Infinity is no number", '{"model": {"detour": Infinity}}', "number"),
    ("nested too deeply or has an endless number", "[" * 200_000, "json"),
    ("nested too deeply or has an endless number", '{"model": ' + "9" * 5000 + "}", "json"),
    ('"vehicles" is missing', {"model": {}, "orders": []}, "vehicles"),
    ('order 3: "dur" is missing', changed(lambda c: c["orders"][3].pop("dur")), "dur"),
    ('order 3: "dur" must be a whole number', changed(lambda c: c["orders"][3].update(dur=-5)), "dur"),
    ('order 3: "dur" must be a whole number', changed(lambda c: c["orders"][3].update(dur=1.5)), "dur"),
    ('order 3: "dur" must be a whole number', changed(lambda c: c["orders"][3].update(dur=True)), "dur"),
    ("more than 60 digits", changed(lambda c: c["orders"][3].update(dur=10**100)), "dur"),
    ('order 3: "weight" must be', changed(lambda c: c["orders"][3].update(weight=2**31)), "weight"),
    ('order 3: "tw" ends before it begins', changed(lambda c: c["orders"][3].update(tw=[9, 8])), "tw"),
    ('order 3: "tw" must be [first', changed(lambda c: c["orders"][3].update(tw=[9])), "tw"),
    ('order 3: "loc" is no place on earth', changed(lambda c: c["orders"][3].update(loc=[91, 0])), "loc"),
    ('order 3: "loc" must be [latitude', changed(lambda c: c["orders"][3].update(loc=["a", 0])), "loc"),
    ('order 3: "loc" is no place', changed(lambda c: c["orders"][3].update(loc=[10**400, 0])), "loc"),
    ("unknown technician 77", changed(lambda c: c["orders"][3].update(tech=77)), "tech"),
    ("unknown skill 99", changed(lambda c: c["orders"][3].update(skills=[99])), "skills"),
    ("two of the orders have the id 2", changed(lambda c: c["orders"][3].update(id=2)), "id"),
    ('vehicle 1: "tw" is empty', changed(lambda c: c["vehicles"][1].update(tw=[5, 5])), "tw"),
    ('vehicle 1: "tech" names the unknown', changed(lambda c: c["vehicles"][1].update(tech=55)), "tech"),
    ('vehicle 1, brk: "dur"', changed(lambda c: c["vehicles"][1].update(brk={"tw": [1, 2], "dur": 0})), "dur"),
    (
        "vehicle 1: the break lies outside the shift",
        changed(lambda c: c["vehicles"][1].update(brk={"tw": [1, 2], "dur": 60})),
        "break",
    ),
    ('model: "speed_mps" must be', changed(lambda c: c["model"].update(speed_mps=0)), "speed_mps"),
    ('model: "speed_mps" must be', changed(lambda c: c["model"].update(speed_mps=10**400)), "speed_mps"),
    ("no drive takes sensible time", changed(lambda c: c["model"].update(speed_mps=1e-9)), "speed_mps"),
    ('"id" must be a whole number', changed(lambda c: c["orders"][3].update(id="a\nb\x1b[31m")), "id"),
    ('"id" must be a whole number', changed(lambda c: c["orders"][3].update(id="\udfff")), "id"),
    ('"name" must be a text, not None', changed(lambda c: c.update(name=None)), "name"),
    ('order 3: "kind" must be a text', changed(lambda c: c["orders"][3].update(kind=[1])), "kind"),
    ("detour factor must be at least 1", changed(lambda c: c["model"].update(detour=0.5)), "detour"),
]


@pytest.mark.parametrize(("text", "content", "rule"), HOSTILE)
def test_a_hostile_file_is_one_sentence_that_names_it(text: str, content: object, rule: str, tmp_path: Path) -> None:
    with pytest.raises(BadFileError) as refused:
        read_instance(written(tmp_path / "bad.json", content))
    assert str(refused.value).startswith("bad.json: ")
    assert text in str(refused.value)
    assert refused.value.rule == rule
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_a_name_that_cannot_be_shown_is_shown_with_blanks(tmp_path: Path) -> None:
    file = written(tmp_path / "a.json", changed(lambda c: c.update(name="\ud800one\n\x1b[31m[/two]")))
    assert read_instance(file).name == " one  [31m[/two]"
    solve_file(file, tmp_path / "plan.json", 0.1, 1, no_breaks=False)
    assert json.loads((tmp_path / "plan.json").read_text())["instance"] == " one  [31m[/two]"


def test_words_that_look_like_markup_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    # A terminal that is none: the bar is drawn into a text.
    screen = io.StringIO()
    monkeypatch.setattr(searching, "Console", lambda **_: Console(file=screen, force_terminal=True, width=120))
    with searching.showing_search("week [/two]", 1.0) as say:
        say("best [/three]")
    assert "week [/two]" in screen.getvalue()
    assert "best [/three]" in screen.getvalue()


def test_a_file_that_is_not_there_or_no_text_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=r"^none\.json: cannot be read"):
        read_instance(tmp_path / "none.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadFileError, match="no UTF-8 text"):
        read_instance(tmp_path / "binary")


@pytest.mark.parametrize(
    ("routes", "text"),
    [
        ([], "must be a JSON object"),
        ({"99": []}, "unknown vehicle 99"),
        ({"0": [77]}, "unknown order 77"),
        ({"0": [1], "1": [1]}, "order 1, which is served already"),
        ({"0": "1"}, "must be a list"),
        ({"0": [None]}, "must be a whole number"),
    ],
)
def test_a_plan_that_is_none_of_this_instance_is_refused(routes: object, text: str, tmp_path: Path) -> None:
    instance = read_instance(written(tmp_path / "a.json", SMALL))
    with pytest.raises(BadFileError, match=text):
        read_sequences(written(tmp_path / "plan.json", {"routes": routes}), instance)


def test_whether_breaks_were_ignored_is_true_or_false(tmp_path: Path) -> None:
    assert is_variant(written(tmp_path / "plan.json", {"routes": {}, "nobreak": True}))
    assert not is_variant(written(tmp_path / "plan.json", {"routes": {}}))
    with pytest.raises(BadFileError, match=r'"nobreak" must be true or false, not no\.'):
        is_variant(written(tmp_path / "plan.json", {"routes": {}, "nobreak": "no"}))


def test_a_solomon_file_is_read_in_tenths(tmp_path: Path) -> None:
    tiny = read_vrptw(written(tmp_path / "tiny.txt", SOLOMON))
    assert (tiny.name, tiny.vehicles, tiny.capacity, tiny.customers) == ("tiny", 2, 10, 2)
    assert tiny.opens.tolist() == [0, 0, 50]
    assert tiny.closes.tolist() == [2300, 1710, 600]
    assert tiny.service.tolist() == [0, 100, 100]
    assert tiny.demand.tolist() == [0, 6, 5]
    assert distances(tiny).tolist() == [[0, 14, 20], [14, 0, 14], [20, 14, 0]]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("VEHICLE", "VAN", "no VEHICLE and CUSTOMER part"),
        ("1   1    1    6", "1   1    x    6", "line 11: must be 7 numbers"),
        ("1   1    1    6", "1   1    1   -6", "customer 1: demand must be"),
        ("1   1    1    6", "1   nan  1    6", "customer 1: x must be"),
        ("1   1    1    6", "7   1    1    6", "customer 1: is numbered 7"),
        ("0   171  10", "0   171.23  10", "too many decimals"),
        ("5    60  10", "70    60  10", "customer 2: due date 60 is before"),
        ("  2         10", "  0         10", "number of vehicles must be"),
        ("  2         10", "", "needs one line about the fleet"),
    ],
)
def test_a_hostile_solomon_file_is_a_sentence(old: str, new: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=text):
        read_vrptw(written(tmp_path / "tiny.txt", SOLOMON.replace(old, new)))


@pytest.mark.skipif(not BENCH.is_dir(), reason="needs the benchmark folder beside the checkout")
def test_every_file_of_the_benchmark_folder_is_read_as_the_judge_reads_it() -> None:
    for path in sorted((BENCH / "solomon").glob("*1.txt")) + sorted((BENCH / "homberger").glob("*.txt")):
        ours, theirs = read_vrptw(path), Customers.read(path)
        assert (distances(ours) == theirs.tenths).all()
        assert ours.closes.tolist() == theirs.closes
        assert (ours.vehicles, ours.capacity, ours.demand.tolist()) == (theirs.vehicles, theirs.capacity, theirs.demand)
    for path in sorted((BENCH / "instances").glob("*_s1.json")):
        instance, world = read_instance(path), World.read(path)
        assert len(instance.problem.tasks) == len(world.orders)
        assert len(instance.problem.routes) == len(world.vehicles)


@pytest.mark.parametrize("options", [[], ["--no-breaks"]])
def test_solve_writes_a_plan_that_the_judge_accepts(options: list[str], tmp_path: Path) -> None:
    file, output = written(tmp_path / "a.json", SMALL), tmp_path / "plan.json"
    done = run("solve", str(file), "--seconds", "0.5", "--seed", "3", "--output", str(output), *options)
    assert done.returncode == 0, done.stderr
    plan = json.loads(output.read_text())
    assert plan.get("nobreak", False) is bool(options)
    score = judge_plan(World.read(file), plan["routes"], no_breaks=bool(options))
    assert score.errors == ()
    assert f"unserved weight {score.unserved_weight} of" in done.stdout
    assert f"travel {score.travel} s" in done.stdout
    assert f"{score.served} of 12 orders served" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["solve", "none.json", "--output", "plan.json"], "none.json: cannot be read"),
        (["solve", "none.json", "--output", "nowhere/plan.json"], "no folder nowhere"),
        (["solve-vrptw", "none.txt", "--output", "plan.json"], "none.txt: cannot be read"),
        (["show", "none.json", "none.json", "--output", "plan.pdf"], "a picture is .html or .svg"),
        (["show", "none.json", "none.json", "--output", "plan.svg"], "none.json: cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(arguments: list[str], text: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_solve_vrptw_writes_routes_that_the_judge_accepts(tmp_path: Path) -> None:
    file, output = written(tmp_path / "tiny.txt", SOLOMON), tmp_path / "plan.json"
    done = run("solve-vrptw", str(file), "--seconds", "0.5", "--output", str(output))
    assert done.returncode == 0, done.stderr
    score = judge_vrptw(Customers.read(file), json.loads(output.read_text())["routes"])
    assert score.errors == ()
    assert f"2 of 2 customers on {score.routes} routes, distance {score.distance:.1f}." in done.stdout


def test_a_customer_whom_nobody_can_reach_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "tiny.txt", SOLOMON.replace("0   171  10", "0     1  10"))
    done = run("solve-vrptw", str(file), "--seconds", "0.5", "--output", str(tmp_path / "plan.json"))
    assert done.returncode == 1
    assert "no vehicle was found for customers [1]" in done.stderr
    assert "Traceback" not in done.stderr


def test_planning_from_a_file_loads_neither_the_web_nor_the_database(tmp_path: Path) -> None:
    file = written(tmp_path / "a.json", SMALL)
    script = (
        "import sys; from pathlib import Path; import infra.hosts.cli\n"
        "light = set(sys.modules)\n"
        "from infra.hosts.plan_files import solve_file\n"
        f"solve_file(Path({str(file)!r}), Path({str(tmp_path / 'plan.json')!r}), 0.2, 1, no_breaks=False)\n"
        "print(sorted({'numpy', 'numba', 'ortools', 'jinja2'} & light),"
        " sorted({'sqlalchemy', 'psycopg', 'fastapi', 'procrastinate', 'azure'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines()[-1:] == ["[] []"], done.stderr


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = written(tmp_path / "plan.json", {"old": 1})
    with pytest.raises(TypeError):
        write_json(path, {"routes": object()})
    assert json.loads(path.read_text()) == {"old": 1}
    write_json(path, {"new": 1})
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]


def test_a_pipe_is_refused_and_stays_and_a_link_is_followed(tmp_path: Path) -> None:
    pipe, target, link = tmp_path / "pipe", written(tmp_path / "target.json", {}), tmp_path / "link.json"
    os.mkfifo(pipe)
    with pytest.raises(BadFileError, match=r"^pipe: is a device or a pipe\. Name a file\.$"):
        refuse_unwritable(pipe)
    assert pipe.is_fifo()
    link.symlink_to(target)
    refuse_unwritable(link)
    write_json(link, {"new": 1})
    assert link.is_symlink()
    assert json.loads(target.read_text()) == {"new": 1}


def test_a_name_that_no_folder_takes_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 300)
    with pytest.raises(BadFileError, match=r"^a{60}…: cannot be written \(File name too long\)"):
        refuse_unwritable(path)
    with pytest.raises(BadFileError, match="cannot be written"):
        write_json(path, {})
    longest = tmp_path / ("b" * 255)
    refuse_unwritable(longest)
    write_json(longest, {})
    assert [one.name for one in tmp_path.iterdir()] == [longest.name]
