"""A small campaign on the real thing, an auditor that can find faults, and capacity buckets that break promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from hub.bootstrap import Hub
from hub.clock import SharedClock
from hub.domain.ids import AbsenceId
from hub.domain.technicians import Absence
from infra.benchmarks.campaign.audit import Agreement, Books, Day, Stop, drive_seconds, judge, lost
from infra.benchmarks.campaign.buckets import Sale, opens, run_rival, usual_places
from infra.benchmarks.campaign.campaign import Campaign
from infra.benchmarks.campaign.field import take_back
from infra.benchmarks.campaign.options import CampaignOptions
from infra.benchmarks.campaign.people import Company, Habit, draw_company
from infra.benchmarks.campaign.report import as_json, draw, lines
from infra.benchmarks.campaign.stage import build_stage
from scheduling.roster import load_roster
from tests.scheduling.citizens import TUESDAY, at, book, employ, invite

SMALL = CampaignOptions(citizens=60, technicians=6, days=3, seed=2, processes=0, plan_seconds=0.1, rival_seconds=0.3)
HOME = (51.05, 3.72)
MONDAY = date(2026, 10, 19)


def clock_time(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 10, 19, hour, minute, tzinfo=UTC)


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[tuple[Hub, SharedClock]]:
    hub, clock = build_stage(database_url, tmp_path, SMALL)
    yield hub, clock
    hub.close()


@pytest.mark.slow
def test_no_promise_breaks_while_citizens_book_and_a_planner_publishes(stage: tuple[Hub, SharedClock]) -> None:
    company = draw_company(SMALL)
    outcome = Campaign(*stage, SMALL, company).run()
    assert outcome.broken == []
    assert outcome.kept == len(outcome.promised) >= 35
    assert outcome.asked == SMALL.citizens
    assert len(outcome.publications) >= SMALL.days
    assert outcome.ends["move: agreed"] >= 1
    assert outcome.ends["cancel: cancelled"] >= 1
    assert outcome.ends["confirm what was held long ago: expired"] >= 1
    rival = run_rival(stage[0], company, SMALL, outcome.travel_seconds / outcome.visits, "Buckets", 1.0)
    assert rival.visits == rival.kept > 0
    assert "Buckets" in draw(lines(outcome, [rival]))
    assert json.loads(json.dumps(as_json(SMALL, outcome, [rival])))["doorstep"]["broken_by_planning"] == []


def test_buckets_sell_what_cannot_be_done(stage: tuple[Hub, SharedClock]) -> None:
    """Long jobs, and a mean travel that is far too hopeful: the rule of n places sells more than a day can hold."""
    hub, _ = stage
    options = replace(SMALL, citizens=80, days=1)
    drawn = draw_company(options)
    keen = [
        replace(one, habit=Habit.KEEPS, arrives=options.hours[0], work_type="fibre_connection")
        for one in drawn.citizens
    ]
    company = Company(drawn.technicians, tuple(keen), (), ())
    load_roster(hub, company.technicians, MONDAY, 1)
    generous = run_rival(hub, company, options, 60.0, "generous", 1.0)
    careful = run_rival(hub, company, options, 60.0, "careful", 0.3)
    assert generous.broken > 0
    assert generous.broken == sum(generous.reasons.values())
    assert careful.booked < generous.booked
    assert careful.broken < generous.broken


def test_a_bucket_is_never_sold_twice(stage: tuple[Hub, SharedClock]) -> None:
    hub, _ = stage
    company = draw_company(SMALL)
    load_roster(hub, company.technicians, MONDAY, SMALL.days)
    with hub.unit_of_work() as work:
        places = usual_places(work.routes.list_where(), company, hub.catalogue, 600.0, 0.5)
    sale = Sale(company, SMALL, places, timedelta(hours=12))
    sale.run()
    sold = list(sale.booked.values())
    assert sold
    assert all(sold.count(bucket) <= places[bucket] for bucket in set(sold))
    assert sale.asked == SMALL.citizens
    assert all(opens(bucket) >= SMALL.hours[0] + timedelta(hours=12) for bucket in sold)


def test_the_same_options_give_the_same_people() -> None:
    assert draw_company(SMALL) == draw_company(SMALL)
    assert draw_company(SMALL) != draw_company(replace(SMALL, seed=3))


@pytest.mark.parametrize("wrong", [{"citizens": 0}, {"technicians": 0}, {"days": 21}, {"processes": -1}])
def test_options_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CampaignOptions(**wrong)


class TestAudit:
    """One technician from 8 to 17 (UTC) with a break, two promised visits; then one thing is wrong at a time."""

    def day(self, *away: tuple[datetime, datetime]) -> Day:
        return Day(
            route=UUID(int=1),
            technician=UUID(int=2),
            day=MONDAY,
            territory="gent",
            shift=(clock_time(8), clock_time(17)),
            break_starts=(clock_time(11, 30), clock_time(13)),
            break_lasts=timedelta(minutes=30),
            home=HOME,
            garage=HOME,
            skills=frozenset({"meter"}),
            away=away,
        )

    def stop(self, starts: datetime, minutes: int, *, at: tuple[float, float] = HOME, **changes: object) -> Stop:
        stop = Stop(
            visit=uuid4(),
            order=uuid4(),
            route=UUID(int=1),
            technician=UUID(int=2),
            status="dispatched",
            starts=starts,
            ends=starts + timedelta(minutes=minutes),
            place=at,
            territory="gent",
            work_type="meter_swap",
            appointment=uuid4(),
        )
        return replace(stop, **changes)  # type: ignore[arg-type]

    def books(self, *stops: Stop, day: Day | None = None) -> Books:
        agreed = [
            Agreement(
                stop.appointment,
                stop.order,
                "confirmed",
                stop.starts - timedelta(hours=1),
                stop.starts + timedelta(hours=1),
            )
            for stop in stops
            if stop.appointment is not None
        ]
        return Books({UUID(int=1): day or self.day()}, stops, tuple(agreed), {"meter_swap": frozenset({"meter"})})

    def rules(self, books: Books) -> set[str]:
        return {fault.rule for fault in judge(books, (), ()).broken}

    def test_a_good_day_has_no_faults(self) -> None:
        assert self.rules(self.books(self.stop(clock_time(8), 60), self.stop(clock_time(14), 60))) == set()

    def test_overlaps_are_found(self) -> None:
        assert "double booking" in self.rules(
            self.books(self.stop(clock_time(9), 60), self.stop(clock_time(9, 59), 60))
        )

    def test_two_visits_of_one_order_are_found(self) -> None:
        first = self.stop(clock_time(9), 60)
        assert "double booking" in self.rules(self.books(first, self.stop(clock_time(14), 60, order=first.order)))

    def test_a_drive_that_is_too_short_by_a_second_is_found(self) -> None:
        there = (51.05, 3.90)
        drive = timedelta(seconds=drive_seconds(HOME, there))
        assert self.rules(self.books(self.stop(clock_time(8) + drive, 60, at=there))) == set()
        late = self.books(self.stop(clock_time(8) + drive - timedelta(seconds=1), 60, at=there))
        assert self.rules(late) == {"travel"}

    def test_the_way_home_is_part_of_the_shift(self) -> None:
        assert self.rules(self.books(self.stop(clock_time(16), 60, at=(51.05, 3.90)))) == {"travel"}

    def test_a_day_without_room_for_the_break_is_found(self) -> None:
        full = self.stop(clock_time(11), 120)
        assert self.rules(self.books(full, self.stop(clock_time(13, 29), 60))) == {"break"}
        # It may begin at the last second of its window, but not at the end of it.
        assert self.rules(self.books(self.stop(clock_time(11), 119), self.stop(clock_time(13, 29), 60))) == set()

    def test_a_break_needs_one_piece_beside_an_absence(self) -> None:
        day = self.day((clock_time(12), clock_time(12, 20)))
        tight = self.stop(clock_time(9), 165), self.stop(clock_time(12, 35), 60)
        assert self.rules(self.books(*tight, day=day)) == {"break"}

    def test_missed_windows_skills_and_districts_are_found(self) -> None:
        good = self.books(self.stop(clock_time(9), 60))
        window = replace(good, agreements=(replace(good.agreements[0], ends=clock_time(9)),))
        assert self.rules(window) == {"window"}
        assert self.rules(replace(good, skills={"meter_swap": frozenset({"repair"})})) == {"skill"}
        assert self.rules(self.books(self.stop(clock_time(9), 60, territory="kust"))) == {"territory"}

    def test_an_appointment_without_a_visit_or_a_visit_without_one_is_found(self) -> None:
        good = self.books(self.stop(clock_time(9), 60))
        assert self.rules(replace(good, stops=())) == {"visits"}
        cancelled = replace(good, agreements=(replace(good.agreements[0], status="cancelled"),))
        assert self.rules(cancelled) == {"visits"}

    def test_a_promise_the_books_do_not_have_is_lost(self) -> None:
        books = self.books(self.stop(clock_time(9), 60))
        (one,) = books.agreements
        assert lost(books, {one.order: (one.starts, one.ends)}) == []
        assert len(lost(books, {one.order: (one.starts, clock_time(23))})) == 1
        assert len(lost(books, {})) == 1
        assert len(lost(replace(books, stops=()), {one.order: (one.starts, one.ends)})) == 1

    def test_only_an_absence_excuses_and_only_what_was_named(self) -> None:
        visit = self.stop(clock_time(9), 60)
        absent = self.books(visit, day=self.day((clock_time(8), clock_time(17))))
        key = (UUID(int=2), MONDAY)
        assert judge(absent, [visit.order], ()).excused == {visit.order}
        assert judge(absent, [visit.order], ()).broken == ()
        assert {fault.rule for fault in judge(absent, (), ()).broken} >= {"absence"}
        assert judge(absent, (), [key]).pending == {visit.order}
        late = self.books(self.stop(clock_time(16, 30), 60))
        assert judge(late, [stop.order for stop in late.stops], [key]).broken


@pytest.mark.database
def test_a_dispatcher_takes_back_what_was_named_and_leaves_what_can_be_done(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens", break_seconds=0)
    early, late = invite(hub, 2)
    book(hub, early, TUESDAY, 8)
    book(hub, late, TUESDAY, 13)
    with hub.unit_of_work() as work:
        visits = {one.work_order_id: one for one in work.visits.list_where()}
        away = visits[late].starts_at, visits[late].ends_at
        work.absences.add(Absence(AbsenceId(uuid4()), visits[late].technician_id, *away, "away"))
        work.commit()
    assert take_back(hub, at(TUESDAY, 10), {late}) == []
    taken = take_back(hub, at(TUESDAY, 18), {late})
    assert [(one.order, one.promised) for one in taken] == [(late, True)]
    assert [one.order for one in take_back(hub, at(TUESDAY, 18), set())] == []


@pytest.mark.database
def test_what_nobody_named_is_taken_back_too(hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens", break_seconds=0)
    (order,) = invite(hub, 1)
    book(hub, order, TUESDAY, 13)
    with hub.unit_of_work() as work:
        (visit,) = work.visits.list_where()
        work.absences.add(Absence(AbsenceId(uuid4()), visit.technician_id, visit.starts_at, visit.ends_at, "away"))
        work.commit()
    assert [one.order for one in take_back(hub, at(TUESDAY, 18), set())] == [order]
