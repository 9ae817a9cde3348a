"""A roster from a file: what it makes, what loading again changes, and how it says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from pathlib import Path

import pytest

from hub.bootstrap import Hub
from scheduling.roster import RosterError, RosterReport
from scheduling.roster_file import SAMPLE, read_roster, store_roster

MONDAY = date(2026, 5, 4)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The sample with one thing written otherwise."""
    text = SAMPLE.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    file = tmp_path / "roster.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


@pytest.mark.database
def test_the_sample_loads_and_says_everything_of_its_people(hub: Hub) -> None:
    roster = read_roster(SAMPLE, hub.catalogue)
    assert store_roster(hub, roster, MONDAY, 7) == RosterReport(2, 10)
    with hub.unit_of_work() as work:
        by_name = {one.name: one for one in work.technicians.list_where()}
        jan, an = by_name["Jan Janssens"], by_name["An Peeters"]
        routes = work.routes.list_where()
    assert (jan.levels, jan.max_travel_seconds, jan.overtime_seconds) == ((("splicing", 2),), 10_800, 2_700)
    assert jan.van == (("ont", 8),)
    assert (an.levels, an.max_travel_seconds, an.overtime_seconds, an.van) == ((), None, 0, None)
    assert an.start_place == an.end_place
    assert jan.start_place != jan.end_place
    assert sorted(one.day.weekday() for one in routes if one.technician_id == an.id) == [0, 1, 2, 3, 5]
    assert {(one.starts, one.ends) for one in routes if one.technician_id == an.id} == {(time(7), time(15, 30))}


@pytest.mark.database
def test_loading_again_changes_the_person_and_leaves_the_days(hub: Hub, tmp_path: Path) -> None:
    store_roster(hub, read_roster(SAMPLE, hub.catalogue), MONDAY, 7)
    file = changed(tmp_path, "overtime_minutes = 45", "overtime_minutes = 0")
    assert store_roster(hub, read_roster(file, hub.catalogue), MONDAY, 14) == RosterReport(0, 10)
    with hub.unit_of_work() as work:
        (jan,) = work.technicians.list_where(work.technicians.table.c.name == "Jan Janssens")
    assert (jan.overtime_seconds, jan.version) == (0, 2)
    assert store_roster(hub, read_roster(file, hub.catalogue), MONDAY, 14) == RosterReport(0, 0)
    with hub.unit_of_work() as work:
        assert work.technicians.get(jan.id) == jan


@pytest.mark.database
def test_who_has_left_gets_no_further_days(hub: Hub, tmp_path: Path) -> None:
    file = changed(tmp_path, 'shift = "day"\n', 'shift = "day"\nactive = false\n')
    assert store_roster(hub, read_roster(file, hub.catalogue), MONDAY, 7) == RosterReport(2, 5)


@pytest.mark.database
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('territory = "oost-vlaanderen"', 'territory = "atlantis"', "territory 'atlantis' of Jan Janssens"),
        ('shift = "day"', 'shift = "night"', "works the shift 'night', which is not among day, early and Saturday"),
        ("levels = { splicing = 2 }", "levels = { welding = 2 }", "a level in welding without the skill"),
        ('number = "T-002"', 'number = "T-001"', "the number 'T-001' is there twice"),
        ("until = 17:00:00", "until = 07:00:00", "the shift ends before it begins"),
        ("start = [51.0538, 3.7250]", "start = [351.0538, 3.7250]", "technicians.0.start.0"),
        ("start = [51.0538, 3.7250]", "start = [nan, 3.7250]", "technicians.0.start.0"),
        ("overtime_minutes = 45", "overtime_minutes = -45", "technicians.0.overtime_minutes"),
        ("van = { ont = 8 }", "van = { ont = 999999999 }", "technicians.0.van.ont"),
        ('name = "Jan Janssens"', 'name = "  "', "the name is blank"),
        ('name = "Jan Janssens"', 'nick = "Jan"', "technicians.0.name"),
        ("[[shifts]]", "[[shifts", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(hub: Hub, tmp_path: Path, old: str, new: str, told: str) -> None:
    file = changed(tmp_path, old, new)
    with pytest.raises(RosterError) as failure:
        read_roster(file, hub.catalogue)
    assert told in str(failure.value)
    assert str(file) in str(failure.value)


@pytest.mark.database
def test_a_zone_that_is_none_is_named(hub: Hub, tmp_path: Path) -> None:
    file = changed(tmp_path, 'shift = "day"\n', 'shift = "day"\nzone = "Europe/Atlantis"\n')
    with pytest.raises(RosterError, match="no time zone 'Europe/Atlantis'"):
        read_roster(file, hub.catalogue)
    with pytest.raises(RosterError, match="cannot be read"):
        read_roster(tmp_path / "nowhere.toml", hub.catalogue)
    with pytest.raises(RosterError, match="0 to 366 days"):
        store_roster(hub, read_roster(SAMPLE, hub.catalogue), MONDAY, 400)


@pytest.mark.database
def test_a_roster_with_a_territory_of_ones_own(hub: Hub, tmp_path: Path) -> None:
    own = replace(hub.catalogue, postcodes=((1000, 1999, "atlantis"), *hub.catalogue.postcodes))
    file = changed(tmp_path, 'territory = "oost-vlaanderen"', 'territory = "atlantis"')
    assert read_roster(file, own).technicians[0].territory == "atlantis"
