"""A code is good once, for a day, and cannot be guessed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.errors import DoorstepError, NotFoundError, TooManyAttemptsError
from hub.domain.events import SYSTEM
from hub.domain.ids import TechnicianId
from hub.domain.technicians import Technician
from technician_api.errors import EnrolmentCodeWrongError
from technician_api.service import (
    Enrol,
    enrol_device,
    enrolment,
    forget_old_answers,
    issue_enrolment_code,
    revoke_devices,
)
from technician_api.service.enrolment import ALPHABET, PER_ADDRESS
from tests.technician_api.conftest import API, Phone


def enrol(client: TestClient, code: str, key: str | None = None, path: str = "/enrol") -> tuple[int, dict[str, object]]:
    answer = client.post(
        f"{API}{path}",
        json={"code": code, "device_label": "Jan's phone"},
        headers={"Idempotency-Key": key or str(uuid4())},
    )
    return answer.status_code, answer.json()


def test_a_code_makes_a_phone_known_whatever_its_case_and_spacing(
    hub: Hub, client: TestClient, technician: Technician
) -> None:
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    assert len(code) == 8
    assert set(code) <= set(ALPHABET)
    status, body = enrol(client, f" {code[:4].lower()}-{code[4:]} ")
    assert (status, body["technician"]) == (201, {"id": str(technician.id), "name": "Jan Janssens"})
    assert client.get(f"{API}/my-day", headers={"Authorization": f"Bearer {body['token']}"}).status_code == 200


def test_neither_code_nor_token_is_stored(hub: Hub, client: TestClient, technician: Technician) -> None:
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    _, body = enrol(client, code)
    with hub.reading() as connection:
        stored = [
            str(connection.execute(select(table)).all())
            for table in (tables.device, tables.enrolment_code, tables.idempotency_record)
        ]
    assert not any(code in rows or str(body["token"]) in rows for rows in stored)


def test_a_used_code_is_refused(hub: Hub, client: TestClient, technician: Technician) -> None:
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    enrol(client, code)
    status, body = enrol(client, code)
    assert status == 410
    assert body["detail"] == "This code was used or is too old. Ask your dispatcher for a new one."


def test_a_code_ends_after_a_day(hub: Hub, client: TestClient, clock: FixedClock, technician: Technician) -> None:
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    clock.advance(timedelta(hours=24))
    assert enrol(client, code)[0] == 410


def test_a_new_code_ends_the_one_before(hub: Hub, client: TestClient, technician: Technician) -> None:
    first, second = (issue_enrolment_code(hub, technician.id, SYSTEM) for _ in range(2))
    assert enrol(client, first)[0] == 410
    assert enrol(client, second)[0] == 201


def test_a_lost_answer_can_be_asked_for_again_with_the_same_key(
    hub: Hub, client: TestClient, clock: FixedClock, technician: Technician
) -> None:
    code, key = issue_enrolment_code(hub, technician.id, SYSTEM), str(uuid4())
    _, lost = enrol(client, code, key)
    status, again = enrol(client, code, key)
    assert (status, again["device_id"]) == (201, lost["device_id"])
    dead, alive = (
        client.get(f"{API}/my-day", headers={"Authorization": f"Bearer {one['token']}"}).status_code
        for one in (lost, again)
    )
    assert (dead, alive) == (401, 200)
    clock.advance(timedelta(minutes=11))
    assert enrol(client, code, key)[0] == 410


def test_guessing_is_stopped_and_the_right_code_waits_too(
    hub: Hub, client: TestClient, clock: FixedClock, technician: Technician
) -> None:
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    for _ in range(10):
        status, body = enrol(client, "WRONG222")
        assert (status, body["type"]) == (401, "urn:doorstep:problem:enrolment-code-wrong")
    assert enrol(client, code)[0] == 429
    clock.advance(timedelta(minutes=16))
    assert enrol(client, code)[0] == 201


def test_guesses_at_the_same_instant_are_no_more_than_one_after_the_other(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = PER_ADDRESS.count + 4
    all_asked, slow_hash = Barrier(at_once, timeout=60), enrolment._code_hash

    def hash_when_all_have_asked(code: str) -> str:
        all_asked.wait()
        return slow_hash(code)

    monkeypatch.setattr(enrolment, "_code_hash", hash_when_all_have_asked)

    def guess(number: int) -> str:
        try:
            enrol_device(hub, Enrol("WRONG222", "", str(number), "192.0.2.9"))
        except DoorstepError as error:
            return error.code
        return "enrolled"

    with ThreadPoolExecutor(at_once) as pool:
        came = Counter(pool.map(guess, range(at_once)))
    assert came == {EnrolmentCodeWrongError.code: PER_ADDRESS.count, TooManyAttemptsError.code: 4}


def test_the_page_gets_its_token_in_a_cookie_scripts_cannot_read(
    hub: Hub, client: TestClient, technician: Technician
) -> None:
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    answer = client.post(f"{API}/session", json={"code": code}, headers={"Idempotency-Key": "a-new-key-1"})
    assert answer.status_code == 201
    assert "token" not in answer.json()
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", f"Path={API}"))
    assert client.get(f"{API}/my-day").status_code == 200
    assert client.get(f"{API}/session").json()["technician"]["name"] == "Jan Janssens"
    assert client.delete(f"{API}/session").status_code == 204
    assert client.get(f"{API}/my-day").status_code == 401
    assert client.get(f"{API}/session").json() == {"technician": None}


def test_a_phone_that_signed_out_cannot_come_back_with_its_token(phone: Phone) -> None:
    answer = phone.client.delete(f"{API}/session", headers={"Authorization": f"Bearer {phone.token}"})
    assert answer.status_code == 204
    assert phone.get("/my-day").status_code == 401


def test_another_site_cannot_write_with_the_cookie(hub: Hub, client: TestClient, technician: Technician) -> None:
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    headers = {"Idempotency-Key": "a-new-key-2", "Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post(f"{API}/session", json={"code": code}, headers=headers).status_code == 403


@pytest.mark.parametrize("token", ["", "wrong", "Bearer", "ä" * 43])
def test_without_a_right_token_nothing_is_shown(client: TestClient, token: str) -> None:
    answer = client.get(f"{API}/my-day", headers={"Authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "This phone is not signed in. Ask your dispatcher for an enrolment code."


def test_nobody_gets_a_code_who_does_not_work_here(hub: Hub) -> None:
    with pytest.raises(NotFoundError, match="no such technician"):
        issue_enrolment_code(hub, TechnicianId(uuid4()), SYSTEM)


def test_a_lost_phone_is_shut_out_with_the_codes_that_wait(
    hub: Hub, client: TestClient, technician: Technician, phone: Phone
) -> None:
    code = issue_enrolment_code(hub, technician.id, SYSTEM)
    assert revoke_devices(hub, technician.id) == 1
    assert phone.get("/my-day").status_code == 401
    assert enrol(client, code)[0] == 410
    assert revoke_devices(hub, technician.id) == 0


def test_a_revoked_phone_cannot_be_brought_back_by_its_code_and_key(
    hub: Hub, client: TestClient, technician: Technician
) -> None:
    code, key = issue_enrolment_code(hub, technician.id, SYSTEM), str(uuid4())
    enrol(client, code, key)
    revoke_devices(hub, technician.id)
    assert enrol(client, code, key)[0] == 410


def test_a_technician_who_left_is_signed_out(hub: Hub, phone: Phone) -> None:
    with hub.unit_of_work() as work:
        work.connection.execute(tables.technician.update().values(active=False))
        work.commit()
    assert phone.get("/my-day").status_code == 401


def test_old_answers_and_failures_are_forgotten(hub: Hub, client: TestClient, clock: FixedClock, phone: Phone) -> None:
    enrol(client, "WRONG222")
    assert forget_old_answers(hub, clock.now()) == 0
    clock.advance(timedelta(days=31))
    assert forget_old_answers(hub, clock.now()) == 3  # the enrolment's record, and the failure under its two counts
    assert forget_old_answers(hub, clock.now()) == 0
