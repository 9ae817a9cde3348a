"""What Twilio tells us: whether it is really Twilio, what a receipt says, and how a call goes on (TwiML)."""

from collections.abc import Mapping, Sequence
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from twilio.request_validator import SIGNATURE_SETTINGS_HEADER, RequestValidator, get_signature_algorithm

from hub.domain.contact import NotificationStatus
from hub.domain.ids import NotificationId
from hub.notifications.settling import Receipt
from hub.notifications.texts import known_language, render_spoken
from hub.notifications.twilio_account import MEANINGS
from hub.settings import Settings

SIGNATURE_HEADER = "X-Twilio-Signature"
NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
"""Nothing to say and nothing to send."""
_MOST_TRIES = 1000
_KEY_WAIT_SECONDS = 6
_VOICES = {
    "nl": ("nl-NL", "Polly.Lotte"),
    "fr": ("fr-FR", "Polly.Celine"),
    "de": ("de-DE", "Polly.Marlene"),
    "en": ("en-GB", "Polly.Amy"),
}
_SMS_STATUS: Mapping[str, NotificationStatus] = {
    "sent": NotificationStatus.SENT,
    "delivered": NotificationStatus.DELIVERED,
    "read": NotificationStatus.DELIVERED,
    "undelivered": NotificationStatus.UNDELIVERED,
    "failed": NotificationStatus.UNDELIVERED,
    "canceled": NotificationStatus.UNDELIVERED,
}
"""Twilio's word → ours; other words say nothing that we do not know."""
_CALL_FAILURES: Mapping[str, tuple[str, bool]] = {
    "busy": ("The line was busy.", False),
    "no-answer": ("Nobody answered the telephone.", False),
    "canceled": ("The call was cancelled.", False),
    "failed": ("The call could not be put through.", False),
}


class Marks:
    """The message a callback is about and the number of its handing over, from the address we gave."""

    def __init__(self, message: str, tries: str) -> None:
        """Raises ValueError when the address is none of ours."""
        self.notification_id = NotificationId(UUID(message))
        self.tries = int(tries)
        if not 1 <= self.tries <= _MOST_TRIES:
            raise ValueError(tries)


def is_genuine(
    settings: Settings,
    path_and_query: str,
    form: Mapping[str, Sequence[str]],
    headers: Mapping[str, str],
) -> bool:
    """Whether Twilio signed this request to our public address; never, when no account is configured.

    The address is the one of the settings, whatever host the request names: a proxy or a forger may have written that.
    """
    token = settings.twilio_auth_token.get_secret_value()
    signature = headers.get(SIGNATURE_HEADER.lower(), "")
    if not token or not signature:
        return False
    algorithm = get_signature_algorithm(headers.get(SIGNATURE_SETTINGS_HEADER.lower(), ""))
    return bool(
        RequestValidator(token).validate(f"{settings.public_url}{path_and_query}", _Form(form), signature, algorithm)
    )


class _Form(dict[str, list[str]]):
    """A form as the validator reads it: several values of one name each count."""

    def __init__(self, form: Mapping[str, Sequence[str]]) -> None:
        super().__init__({name: list(values) for name, values in form.items()})

    def getlist(self, name: str) -> list[str]:
        """All values of `name`."""
        return self[name]


def read_receipt(marks: Marks, form: Mapping[str, str]) -> Receipt | None:
    """What a status callback says of an SMS or a call; None when it says nothing that counts."""
    return _read_call(marks, form) if "CallSid" in form else _read_sms(marks, form)


def _read_sms(marks: Marks, form: Mapping[str, str]) -> Receipt | None:
    word = form.get("MessageStatus") or form.get("SmsStatus", "")
    status = _SMS_STATUS.get(word)
    if status is None:
        return None
    sid = form.get("MessageSid") or form.get("SmsSid", "")
    if status is not NotificationStatus.UNDELIVERED:
        return Receipt(marks.notification_id, marks.tries, "twilio", sid, status)
    given = form.get("ErrorCode", "")
    code = int(given) if given.isascii() and given.isdigit() and len(given) < 7 else 0
    meant = MEANINGS.get(code)
    return Receipt(
        marks.notification_id,
        marks.tries,
        "twilio",
        sid,
        status,
        reason=meant.sentence if meant else f"It did not arrive (Twilio's code {code}).",
        permanent=meant is not None and not meant.retry,
        bad_address=meant is not None and meant.bad_address,
        opted_out=meant is not None and meant.opted_out,
    )


def _read_call(marks: Marks, form: Mapping[str, str]) -> Receipt | None:
    """A call that a person took has arrived. Whether somebody listens to a machine's tape, nobody knows: that counts as not arrived."""
    word, sid = form.get("CallStatus", ""), form.get("CallSid", "")
    if word in _CALL_FAILURES:
        reason, permanent = _CALL_FAILURES[word]
        status = NotificationStatus.UNDELIVERED
        return Receipt(marks.notification_id, marks.tries, "twilio-voice", sid, status, reason, permanent)
    if word != "completed":
        return None
    if is_machine(form.get("AnsweredBy", "")):
        reason, status = "A machine answered the telephone.", NotificationStatus.UNDELIVERED
    else:
        reason, status = "", NotificationStatus.DELIVERED
    return Receipt(marks.notification_id, marks.tries, "twilio-voice", sid, status, reason)


def is_machine(answered_by: str) -> bool:
    """Whether Twilio heard an answering machine or a fax; when it is not sure, a person may be listening."""
    return answered_by.startswith("machine") or answered_by == "fax"


def menu_twiml(language: str, text: str, action: str) -> str:
    """Say `text` and offer the menu twice; a pressed key is posted to `action` (a path with its query)."""
    menu = render_spoken("menu", language, {})
    first, second = (
        f'<Gather input="dtmf" numDigits="1" timeout="{_KEY_WAIT_SECONDS}" method="POST" action={quoteattr(action)}>'
        f"{_say(language, *said)}</Gather>"
        for said in ((text, menu), (menu,))
    )
    goodbye = _say(language, render_spoken("goodbye", language, {}))
    return _twiml(f"{first}{second}{goodbye}<Hangup/>")


def goodbye_twiml(language: str, part: str) -> str:
    """Say one of the spoken sentences and hang up."""
    return _twiml(f"{_say(language, render_spoken(part, language, {}))}<Hangup/>")


def reply_twiml(text: str) -> str:
    """Answer a text with `text`."""
    return _twiml(f"<Message>{_printable(text)}</Message>")


def _say(language: str, *sentences: str) -> str:
    locale, voice = _VOICES[known_language(language)]
    words = " ".join(sentence for sentence in sentences if sentence)
    return f'<Say language="{locale}" voice="{voice}">{_printable(words)}</Say>'


def _twiml(content: str) -> str:
    return NO_ANSWER.replace("></", f">{content}</")


def _printable(text: str) -> str:
    """`text` as XML may hold it: escaped, and without the control characters XML 1.0 has no place for."""
    return escape("".join(sign for sign in text if sign in "\n\t" or sign.isprintable()))


def values_of(form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The first value of each name."""
    return {name: values[0] for name, values in form.items() if values}
