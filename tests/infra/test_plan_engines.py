"""`doorstep plan solve --engine`: each engine writes a plan that the judge accepts, or says why it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.benchmarks.checker import judge_plan
from infra.benchmarks.generate import generate
from infra.benchmarks.world import World
from scheduling.engine.engines import Engine
from tests.infra.test_plan_files import SMALL, run, written


@pytest.mark.parametrize("engine", Engine)
def test_each_engine_writes_a_plan_that_the_judge_accepts(engine: Engine, tmp_path: Path) -> None:
    file, output = written(tmp_path / "a.json", SMALL), tmp_path / "plan.json"
    done = run("solve", str(file), "--seconds", "1.5", "--engine", engine.value, "--output", str(output))
    assert done.returncode == 0, done.stderr
    score = judge_plan(World.read(file), json.loads(output.read_text())["routes"], no_breaks=False)
    assert score.errors == ()
    assert score.served > 0


def test_an_engine_that_cannot_take_so_much_or_is_unknown_says_so(tmp_path: Path) -> None:
    file, output = written(tmp_path / "many.json", generate(501, 20, 1, 1)), tmp_path / "plan.json"
    done = run("solve", str(file), "--engine", "routing", "--output", str(output))
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "many.json: 501 orders are too many for the engine routing, which takes up to 500. Take the engine portfolio."
    )
    unknown = run("solve", str(file), "--engine", "magic", "--output", str(output))
    assert unknown.returncode == 2
    assert "'portfolio', 'kernel', 'routing'" in unknown.stderr
    assert not output.exists()
