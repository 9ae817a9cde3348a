"""The roster: technicians and their working days are stored once, however often they are loaded."""

from dataclasses import replace
from datetime import date, time

import pytest

from hub.bootstrap import Hub
from hub.domain.technicians import Route
from ingest.sample_feed import generate
from scheduling.roster import RosterError, RosterReport, load_roster

FRIDAY = date(2026, 5, 8)
PEOPLE = generate(0, 1, FRIDAY, technicians=9).technicians


def _routes(hub: Hub) -> list[Route]:
    with hub.unit_of_work() as work:
        return work.routes.list_where()


def test_each_technician_gets_a_route_for_each_working_day(ingest_hub: Hub) -> None:
    assert load_roster(ingest_hub, PEOPLE, FRIDAY, 5) == RosterReport(9, 27)
    routes = _routes(ingest_hub)
    assert {route.day.isoformat() for route in routes} == {"2026-05-08", "2026-05-11", "2026-05-12"}
    for route in routes:
        assert (route.break_from, route.break_until, route.break_seconds) == (time(11, 30), time(13, 30), 1800)
        assert (route.ends.hour * 60 + route.ends.minute) - (route.starts.hour * 60 + route.starts.minute) == 540
    assert {time(8)} < {route.starts for route in routes} <= {time(7, 30), time(8), time(8, 30)}
    with ingest_hub.unit_of_work() as work:
        stored = {technician.id: technician for technician in work.technicians.list_where()}
    assert stored == {technician.id: technician for technician in PEOPLE}


def test_loading_again_adds_only_what_is_missing_and_changes_nothing(ingest_hub: Hub) -> None:
    load_roster(ingest_hub, PEOPLE[:4], FRIDAY, 1)
    with ingest_hub.unit_of_work() as work:
        [route, *_] = work.routes.list_where()
        changed = work.routes.swap(route, replace(route, ends=time(12)))
        work.commit()
    assert load_roster(ingest_hub, PEOPLE, FRIDAY, 4) == RosterReport(5, 14)
    assert load_roster(ingest_hub, PEOPLE, FRIDAY, 4) == RosterReport(0, 0)
    with ingest_hub.unit_of_work() as work:
        assert work.routes.get(route.id) == changed


def test_a_roster_that_makes_no_sense_is_refused_whole(ingest_hub: Hub) -> None:
    with pytest.raises(RosterError, match="0 to 366 days, not 400"):
        load_roster(ingest_hub, PEOPLE, FRIDAY, 400)
    with pytest.raises(RosterError, match=r"'atlantis' of .* is not in the catalogue"):
        load_roster(ingest_hub, [*PEOPLE, replace(PEOPLE[0], territory="atlantis")], FRIDAY, 1)
    assert _routes(ingest_hub) == []
