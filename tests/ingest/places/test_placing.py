"""Orders without a usable place: who is asked, what becomes of the answer, and the dispatcher's pin."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.errors import StaleVersionError, TransitionRefusedError
from hub.domain.events import Actor, ActorKind
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.places import Place, PlaceQuality, PlaceUnknownError
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from infra.hosts.rooms import JOBS, TIMERS
from ingest.places import cache
from ingest.places.cache import reserve_turn
from ingest.places.port import Finding
from ingest.places.queries import list_waiting
from ingest.places.recording import RecordingGeocoder
from ingest.places.service import SEARCH_JOB, LocateOrder, WrongPlaceError, locate_order, search_again, search_place
from ingest.service import receive_message
from tests.ingest.messages import a_message, an_event, an_order, spoiled
from tests.ingest.reading import outbox
from tests.samples import a_work_order

PLACE = "workOrderItem.0.work.place.0"
HOUSE = Place(51.0501, 3.7212)
DISPATCHER = Actor(ActorKind.STAFF, "7b9f7d0e-0000-4000-8000-000000000001")
STREET = "Lindestraat 12"
STREET_ONLY = Finding(
    PlaceQuality.APPROXIMATE, Place(51.06, 3.73), "The geocoder knows the street or the town, but not the house."
)
EXACT = Finding(PlaceQuality.EXACT, HOUSE)


def without_place(**changes: Any) -> dict[str, Any]:
    return {**spoiled(f"{PLACE}.geographicLocation"), **changes}


def arrive(hub: Hub, order: dict[str, Any]) -> WorkOrder:
    receive_message(hub, a_message(an_event(order)))
    table = tables.work_order.c
    with hub.unit_of_work() as work:
        found = work.work_orders.find_where(table.external_id == order["externalId"])
    assert found is not None
    return found


def again(hub: Hub, order: WorkOrder) -> WorkOrder:
    with hub.unit_of_work() as work:
        return work.work_orders.get(order.id)


def search(hub: Hub, order: WorkOrder, geocoder: RecordingGeocoder) -> WorkOrder:
    # Tests ask faster than anybody's server allows.
    quick = replace(hub, settings=hub.settings.model_copy(update={"geocoder_per_second": 1000.0}))
    search_place(quick, str(order.id), geocoder, sleep=lambda _: None)
    return again(hub, order)


def history(hub: Hub, order: WorkOrder) -> list[tuple[str, str, str, str]]:
    event = tables.status_event.c
    with hub.reading() as connection:
        rows = connection.execute(
            select(event.before, event.after, event.actor_kind, event.reason)
            .where(event.work_order_id == order.id, event.entity == "work_order")
            .order_by(event.seq)
        )
        return [(row.before, row.after, row.actor_kind, row.reason) for row in rows]


def searches(hub: Hub) -> list[Any]:
    with hub.reading() as connection:
        return list(connection.execute(select(tables.place_search)))


def test_an_order_with_a_good_place_asks_nobody(ingest_hub: Hub, jobs: RememberedQueue) -> None:
    order = arrive(ingest_hub, an_order())
    assert (order.status, order.place_quality, order.place_note) == (WorkOrderStatus.RECEIVED, PlaceQuality.GIVEN, "")
    assert jobs.jobs == []
    assert searches(ingest_hub) == []


def test_an_order_without_a_place_waits_and_leaves_a_job(ingest_hub: Hub, jobs: RememberedQueue) -> None:
    order = arrive(ingest_hub, without_place())
    assert (order.status, order.place_quality) == (WorkOrderStatus.NEEDS_LOCATION, PlaceQuality.UNKNOWN)
    assert (order.latitude, order.longitude) == (None, None)
    assert order.place_note == "The utility gave no coordinates."
    assert jobs.jobs == [(SEARCH_JOB, {"work_order_id": str(order.id)})]
    with pytest.raises(PlaceUnknownError, match="Nobody knows yet where Lindestraat 12, 9000 Gent lies"):
        _ = order.place


@pytest.mark.parametrize(
    "point", [[51.0543, 3.7174], [0, 0], [200.0, 51.0], [-74.0, 40.7]], ids=["swapped", "zero", "beyond", "New York"]
)
def test_implausible_coordinates_are_no_place(shared_hub: Hub, point: list[float]) -> None:
    order = arrive(shared_hub, spoiled(f"{PLACE}.geographicLocation.geoJson.coordinates", point))
    assert order.status is WorkOrderStatus.NEEDS_LOCATION
    assert order.latitude is None
    assert (
        order.place_note
        == "The coordinates do not lie in Belgium; GeoJSON gives the longitude first, then the latitude."
    )


def test_the_utility_hears_nothing_but_acknowledged(ingest_hub: Hub) -> None:
    order = arrive(ingest_hub, without_place())
    search(ingest_hub, order, RecordingGeocoder({STREET: STREET_ONLY}))
    locate_order(ingest_hub, LocateOrder(order.id, 51.05, 3.72, again(ingest_hub, order).version, DISPATCHER))
    said = [row["data"]["event"]["workOrder"]["state"] for row in outbox(ingest_hub, order)]
    assert said == ["acknowledged", "acknowledged"]


def test_a_house_the_geocoder_knows_lets_the_order_go_on(hub: Hub, jobs: RememberedQueue) -> None:
    """With every room listening, the citizen is invited as at a create."""
    order = arrive(hub, without_place())
    assert order.status is WorkOrderStatus.NEEDS_LOCATION
    found = search(hub, order, RecordingGeocoder({STREET: EXACT}))
    assert found.status is WorkOrderStatus.CONTACTING
    assert (found.place, found.place_quality, found.place_note) == (HOUSE, PlaceQuality.EXACT, "")
    assert [(before, after, who) for before, after, who, _ in history(hub, order)] == [
        ("", "needs location", "utility"),
        ("needs location", "received", "system"),
        ("received", "contacting", "system"),
    ]
    assert searches(hub) == []


def test_only_a_street_is_kept_as_where_the_map_opens(ingest_hub: Hub) -> None:
    order = arrive(ingest_hub, without_place())
    found = search(ingest_hub, order, RecordingGeocoder({STREET: STREET_ONLY}))
    assert (found.status, found.place_quality) == (WorkOrderStatus.NEEDS_LOCATION, PlaceQuality.APPROXIMATE)
    assert found.place == Place(51.06, 3.73)
    assert found.place_note == (
        "The utility gave no coordinates. The geocoder knows the street or the town, but not the house."
    )
    assert search(ingest_hub, order, RecordingGeocoder({STREET: STREET_ONLY})).place_note == found.place_note


def test_what_nobody_knows_opens_at_its_postal_code(ingest_hub: Hub) -> None:
    order = arrive(ingest_hub, without_place())
    found = search(ingest_hub, order, RecordingGeocoder())
    assert found.place == Place(51.0543, 3.7174)
    assert found.place_quality is PlaceQuality.APPROXIMATE
    assert found.place_note.endswith(
        "The geocoder does not know the address. Only the middle of postal code 9000 is known."
    )


def test_an_answer_is_remembered_and_forgotten_in_time(ingest_hub: Hub, clock: FixedClock) -> None:
    geocoder = RecordingGeocoder({STREET: EXACT})
    for _ in range(3):
        assert search(ingest_hub, arrive(ingest_hub, without_place()), geocoder).status is WorkOrderStatus.RECEIVED
    assert len(geocoder.asked) == 1
    clock.advance(timedelta(days=91))
    late = without_place(requestedCompletionDate="2027-05-29T17:00:00+02:00")
    search(ingest_hub, arrive(ingest_hub, late), geocoder)
    assert len(geocoder.asked) == 2
    with ingest_hub.reading() as connection:
        kept = connection.execute(select(tables.geocoded_address)).all()
    assert len(kept) == 1
    assert "Lindestraat" not in repr(kept)


def test_a_local_table_is_asked_each_time_and_not_remembered(ingest_hub: Hub) -> None:
    geocoder = RecordingGeocoder({STREET: EXACT}, is_remote=False)
    for _ in range(2):
        search(ingest_hub, arrive(ingest_hub, without_place()), geocoder)
    assert len(geocoder.asked) == 2


def test_a_geocoder_that_is_away_is_asked_again_and_again(
    ingest_hub: Hub, clock: FixedClock, jobs: RememberedQueue
) -> None:
    geocoder = RecordingGeocoder({STREET: EXACT})
    geocoder.is_away = True
    order = arrive(ingest_hub, without_place())
    waits = []
    for _ in range(8):
        found = search(ingest_hub, order, geocoder)
        [row] = searches(ingest_hub)
        waits.append(int((row.retry_at - clock.now()).total_seconds() / 60))
        assert "The geocoder does not answer. It is asked again." in found.place_note
        assert search_again(ingest_hub, row.retry_at - timedelta(seconds=1)) == 0
        jobs.jobs.clear()
        assert search_again(ingest_hub, row.retry_at) == 1
        assert jobs.jobs == [(SEARCH_JOB, {"work_order_id": str(order.id)})]
        assert search_again(ingest_hub, row.retry_at) == 0
        clock.advance(row.retry_at - clock.now())
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    geocoder.is_away = False
    assert search(ingest_hub, order, geocoder).status is WorkOrderStatus.RECEIVED


def test_the_pace_is_kept_by_all_workers_together(ingest_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    # Turns so far apart that what a busy machine takes for the calls is nothing beside them.
    monkeypatch.setattr(cache, "_LONGEST_WAIT_SECONDS", 400.0)
    geocoder = RecordingGeocoder()
    waits = [reserve_turn(ingest_hub, geocoder, 0.01) for _ in range(8)]
    taken = [one for one in waits if one is not None]
    assert len(taken) == 5, "none is taken that is more than 400 seconds away"
    assert taken[0] == 0
    assert all(70 < later - sooner < 101 for sooner, later in pairwise(taken))
    assert waits[5:] == [None] * 3


def test_without_a_turn_the_question_waits_and_counts_as_no_try(
    ingest_hub: Hub, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_LONGEST_WAIT_SECONDS", -3600.0)
    geocoder = RecordingGeocoder({STREET: EXACT})
    reserve_turn(ingest_hub, geocoder, 1.0)
    order = search(ingest_hub, arrive(ingest_hub, without_place()), geocoder)
    assert geocoder.asked == []
    assert "being asked about other addresses" in order.place_note
    [row] = searches(ingest_hub)
    assert row.tries == 0
    assert timedelta(seconds=5) <= row.retry_at - clock.now() <= timedelta(seconds=60)


class Meanwhile(RecordingGeocoder):
    """Somebody does something while the question is out."""

    def __init__(self, act: Any) -> None:
        super().__init__({STREET: EXACT})
        self._act = act

    def find(self, address: Any) -> Finding:
        self._act()
        return super().find(address)


def test_a_pin_that_was_quicker_stays(ingest_hub: Hub) -> None:
    order = arrive(ingest_hub, without_place())
    command = LocateOrder(order.id, 51.06, 3.74, order.version, DISPATCHER)
    found = search(ingest_hub, order, Meanwhile(lambda: locate_order(ingest_hub, command)))
    assert (found.place, found.place_quality) == (Place(51.06, 3.74), PlaceQuality.PINNED)


def test_an_answer_about_an_old_address_is_not_used(ingest_hub: Hub) -> None:
    order = arrive(ingest_hub, without_place())

    def move() -> None:
        with ingest_hub.unit_of_work() as work:
            work.work_orders.swap(order, replace(order, street="Elders 9"))
            work.commit()

    found = search(ingest_hub, order, Meanwhile(move))
    assert (found.status, found.latitude, found.street) == (WorkOrderStatus.NEEDS_LOCATION, None, "Elders 9")


def test_the_geocoder_is_asked_outside_every_transaction(ingest_hub: Hub) -> None:
    open_ones: list[int] = []

    def count() -> None:
        with ingest_hub.reading() as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            open_ones.append(connection.execute(text(query)).scalar_one())

    search(ingest_hub, arrive(ingest_hub, without_place()), Meanwhile(count))
    assert open_ones == [0]


def test_a_job_that_comes_twice_or_late_does_nothing(ingest_hub: Hub) -> None:
    geocoder = RecordingGeocoder({STREET: EXACT})
    order = arrive(ingest_hub, without_place())
    first = search(ingest_hub, order, geocoder)
    assert search(ingest_hub, order, geocoder) == first
    assert len(geocoder.asked) == 1


def test_a_pin_is_audited_and_ends_the_search(ingest_hub: Hub) -> None:
    order = arrive(ingest_hub, without_place())
    located = locate_order(ingest_hub, LocateOrder(order.id, 51.0501, 3.7212, order.version, DISPATCHER))
    assert (located.status, located.place, located.place_quality) == (
        WorkOrderStatus.RECEIVED,
        HOUSE,
        PlaceQuality.PINNED,
    )
    assert history(ingest_hub, order)[-1] == (
        "needs location", "received", "staff", "Put on the map by hand at 51.05010, 3.72120."
    )  # fmt: skip
    assert searches(ingest_hub) == []


def test_a_pin_is_refused_where_it_cannot_be(ingest_hub: Hub) -> None:
    order = arrive(ingest_hub, without_place())

    def pin(latitude: float, longitude: float, version: int = order.version) -> None:
        locate_order(ingest_hub, LocateOrder(order.id, latitude, longitude, version, DISPATCHER))

    with pytest.raises(WrongPlaceError, match=r"That place does not lie in Belgium\. Look whether"):
        pin(3.72, 51.05)
    with pytest.raises(WrongPlaceError, match="That is no place on the map"):
        pin(151.0, 3.72)
    with pytest.raises(WrongPlaceError, match="That is no place on the map"):
        pin(float("nan"), 3.72)
    with pytest.raises(StaleVersionError):
        pin(51.05, 3.72, order.version - 1)
    pin(51.05, 3.72)
    with pytest.raises(TransitionRefusedError, match="A work order that is received cannot be located"):
        pin(51.05, 3.72)


def test_the_list_shows_the_longest_wait_first(ingest_hub: Hub, clock: FixedClock) -> None:
    first = arrive(ingest_hub, without_place(externalId="B"))
    clock.advance(timedelta(hours=2))
    second = arrive(ingest_hub, without_place(externalId="A"))
    arrive(ingest_hub, an_order())
    with ingest_hub.reading() as connection:
        found = list_waiting(connection)
        past = list_waiting(connection, 9)
    assert [line.id for line in found.lines] == [first.id, second.id]
    assert (found.total, found.pages, past.page) == (2, 1, 1)
    assert clock.now() - found.lines[0].since == timedelta(hours=2)


def test_the_database_itself_keeps_an_order_without_a_point_from_going_on(ingest_hub: Hub) -> None:
    with ingest_hub.unit_of_work() as work:
        order = a_work_order(status=WorkOrderStatus.RECEIVED, latitude=None, longitude=None)
        with pytest.raises(IntegrityError, match="ck_work_order_placed"):
            work.work_orders.add(order)
    with ingest_hub.unit_of_work() as work:
        work.work_orders.add(replace(order, status=WorkOrderStatus.NEEDS_LOCATION))
        work.commit()


def test_an_order_can_be_cancelled_while_it_waits(ingest_hub: Hub) -> None:
    order = arrive(ingest_hub, without_place())
    with ingest_hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(order.id), Action.CANCEL, by=DISPATCHER)
        work.commit()
    assert search(ingest_hub, order, RecordingGeocoder({STREET: EXACT})).status is WorkOrderStatus.CANCELLED
    assert searches(ingest_hub) == []


def test_the_workers_job_and_timer_do_the_search(ingest_hub: Hub, clock: FixedClock) -> None:
    order = arrive(ingest_hub, without_place())
    assert TIMERS["search_places_again"](ingest_hub, clock.now()) == 0
    JOBS[SEARCH_JOB](ingest_hub, work_order_id=str(order.id))
    found = again(ingest_hub, order)
    # The default is the table of postal codes, which never settles an order by itself.
    assert (found.status, found.place_quality) == (WorkOrderStatus.NEEDS_LOCATION, PlaceQuality.APPROXIMATE)
