"""The roster's limits and the catalogue's prices reach offers, plans and publications alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from hub.bootstrap import Hub
from hub.catalogue import SAMPLE, load_catalogue
from hub.domain.catalogue import Catalogue
from hub.domain.errors import ConfigurationError, SlotTakenError
from hub.domain.events import SYSTEM
from hub.domain.ids import PlanId, WorkOrderId
from hub.domain.technicians import Technician
from scheduling.engine.reasons import Reason
from scheduling.planning import read_days
from scheduling.service import offer_slots, plan_days, publish_plan, repair_days
from tests.samples import add_technician
from tests.scheduling.citizens import TUESDAY, WEDNESDAY, at, book, employ, invite, make_ready

pytestmark = pytest.mark.database
GHENT = "oost-vlaanderen"


def asking(catalogue: Catalogue, code: str, **changes: object) -> Catalogue:
    """The catalogue with one kind of work that asks for more."""
    kinds = {**catalogue.work_types, code: replace(catalogue.work_types[code], **changes)}  # type: ignore[arg-type]
    return replace(catalogue, work_types=kinds)


def set_on(hub: Hub, technician: Technician, **changes: object) -> None:
    with hub.unit_of_work() as work:
        stored = work.technicians.get(technician.id)
        work.technicians.swap(stored, replace(stored, **changes))  # type: ignore[arg-type]
        work.commit()


def offered(hub: Hub, order: WorkOrderId) -> int:
    return len([one for one in offer_slots(hub, order).offers if one.starts_at < at(WEDNESDAY, 0)])


def test_a_level_that_nobody_has_is_offered_to_nobody(hub: Hub) -> None:
    hub = replace(hub, catalogue=asking(hub.catalogue, "meter_swap", levels=(("meter", 2),)))
    crew = employ(hub, [TUESDAY], "Jan Janssens")
    (order,) = invite(hub, 1)
    assert offered(hub, order) == 0
    assert {one.reason for one in offer_slots(hub, order).refused} == {Reason.SKILL_TOO_LOW}
    set_on(hub, crew["Jan Janssens"][0], levels=(("meter", 2),))
    assert offered(hub, order) > 0


def test_the_parts_in_a_van_bound_what_can_be_booked_and_planned(hub: Hub) -> None:
    hub = replace(hub, catalogue=asking(hub.catalogue, "meter_swap", parts=(("meter", 1),)))
    crew = employ(hub, [TUESDAY], "Jan Janssens")
    set_on(hub, crew["Jan Janssens"][0], van=(("meter", 2),))
    orders = invite(hub, 3)
    book(hub, orders[0], TUESDAY, 8)
    book(hub, orders[1], TUESDAY, 13)
    assert offered(hub, orders[2]) == 0
    with pytest.raises(SlotTakenError):
        book(hub, orders[2], TUESDAY, 10)
    set_on(hub, crew["Jan Janssens"][0], van=(("meter", 3),))
    book(hub, orders[2], TUESDAY, 10)


def test_a_plan_puts_no_more_on_a_van_than_it_carries(hub: Hub) -> None:
    hub = replace(hub, catalogue=asking(hub.catalogue, "cabinet_repair", parts=(("fuse", 2),)))
    crew = employ(hub, [TUESDAY], "Jan Janssens")
    set_on(hub, crew["Jan Janssens"][0], van=(("fuse", 5),))
    make_ready(hub, 4)
    plan = plan_days(hub, GHENT, TUESDAY, TUESDAY, seconds=0.05)
    assert publish_plan(hub, plan, by=SYSTEM).applied == 2
    with hub.unit_of_work() as work:
        left_out = work.plan_unplanned.list_where(work.plan_unplanned.table.c.plan_id == plan)
    assert {one.reason for one in left_out} == {Reason.VAN_FULL.value}


def test_the_limit_on_driving_bounds_what_can_be_booked(hub: Hub) -> None:
    crew = employ(hub, [TUESDAY], "Jan Janssens")
    set_on(hub, crew["Jan Janssens"][0], max_travel_seconds=1)
    (order,) = invite(hub, 1)
    assert offered(hub, order) == 0
    set_on(hub, crew["Jan Janssens"][0], max_travel_seconds=3600)
    assert offered(hub, order) > 0


def test_due_dates_and_prices_reach_the_engine(hub: Hub) -> None:
    prices = replace(hub.catalogue.prices, late_day_seconds=77, technician_day_seconds=5, overtime_hour_seconds=9)
    hub = replace(hub, catalogue=replace(hub.catalogue, prices=prices))
    with hub.unit_of_work() as work:
        add_technician(work, name="Somebody Else")
        work.commit()
    crew = employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens")
    set_on(hub, crew["Jan Janssens"][0], overtime_seconds=600)
    make_ready(hub, 1, due_at=at(TUESDAY, 12))
    days, _, problem = read_days(hub, GHENT, TUESDAY, WEDNESDAY)
    (task,) = problem.tasks
    assert task.due == days.seconds(at(TUESDAY, 12))
    assert task.late_price_seconds == 77
    route = problem.routes[0]
    assert (route.use_price_seconds, route.overtime_seconds, route.overtime_price_seconds) == (5, 600, 9)


def test_what_is_due_tomorrow_comes_before_what_may_wait(hub: Hub) -> None:
    """Alike in all else, and for one there is room on each day only: the one that would be late comes first."""
    employ(hub, [TUESDAY, WEDNESDAY], "Jan Janssens", starts=at(TUESDAY, 8).time(), ends=at(TUESDAY, 9).time())
    (late,) = make_ready(hub, 1, due_at=at(TUESDAY, 18))
    make_ready(hub, 1)
    plan = plan_days(hub, GHENT, TUESDAY, WEDNESDAY, seconds=0.1)
    with hub.unit_of_work() as work:
        placed = {one.work_order_id: one for one in work.plan_assignments.list_where()}
        assert work.plans.get(plan).planned_count == 2
    assert placed[late].starts_at - at(TUESDAY, 8) < timedelta(hours=1)


@pytest.mark.parametrize("days_late", [1, 40])
@pytest.mark.parametrize("crew", [1, 16])
@pytest.mark.parametrize("drafted", [partial(plan_days, seconds=0.2), repair_days])
def test_overdue_work_comes_before_lighter_work_that_is_not_late(
    hub: Hub, drafted: Callable[..., PlanId], crew: int, days_late: int
) -> None:
    """Each technician has room for two; what is late is late wherever it goes, and weighs more."""
    names = [f"Technician {one}" for one in range(crew)]
    employ(hub, [TUESDAY], *names, starts=at(TUESDAY, 8).time(), ends=at(TUESDAY, 10).time())
    heavy = make_ready(hub, crew, weight=10, due_at=at(TUESDAY, 12) - timedelta(days=days_late))
    make_ready(hub, 4 * crew, weight=1)
    plan = drafted(hub, GHENT, TUESDAY, TUESDAY)
    with hub.unit_of_work() as work:
        table = work.plan_assignments.table.c
        placed = {one.work_order_id for one in work.plan_assignments.list_where(table.plan_id == plan)}
    assert len(placed) == 2 * crew
    assert set(heavy) <= placed


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("late_day_minutes = 60", "late_day_minutes = -1", "planning.late_day_minutes"),
        ("urgent_weight = 60", "urgent_weight = 0", "planning.urgent_weight"),
        ("move_minutes = 15", "moving_minutes = 15", "planning.moving_minutes"),
        ('skills = ["meter"]', 'skills = ["meter"]\nlevels = { fibre = 2 }', "work_types.meter_swap"),
    ],
)
def test_wrong_prices_are_refused_with_their_place(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str, place: str
) -> None:
    file = tmp_path_factory.mktemp("catalogue") / "catalogue.toml"
    text = SAMPLE.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=place):
        load_catalogue(file)


def test_a_catalogue_without_prices_has_the_usual_ones(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("catalogue") / "catalogue.toml"
    text = SAMPLE.read_text(encoding="utf-8")
    begins, ends = text.index("[planning]"), text.index("[work_types.fibre_survey]")
    file.write_text(text[:begins] + text[ends:], encoding="utf-8")
    assert load_catalogue(file).prices == load_catalogue(SAMPLE).prices
