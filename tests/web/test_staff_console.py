"""The console's pages over several rooms: what they tell, to whom, and that nothing in them can do harm."""

import re
from datetime import timedelta
from html import unescape
from http import HTTPStatus
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.contact import Channel, Notification, NotificationStatus
from hub.domain.events import SYSTEM, Actor, ActorKind
from hub.domain.field_records import Confirmation, Photo, SurveyAnswer, WorkReport
from hub.domain.ids import NotificationId
from hub.domain.lifecycle import Action, HoldReason, WorkOrderStatus
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from hub.files import keep_file, new_photo_path
from infra.console.attention import what_needs_attention
from infra.console.order_list import PAGE_LENGTH
from ingest.quarantine.records import Arrival, Cause, keep
from tests.ingest.messages import a_message
from tests.samples import a_visit, a_work_order, add_route, add_technician, staff_territory
from tests.web.staff_browser import a_browser, signed_in_browser, who_is_signed_in

HOSTILE = '</script><script>alert(1)</script>"><img src=x onerror=alert(1)>'


def _add(hub: Hub, *orders: WorkOrder) -> None:
    with hub.unit_of_work() as work:
        for order in orders:
            work.work_orders.add(order)
        work.commit()


@pytest.mark.parametrize(
    "path", ["/console", "/console/orders", f"/console/orders/{UUID(int=1)}", "/console/technicians"]
)
def test_nobody_sees_a_page_without_signing_in(hub: Hub, path: str) -> None:
    assert a_browser(hub).get(path).headers["location"].startswith("/console/sign-in")


def test_an_analyst_sees_counts_but_no_citizens(hub: Hub) -> None:
    order = a_work_order()
    _add(hub, order)
    browser = signed_in_browser(hub, Role.ANALYST)
    assert browser.get("/console").status_code == HTTPStatus.OK
    for path in ("/console/orders", f"/console/orders/{order.id}", "/console/technicians"):
        answer = browser.get(path)
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert "An Peeters" not in answer.text


def test_the_first_page_counts_what_needs_attention(hub: Hub, clock: FixedClock) -> None:
    on_hold = {"status": WorkOrderStatus.ON_HOLD}
    _add(
        hub,
        a_work_order(**on_hold, hold_reason=HoldReason.NO_CONTACT),
        a_work_order(**on_hold, hold_reason=HoldReason.NO_CONTACT),
        a_work_order(**on_hold, hold_reason=HoldReason.REFUSED),
        a_work_order(status=WorkOrderStatus.READY),
        a_work_order(status=WorkOrderStatus.CONTACTING, due_at=clock.now() - timedelta(days=1)),
        a_work_order(status=WorkOrderStatus.COMPLETED, due_at=clock.now() - timedelta(days=1)),
    )
    with hub.unit_of_work() as work:
        staff_territory(work)
        row = {"handler": "x", "outcome": "dead-lettered", "detail": HOSTILE, "received_at": work.now}
        work.connection.execute(insert(tables.inbox_message).values(message_id="m1", **row))
        letter = Arrival("k1", Cause.UNREADABLE, HOSTILE, a_message(b"{"))
        keep(work, [letter], by=SYSTEM)
        work.commit()
    with hub.reading() as connection:
        attention = what_needs_attention(
            connection, hub.catalogue, clock.now(), (clock.now(), clock.now() + timedelta(days=1))
        )
    told = {matter.what: matter.count for matter in attention.matters}
    assert told == {
        "order whose citizen nobody asks any more": 1,
        "order past its due date": 1,
        "orders on hold: no contact": 2,
        "order on hold: refused": 1,
        "order waits for a place in the plan": 1,
        "message of the utility could not be used and waits in quarantine": 1,
        "reason to look after the worker: none was heard of for 5 minutes": 1,
    }
    assert attention.orders[WorkOrderStatus.ON_HOLD] == 3
    page = signed_in_browser(hub).get("/console").text
    assert "orders on hold: no contact" in page
    assert "<script>alert" not in page


