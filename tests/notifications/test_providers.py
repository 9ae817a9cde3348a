"""The real senders against servers of ours: what goes over the wire, and what each refusal means."""

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from pydantic import SecretStr
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient

from hub.bootstrap import Hub
from hub.domain.contact import Channel
from hub.domain.errors import ConfigurationError
from hub.domain.ids import NotificationId, WorkOrderId
from hub.notifications.ports import Attachment, Message, SendingFailedError
from hub.notifications.providers import make_senders
from hub.notifications.smtp import SmtpSender
from hub.notifications.twilio_sms import TwilioSender
from hub.settings import Settings


def a_message(**changes: Any) -> Message:
    values: dict[str, Any] = {
        "notification_id": NotificationId(uuid4()),
        "work_order_id": WorkOrderId(uuid4()),
        "channel": Channel.EMAIL,
        "recipient": "an.peeters@citizen.example",
        "subject": "Bevestigd: één afspraak",
        "body": "Beste An,\n\nTot dinsdag!\n",
    }
    return Message(**{**values, **changes})


class MailServer(socketserver.ThreadingTCPServer):
    """As much SMTP as the sender speaks. `replies` overrides the answer to a command; `None` closes the connection."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, replies: dict[str, str | None]) -> None:
        super().__init__(("127.0.0.1", 0), _MailConversation)
        self.replies = replies
        self.mails: list[EmailMessage] = []
        self.envelopes: list[str] = []
        """The address each mail would come back to."""


class _MailConversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline():
            verb = line.split()[0].decode().upper() if line.split() else ""
            if verb == "MAIL":
                self.server.envelopes.append(line.decode().partition("<")[2].partition(">")[0])
            if not self._answer(verb):
                return

    def _answer(self, verb: str) -> bool:
        usual = {"EHLO": "250 hello", "DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 fine")
        reply = self.server.replies.get(verb, usual)
        if reply is None:
            return False
        self._say(reply)
        if verb == "DATA" and reply.startswith("354"):
            return self._take_mail()
        return verb != "QUIT"

    def _take_mail(self) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        verdict = self.server.replies.get("END", "250 taken")
        if verdict is None:
            return False
        if verdict.startswith("250"):
            self.server.mails.append(email.message_from_bytes(b"".join(lines), policy=default))
        self._say(verdict)
        return True

    def _say(self, reply: str) -> None:
        self.wfile.write(f"{reply}\r\n".encode())


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def smtp_settings(port: int, **changes: Any) -> Settings:
    return Settings(mail="smtp", smtp_host="127.0.0.1", smtp_port=port, smtp_starttls=False, **changes)


def send_mail(message: Message, **replies: str | None) -> tuple[str, MailServer]:
    server = MailServer(replies)
    with serving(server):
        return SmtpSender(smtp_settings(server.server_address[1])).send(message), server


def test_an_email_arrives_whole_with_its_calendar_file_and_a_stable_id() -> None:
    attachment = Attachment(
        "doorstep.ics", "text/calendar; charset=utf-8; method=PUBLISH", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
    )
    message = a_message(attachments=(attachment,))
    provider_id, server = send_mail(message)
    mail = server.mails[0]
    assert mail["To"] == "an.peeters@citizen.example"
    assert mail["Subject"] == "Bevestigd: één afspraak"
    assert provider_id == mail["Message-ID"] == f"<{message.notification_id}@doorstep.example>"
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().startswith("Beste An,")
    (part,) = mail.iter_attachments()
    assert part.get_content_type() == "text/calendar"
    assert part["Content-Type"].params["method"] == "PUBLISH"
    assert part.get_payload(decode=True) == attachment.content


@pytest.mark.parametrize(
    ("replies", "retry"),
    [
        ({"RCPT": "550 no such person"}, False),
        ({"RCPT": "450 come back later"}, True),
        ({"MAIL": "553 not you"}, False),
        ({"DATA": "451 too busy"}, True),
        ({"END": "554 looks like spam"}, False),
        ({"END": "452 full"}, True),
        ({"EHLO": None}, True),
    ],
)
def test_what_a_mail_servers_refusal_means(replies: dict[str, str | None], retry: bool) -> None:
    with pytest.raises(SendingFailedError) as caught:
        send_mail(a_message(), **replies)
    assert caught.value.retry is retry
    assert "citizen.example" not in str(caught.value)


def test_a_connection_that_breaks_after_the_message_went_out_is_no_refusal() -> None:
    with pytest.raises(Exception, match="Connection unexpectedly closed") as caught:
        send_mail(a_message(), END=None)
    assert not isinstance(caught.value, SendingFailedError)


def test_trouble_at_the_goodbye_does_not_unsend_a_message() -> None:
    _, server = send_mail(a_message(), QUIT=None)
    assert len(server.mails) == 1


def test_a_mail_server_that_is_not_there_may_be_back_later() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as closed:
        port = closed.server_address[1]
    with pytest.raises(SendingFailedError, match="could not be reached") as caught:
        SmtpSender(smtp_settings(port)).send(a_message())
    assert caught.value.retry


@pytest.mark.parametrize(
    "field", [{"recipient": "a@x.example\r\nBcc: all@x.example"}, {"subject": "Hello\nBcc: all@x.example"}]
)
def test_nothing_can_be_smuggled_into_a_header(field: dict[str, str]) -> None:
    server = MailServer({})
    with serving(server), pytest.raises(SendingFailedError, match="not valid") as caught:
        SmtpSender(smtp_settings(server.server_address[1])).send(a_message(**field))
    assert not caught.value.retry
    assert server.mails == []


class SmsServer(ThreadingHTTPServer):
    """As much of Twilio's API as the sender uses."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _SmsConversation)
        self.status, self.answer = status, answer
        self.requests: list[tuple[str, dict[str, list[str]]]] = []


