"""What stands of a plan in force, before any search."""

from __future__ import annotations

from scheduling.engine.construct import incumbent
from scheduling.engine.problem import Current, Pin, Problem
from scheduling.engine.spans import Span
from tests.scheduling.worlds import HOUR, ORIGIN, technician, visit


def test_a_route_that_can_be_kept_keeps_its_order() -> None:
    tasks = tuple(visit(f"o{n}", current=Current("r0", (16 - n) * HOUR)) for n in range(4))
    assert incumbent(Problem(ORIGIN, (technician(),), tasks)).sequences == [[3, 2, 1, 0]]


def test_a_route_that_broke_keeps_its_pinned_and_promised_visits_before_heavier_ones() -> None:
    """Three visits of four hours each stood on a day that now has room for two."""
    day = technician(breaks=(), absences=(Span(16 * HOUR + 1800, 17 * HOUR),))
    common = {"service_seconds": 4 * HOUR - 900, "windows": (Span(8 * HOUR, 17 * HOUR),)}
    heavy = visit("heavy", weight=500, current=Current("r0", 8 * HOUR), **common)
    promised = visit("promised", promised=True, current=Current("r0", 12 * HOUR), **common)
    pinned = visit("pinned", pin=Pin("r0"), current=Current("r0", 16 * HOUR), **common)
    draft = incumbent(Problem(ORIGIN, (day,), (heavy, promised, pinned)))
    assert sorted(draft.sequences[0]) == [1, 2]


def test_a_visit_on_a_route_that_is_gone_or_may_no_longer_do_it_stands_nowhere() -> None:
    gone = visit("gone", current=Current("r9", 9 * HOUR))
    unskilled = visit("unskilled", skills=frozenset({"diving"}), current=Current("r0", 9 * HOUR))
    assert incumbent(Problem(ORIGIN, (technician(),), (gone, unskilled))).sequences == [[]]