def a_message_of(order: WorkOrder, status: NotificationStatus, before: Notification | None = None) -> Notification:
    """A message as it ended; with `before` it is the one that went in that one's place."""
    return Notification(
        id=NotificationId(uuid4()),
        work_order_id=order.id,
        kind="invitation",
        channel=Channel.SMS if before is None else Channel.EMAIL,
        recipient="+32470000001",
        language="nl",
        status=status,
        created_at=order.imported_at,
        hop=0 if before is None else before.hop + 1,
        failover_of=before.id if before else None,
    )


@pytest.mark.parametrize(
    ("statuses", "counted"),
    [
        ([NotificationStatus.FAILED], 1),
        ([NotificationStatus.UNKNOWN], 1),
        ([NotificationStatus.FAILED, NotificationStatus.DELIVERED], 0),
        ([NotificationStatus.FAILED, NotificationStatus.SENT], 0),
        ([NotificationStatus.FAILED, NotificationStatus.QUEUED], 0),
        ([NotificationStatus.FAILED, NotificationStatus.FAILED, NotificationStatus.DELIVERED], 0),
        # It is one message to the citizen, so one matter, however often it went on in vain.
        ([NotificationStatus.FAILED, NotificationStatus.FAILED], 1),
        ([NotificationStatus.FAILED, NotificationStatus.UNKNOWN], 1),
    ],
)
def test_a_message_that_went_on_by_another_channel_needs_nobody(
    hub: Hub, clock: FixedClock, statuses: list[NotificationStatus], counted: int
) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.COMPLETED))
        before: Notification | None = None
        for status in statuses:
            before = work.notifications.add(a_message_of(order, status, before))
        work.commit()
    with hub.reading() as connection:
        day = (clock.now(), clock.now() + timedelta(days=1))
        found = what_needs_attention(connection, hub.catalogue, clock.now(), day)
    assert sum(one.count for one in found.matters if "message to a citizen failed" in one.singular) == counted


def test_nothing_needs_attention_when_all_is_well(hub: Hub, clock: FixedClock) -> None:
    with hub.unit_of_work() as work:
        beat = {"worker": "w", "caught_up_to": work.now, "beat_at": work.now}
        work.connection.execute(insert(tables.worker_beat).values(beat))
        work.commit()
    assert "Nothing needs you just now." in signed_in_browser(hub).get("/console").text


def test_visits_are_counted_on_the_day_of_the_technicians_zone(hub: Hub, clock: FixedClock) -> None:
    # 23:30 UTC on Sunday is Monday in Brussels; 22:30 UTC on Monday is Tuesday.
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        route = add_route(work, technician, clock.now().date())
        for hours in (-7.5, 0, 15.5):
            work.visits.add(a_visit(work, route, clock.now() + timedelta(hours=hours)))
        work.commit()
    page = signed_in_browser(hub).get("/console").text
    assert '<span class="tile__count">2</span> <span class="tile__name">planned</span></li>' in page


def test_orders_are_filtered_by_status_territory_and_words(hub: Hub) -> None:
    _add(
        hub,
        a_work_order(external_id="A-1", citizen_name="Éloïse Müller", street="Kerkstraat 5"),
        a_work_order(external_id="A-2", territory="antwerpen", town="Antwerpen"),
        a_work_order(external_id="A-3", status=WorkOrderStatus.ON_HOLD, hold_reason=HoldReason.NO_ACCESS),
    )
    browser = signed_in_browser(hub)

    def found(query: str) -> set[str]:
        text = browser.get(f"/console/orders?{query}").text
        return {name for name in ("A-1", "A-2", "A-3") if f">{name}</a>" in text}

    assert found("") == {"A-1", "A-2", "A-3"}
    assert found("status=on+hold") == {"A-3"}
    assert found("territory=antwerpen") == {"A-2"}
    assert found("text=müller+kerkstraat") == {"A-1"}
    assert found("text=a-2") == {"A-2"}
    assert found("text=%25") == set(), "a percent sign is only a percent sign"
    assert found("text=A%00-2&status=nonsense&territory=") == {"A-2"}
    assert "No order fits." in browser.get("/console/orders?text=nobody").text


