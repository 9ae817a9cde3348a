"""The lifecycles as tables: where each begins, that every status can be reached, and which ones are the end."""

from collections.abc import Mapping
from enum import StrEnum

import pytest

from hub.domain import lifecycle
from hub.domain.lifecycle import Action, AppointmentStatus, VisitStatus, WorkOrderStatus

type Table = Mapping[tuple[StrEnum, Action], StrEnum]

LIFECYCLES = pytest.mark.parametrize(
    ("statuses", "table", "begins", "ends"),
    [
        (
            WorkOrderStatus,
            lifecycle.WORK_ORDER_TRANSITIONS,
            {WorkOrderStatus.RECEIVED, WorkOrderStatus.NEEDS_LOCATION},
            {WorkOrderStatus.COMPLETED, WorkOrderStatus.CANCELLED},
        ),
        (
            AppointmentStatus,
            lifecycle.APPOINTMENT_TRANSITIONS,
            {AppointmentStatus.HELD},
            {
                AppointmentStatus.COMPLETED,
                AppointmentStatus.FAILED,
                AppointmentStatus.CANCELLED,
                AppointmentStatus.EXPIRED,
            },
        ),
        (
            VisitStatus,
            lifecycle.VISIT_TRANSITIONS,
            {VisitStatus.PLANNED},
            {VisitStatus.COMPLETED, VisitStatus.ABORTED, VisitStatus.CANCELLED},
        ),
    ],
    ids=["work order", "appointment", "visit"],
)


@LIFECYCLES
def test_every_status_can_be_reached_and_only_the_ends_have_no_way_on(
    statuses: type[StrEnum], table: Table, begins: set[StrEnum], ends: set[StrEnum]
) -> None:
    reached, waiting = set(begins), list(begins)
    while waiting:
        here = waiting.pop()
        beyond = {after for (before, _), after in table.items() if before is here} - reached
        reached |= beyond
        waiting += beyond
    assert reached == set(statuses)
    assert {one for one in statuses if not any(before is one for before, _ in table)} == ends


def test_every_status_has_its_word_in_the_standards() -> None:
    assert set(lifecycle.TMF697_STATES) == set(WorkOrderStatus)
    assert set(lifecycle.TMF646_STATES) == set(AppointmentStatus)
