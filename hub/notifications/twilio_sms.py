"""SMS by Twilio."""

from collections.abc import Mapping

import requests.exceptions
from twilio.base.exceptions import TwilioRestException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from hub.domain.errors import ConfigurationError
from hub.notifications.ports import Message, SendingFailedError
from hub.settings import Settings

_TIMEOUT_SECONDS = 15
_REASONS: Mapping[int, tuple[str, bool]] = {
    20003: ("Twilio refused our sign-in.", True),
    20429: ("Twilio asks us to send more slowly.", True),
    21211: ("The number is not valid.", False),
    21408: ("Sending to this country is not allowed.", False),
    21610: ("The citizen has opted out of our messages.", False),
    21612: ("The number cannot be reached from our sender.", False),
    21614: ("The number cannot receive SMS.", False),
    21617: ("The message is too long.", False),
    30006: ("The number is a landline or cannot be reached.", False),
}
"""Twilio's error code → what it means, and whether the same message may succeed later."""
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500


class TwilioSender:
    """Hands SMS to Twilio. `http_client` points the SDK elsewhere in tests."""

    name = "twilio"

    def __init__(self, settings: Settings, http_client: HttpClient | None = None) -> None:
        """Raises ConfigurationError when the account, its token or the sender is not set."""
        token = settings.twilio_auth_token.get_secret_value()
        if not (settings.twilio_account_sid and token and settings.twilio_from):
            message = (
                "DOORSTEP_SMS is twilio, but DOORSTEP_TWILIO_ACCOUNT_SID, DOORSTEP_TWILIO_AUTH_TOKEN "
                "and DOORSTEP_TWILIO_FROM are not all set."
            )
            raise ConfigurationError(message)
        self._from = settings.twilio_from
        self._client = Client(
            settings.twilio_account_sid, token, http_client=http_client or TwilioHttpClient(timeout=_TIMEOUT_SECONDS)
        )

    def send(self, message: Message) -> str:
        """Hand `message` to Twilio and return its SID; raises SendingFailedError.

        A server error or a connection that breaks after the request went out leaves the outcome unknown and passes through.
        """
        sender = {"messaging_service_sid" if self._from.startswith("MG") else "from_": self._from}
        try:
            sent = self._client.messages.create(to=message.recipient, body=message.body, **sender)
        except TwilioRestException as error:
            refusal = _refusal(error)
            if refusal is None:
                raise
            raise refusal from error
        except requests.exceptions.ConnectTimeout as error:
            raise SendingFailedError("Twilio could not be reached.", retry=True) from error
        except requests.exceptions.ConnectionError as error:
            if "NewConnectionError" not in str(error) and "NameResolutionError" not in str(error):
                raise
            raise SendingFailedError("Twilio could not be reached.", retry=True) from error
        return str(sent.sid)


def _refusal(error: TwilioRestException) -> SendingFailedError | None:
    """The refusal an answer stands for, or None when it does not say whether the message was taken."""
    code = error.code or 0
    if code in _REASONS:
        reason, retry = _REASONS[code]
        return SendingFailedError(reason, retry=retry)
    if error.status >= _SERVER_ERRORS:
        return None
    reason = f"Twilio refused the message (code {code or error.status})."
    return SendingFailedError(reason, retry=error.status == _TOO_MANY_REQUESTS)
