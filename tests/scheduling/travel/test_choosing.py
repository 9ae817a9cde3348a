"""The settings choose the model, once for the process, and every promise is made by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from hub.bootstrap import Hub
from hub.domain.errors import ConfigurationError
from hub.domain.events import CITIZEN
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.places import Place
from hub.domain.work_orders import WorkOrder
from hub.settings import Settings
from scheduling.driving import travel_of
from scheduling.service import confirm_appointment, hold_slot, offer_slots, plan_days
from scheduling.travel.choose import TravelSpec, travel_model
from scheduling.travel.great_circle import GreatCircle
from scheduling.travel.model import legs
from scheduling.travel.osrm import RoadTravel
from tests.samples import a_work_order, add_route, add_technician
from tests.scheduling.citizens import TUESDAY
from tests.scheduling.travel.small_map import MAINLAND, SEA


def test_without_a_word_it_is_the_crow_s_flight() -> None:
    assert travel_of(Settings()).name == GreatCircle().name
    assert travel_of(Settings(travel_detour=1.5, travel_speed=10)).name == "great-circle x1.5 at 10 m/s"


def test_equal_settings_share_one_model_and_its_memory(town: RoadTravel) -> None:
    spec = TravelSpec(kind="roads", roads=town.data.folder)
    assert travel_model(spec) is travel_model(replace(spec))
    assert travel_model(spec) is not travel_model(replace(spec, snap_metres=50))
    here, there = [MAINLAND.corner(1, 1)], [MAINLAND.corner(8, 9)]
    assert (travel_model(spec).matrix(here, there) == town.matrix(here, there)).all()
    assert travel_model(spec).name == town.name


def test_factors_lie_over_whatever_model_is_chosen(town: RoadTravel, tmp_path: Path) -> None:
    file = tmp_path / "factors.toml"
    file.write_text('zone = "UTC"\nwork = { monday = "8-9" }\nmonday = { "8-9" = 0.5 }')
    model = travel_of(Settings(travel="roads", travel_roads=town.data.folder, travel_factors=file))
    here, there = [MAINLAND.corner(1, 1)], [MAINLAND.corner(8, 9)]
    assert model.matrix(here, there)[0, 0] == 2 * town.matrix(here, there)[0, 0]
    assert model.name == f"{town.name}, times 2 (mean hour)"


def test_a_server_is_not_asked_before_somebody_drives() -> None:
    model = travel_of(Settings(travel="osrm", travel_osrm_url=SecretStr("http://127.0.0.1:9")))
    assert model.name == "osrm car at http://127.0.0.1:9, roads within 1000 m"


def test_what_is_not_named_or_not_there_is_a_sentence(tmp_path: Path) -> None:
    for settings, sentence in (
        (Settings(travel="roads"), "Set DOORSTEP_TRAVEL_ROADS"),
        (Settings(travel="osrm"), "Set DOORSTEP_TRAVEL_OSRM_URL"),
        (Settings(travel="roads", travel_roads=tmp_path), "holds no built roads"),
        (Settings(travel_factors=tmp_path / "none"), "cannot be read"),
        (Settings(travel_speed=0.0001), "DOORSTEP_TRAVEL_SPEED is wrong"),
    ):
        with pytest.raises(ConfigurationError, match=sentence):
            travel_of(settings)
    for fields in ({"travel": "magic"}, {"travel_detour": 0.5}, {"travel_speed": float("nan")}):
        with pytest.raises(ValidationError):
            Settings.model_validate(fields)


def on_roads_of(hub: Hub, town: RoadTravel) -> Hub:
    return replace(hub, settings=hub.settings.model_copy(update={"travel": "roads", "travel_roads": town.data.folder}))


def invite_to(hub: Hub, home: Place, *addresses: Place) -> list[WorkOrder]:
    """Orders at these addresses, and a technician who lives at `home` and works on Tuesday."""
    with hub.unit_of_work() as work:
        lives = {"start_latitude": home.lat, "start_longitude": home.lon, "end_latitude": home.lat}
        technician = add_technician(work, **lives, end_longitude=home.lon)
        add_route(work, technician, TUESDAY)
        orders = [
            work.work_orders.add(a_work_order(status=WorkOrderStatus.CONTACTING, latitude=one.lat, longitude=one.lon))
            for one in addresses
        ]
        work.commit()
    return orders


def test_offers_holds_and_plans_drive_by_the_settings(hub: Hub, town: RoadTravel) -> None:
    roads = on_roads_of(hub, town)
    home, here, there = MAINLAND.corner(5, 5), MAINLAND.corner(5, 30), MAINLAND.corner(9, 30)
    first, second = invite_to(roads, home, here, there)
    for order in (first, second):
        offer = offer_slots(roads, order.id).offers[0]
        held = hold_slot(roads, order.id, offer.starts_at, offer.ends_at, by=CITIZEN)
        confirm_appointment(roads, order.id, held.id, by=CITIZEN)
    plan = plan_days(roads, first.territory, TUESDAY, TUESDAY, seconds=0.5)
    with roads.unit_of_work() as work:
        visits = work.visits.list_where(order_by=(work.visits.table.c.starts_at,))
        assignments = work.plan_assignments.list_where(work.plan_assignments.table.c.plan_id == plan)
    places = {first.id: here, second.id: there}
    stops = [home, *(places[visit.work_order_id] for visit in visits)]
    assert len(visits) == len(assignments) == 2
    assert [visit.travel_seconds for visit in visits] == list(legs(town, stops))
    assert [visit.travel_seconds for visit in visits] != list(legs(GreatCircle(), stops))
    assert {one.travel_model for one in visits} | {one.travel_model for one in assignments} == {town.name}


def test_nobody_is_promised_to_an_address_that_no_road_reaches(hub: Hub, town: RoadTravel) -> None:
    roads = on_roads_of(hub, town)
    (order,) = invite_to(roads, MAINLAND.corner(5, 5), SEA)
    offered = offer_slots(roads, order.id)
    assert offered.offers == ()
    assert offered.refused
    assert offer_slots(hub, order.id).offers != (), "the crow could fly there"
