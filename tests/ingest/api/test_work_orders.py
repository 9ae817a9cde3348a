"""Work orders over HTTP: sent, read, listed, changed, cancelled."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from hub.bootstrap import Hub
from hub.clock import FixedClock
from tests.ingest.api.conftest import APPOINTMENTS, ORDERS, Program
from tests.ingest.messages import UTILITY, an_order, spoiled
from tests.ingest.reading import orders, outcomes

PATH = f"{ORDERS}/workOrder"


def test_an_order_is_taken_in_and_answered(program: Program, hub: Hub) -> None:
    answer = program.post(PATH, an_order(externalId="WO-1"))
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == made["href"] == f"{hub.settings.public_url}{PATH}/{made['id']}"
    assert (made["externalId"], made["state"], made["status"]) == ("WO-1", "pending", "contacting")
    assert (made["priority"], made["description"]) == ("2", "Swap the meter in the hall.")
    assert made["requestedStartDate"] == "2026-05-06T06:00:00Z"
    work = made["workOrderItem"][0]["work"]
    assert work["workSpecification"] == {"id": "meter_swap"}
    assert work["place"][0] == {
        "role": "installation address",
        "@type": "GeographicAddress",
        "streetName": "Lindestraat 12",
        "postcode": "9000",
        "city": "Gent",
        "country": "BE",
        "geographicLocation": {
            "@type": "GeoJsonPoint",
            "geoJson": {"type": "Point", "coordinates": [3.7174, 51.0543]},
        },
    }
    assert work["relatedParty"][0]["contactMedium"][1]["characteristic"] == {"phoneNumber": "+33639980001"}
    [stored] = orders(hub)
    assert (stored.utility, stored.external_id) == (UTILITY, "WO-1")
    assert outcomes(hub) == {"imported": 1}
    assert program.get(f"{PATH}/{made['id']}").json() == made


def test_the_same_request_again_makes_nothing_new(program: Program, hub: Hub) -> None:
    body, key = an_order(), {"Idempotency-Key": str(uuid4())}
    first, again = (program.post(PATH, body, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    unnamed = an_order()
    twice = [program.post(PATH, unnamed).json()["id"] for _ in range(2)]
    assert twice[0] == twice[1]
    assert len(orders(hub)) == 2
    assert outcomes(hub) == {"imported": 2}


def test_a_key_or_an_external_id_stands_for_one_request(program: Program, hub: Hub) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = an_order()
    program.post(PATH, body, headers=key)
    reused = program.post(PATH, an_order(), headers=key)
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency-key-reused")
    other = program.post(PATH, {**body, "description": "Something else."}, headers={"Idempotency-Key": str(uuid4())})
    assert (other.status_code, other.json()["code"]) == (409, "order-exists")
    assert len(orders(hub)) == 1
    unnamed = an_order()
    program.post(PATH, unnamed)
    # Nobody sent a key, so none is spoken of.
    again = program.post(PATH, {**unnamed, "description": "Something else."})
    assert (again.status_code, again.json()["code"]) == (409, "order-exists")


def test_a_create_that_crashed_before_its_answer_is_finished_by_the_retry(
    program: Program, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, key = an_order(), {"Idempotency-Key": str(uuid4())}

    def die(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("ingest.api.orders.keep_made", die)
    crashed = program.post(PATH, body, headers=key)
    assert (crashed.status_code, crashed.json()["code"]) == (500, "unexpected")
    monkeypatch.undo()
    again = program.post(PATH, body, headers=key)
    assert again.status_code == 201
    assert len(orders(hub)) == 1


@pytest.mark.parametrize("one_key", [True, False])
def test_two_requests_at_once_make_one_order_and_only_one_believes_it_was_its_own(
    program: Program, hub: Hub, *, one_key: bool
) -> None:
    together = threading.Barrier(4)

    def send(number: int) -> Any:
        together.wait(30)
        key = {"Idempotency-Key": "one-key-for-all" if one_key else f"key-number-{number}"}
        return program.post(PATH, an_order(externalId="WO-1", description=f"Number {number}."), headers=key)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(send, range(4)))
    assert sorted(one.status_code for one in answers) == [201, 409, 409, 409]
    assert len(orders(hub)) == 1


def test_an_order_that_cannot_be_done_is_answered_as_rejected_with_the_reason(program: Program) -> None:
    made = program.post(PATH, spoiled("workOrderItem.0.work.workSpecification.id", "moon_walk")).json()
    assert (made["state"], made["status"]) == ("rejected", "rejected")
    assert "'moon_walk' is not in the catalogue" in made["statusReason"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b"\xff{}", "must be a JSON object"),
        (b'{"priority": NaN}', "must be a JSON object"),
        (b'{"note": {"text": "\\u0000"}}', "NUL"),
        (b'{"note": {"text": "\\ud800"}}', "surrogate"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 30 + b"}", "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "must be a JSON object"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "levels deep"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "must be a JSON object"),
        (b"{}", "workOrderItem is missing"),
        (json.dumps(spoiled("externalId")).encode(), "externalId is missing"),
    ],
)
def test_a_body_that_cannot_be_used_is_a_sentence(shared_program: Program, body: bytes, says: str) -> None:
    answer = shared_program.send("POST", PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    error = answer.json()
    assert says in error["reason"]
    assert (error["status"], error["@type"]) == ("400", "Error")


def test_a_body_is_bounded(shared_program: Program) -> None:
    answer = shared_program.post(PATH, an_order(description="x" * 300_000))
    assert (answer.status_code, answer.json()["status"]) == (413, "413")


def test_a_list_has_pages_filters_and_attributes(program: Program, hub: Hub, clock: FixedClock) -> None:
    for number in range(5):
        program.order(externalId=f"WO-{number}")
        clock.advance(timedelta(minutes=1))
    program.order(
        externalId="WO-9",
        workOrderItem=spoiled("workOrderItem.0.work.workSpecification.id", "moon_walk")["workOrderItem"],
    )

    def names(**parameters: Any) -> list[str]:
        answer = program.get(PATH, params=parameters)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-result-count"] == str(len(answer.json()))
        return [one["externalId"] for one in answer.json()]

    everything = [f"WO-{number}" for number in (0, 1, 2, 3, 4, 9)]
    assert names() == everything
    page = program.get(PATH, params={"offset": 1, "limit": 2, "state": "pending"})
    assert [one["externalId"] for one in page.json()] == ["WO-1", "WO-2"]
    assert (page.headers["x-total-count"], page.headers["x-result-count"]) == ("5", "2")
    assert names(state="rejected") == names(status="rejected") == ["WO-9"]
    assert names(state="rejected,pending") == everything
    assert names(state="nonsense") == names(id="nonsense") == []
    assert names(externalId="WO-1,WO-3") == ["WO-1", "WO-3"]
    assert names(**{"workOrderItem.work.workSpecification.id": "moon_walk"}) == ["WO-9"]
    assert names(**{"orderDate.gte": "2026-05-04T07:03:00Z", "orderDate.lt": "2026-05-04T09:04:00+02:00"}) == ["WO-3"]
    assert names(limit=0) == []
    [short] = program.get(PATH, params={"fields": "state", "externalId": "WO-1"}).json()
    assert set(short) == {"id", "href", "state", "workOrderItem"}
    one = program.get(f"{PATH}/{short['id']}", params={"fields": "externalId,priority"}).json()
    assert set(one) == {"id", "href", "externalId", "priority", "workOrderItem"}


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"sate": "held"}, "'sate' is not known"),
        ({"fields": "externalId,nothing"}, "'nothing' in the parameter 'fields'"),
        ({"limit": "-1"}, "'limit' must be a whole number"),
        ({"limit": "²"}, "'limit' must be a whole number"),
        ({"offset": "99999999999999999999"}, "'offset' must be a whole number"),
        ({"orderDate.gt": "yesterday"}, "'orderDate.gt' must be an instant"),
        ({"orderDate.gt": "2026-05-04T07:03:00"}, "'orderDate.gt' must be an instant"),
        ({"orderDate.gt": "0001-01-01T00:00:00+23:00"}, "'orderDate.gt' must be an instant"),
        ({"externalId": "a\x00b"}, "control characters"),
        ({"externalId": "x" * 1001}, "longer than"),
        ({"externalId": "," * 60}, "more than 50 values"),
    ],
)
def test_a_query_that_is_not_understood_is_refused_by_name(
    shared_program: Program, parameters: dict[str, str], says: str
) -> None:
    answer = shared_program.get(PATH, params=parameters)
    assert answer.status_code == 400
    assert says in answer.json()["reason"]


def test_what_can_change_is_changed_and_the_rest_refused(program: Program, hub: Hub, clock: FixedClock) -> None:
    made = program.order()
    path = f"{PATH}/{made['id']}"
    clock.advance(timedelta(minutes=1))
    changed = program.patch(path, {"description": "Ring twice.", "priority": "1", "requestedCompletionDate": None})
    assert changed.status_code == 200, changed.text
    body = changed.json()
    assert (body["description"], body["priority"]) == ("Ring twice.", "1")
    assert "requestedCompletionDate" not in body
    assert body["workOrderItem"] == made["workOrderItem"]
    assert program.patch(path, {"externalId": made["externalId"], "@type": "WorkOrder"}).status_code == 200
    for refused, says in (
        ({"state": "cancelled"}, "POST to cancelWorkOrder"),
        ({"externalId": "WO-2"}, "'externalId' cannot be changed"),
        ({"agreement": []}, "'agreement' cannot be changed"),
        ({"priority": "9"}, "priority"),
        ({"requestedStartDate": "soon"}, "requestedStartDate"),
    ):
        answer = program.patch(path, refused)
        assert (answer.status_code, says in answer.json()["reason"]) == (400, True), answer.text
    [stored] = orders(hub)
    assert stored.notes == "Ring twice."


def test_a_merge_patch_and_its_retry_change_once(program: Program, hub: Hub, clock: FixedClock) -> None:
    made = program.order()
    clock.advance(timedelta(minutes=1))
    headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/merge-patch+json"}
    body = json.dumps({"priority": "0"})
    for _ in range(2):
        answer = program.send("PATCH", f"{PATH}/{made['id']}", content=body, headers=headers)
        assert (answer.status_code, answer.json()["priority"]) == (200, "0")
    assert outcomes(hub) == {"imported": 1, "updated": 1}
    other = program.send("PATCH", f"{PATH}/{made['id']}", content=b'{"priority": "1"}', headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-key-reused")


def test_a_change_that_is_refused_says_why_and_changes_nothing(program: Program, hub: Hub, clock: FixedClock) -> None:
    made = program.order()
    clock.advance(timedelta(minutes=1))
    answer = program.patch(f"{PATH}/{made['id']}", {"requestedCompletionDate": "2026-05-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["code"]) == (409, "change-refused")
    assert "past" in answer.json()["reason"] or "before" in answer.json()["reason"]
    assert program.get(f"{PATH}/{made['id']}").json()["requestedCompletionDate"] == made["requestedCompletionDate"]


def test_an_order_is_cancelled_by_a_task(program: Program, hub: Hub, clock: FixedClock) -> None:
    made = program.order()
    clock.advance(timedelta(minutes=1))
    wish = {"workOrder": {"id": made["id"]}, "cancellationReason": "Moved away."}
    answer = program.post(f"{ORDERS}/cancelWorkOrder", wish)
    assert answer.status_code == 201, answer.text
    task = answer.json()
    assert (task["state"], task["cancellationReason"]) == ("done", "Moved away.")
    assert task["workOrder"]["name"] == made["externalId"]
    assert program.get(f"{ORDERS}/cancelWorkOrder/{task['id']}").json() == task
    order = program.get(f"{PATH}/{made['id']}").json()
    assert (order["state"], order["cancellationReason"]) == ("cancelled", "Moved away.")
    assert order["cancellationDate"] == "2026-05-04T07:01:00Z"
    by_name = program.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": {"id": made["externalId"]}}).json()
    assert by_name["state"] == "done"
    listed = program.get(f"{ORDERS}/cancelWorkOrder", params={"state": "done", "workOrder.id": made["id"]})
    assert (len(listed.json()), listed.headers["x-total-count"]) == (2, "2")


def test_deleting_an_order_is_answered_with_what_to_do_instead(program: Program) -> None:
    made = program.order()
    answer = program.delete(f"{PATH}/{made['id']}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PATCH")
    assert "cancelWorkOrder" in answer.json()["reason"]
    assert program.get(f"{PATH}/{made['id']}").status_code == 200


@pytest.mark.parametrize("path", [f"{ORDERS}/nothing", f"{APPOINTMENTS}/appointment/x/y", f"{ORDERS}/workOrder/"])
def test_unknown_addresses_answer_with_an_error_of_tm_forum(shared_program: Program, path: str) -> None:
    answer = shared_program.get(path)
    assert (answer.status_code, answer.json()["status"]) == (404, "404")