def test_orders_come_in_pages_that_keep_the_filter(hub: Hub) -> None:
    _add(hub, *(a_work_order(external_id=f"P-{number:03d}") for number in range(PAGE_LENGTH + 1)))
    browser = signed_in_browser(hub)
    first = browser.get("/console/orders?text=P-&status=received").text
    assert f"1–{PAGE_LENGTH} of {PAGE_LENGTH + 1} orders" in first
    assert "status=received&amp;territory=&amp;text=P-&amp;page=2" in first
    last = browser.get("/console/orders?text=P-&page=99").text
    assert f"{PAGE_LENGTH + 1}–{PAGE_LENGTH + 1} of" in last
    assert last.count('<th scope="row">') == 1


@pytest.mark.parametrize(
    ("address", "changes", "name"),
    [
        ("/console/orders", {}, "orders"),
        ("/console/held", {"status": WorkOrderStatus.ON_HOLD, "hold_reason": HoldReason.REFUSED}, "orders on hold"),
        (
            "/console/locations",
            {"status": WorkOrderStatus.NEEDS_LOCATION, "latitude": None, "longitude": None},
            "orders",
        ),
    ],
)
def test_a_long_list_leads_to_the_pages_beside_it(
    hub: Hub, address: str, changes: dict[str, object], name: str
) -> None:
    _add(hub, *(a_work_order(**changes) for _ in range(2 * PAGE_LENGTH + 1)))
    browser = signed_in_browser(hub)
    for page, beside in ((1, ["next:2"]), (2, ["prev:1", "next:3"]), (3, ["prev:2"])):
        text = browser.get(f"{address}?page={page}").text
        assert f'<nav class="pager" aria-label="Pages of {name}">' in text
        assert f"<span>Page {page} of 3</span>" in text
        links = re.findall(r'rel="(prev|next)" href="([^"]+)"', text)
        assert [f"{rel}:{href.partition('page=')[2]}" for rel, href in links] == beside
        assert all(browser.get(unescape(href)).is_success for _, href in links)


def test_one_order_tells_its_whole_story(hub: Hub, clock: FixedClock) -> None:
    browser = signed_in_browser(hub)
    dina = who_is_signed_in(hub, browser)
    with hub.unit_of_work() as work:
        technician = add_technician(work, name="Jan Janssens")
        route = add_route(work, technician, clock.now().date())
        visit = work.visits.add(a_visit(work, route, clock.now()))
        order = work.work_orders.get(visit.work_order_id)
        work.notifications.add(
            Notification(
                id=NotificationId(uuid4()),
                work_order_id=order.id,
                kind="invitation",
                channel=Channel.EMAIL,
                recipient="an.peeters@citizen.example",
                language="nl",
                status=NotificationStatus.UNKNOWN,
                created_at=work.now,
                round=1,
                step=2,
                error="no answer",
            )
        )
        work.work_reports.add(WorkReport(uuid4(), visit.id, order.id, "Meter 4711 placed.", work.now))
        work.confirmations.add(Confirmation(uuid4(), visit.id, order.id, "extra_time", "Cable was short", 20, work.now))
        work.survey_answers.add(SurveyAnswer(order.id, 5, 9, "Friendly", work.now))
        work.advance_work_order(
            order, Action.HOLD, by=dina.actor, reason="asked by phone", hold_reason=HoldReason.OTHER
        )
        work.commit()
    page = browser.get(f"/console/orders/{order.id}").text
    for words in (
        "On hold: other.",
        "Veldstraat 1, 9000 Gent",
        "Jan Janssens",
        "a…@citizen.example",
        "round 1, step 2",
        "unknown",
        "no answer",
        "Meter 4711 placed.",
        "extra time",
        "Cable was short",
        "5 of 5",
        "Friendly",
        "booked → on hold",
        "staff Dina Dispatcher",
        "asked by phone",
    ):
        assert words in page, words
    attempts = page.split('id="attempts"')[1].split('id="report"')[0]
    assert "an.peeters@citizen.example" not in attempts


