"""A utility never sees another's orders: what is not its own is not found, by whatever way it is asked for."""

from typing import Any
from uuid import uuid4

import pytest

from hub.bootstrap import Hub
from tests.ingest.api.conftest import APPOINTMENTS, ORDERS, Program, entity
from tests.ingest.messages import an_order
from tests.ingest.reading import orders


@pytest.fixture
def theirs(program: Program, roster: None) -> dict[str, Any]:
    """Everything the first utility has: an order with an appointment, a search, a cancel task and two subscriptions."""
    order = program.order(externalId="WO-1")
    search = program.post(f"{APPOINTMENTS}/searchTimeSlot", {"relatedEntity": [entity(order)]}).json()
    window = search["availableTimeSlot"][0]["validFor"]
    appointment = program.book(order, window).json()
    ended = program.order()
    task = program.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": {"id": ended["id"]}}).json()
    callback = {"callback": "https://hooks.utility.example/in"}
    heard = program.post(f"{ORDERS}/hub", callback).json(), program.post(f"{APPOINTMENTS}/hub", callback).json()
    return {
        "order": order,
        "window": window,
        "search": search,
        "appointment": appointment,
        "task": task,
        "subscriptions": heard,
    }


def test_reading_anothers_is_not_found_and_lists_are_empty(stranger: Program, theirs: dict[str, Any]) -> None:
    unknown = uuid4()
    for path, identity in (
        (f"{ORDERS}/workOrder", theirs["order"]["id"]),
        (f"{ORDERS}/cancelWorkOrder", theirs["task"]["id"]),
        (f"{APPOINTMENTS}/appointment", theirs["appointment"]["id"]),
        (f"{APPOINTMENTS}/searchTimeSlot", theirs["search"]["id"]),
    ):
        # Word for word what is answered about something that does not exist.
        answers = [stranger.get(f"{path}/{one}") for one in (identity, unknown)]
        assert [one.status_code for one in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()
        listed = stranger.get(path)
        assert (listed.json(), listed.headers["x-total-count"]) == ([], "0")
    for name in ("externalId", "id"):
        assert stranger.get(f"{ORDERS}/workOrder", params={name: theirs["order"][name]}).json() == []
    by_order = {"relatedEntity.id": theirs["order"]["id"]}
    assert stranger.get(f"{APPOINTMENTS}/appointment", params=by_order).json() == []
    assert stranger.get(f"{APPOINTMENTS}/searchTimeSlot", params=by_order).json() == []
    cancels = {"workOrder.id": theirs["task"]["workOrder"]["id"]}
    assert stranger.get(f"{ORDERS}/cancelWorkOrder", params=cancels).json() == []


def test_changing_anothers_is_not_found_and_changes_nothing(
    program: Program, stranger: Program, theirs: dict[str, Any], hub: Hub
) -> None:
    order, appointment = theirs["order"], theirs["appointment"]
    before = orders(hub)
    named = [
        stranger.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": {"id": order["id"]}}),
        stranger.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": {"id": order["externalId"]}}),
        stranger.post(f"{APPOINTMENTS}/searchTimeSlot", {"relatedEntity": [entity(order)]}),
        stranger.book(order, theirs["window"]),
    ]
    unknown = {"id": str(uuid4())}
    for answer, missing in zip(
        named,
        [
            stranger.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": unknown}),
            stranger.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": unknown}),
            stranger.post(f"{APPOINTMENTS}/searchTimeSlot", {"relatedEntity": [{**entity(order), **unknown}]}),
            stranger.book(unknown, theirs["window"]),
        ],
        strict=True,
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "work-order-unknown")
        assert answer.json() == missing.json()
    tried = [
        stranger.patch(f"{ORDERS}/workOrder/{order['id']}", {"description": "Mine now."}),
        stranger.patch(f"{APPOINTMENTS}/appointment/{appointment['id']}", {"status": "cancelled"}),
        stranger.patch(f"{APPOINTMENTS}/appointment/{appointment['id']}", {"validFor": theirs["window"]}),
        stranger.delete(f"{APPOINTMENTS}/appointment/{appointment['id']}"),
        stranger.delete(f"{APPOINTMENTS}/searchTimeSlot/{theirs['search']['id']}"),
        stranger.delete(f"{ORDERS}/hub/{theirs['subscriptions'][0]['id']}"),
        stranger.delete(f"{APPOINTMENTS}/hub/{theirs['subscriptions'][1]['id']}"),
    ]
    assert [one.status_code for one in tried] == [404] * len(tried)
    assert orders(hub) == before
    assert program.get(f"{APPOINTMENTS}/appointment/{appointment['id']}").json() == appointment
    assert program.get(f"{APPOINTMENTS}/searchTimeSlot/{theirs['search']['id']}").status_code == 200
    for api, subscription in zip((ORDERS, APPOINTMENTS), theirs["subscriptions"], strict=True):
        assert program.delete(f"{api}/hub/{subscription['id']}").status_code == 204


def test_a_subscription_belongs_to_its_api(program: Program, theirs: dict[str, Any]) -> None:
    first, second = theirs["subscriptions"]
    assert program.delete(f"{APPOINTMENTS}/hub/{first['id']}").status_code == 404
    assert program.delete(f"{ORDERS}/hub/{second['id']}").status_code == 404


def test_two_utilities_may_use_the_same_names_and_keys(program: Program, stranger: Program, hub: Hub) -> None:
    key = {"Idempotency-Key": "the-same-key"}
    made = [one.post(f"{ORDERS}/workOrder", an_order(externalId="WO-7"), headers=key) for one in (program, stranger)]
    assert [one.status_code for one in made] == [201, 201]
    assert made[0].json()["id"] != made[1].json()["id"]
    for one, answer in zip((program, stranger), made, strict=True):
        assert [found["id"] for found in one.get(f"{ORDERS}/workOrder").json()] == [answer.json()["id"]]
        by_name = one.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": {"id": "WO-7"}}).json()
        assert by_name["workOrder"]["id"] == answer.json()["id"]
    assert len(orders(hub)) == 2


def test_a_programs_source_is_its_utilitys_whatever_the_body_says(program: Program, stranger: Program) -> None:
    body = an_order(relatedParty=[{"id": "urn:utility:sample", "role": "utility", "@referredType": "Organization"}])
    made = stranger.post(f"{ORDERS}/workOrder", {**body, "source": "urn:utility:sample"}).json()
    assert made["relatedParty"][0]["id"] == "urn:utility:other"
    assert program.get(f"{ORDERS}/workOrder/{made['id']}").status_code == 404
