"""Calls by Twilio: a text is spoken, and a menu offers the link in writing or a call by a person.

Twilio asks `/webhooks/twilio/call` what to say when somebody, or an answering machine, has lifted the receiver.
"""

from twilio.http import HttpClient

from hub.domain.errors import ConfigurationError
from hub.notifications.ports import Message
from hub.notifications.twilio_account import CALL_PATH, STATUS_PATH, callback_address, connect, is_private, translated
from hub.settings import Settings

_RING_SECONDS = 25
"""Long enough to get up, too short for most voice mail to answer."""


class TwilioCaller:
    """Has Twilio call. `http_client` points the SDK elsewhere in tests."""

    name = "twilio-voice"

    def __init__(self, settings: Settings, http_client: HttpClient | None = None) -> None:
        """Raises ConfigurationError when the account or a number to call from is missing, or Twilio cannot ask us what to say."""
        self._client, self._answers = connect(settings, "DOORSTEP_VOICE", http_client)
        self._from = settings.twilio_voice_from or settings.twilio_from
        if not self._from.startswith("+"):
            message = "DOORSTEP_VOICE is twilio, but DOORSTEP_TWILIO_VOICE_FROM names no number such as +3220000000."
            raise ConfigurationError(message)
        if not settings.private_callbacks and is_private(settings.public_url):
            message = "DOORSTEP_VOICE is twilio, but Twilio cannot reach DOORSTEP_PUBLIC_URL to ask what to say."
            raise ConfigurationError(message)
        self._settings = settings

    def send(self, message: Message) -> str:
        """Begin the call and return its SID; raises SendingFailedError.

        Whether anybody answered comes by receipt. A machine that answers is waited for, so that what is said is on its tape.
        """
        with translated(self._answers):
            call = self._client.calls.create(
                to=message.recipient,
                from_=self._from,
                url=callback_address(self._settings, CALL_PATH, message),
                method="POST",
                status_callback=callback_address(self._settings, STATUS_PATH, message),
                status_callback_method="POST",
                machine_detection="DetectMessageEnd",
                timeout=_RING_SECONDS,
            )
        return str(call.sid)
