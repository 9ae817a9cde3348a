"""The code at the door proves presence: only this visit's citizen can show it, only on the day, and it counts once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import read_entries
from hub.db import tables
from hub.db.citizen_tables import access_details, door_check, technician_place
from hub.domain.appointments import Appointment, Visit
from hub.domain.lifecycle import VisitStatus
from hub.domain.technicians import Technician
from hub.door_codes import door_code
from hub.notifications.links import token_hash
from tests.portal.citizen import link_for
from tests.technician_api.conftest import Phone, dispatch

Reach = Callable[[Visit, VisitStatus], Visit]


def agreed(hub: Hub, visit: Visit) -> Appointment:
    with hub.unit_of_work() as work:
        return work.appointments.get(visit.appointment_id)


def shown_code(hub: Hub, visit: Visit) -> str:
    """What a new link of the visit's order shows."""
    with hub.unit_of_work() as work:
        order = work.work_orders.get(visit.work_order_id)
    return door_code(token_hash(link_for(hub, order)), agreed(hub, visit))


def read(phone: Phone, visit: Visit, code: str, key: str | None = None) -> Any:
    return phone.post(f"/visits/{visit.id}/door-code", key, json={"code": code})


def proofs(hub: Hub) -> int:
    with hub.reading() as connection:
        return connection.execute(select(func.count()).select_from(door_check)).scalar_one()


@pytest.mark.parametrize("status", [VisitStatus.EN_ROUTE, VisitStatus.ON_SITE, VisitStatus.WORKING])
def test_the_code_that_the_citizen_shows_proves_presence_once(
    hub: Hub, phone: Phone, visit: Visit, reach: Reach, status: VisitStatus
) -> None:
    reach(visit, status)
    code = shown_code(hub, visit)
    for again in (code, code.lower().replace("-", " ")):
        answer = read(phone, visit, again)
        assert answer.status_code == 200, answer.text
        assert answer.json()["door_checked_at"] == "2026-05-04T09:00:00+02:00"
    assert proofs(hub) == 1
    with hub.unit_of_work() as work:
        kinds = [entry.kind for entry in read_entries(work, visit.work_order_id)]
    with hub.reading() as connection:
        told = connection.execute(select(tables.status_event.c.name)).scalars().all()
    assert kinds == ["presence proved"]
    assert told.count("visit.presence_proved") == 1


def test_every_living_link_has_a_code_and_none_is_the_other(hub: Hub, phone: Phone, visit: Visit, reach: Reach) -> None:
    reach(visit, VisitStatus.ON_SITE)
    first, second = shown_code(hub, visit), shown_code(hub, visit)
    assert first != second
    assert [read(phone, visit, code).status_code for code in (first, second)] == [200, 200]


def test_a_wrong_code_says_so_and_many_wrong_ones_have_to_wait(
    hub: Hub, phone: Phone, visit: Visit, reach: Reach, clock: FixedClock
) -> None:
    reach(visit, VisitStatus.ON_SITE)
    code = shown_code(hub, visit)
    for number in range(10):
        answer = read(phone, visit, f"AAAA-AAAA-AAAA-AA{number}Z")
        assert (answer.status_code, answer.json()["detail"]) == (
            422,
            "This is not today's door code of this visit. Scan it again, or go on without it.",
        )
    assert read(phone, visit, code).status_code == 429
    clock.advance(timedelta(minutes=16))
    assert read(phone, visit, code).status_code == 200
    assert proofs(hub) == 1


def test_the_code_of_another_visit_another_day_or_before_a_move_is_wrong(
    hub: Hub, phone: Phone, visit: Visit, reach: Reach, clock: FixedClock, technician: Technician
) -> None:
    reach(visit, VisitStatus.ON_SITE)
    other = dispatch(hub, technician, clock.now() + timedelta(hours=4))
    assert read(phone, visit, shown_code(hub, other)).status_code == 422
    code = shown_code(hub, visit)
    with hub.unit_of_work() as work:
        before = work.appointments.get(visit.appointment_id)
        work.appointments.swap(before, replace(before, sequence=2))
        work.commit()
    assert read(phone, visit, code).status_code == 422
    fresh = shown_code(hub, visit)
    clock.advance(timedelta(days=1))
    assert read(phone, visit, fresh).status_code == 422
    assert proofs(hub) == 0


