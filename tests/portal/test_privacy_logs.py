"""No line of the log says who anybody is: over a ladder, the webhooks, the portal, the import, and an erasure."""

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from http import HTTPStatus

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.events import SYSTEM, Actor, ActorKind
from hub.logs import JsonLines, TextLines
from hub.notifications.ports import Message, SendingFailedError
from hub.notifications.service import deliver_notification
from infra.hosts.web import create_app
from ingest.service import receive_message
from portal.contact.service import run_due_contacts
from portal.privacy.service import erase_person
from tests.ingest.messages import a_message, an_event, an_order
from tests.portal.citizen import link_for
from tests.portal.filled_tables import PERSON
from tests.samples import a_work_order, add_route, add_technician

PUBLIC = "http://127.0.0.1:8080"
AUTH_TOKEN = "a-token-of-the-test"
TRACES = ("geheim", "470123456", "470 12 34 56")


class _Quoting:
    """A provider that quotes in its errors whom it was to write to, as providers do."""

    name = "quoting"

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def send(self, message: Message) -> str:
        sentence = f"cannot send to {message.recipient}"
        if self._error is SendingFailedError:
            raise SendingFailedError(sentence, retry=False)
        raise self._error(sentence)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any logger of the process says, at every level, in both forms in which hosts write it."""
    written = io.StringIO()
    root = logging.getLogger()
    handlers = [logging.StreamHandler(written), logging.StreamHandler(written)]
    for handler, form in zip(handlers, (JsonLines(), TextLines()), strict=True):
        handler.setFormatter(form)
        root.addHandler(handler)
    rooms = [logging.getLogger(name) for name in ("hub", "portal", "ingest", "infra", "scheduling", "technician_api")]
    for room in rooms:
        room.setLevel(logging.DEBUG)
    yield written
    for handler in handlers:
        root.removeHandler(handler)
    for room in rooms:
        room.setLevel(logging.NOTSET)


def _signed(path: str, form: dict[str, str]) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(AUTH_TOKEN).compute_signature(PUBLIC + path, form)}


def _live(hub: Hub, clock: FixedClock, days: int) -> None:
    for _ in range(days * 3):
        run_due_contacts(hub, clock.now())
        table = tables.notification.c
        with hub.unit_of_work() as work:
            queued = work.notifications.list_where(table.status == NotificationStatus.QUEUED)
        for one in queued:
            deliver_notification(hub, notification_id=str(one.id))
        clock.advance(timedelta(hours=8))


def _hear_webhooks(browser: TestClient) -> None:
    for path, form in (
        (
            "/webhooks/twilio/sms",
            {
                "MessageSid": "SM" + "1" * 32,
                "From": PERSON["citizen_phone"],
                "To": "+3225550000",
                "Body": "Hier An Geheim, Geheimstraat 7",
            },
        ),
        (
            "/webhooks/twilio/sms",
            {"MessageSid": "SM" + "2" * 32, "From": PERSON["citizen_phone"], "To": "+3225550000", "Body": "STOP"},
        ),
        (
            "/webhooks/twilio/status",
            {
                "MessageSid": "SM" + "3" * 32,
                "MessageStatus": "undelivered",
                "To": PERSON["citizen_phone"],
                "ErrorCode": "30003",
            },
        ),
    ):
        forged = browser.post(path, data=form, headers={"X-Twilio-Signature": "forged"})
        assert forged.status_code == HTTPStatus.FORBIDDEN
        heard = browser.post(path, data=form, headers=_signed(path, form))
        assert heard.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, heard.text


def test_no_line_names_a_person_or_holds_the_key_to_their_page(hub: Hub, clock: FixedClock, log: io.StringIO) -> None:
    settings = hub.settings.model_copy(
        update={"twilio_auth_token": SecretStr(AUTH_TOKEN), "twilio_account_sid": "AC" + "1" * 32, "public_url": PUBLIC}
    )
    refusing = replace(hub, settings=settings, senders={one: _Quoting(SendingFailedError) for one in Channel})
    dropping = replace(hub, settings=settings, senders={one: _Quoting(ConnectionResetError) for one in Channel})
    hub = replace(hub, settings=settings)
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        for ahead in range(1, 20):
            add_route(work, technician, date(2026, 5, 4) + timedelta(days=ahead))
        first, *_ = [work.create_work_order(a_work_order(**PERSON), by=SYSTEM) for _ in range(3)]
        work.commit()
    token = link_for(hub, first)
    for one in (refusing, dropping, hub):
        _live(one, clock, 4)
    with TestClient(create_app(hub), base_url=PUBLIC, follow_redirects=False, raise_server_exceptions=False) as browser:
        _hear_webhooks(browser)
        page = browser.get(f"/a/{token}").text
        if slot := re.search(r'name="slot"[^>]*value="([^"]+)"', page):
            browser.post(f"/a/{token}/hold", data={"slot": slot.group(1)})
        browser.post(f"/a/{token}/hold", data={"slot": "An Geheim"})
        browser.get(f"/a/{token}x")
        browser.post("/console/sign-in", data={"email": PERSON["citizen_email"], "password": "Geheimstraat 7"})
    spoiled = an_order(relatedParty=[{"id": "C", "role": "customer", "name": "An Geheim", "contactMedium": 5}])
    receive_message(hub, a_message(an_event(spoiled)))
    receive_message(hub, a_message(b'{"data": "An Geheim, an.geheim@home.example, +32470123456"'))
    erase_person(
        hub, "an.geheim@home.example", by=Actor(ActorKind.STAFF, "x"), reason="asked for in writing", force=True
    )
    written = log.getvalue()
    assert len(written.splitlines()) > 20, "a log that says nothing says nothing of anybody"
    assert "refused it" in written
    assert "outcome unknown" in written
    assert "@home.example" in written, "what the providers quoted came as far as the log, masked"
    found = [line for line in written.splitlines() if any(trace in line.lower() for trace in (*TRACES, token.lower()))]
    assert found == []