def test_what_citizens_and_utilities_write_is_only_text(hub: Hub) -> None:
    order = a_work_order(citizen_name=HOSTILE, notes=HOSTILE, street=HOSTILE, external_id=HOSTILE, town=HOSTILE)
    with hub.unit_of_work() as work:
        work.create_work_order(order, by=Actor(ActorKind.UTILITY, HOSTILE), reason=HOSTILE)
        work.commit()
    browser = signed_in_browser(hub, name=f"Dina {HOSTILE}")
    for path in ("/console/orders", f"/console/orders/{order.id}", "/console/orders?text=%3Cscript%3Ealert"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_an_order_that_does_not_exist_is_a_page_that_says_so(hub: Hub) -> None:
    browser = signed_in_browser(hub)
    answer = browser.get(f"/console/orders/{uuid4()}")
    assert (answer.status_code, "There is no such work order." in answer.text) == (HTTPStatus.NOT_FOUND, True)
    assert browser.get("/console/orders/not-an-id").status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def _photo_of_an_order(hub: Hub, clock: FixedClock) -> Photo:
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        visit = work.visits.add(a_visit(work, add_route(work, technician, clock.now().date()), clock.now()))
        photo = Photo(uuid4(), visit.id, visit.work_order_id, new_photo_path(), "0" * 64, 4, "The meter", work.now)
        work.photos.add(photo)
        work.commit()
    keep_file(hub.settings, photo.path, b"jpeg")
    return photo


def test_staff_see_the_photos_of_an_order_only_under_that_order(hub: Hub, clock: FixedClock) -> None:
    photo = _photo_of_an_order(hub, clock)
    browser = signed_in_browser(hub)
    page = browser.get(f"/console/orders/{photo.work_order_id}").text
    assert 'alt="The meter"' in page
    answer = browser.get(f"/console/orders/{photo.work_order_id}/photos/{photo.id}")
    assert (answer.content, answer.headers["content-type"]) == (b"jpeg", "image/jpeg")
    assert "no-store" in answer.headers["cache-control"]
    assert browser.get(f"/console/orders/{uuid4()}/photos/{photo.id}").status_code == HTTPStatus.NOT_FOUND
    assert a_browser(hub).get(f"/console/orders/{photo.work_order_id}/photos/{photo.id}").status_code == 303


def _issue(browser: TestClient, hub: Hub, technician_id: object, **form: str) -> tuple[int, str]:
    token = who_is_signed_in(hub, browser).csrf_token
    answer = browser.post(
        "/console/technicians/code", data={"csrf_token": token, "technician_id": str(technician_id), **form}
    )
    return answer.status_code, answer.text


def test_a_dispatcher_issues_a_code_that_enrols_a_phone(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        technician = add_technician(work, name="Jan Janssens")
        work.commit()
    browser = signed_in_browser(hub)
    assert "Jan Janssens" in browser.get("/console/technicians").text
    status, page = _issue(browser, hub, technician.id)
    assert status == HTTPStatus.OK
    code = page.split(f'data-technician="{technician.id}">')[1].split("<")[0]
    enrolled = a_browser(hub).post(
        "/api/technician/v1/enrol", json={"code": code}, headers={"Idempotency-Key": str(uuid4())}
    )
    assert enrolled.json()["technician"]["name"] == "Jan Janssens"
    after = browser.get("/console/technicians").text
    assert code not in after
    assert "1, last Mon 2026-05-04 09:00" in after


def test_a_code_is_issued_only_by_dispatchers_with_our_own_form_for_somebody_at_work(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        work.commit()
    dispatcher = signed_in_browser(hub)
    assert _issue(dispatcher, hub, technician.id, csrf_token="forged")[0] == HTTPStatus.FORBIDDEN
    assert _issue(dispatcher, hub, uuid4())[0] == HTTPStatus.NOT_FOUND
    operations = signed_in_browser(hub, Role.OPERATIONS, name="Otto")
    assert "Issue a code" not in operations.get("/console/technicians").text
    assert _issue(operations, hub, technician.id)[0] == HTTPStatus.FORBIDDEN
