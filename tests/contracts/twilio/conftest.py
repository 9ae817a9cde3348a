"""A hub whose SMS and calls go to the stand-in, and its web host, which the stand-in calls back."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.contact import Channel, Notification
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.service import deliver_notification
from hub.notifications.twilio_sms import TwilioSender
from hub.notifications.twilio_voice import TwilioCaller
from infra.hosts.rooms import JOBS
from infra.hosts.web import create_app
from tests.contracts.twilio.fake import ACCOUNT, OUR_NUMBER, TOKEN, FakeTwilio, LocalTwilio

PUBLIC = "https://doorstep.example"


@dataclass
class Twilio:
    """Everything a test needs: the hub, the stand-in, the web host, and time."""

    hub: Hub
    fake: FakeTwilio
    client: LocalTwilio
    web: TestClient
    clock: FixedClock
    jobs: RememberedQueue

    def run_jobs(self) -> None:
        """Carry out what is waiting, as a worker would, until nothing is."""
        for _ in range(50):
            waiting, self.jobs.jobs = self.jobs.jobs, []
            for name, arguments in waiting:
                JOBS[name](self.hub, **arguments)
            if not waiting:
                return
        raise AssertionError("jobs leave jobs without end")

    def deliver(self, one: Notification) -> Notification:
        """Hand one message over and read it again."""
        deliver_notification(self.hub, notification_id=str(one.id))
        return self.present(one)

    def present(self, one: Notification) -> Notification:
        """The message as it is now."""
        with self.hub.unit_of_work() as work:
            return work.notifications.get(one.id)

    def post(self, address: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Any:
        """Post to the web host as a proxy passes it on: by another scheme and host than the public ones."""
        parts = urlsplit(address)
        return self.web.post(f"{parts.path}?{parts.query}" if parts.query else parts.path, data=form, headers=headers)


def twilio_settings(**changes: Any) -> dict[str, Any]:
    """The settings of an installation that sends by Twilio."""
    return {
        "sms": "twilio",
        "voice": "twilio",
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": SecretStr(TOKEN),
        "twilio_from": OUR_NUMBER,
        "public_url": PUBLIC,
        "sms_per_second": 1000.0,
        "calls_per_second": 100.0,
        **changes,
    }


@pytest.fixture
def twilio(hub: Hub, clock: FixedClock, jobs: RememberedQueue) -> Iterator[Twilio]:
    """The hub beside the stand-in."""
    settings = hub.settings.model_copy(update=twilio_settings())
    fake = FakeTwilio()
    client = LocalTwilio(fake.port, timeout=30)
    senders = {
        **hub.senders,
        Channel.SMS: TwilioSender(settings, http_client=client),
        Channel.VOICE: TwilioCaller(settings, http_client=client),
    }
    ready = replace(hub, settings=settings, senders=senders)
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    with TestClient(create_app(ready), base_url="http://inside.invalid:8080") as web:
        made = Twilio(ready, fake, client, web, clock, jobs)
        fake.post = made.post
        yield made
    fake.silence_ends.set()
    fake.shutdown()
    fake.server_close()
    thread.join(5)


@pytest.fixture
def order(twilio: Twilio) -> WorkOrder:
    """An order of a citizen who is being asked."""
    from tests.portal.test_ladder import receive

    return receive(twilio.hub)
