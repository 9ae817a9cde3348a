"""What Lighthouse's report says, and when a page is good enough. Lighthouse itself runs by `make lighthouse`."""

from pathlib import Path
from typing import Any

import pytest

from infra.lighthouse import tool
from infra.lighthouse.__main__ import FEWEST_POINTS, is_good
from infra.lighthouse.tool import CATEGORIES, LighthouseFailedError, Report, read_report


def a_report(**scores: float | None) -> dict[str, Any]:
    """A report with one audit that cost something, one that did not, and one that does not count."""
    values = {name.replace("_", "-"): score for name, score in scores.items()}
    parts = [{"id": "slow", "weight": 10}, {"id": "fine", "weight": 1}, {"id": "told", "weight": 0}]
    return {
        "categories": {name: {"score": values.get(name, 1), "auditRefs": parts} for name in CATEGORIES},
        "audits": {
            "slow": {"title": "First paint", "score": 0.9, "displayValue": "2 s"},
            "fine": {"title": "Layout shift", "score": 1},
            "told": {"title": "Told only", "score": 0},
        },
    }


def points(performance: int, accessibility: int = 100) -> Report:
    return Report({"performance": performance, "accessibility": accessibility, "best-practices": 100}, ())


def test_a_report_is_read() -> None:
    found = read_report(a_report(performance=0.975))
    assert found.points == {"performance": 98, "accessibility": 100, "best-practices": 100}
    assert set(found.lost) == {"First paint: 2 s"}
    assert found.least == 98


@pytest.mark.parametrize("spoilt", [a_report(accessibility=None), {**a_report(), "runtimeError": {"code": "NO_FCP"}}])
def test_a_report_that_judged_nothing_is_refused(spoilt: dict[str, Any]) -> None:
    with pytest.raises(LighthouseFailedError, match="could not judge"):
        read_report(spoilt)


@pytest.mark.parametrize(
    ("runs", "good"),
    [
        ([points(FEWEST_POINTS)], True),
        ([points(FEWEST_POINTS - 1)], False),
        ([points(90), points(100), points(100)], True),
        ([points(90), points(97), points(100)], False),
        ([points(97), points(100)], False),
        ([points(100, accessibility=97)], False),
    ],
)
def test_the_median_of_every_category_counts(runs: list[Report], good: bool) -> None:
    assert is_good(runs) is good


@pytest.mark.parametrize(("said", "looks"), [("NO_NAVSTART", 3), ("NO_FCP", 1)])
def test_only_a_lost_recording_is_made_again(monkeypatch: pytest.MonkeyPatch, said: str, looks: int) -> None:
    seen = []

    def fail(address: str, target: Path) -> Report:
        seen.append(address)
        raise LighthouseFailedError(f"Lighthouse gave no report of {target.name}. It said:\n{said}")

    monkeypatch.setattr(tool, "_look", fail)
    with pytest.raises(LighthouseFailedError, match=said):
        tool.look_at("http://127.0.0.1/", Path("slots-1"))
    assert len(seen) == looks
