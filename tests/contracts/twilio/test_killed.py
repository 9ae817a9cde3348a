"""The program is killed (SIGKILL) while the provider has the message and before we wrote that down."""

import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

from hub.domain.contact import Channel, NotificationStatus
from hub.notifications.service import retry_notifications, settle_unknown
from tests.contracts.twilio.conftest import Twilio
from tests.contracts.twilio.fake import ACCOUNT, OUR_NUMBER, TOKEN, Taken
from tests.contracts.twilio.steps import PHONE, messages, request

_CHILD = """
import sys
from dataclasses import replace
from hub.bootstrap import build_hub
from hub.domain.contact import Channel
from hub.notifications.service import deliver_notification
from hub.notifications.twilio_sms import TwilioSender
from hub.settings import Settings
from tests.contracts.twilio.fake import LocalTwilio
hub = build_hub(Settings(), {})
sender = TwilioSender(hub.settings, http_client=LocalTwilio(int(sys.argv[1]), timeout=60))
deliver_notification(replace(hub, senders={**hub.senders, Channel.SMS: sender}), notification_id=sys.argv[2])
"""


def test_a_message_whose_program_was_killed_is_unknown_is_not_sent_again_and_its_receipt_settles_it(
    twilio: Twilio,
) -> None:
    one = request(twilio, Channel.SMS, Channel.EMAIL)
    twilio.fake.behave[PHONE] = ["hang"]
    has_it = threading.Event()
    take = twilio.fake.take

    def take_and_tell(form: dict[str, str], *, is_call: bool) -> Taken:
        taken = take(form, is_call=is_call)
        has_it.set()
        return taken

    twilio.fake.take = take_and_tell  # type: ignore[method-assign, assignment]
    settings = twilio.hub.settings
    assert settings.database_url is not None
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "DOORSTEP_STATE_DIR": str(settings.state_dir),
        "DOORSTEP_PUBLIC_URL": settings.public_url,
        "DOORSTEP_TWILIO_ACCOUNT_SID": ACCOUNT,
        "DOORSTEP_TWILIO_AUTH_TOKEN": TOKEN,
        "DOORSTEP_TWILIO_FROM": OUR_NUMBER,
    }
    command = [sys.executable, "-c", _CHILD, str(twilio.fake.port), str(one.id)]
    with subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[3]) as child:
        try:
            assert has_it.wait(90), "the program never handed the message over"
            child.kill()
            assert child.wait(30) == -9
        finally:
            child.kill()
    assert twilio.present(one).status is NotificationStatus.SENDING
    # The child had the machine's own time; the hub's clock is the test's.
    began = twilio.present(one).sending_at
    assert began is not None
    twilio.clock.set(began + timedelta(minutes=6))
    assert settle_unknown(twilio.hub, twilio.clock.now()) == 1
    retry_notifications(twilio.hub, twilio.clock.now())
    twilio.run_jobs()
    assert [message.status for message in messages(twilio, one)] == [NotificationStatus.UNKNOWN]
    assert len(twilio.fake.taken) == 1
    twilio.fake.silence_ends.set()
    twilio.fake.call_back(twilio.fake.taken[0], "delivered")
    assert twilio.present(one).status is NotificationStatus.DELIVERED
