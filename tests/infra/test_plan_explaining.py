"""`doorstep plan explain`: a sentence, then a line for each technician and window."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.benchmarks.generate import generate
from infra.hosts.plan_explaining import explain_file
from infra.hosts.plan_files import solve_file
from scheduling.engine.files.fields import BadFileError
from scheduling.engine.files.instance import read_instance
from scheduling.engine.files.solution import read_sequences, write_json


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An instance with more work than two technicians can do, and a plan of it."""
    instance, solution = tmp_path / "i.json", tmp_path / "s.json"
    write_json(instance, generate(40, 2, 1, 3))
    solve_file(instance, solution, 0.5, 1, no_breaks=False)
    return instance, solution


def test_each_technician_and_window_of_an_order_has_a_line(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    instance = read_instance(files[0])
    served = {task.id for tasks in read_sequences(files[1], instance) for task in tasks}
    left_out = next(task for task in instance.problem.tasks if task.id not in served)
    capsys.readouterr()
    explain_file(*files, left_out.id, 20)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith(f"Order {left_out.id} is not served. ")
    assert len(lines) == len(instance.problem.routes) * len(left_out.windows)
    explain_file(*files, left_out.id, 1)
    assert capsys.readouterr().out.splitlines()[-1].strip().startswith("and 1 technicians further away")
    explain_file(*files, min(served), 20)
    said = capsys.readouterr().out
    assert "is served by" in said
    assert "serves it." in said


def test_an_unknown_order_and_a_plan_that_cannot_be_are_named(files: tuple[Path, Path]) -> None:
    with pytest.raises(BadFileError, match="There is no order nobody"):
        explain_file(*files, "nobody", 20)
    instance = read_instance(files[0])
    everything = [instance.order_ids[task.id] for task in instance.problem.tasks]
    write_json(files[1], {"routes": {instance.problem.routes[0].id: everything}})
    with pytest.raises(BadFileError, match="cannot be carried out"):
        explain_file(*files, instance.problem.tasks[0].id, 20)


def test_a_plan_that_sends_somebody_who_may_not_come_is_refused(tmp_path: Path) -> None:
    instance, solution = tmp_path / "i.json", tmp_path / "s.json"
    content = generate(5, 2, 1, 3)
    content["orders"][0]["tech"] = content["vehicles"][1]["tech"]
    write_json(instance, content)
    write_json(solution, {"routes": {str(content["vehicles"][0]["id"]): [content["orders"][0]["id"]]}})
    with pytest.raises(BadFileError, match=r"may not serve order .*: the technician .+\.$"):
        explain_file(instance, solution, str(content["orders"][0]["id"]), 20)
