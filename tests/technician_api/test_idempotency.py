"""One key, one effect: again, at once, and with another body."""

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.appointments import Visit
from hub.domain.lifecycle import VisitStatus
from technician_api.schemas import ReportRequest
from technician_api.service import FileReport, SignedIn, file_report, identify
from technician_api.service import reports as reports_module
from tests.technician_api.conftest import Phone


def count(hub: Hub, name: str) -> int:
    with hub.reading() as connection:
        query = select(func.count()).where(tables.status_event.c.name == name)
        return connection.execute(query).scalar_one()


def test_the_same_request_again_gets_the_stored_answer(hub: Hub, phone: Phone, visit: Visit) -> None:
    key = str(uuid4())
    first = phone.post(f"/visits/{visit.id}/set-off", key, json={})
    phone.post(f"/visits/{visit.id}/arrive")
    again = phone.post(f"/visits/{visit.id}/set-off", key, json={})
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert count(hub, "visit.en_route") == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [("abort", {"reason": "refused"}), ("arrive", {}), ("set-off", {"occurred_at": "2026-05-04T06:59Z"})],
)
def test_the_same_key_with_something_else_is_refused(
    hub: Hub, phone: Phone, visit: Visit, path: str, body: dict[str, str]
) -> None:
    key = str(uuid4())
    phone.post(f"/visits/{visit.id}/set-off", key, json={})
    answer = phone.post(f"/visits/{visit.id}/{path}", key, json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:doorstep:problem:idempotency-key-reused")
    assert phone.get("/my-day").json()["visits"][0]["status"] == "en route"


def test_two_phones_may_choose_the_same_key(phone: Phone, other_phone: Phone, visit: Visit) -> None:
    key = str(uuid4())
    assert other_phone.post(f"/visits/{visit.id}/set-off", key).status_code == 404
    assert phone.post(f"/visits/{visit.id}/set-off", key).status_code == 200


def test_a_refused_write_leaves_its_key_free(phone: Phone, visit: Visit) -> None:
    key = str(uuid4())
    assert phone.post(f"/visits/{visit.id}/start", key).status_code == 409
    phone.post(f"/visits/{visit.id}/arrive")
    answer = phone.post(f"/visits/{visit.id}/start", key)
    assert (answer.status_code, answer.json()["status"]) == (200, "working")


@pytest.mark.parametrize("key", [None, "short", "with a space", "é" * 10, "x" * 201])
def test_a_write_without_a_good_key_is_refused(phone: Phone, visit: Visit, key: str | None) -> None:
    headers = {"Authorization": f"Bearer {phone.token}".encode()}
    if key is not None:
        headers["Idempotency-Key"] = key.encode()
    answer = phone.client.post(f"/api/technician/v1/visits/{visit.id}/set-off", headers=headers)
    assert answer.status_code == 422
    assert "idempotency-key" in answer.json()["detail"].lower()


def at_once(requests: list[Callable[[], object]]) -> list[object]:
    """Run `requests` in threads that begin together."""
    gate, results = threading.Barrier(len(requests)), list[object]()

    def run(request: Callable[[], object]) -> None:
        gate.wait(10)
        try:
            results.append(request())
        except Exception as error:  # noqa: BLE001 - the outcome is what the test looks at
            results.append(error)

    threads = [threading.Thread(target=run, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_two_requests_at_once_with_one_key_have_one_effect(
    hub: Hub, phone: Phone, visit: Visit, reach: Callable[[Visit, VisitStatus], Visit]
) -> None:
    reach(visit, VisitStatus.WORKING)
    key, body = str(uuid4()), {"summary": "Done."}
    answers = at_once([lambda: phone.post(f"/visits/{visit.id}/report", key, json=body)] * 4)
    assert [answer.status_code for answer in answers] == [201] * 4  # type: ignore[attr-defined]
    assert len({answer.json()["id"] for answer in answers}) == 1  # type: ignore[attr-defined]
    with hub.unit_of_work() as work:
        assert len(work.work_reports.list_where()) == 1


def test_without_the_guard_the_same_race_has_several_effects(
    hub: Hub,
    phone: Phone,
    visit: Visit,
    reach: Callable[[Visit, VisitStatus], Visit],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pair to the test above: with `once` taken away each request has its effect, so the race is real."""
    reach(visit, VisitStatus.WORKING)
    who: SignedIn = identify(hub, phone.token)
    command = FileReport(visit.id, ReportRequest(summary="Done."))
    monkeypatch.setattr(reports_module, "once", lambda work, who, key, digest, effect, *, status: effect())
    at_once([lambda: file_report(hub, who, command, "one-key-for-all")] * 4)
    with hub.unit_of_work() as work:
        assert len(work.work_reports.list_where()) == 4


def test_two_different_steps_at_once_end_in_one_of_them(hub: Hub, phone: Phone, visit: Visit) -> None:
    answers = at_once(
        [
            lambda: phone.post(f"/visits/{visit.id}/set-off"),
            lambda: phone.post(f"/visits/{visit.id}/set-off"),
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]  # type: ignore[attr-defined]
    assert count(hub, "visit.en_route") == 1


def test_a_crash_before_the_commit_leaves_neither_effect_nor_record(
    hub: Hub, phone: Phone, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = str(uuid4())
    with monkeypatch.context() as broken:
        broken.setattr("technician_api.service.steps.visit_views", lambda *_: 1 / 0)
        answer = phone.post(f"/visits/{visit.id}/set-off", key, json={})
        assert (answer.status_code, answer.json()["type"]) == (500, "urn:doorstep:problem:unexpected")
    assert count(hub, "visit.en_route") == 0
    assert phone.post(f"/visits/{visit.id}/set-off", key, json={}).status_code == 200
