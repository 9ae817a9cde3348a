"""The log from a utility's message to its citizen's phone: one id in every line, and no word about the person."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import select

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.db.tables import notification, recorded_message
from hub.domain.contact import Channel
from hub.domain.events import SYSTEM
from hub.logs import configure_logging
from hub.messaging.envelope import CONTENT_TYPE
from hub.messaging.service_bus import OutgoingMessage, send_batch
from hub.notifications.ports import Message, SendingFailedError
from hub.notifications.service import deliver_notification, request_notification
from hub.settings import Settings
from infra.hosts.job_tracing import run_job
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.hosts.web import create_app
from infra.hosts.worker import Worker
from infra.local.running import broker_thread
from tests.ingest.messages import an_event, an_order
from tests.samples import a_work_order, staff_territory

_CORRELATION = "utility-case/88012"
_SECRETS = ("Lotte Vermeulen", "Vermeulen", "lotte.v@citizen.example", "+32470123456", "470 12 34 56", "Zonnebloemlaan")
_LINK = re.compile(r"http://\S+")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The process's log as a host writes it, DEBUG of our own modules included."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    configure_logging("json", written)
    ours = [logging.getLogger(name) for name in ("hub", "ingest", "portal", "scheduling", "infra")]
    for one in ours:
        one.setLevel(logging.DEBUG)
    yield written
    for one in ours:
        one.setLevel(logging.NOTSET)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def an_order_of_lotte(phone: str = "+32470123456") -> dict[str, Any]:
    """An order whose citizen can be reached by SMS only."""
    order = an_order(description="Ask for Lotte Vermeulen.")
    work = order["workOrderItem"][0]["work"]
    work["place"][0]["streetName"] = "Zonnebloemlaan"
    work["relatedParty"][0] |= {
        "name": "Lotte Vermeulen",
        "contactMedium": [{"mediumType": "mobile", "characteristic": {"phoneNumber": phone}}],
    }
    return order


@pytest.fixture
def working_hub(database_url: str, clock: FixedClock, tmp_path: Path) -> Iterator[tuple[Hub, str]]:
    """A hub with the real bus and the real job queue, and the bus's connection string."""
    with broker_thread() as bus:
        settings = Settings(
            database_url=SecretStr(database_url), state_dir=tmp_path, service_bus=SecretStr(bus), demo=True
        )
        built = build_hub(settings, SUBSCRIPTIONS, clock=clock)
        with built.unit_of_work() as work:
            staff_territory(work)
            work.commit()
        yield built, bus
        built.close()


def recorded(hub: Hub) -> list[tuple[str, str]]:
    with hub.reading() as connection:
        rows = connection.execute(select(recorded_message.c.channel, recorded_message.c.body))
        return [(row.channel, row.body) for row in rows]


async def work_until_sent(hub: Hub) -> None:
    """Run a worker until the provider has a message and the outbox is empty."""
    worker = Worker(hub)
    running = asyncio.create_task(worker.run())
    try:
        for _ in range(600):
            if await asyncio.to_thread(recorded, hub):
                return
            await asyncio.sleep(0.1)
        pytest.fail("no message was sent within a minute")
    finally:
        worker.stop.set()
        await running


def test_one_id_leads_from_the_utilitys_message_to_the_sms_and_nobody_is_named(
    working_hub: tuple[Hub, str], log: io.StringIO
) -> None:
    hub, bus = working_hub
    good = an_event(an_order_of_lotte(), correlationid=_CORRELATION)
    unreadable = {**an_event(an_order_of_lotte()), "type": "Lotte Vermeulen, Zonnebloemlaan 7"}
    unusable = an_event(an_order_of_lotte("no number of Lotte Vermeulen"), id="")
    messages = [
        OutgoingMessage(json.dumps(one).encode(), message_id=f"m-{n}", content_type=CONTENT_TYPE)
        for n, one in enumerate((good, unreadable, unusable))
    ]
    send_batch(bus, hub.settings.orders_queue, messages)
    asyncio.run(work_until_sent(hub))
    ((channel, body),) = recorded(hub)
    assert channel == Channel.SMS
    mine = [line["message"] for line in lines(log) if line.get("correlation_id") == _CORRELATION]
    (settled,) = [
        one for one in mine if one.startswith(f"Message {good['id']} about order {good['data']['externalId']}")
    ]
    with hub.reading() as connection:
        notification_id = connection.scalar(select(notification.c.id))
    (handed,) = [one for one in mine if one.startswith(f"notification {notification_id}:")]
    assert mine.index(settled) < mine.index(handed)
    assert "sms" in handed
    _book_by_the_link(hub, body)
    told = log.getvalue()
    assert len([one for one in lines(log) if "cannot be read" in one["message"]]) == 2
    for secret in (*_SECRETS, *_LINK.findall(body)):
        assert secret not in told, secret


def _book_by_the_link(hub: Hub, body: str) -> None:
    """Open the page that the SMS names, and send its form with nonsense: the log must not show the key of the link."""
    (link,) = _LINK.findall(body)
    address = link.removeprefix(hub.settings.public_url)
    client = TestClient(create_app(hub), base_url=hub.settings.public_url, raise_server_exceptions=False)
    assert client.get(address).status_code == 200
    assert client.post(f"{address}/choose", data={"window": "nonsense"}).status_code < 500


class _Refusing:
    """A provider that quotes the recipient in whatever goes wrong."""

    name = "quoting"

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def send(self, message: Message) -> str:
        said = f"550 <{message.recipient}> is not known here"
        raise SendingFailedError(said, retry=False) if self._error is SendingFailedError else self._error(said)


@pytest.mark.parametrize("error", [SendingFailedError, ConnectionResetError])
@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.SMS])
def test_a_provider_that_quotes_the_recipient_is_not_quoted(
    hub: Hub, log: io.StringIO, error: type[Exception], channel: Channel
) -> None:
    quoting = replace(hub, senders={Channel.EMAIL: _Refusing(error), Channel.SMS: _Refusing(error)})
    order = a_work_order(
        citizen_email="lotte.v@citizen.example", citizen_phone="+32470123456", correlation_id=_CORRELATION
    )
    with hub.unit_of_work() as work:
        work.create_work_order(order, by=SYSTEM)
        queued = request_notification(work, order, kind="survey", channel=channel)
        work.commit()
    assert queued is not None
    deliver_notification(quoting, notification_id=str(queued.id))
    (line,) = [one for one in lines(log) if one["message"].startswith(f"notification {queued.id}")]
    assert line["correlation_id"] == _CORRELATION
    assert not [secret for secret in _SECRETS if secret in log.getvalue()]


def test_a_job_that_fails_is_logged_under_its_orders_id(hub: Hub, log: io.StringIO) -> None:
    order = a_work_order(correlation_id=_CORRELATION)
    with hub.unit_of_work() as work:
        work.create_work_order(order, by=SYSTEM)
        work.commit()

    def fails(_hub: Hub, *, work_order_id: str) -> None:
        raise RuntimeError("lotte.v@citizen.example")

    with pytest.raises(RuntimeError):
        run_job(hub, "a_job", fails, work_order_id=str(order.id))
    (line,) = [one for one in lines(log) if "a_job" in one["message"]]
    assert line["correlation_id"] == _CORRELATION
    assert "lotte" not in log.getvalue()