def test_the_code_of_a_link_that_has_ended_is_wrong(hub: Hub, phone: Phone, visit: Visit, reach: Reach) -> None:
    reach(visit, VisitStatus.ON_SITE)
    code = shown_code(hub, visit)
    with hub.unit_of_work() as work:
        (link,) = work.links.list_where(tables.citizen_link.c.work_order_id == visit.work_order_id)
        work.connection.execute(
            tables.citizen_link.update().values(expires_at=work.now).where(tables.citizen_link.c.id == link.id)
        )
        work.commit()
    assert read(phone, visit, code).status_code == 422


def test_no_code_before_setting_off_and_none_of_somebody_elses_visit(
    hub: Hub, phone: Phone, other_phone: Phone, visit: Visit, reach: Reach
) -> None:
    code = shown_code(hub, visit)
    assert read(phone, visit, code).status_code == 409
    reach(visit, VisitStatus.ON_SITE)
    assert read(other_phone, visit, code).status_code == 404
    assert proofs(hub) == 0


def test_the_same_key_is_the_same_answer(hub: Hub, phone: Phone, visit: Visit, reach: Reach) -> None:
    reach(visit, VisitStatus.ON_SITE)
    code = shown_code(hub, visit)
    first, second = (read(phone, visit, code, "the-same-key") for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"


def test_how_to_get_in_is_shown_on_the_day_only_and_while_it_is_needed(
    hub: Hub, phone: Phone, visit: Visit, reach: Reach, clock: FixedClock
) -> None:
    with hub.unit_of_work() as work:
        row = {"work_order_id": visit.work_order_id, "gate_code": "4711#", "changed_at": work.now}
        work.connection.execute(access_details.insert().values(row))
        work.commit()

    def shown() -> Any:
        return phone.get("/my-day?date=2026-05-04").json()["visits"][0]["access"]

    today = clock.now()
    assert shown() == {"gate_code": "4711#", "dog": "", "parking": "", "note": ""}
    for hours in (-10, 15):
        clock.set(today + timedelta(hours=hours))
        assert shown() is None
    clock.set(today)
    reach(visit, VisitStatus.COMPLETED)
    assert shown() is None


def put_place(phone: Phone, visit: Visit, latitude: object = 51.06, longitude: object = 3.73) -> int:
    headers = {"Authorization": f"Bearer {phone.token}"}
    body = {"latitude": latitude, "longitude": longitude}
    answer = phone.client.put(f"/api/technician/v1/visits/{visit.id}/place", json=body, headers=headers)
    return int(answer.status_code)


def places(hub: Hub) -> list[float]:
    with hub.reading() as connection:
        return list(connection.execute(select(technician_place.c.latitude)).scalars())


def test_a_place_is_kept_on_the_way_only_and_forgotten_on_arrival(
    hub: Hub, phone: Phone, other_phone: Phone, visit: Visit
) -> None:
    assert put_place(phone, visit) == 409
    phone.post(f"/visits/{visit.id}/set-off")
    assert [put_place(phone, visit, latitude) for latitude in (51.06, 51.07)] == [204, 204]
    assert put_place(other_phone, visit, 50.0) == 404
    assert places(hub) == [51.07]
    assert phone.post(f"/visits/{visit.id}/arrive").status_code == 200
    assert places(hub) == []
    assert put_place(phone, visit) == 409


@pytest.mark.parametrize("place", [(91, 0), (0, 181), ("x", 0), (None, 0), ("NaN", 0)])
def test_a_place_that_is_nowhere_is_refused(
    phone: Phone, visit: Visit, reach: Reach, place: tuple[object, object]
) -> None:
    reach(visit, VisitStatus.EN_ROUTE)
    assert put_place(phone, visit, *place) == 422