class _SmsConversation(BaseHTTPRequestHandler):
    server: SmsServer

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append((self.path, parse_qs(form)))
        body = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        return


class _LocalTwilio(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """Sends the SDK's requests to our server."""

    def __init__(self, port: int) -> None:
        super().__init__(timeout=5)
        self._port = port

    def request(self, method: str, url: str, *rest: Any, **options: Any) -> Any:
        local = url.replace("https://api.twilio.com", f"http://127.0.0.1:{self._port}")
        return super().request(method, local, *rest, **options)


def twilio_settings(sender: str = "+32460000000") -> Settings:
    return Settings(
        sms="twilio", twilio_account_sid="AC" + "0" * 32, twilio_auth_token=SecretStr("secret"), twilio_from=sender
    )


def send_sms(status: int, answer: dict[str, Any], sender: str = "+32460000000") -> tuple[str, SmsServer]:
    server = SmsServer(status, answer)
    message = a_message(channel=Channel.SMS, recipient="+32470000001", body="Doorstep: kies zelf wanneer")
    with serving(server):
        client = _LocalTwilio(server.server_address[1])
        return TwilioSender(twilio_settings(sender), http_client=client).send(message), server


def test_an_sms_is_handed_to_twilio_with_sender_and_text() -> None:
    sid, server = send_sms(201, {"sid": "SM123", "status": "queued"})
    path, form = server.requests[0]
    assert sid == "SM123"
    assert path.endswith("/Messages.json")
    assert form == {"To": ["+32470000001"], "From": ["+32460000000"], "Body": ["Doorstep: kies zelf wanneer"]}


def test_a_messaging_service_is_named_as_one() -> None:
    _, server = send_sms(201, {"sid": "SM123"}, sender="MG" + "0" * 32)
    assert server.requests[0][1]["MessagingServiceSid"] == ["MG" + "0" * 32]


@pytest.mark.parametrize(
    ("status", "code", "retry", "sentence"),
    [
        (400, 21610, False, "opted out"),
        (400, 21211, False, "not valid"),
        (400, 21614, False, "cannot receive SMS"),
        (401, 20003, True, "refused our sign-in"),
        (429, 20429, True, "more slowly"),
        (429, 0, True, "code 429"),
        (400, 99999, False, "code 99999"),
    ],
)
def test_what_twilios_refusals_mean(status: int, code: int, retry: bool, sentence: str) -> None:
    with pytest.raises(SendingFailedError, match=sentence) as caught:
        send_sms(status, {"code": code, "message": "no +32470000001"})
    assert caught.value.retry is retry
    assert "+32470000001" not in str(caught.value)


def test_a_server_error_does_not_say_whether_the_message_was_taken() -> None:
    with pytest.raises(TwilioRestException):
        send_sms(503, {"code": 20503, "message": "unavailable"})


def test_twilio_that_cannot_be_reached_may_be_back_later() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as closed:
        client = _LocalTwilio(closed.server_address[1])
    with pytest.raises(SendingFailedError, match="could not be reached") as caught:
        TwilioSender(twilio_settings(), http_client=client).send(a_message(channel=Channel.SMS))
    assert caught.value.retry


_ACCOUNT: dict[str, Any] = {
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": SecretStr("secret"),
    "twilio_from": "MG" + "0" * 32,
}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (Settings(mail="smtp"), "DOORSTEP_SMTP_HOST"),
        (Settings(mail="smtp", smtp_host="mail.example", mail_from="nobody"), "DOORSTEP_MAIL_FROM"),
        (Settings(mail="smtp", smtp_host="mail.example", bounces_address="bounces"), "DOORSTEP_BOUNCES_ADDRESS"),
        (Settings(sms="twilio"), "DOORSTEP_TWILIO_ACCOUNT_SID"),
        (Settings(voice="twilio"), "DOORSTEP_TWILIO_ACCOUNT_SID"),
        (Settings(voice="twilio", **_ACCOUNT, public_url="https://doorstep.example"), "DOORSTEP_TWILIO_VOICE_FROM"),
        (Settings(voice="twilio", **{**_ACCOUNT, "twilio_from": "+32460000000"}), "DOORSTEP_PUBLIC_URL"),
    ],
)
def test_an_incomplete_provider_is_refused_at_the_start(hub: Hub, settings: Settings, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        make_senders(settings, hub.engine, hub.clock)


def test_without_settings_messages_are_recorded_not_sent(hub: Hub) -> None:
    assert {sender.name for sender in make_senders(Settings(), hub.engine, hub.clock).values()} == {"recording"}
