"""Every operation of TM Forum's two documents: answered as they say, or refused with a reason that is listed here."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft4Validator, FormatChecker

from tests.ingest.api.conftest import APPOINTMENTS, ORDERS, Program, entity
from tests.ingest.messages import an_order

_FOLDER = Path(__file__).parents[4] / "shared" / "specs"
FILES = {
    ORDERS: _FOLDER / "TMF697-WorkOrder-v4.0.0.swagger.json",
    APPOINTMENTS: _FOLDER / "TMF646-Appointment-v4.0.0.swagger.json",
}
NOT_OFFERED = {
    (ORDERS, "DELETE", "/workOrder/{id}"): (405, "an order has a history; it is cancelled instead"),
    (APPOINTMENTS, "PATCH", "/searchTimeSlot/{id}"): (405, "a search says what was free; a new one is made instead"),
    **{
        (api, "POST", f"/listener/{name}"): (501, "listeners are what the subscriber offers")
        for api, names in (
            (
                ORDERS,
                (
                    "workOrderCreateEvent",
                    "workOrderAttributeValueChangeEvent",
                    "workOrderDeleteEvent",
                    "workOrderStateChangeEvent",
                    "workOrderInformationRequiredEvent",
                    "cancelWorkOrderCreateEvent",
                    "cancelWorkOrderStateChangeEvent",
                    "cancelWorkOrderInformationRequiredEvent",
                ),
            ),
            (
                APPOINTMENTS,
                (
                    "appointmentCreateEvent",
                    "appointmentAttributeValueChangeEvent",
                    "appointmentStateChangeEvent",
                    "appointmentDeleteEvent",
                    "searchTimeSlotCreateEvent",
                    "searchTimeSlotAttributeValueChangeEvent",
                    "searchTimeSlotStateChangeEvent",
                    "searchTimeSlotDeleteEvent",
                ),
            ),
        )
        for name in names
    },
}
"""What is not offered: the answer, and why."""


@cache
def document(api: str) -> dict[str, Any]:
    if not FILES[api].exists():
        pytest.skip("TM Forum's specifications do not lie beside the repository (../shared/specs)")
    found: dict[str, Any] = json.loads(FILES[api].read_text(encoding="utf-8"))
    return found


def check(api: str, method: str, path: str, answer: Any) -> None:
    """The answer is one the document has for this operation, with a body of its shape."""
    responses = document(api)["paths"][path][method.lower()]["responses"]
    assert str(answer.status_code) in responses, (method, path, answer.status_code, answer.text)
    told = responses[str(answer.status_code)]
    for name in told.get("headers", {}):
        assert answer.headers[name].isdigit(), (method, path, name)
    if "schema" not in told:
        assert not answer.content
        return
    schema = {**told["schema"], "definitions": document(api)["definitions"]}
    validator = Draft4Validator(schema, format_checker=FormatChecker())
    found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer.json())]
    assert not found, (method, path, found)


@dataclass
class Things:
    """What a utility has, for operations that name something."""

    program: Program

    def __post_init__(self) -> None:
        self.order = self.program.order()
        self.search = self.program.post(
            f"{APPOINTMENTS}/searchTimeSlot", {"relatedEntity": [entity(self.order)]}
        ).json()
        self.first, self.second = (one["validFor"] for one in self.search["availableTimeSlot"][:2])
        self.appointment = self.program.book(self.order, self.first).json()
        wish = {"workOrder": {"id": self.program.order()["id"]}}
        self.task = self.program.post(f"{ORDERS}/cancelWorkOrder", wish).json()

    def listener(self, api: str) -> dict[str, Any]:
        made = self.program.post(f"{api}/hub", {"callback": "https://hooks.utility.example/in"})
        return dict(made.json())


type Call = Callable[[Things, str], Any]
OFFERED: dict[tuple[str, str, str], Call] = {
    (ORDERS, "GET", "/workOrder"): lambda it, path: it.program.get(path),
    (ORDERS, "POST", "/workOrder"): lambda it, path: it.program.post(path, an_order()),
    (ORDERS, "GET", "/workOrder/{id}"): lambda it, path: it.program.get(path.format(id=it.order["id"])),
    (ORDERS, "PATCH", "/workOrder/{id}"): lambda it, path: it.program.patch(
        path.format(id=it.order["id"]), {"description": "Ring twice."}
    ),
    (ORDERS, "GET", "/cancelWorkOrder"): lambda it, path: it.program.get(path),
    (ORDERS, "POST", "/cancelWorkOrder"): lambda it, path: it.program.post(
        path, {"workOrder": {"id": it.program.order()["id"]}, "cancellationReason": "Moved."}
    ),
    (ORDERS, "GET", "/cancelWorkOrder/{id}"): lambda it, path: it.program.get(path.format(id=it.task["id"])),
    (ORDERS, "POST", "/hub"): lambda it, path: it.program.post(path, {"callback": "https://hooks.utility.example"}),
    (ORDERS, "DELETE", "/hub/{id}"): lambda it, path: it.program.delete(path.format(id=it.listener(ORDERS)["id"])),
    (APPOINTMENTS, "GET", "/appointment"): lambda it, path: it.program.get(path),
    (APPOINTMENTS, "POST", "/appointment"): lambda it, path: it.program.book(it.order, it.first),
    (APPOINTMENTS, "GET", "/appointment/{id}"): lambda it, path: it.program.get(path.format(id=it.appointment["id"])),
    (APPOINTMENTS, "PATCH", "/appointment/{id}"): lambda it, path: it.program.patch(
        path.format(id=it.appointment["id"]), {"validFor": it.second}
    ),
    (APPOINTMENTS, "DELETE", "/appointment/{id}"): lambda it, path: it.program.delete(
        path.format(id=it.appointment["id"])
    ),
    (APPOINTMENTS, "GET", "/searchTimeSlot"): lambda it, path: it.program.get(path),
    (APPOINTMENTS, "POST", "/searchTimeSlot"): lambda it, path: it.program.post(
        path, {"relatedEntity": [entity(it.order)]}
    ),
    (APPOINTMENTS, "GET", "/searchTimeSlot/{id}"): lambda it, path: it.program.get(path.format(id=it.search["id"])),
    (APPOINTMENTS, "DELETE", "/searchTimeSlot/{id}"): lambda it, path: it.program.delete(
        path.format(id=it.search["id"])
    ),
    (APPOINTMENTS, "POST", "/hub"): lambda it, path: it.program.post(
        path, {"callback": "https://hooks.utility.example"}
    ),
    (APPOINTMENTS, "DELETE", "/hub/{id}"): lambda it, path: it.program.delete(
        path.format(id=it.listener(APPOINTMENTS)["id"])
    ),
}


def test_every_operation_is_offered_or_listed_as_not() -> None:
    told = {
        (api, method.upper(), path)
        for api in FILES
        for path, methods in document(api)["paths"].items()
        for method in methods
    }
    assert told == set(OFFERED) | set(NOT_OFFERED)
    assert not set(OFFERED) & set(NOT_OFFERED)


@pytest.mark.usefixtures("roster")
def test_every_operation_answers_as_tm_forum_has_it(program: Program) -> None:
    things = Things(program)
    for (api, method, path), call in OFFERED.items():
        answer = call(things, api + path)
        assert answer.is_success, (method, path, answer.text)
        check(api, method, path, answer)
    for (api, method, path), (status, _reason) in NOT_OFFERED.items():
        answer = program.send(method, api + path.format(id=things.order["id"]), json={})
        assert answer.status_code == status, (method, path)
        assert len(answer.json()["reason"]) > 30
    # An order with its appointment, and one that is over, in full.
    done = program.get(f"{ORDERS}/workOrder")
    assert {one["state"] for one in done.json()} >= {"pending", "cancelled"}
    check(ORDERS, "GET", "/workOrder", done)
    check(APPOINTMENTS, "GET", "/appointment", program.get(f"{APPOINTMENTS}/appointment"))


def test_refusals_are_tm_forums_errors(program: Program, client: TestClient) -> None:
    nobody = Program(client, "nonsense")
    for api, method, path in OFFERED:
        address = api + path.format(id="nothing")
        refusals = [nobody.send(method, address)]
        if method in {"POST", "PATCH"}:
            refusals.append(program.send(method, address, content=b"{"))
        if "{id}" in path:
            body: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
            refusals.append(program.send(method, address, **body))
        elif method == "GET":
            refusals.append(program.get(address, params={"nothing": "x"}))
        for refusal in refusals:
            assert 400 <= refusal.status_code < 500, (method, path, refusal.text)
            check(api, method, path, refusal)


def test_the_judge_can_find_fault(program: Program) -> None:
    class Wrong:
        status_code = 200
        headers: dict[str, str] = {}
        content = b"x"
        text = ""

        def json(self) -> Any:
            return {"id": 1, "workOrderItem": [{"id": "1"}], "orderDate": "soon", "state": "lost"}

    with pytest.raises(AssertionError) as found:
        check(ORDERS, "GET", "/workOrder/{id}", Wrong())
    for fault in ("$.id", "$.workOrderItem[0]", "$.state"):
        assert fault in str(found.value)
