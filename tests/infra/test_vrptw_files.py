"""Files for `doorstep plan solve-vrptw` that are hostile or odd: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduling.engine.files.fields import BadFileError
from scheduling.engine.files.solomon import read_vrptw
from tests.infra.test_plan_files import SOLOMON, run, written

LAST = "    2   2    0    5   5    60  10\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "no VEHICLE and CUSTOMER part"),
        ("\n\n  \n", "no VEHICLE and CUSTOMER part"),
        (SOLOMON.replace(LAST, "    1   2    0    5   5    60  10\n"), "customer 2: is numbered 1"),
        (SOLOMON.replace(LAST, "    2   2    0    5   5    60\n"), "line 12: must be 7 numbers"),
        (SOLOMON.replace(LAST, "    2   2    0    5   5    60  10 7\n"), "line 12: must be 7 numbers"),
        (SOLOMON.replace(LAST, "    2   2    0    5   5  1e300  10\n"), "customer 2: due date must be from 0"),
        (SOLOMON.replace(LAST, "    2   2  -1e99  5   5    60  10\n"), "customer 2: y must be"),
        (SOLOMON.replace(LAST, "    2   2    0   inf  5    60  10\n"), "customer 2: demand must be"),
        (SOLOMON.replace(LAST, "    2   2    0    5   5    60 -10\n"), "customer 2: service time must be"),
        (SOLOMON.replace("  2         10", "1e9         10"), "number of vehicles must be"),
        (SOLOMON.replace("  2         10", "  2        nan"), "capacity must be"),
        (SOLOMON.split("    0   0")[0], "at least the depot"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(content: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=text) as refused:
        read_vrptw(written(tmp_path / "bad.txt", content))
    assert "\n" not in str(refused.value)


def test_bytes_that_are_no_text_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"VEHICLE\x00\xff\xfe")
    with pytest.raises(BadFileError, match="no UTF-8 text"):
        read_vrptw(tmp_path / "bad.txt")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (SOLOMON.replace("1   1    1    6", "1   1    1   60"), "no vehicle was found for customers [1]"),
        (SOLOMON.replace("0   230   0", "0     1   0"), "no vehicle was found for customers [1, 2]"),
        (SOLOMON.replace("  2         10", "  1         10"), "no vehicle was found for customers"),
    ],
)
def test_what_nobody_can_serve_is_named(content: str, text: str, tmp_path: Path) -> None:
    """More demand than a vehicle holds, a depot that has closed, too few vehicles."""
    file, output = written(tmp_path / "bad.txt", content), tmp_path / "plan.json"
    done = run("solve-vrptw", str(file), "--seconds", "0.3", "--output", str(output))
    assert done.returncode == 1
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("content", "customers"),
    [(SOLOMON.replace("  2         10", "10000000   10"), [1, 2]), (SOLOMON.split("    1   1")[0], [])],
)
def test_millions_of_vehicles_and_no_customers_are_planned(content: str, customers: list[int], tmp_path: Path) -> None:
    file, output = written(tmp_path / "odd.txt", content), tmp_path / "plan.json"
    done = run("solve-vrptw", str(file), "--seconds", "0.3", "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert sorted(c for route in json.loads(output.read_text())["routes"] for c in route) == customers
