"""What SMS and calls by Twilio have in common: the account, where it calls us back, and what its refusals mean."""

import ipaddress
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests.exceptions
from twilio.base.exceptions import TwilioRestException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from hub.domain.errors import ConfigurationError
from hub.notifications.ports import Message, SendingFailedError
from hub.settings import Settings

STATUS_PATH = "/webhooks/twilio/status"
CALL_PATH = "/webhooks/twilio/call"
_TIMEOUT_SECONDS = 15
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500


@dataclass(frozen=True)
class Meaning:
    """What one of Twilio's error codes says: in a sentence, whether the same may succeed later, and about what address."""

    sentence: str
    retry: bool = False
    bad_address: bool = False
    opted_out: bool = False


MEANINGS: Mapping[int, Meaning] = {
    20003: Meaning("Twilio refused our sign-in.", retry=True),
    20429: Meaning("Twilio asks us to send more slowly.", retry=True),
    21205: Meaning("Twilio refused the address it should call us back at."),
    21210: Meaning("Our number may not be used for calls."),
    21211: Meaning("The number is not valid.", bad_address=True),
    21214: Meaning("The number cannot be called.", bad_address=True),
    21215: Meaning("Calling this country is not allowed."),
    21217: Meaning("The number is not valid.", bad_address=True),
    21408: Meaning("Sending to this country is not allowed."),
    21609: Meaning("Twilio refused the address it should call us back at."),
    21610: Meaning("The citizen has opted out of our messages.", opted_out=True),
    21612: Meaning("The number cannot be reached from our sender."),
    21614: Meaning("The number cannot receive SMS.", bad_address=True),
    21617: Meaning("The message is too long."),
    30001: Meaning("Twilio's queue is full.", retry=True),
    30002: Meaning("Our account with Twilio is suspended.", retry=True),
    30003: Meaning("The telephone cannot be reached now.", retry=True),
    30004: Meaning("The network blocks messages to this number."),
    30005: Meaning("The number is not in use.", bad_address=True),
    30006: Meaning("The number is a landline or cannot be reached.", bad_address=True),
    30007: Meaning("The network took the message for an unwanted one."),
    30008: Meaning("The network gave no reason.", retry=True),
}
"""Twilio's error codes, of an answer or of a receipt."""


def connect(settings: Settings, what: str, http_client: HttpClient | None) -> tuple[Client, "Answers"]:
    """A client of the account, and the answers it got; raises ConfigurationError naming setting `what` when one is missing."""
    token = settings.twilio_auth_token.get_secret_value()
    if not (settings.twilio_account_sid and token and settings.twilio_from):
        message = (
            f"{what} is twilio, but DOORSTEP_TWILIO_ACCOUNT_SID, DOORSTEP_TWILIO_AUTH_TOKEN "
            "and DOORSTEP_TWILIO_FROM are not all set."
        )
        raise ConfigurationError(message)
    answers = Answers(http_client or TwilioHttpClient(timeout=_TIMEOUT_SECONDS))
    return Client(settings.twilio_account_sid, token, http_client=answers), answers


class Answers(HttpClient):  # type: ignore[misc]  # the SDK has no types
    """Passes requests on and keeps, for each thread, how long the last answer asked us to wait: the SDK's errors do not tell."""

    def __init__(self, inner: HttpClient) -> None:
        super().__init__(inner.logger, False, inner.timeout)
        self._inner = inner
        self._kept = threading.local()

    def request(self, method: str, url: str, *rest: Any, **options: Any) -> Any:
        """The answer to the request."""
        self._kept.wait = None
        response = self._inner.request(method, url, *rest, **options)
        self._kept.wait = _seconds((response.headers or {}).get("Retry-After", ""))
        return response

    @property
    def wait(self) -> timedelta | None:
        """How long the last answer to this thread asked for a pause."""
        found: timedelta | None = getattr(self._kept, "wait", None)
        return found


def callback_address(settings: Settings, path: str, message: Message) -> str:
    """Where Twilio tells us of `message`; empty when the public address is this machine's own, which Twilio cannot reach."""
    if not settings.private_callbacks and is_private(settings.public_url):
        return ""
    marks = urlencode({"message": message.notification_id, "try": message.tries})
    return f"{settings.public_url}{path}?{marks}"


def is_private(address: str) -> bool:
    """Whether only this machine or its own network can reach `address`."""
    host = urlsplit(address).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host


@contextmanager
def translated(answers: Answers) -> Iterator[None]:
    """Turn what says that nothing was sent into SendingFailedError; what leaves that open passes through as it is."""
    try:
        yield
    except TwilioRestException as error:
        refusal = _refusal(error, answers.wait)
        if refusal is None:
            raise
        raise refusal from error
    except requests.exceptions.ConnectTimeout as error:
        raise SendingFailedError("Twilio could not be reached.", retry=True) from error
    except requests.exceptions.ConnectionError as error:
        if "NewConnectionError" not in str(error) and "NameResolutionError" not in str(error):
            raise
        raise SendingFailedError("Twilio could not be reached.", retry=True) from error


def _refusal(error: TwilioRestException, wait: timedelta | None) -> SendingFailedError | None:
    """The refusal an answer stands for, or None when it does not say whether the message was taken."""
    code = error.code or 0
    if code in MEANINGS:
        meant = MEANINGS[code]
        return SendingFailedError(
            meant.sentence,
            retry=meant.retry,
            retry_after=wait,
            bad_address=meant.bad_address,
            opted_out=meant.opted_out,
        )
    if error.status >= _SERVER_ERRORS:
        return None
    too_many = error.status == _TOO_MANY_REQUESTS
    reason = f"Twilio refused the message (code {code or error.status})."
    return SendingFailedError(reason, retry=too_many, retry_after=wait if too_many else None)


def _seconds(header: str) -> timedelta | None:
    return timedelta(seconds=int(header)) if header.isascii() and header.isdigit() and len(header) < 7 else None
