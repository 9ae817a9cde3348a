"""Every request we can send fits Twilio's own description of its API: Prism reads it and judges them."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hub.domain.contact import Channel
from hub.domain.ids import NotificationId, WorkOrderId
from hub.notifications.ports import Message, SendingFailedError
from hub.notifications.twilio_sms import TwilioSender
from hub.notifications.twilio_voice import TwilioCaller
from hub.settings import Settings
from tests.contracts.twilio.conftest import twilio_settings
from tests.contracts.twilio.fake import LocalTwilio

ROOT = Path(__file__).parents[3]
SPECIFICATION = ROOT.parent / "shared" / "specs" / "twilio_api_v2010.json"
PRISM = ROOT / "node_modules" / ".bin" / "prism"
_LISTENING = re.compile(r"Prism is listening on http://127\.0\.0\.1:(\d+)")


def _needs(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="module")
def prism() -> Iterator[int]:
    """The port of a Prism that answers requests which fit the description, and refuses the others."""
    if not SPECIFICATION.is_file():
        _needs("needs Twilio's description of its API beside the checkout (../shared/specs)")
    if not PRISM.exists() or shutil.which("node") is None:
        _needs("needs Prism, which `make setup` brings")
    command = [str(PRISM), "mock", "--errors", "--host", "127.0.0.1", "--port", "0", str(SPECIFICATION)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT) as process:
        stop = threading.Timer(120, process.kill)
        stop.start()
        try:
            assert process.stdout is not None
            port = next((int(found[1]) for line in process.stdout if (found := _LISTENING.search(line))), 0)
            assert port, "Prism ended before it listened"
            # What it logs must not fill the pipe.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield port
        finally:
            stop.cancel()
            process.kill()


def a_message(channel: Channel, **changes: Any) -> Message:
    values: dict[str, Any] = {
        "notification_id": NotificationId(uuid4()),
        "work_order_id": WorkOrderId(uuid4()),
        "channel": channel,
        "recipient": "+32470000001",
        "subject": "",
        "body": "Doorstep: kies zelf wanneer é ß € 🙂 https://doorstep.example/a/x",
    }
    return Message(**{**values, **changes})


def settings(**changes: Any) -> Settings:
    return Settings(**twilio_settings(**changes))


@pytest.mark.parametrize("sender", ["+32460000000", "MG" + "0" * 32, "Doorstep"])
@pytest.mark.parametrize("public", ["https://doorstep.example", "http://127.0.0.1:8080"])
def test_every_sms_fits(prism: int, sender: str, public: str) -> None:
    client = LocalTwilio(prism)
    TwilioSender(settings(twilio_from=sender, public_url=public), http_client=client).send(a_message(Channel.SMS))
    assert [status for status, _ in client.answers] == [201]


@pytest.mark.parametrize("tries", [1, 5])
def test_every_call_fits(prism: int, tries: int) -> None:
    client = LocalTwilio(prism)
    TwilioCaller(settings(), http_client=client).send(a_message(Channel.VOICE, tries=tries))
    assert [status for status, _ in client.answers] == [201]


def test_prism_would_have_refused_a_request_that_does_not_fit(prism: int) -> None:
    """The two tests above can fail: a callback that is no address is refused."""
    client = LocalTwilio(prism)
    with pytest.raises(SendingFailedError):
        TwilioSender(settings(public_url="https://no host.example"), http_client=client).send(a_message(Channel.SMS))
    assert client.answers[0][0] in {400, 422}
    assert "StatusCallback" in client.answers[0][1]
