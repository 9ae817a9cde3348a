"""E-mail by SMTP."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import parseaddr

from pydantic import SecretStr

from hub.domain.errors import ConfigurationError
from hub.notifications.mail_status import is_bad_mailbox
from hub.notifications.ports import Message, SendingFailedError
from hub.settings import Settings

_TIMEOUT_SECONDS = 20
_IMPLICIT_TLS_PORT = 465


class SmtpSender:
    """Hands messages to a mail server; each has a Message-ID made of the notification's, so a receiver can tell a double."""

    name = "smtp"

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError when no host or no sender's address is set."""
        if not settings.smtp_host:
            message = "DOORSTEP_MAIL is smtp, but DOORSTEP_SMTP_HOST names no mail server."
            raise ConfigurationError(message)
        self._host, self._port = settings.smtp_host, settings.smtp_port
        self._user, self._password = settings.smtp_user, settings.smtp_password
        self._starttls = settings.smtp_starttls and settings.smtp_port != _IMPLICIT_TLS_PORT
        self._from = settings.mail_from
        self._sender = parseaddr(settings.mail_from)[1]
        self._bounces = settings.bounces_address
        name, at, self._domain = self._sender.rpartition("@")
        if not (name and at and self._domain):
            message = "DOORSTEP_MAIL_FROM must be an address such as Doorstep <no-reply@example.org>."
            raise ConfigurationError(message)
        if self._bounces and not all(self._bounces.rpartition("@")):
            message = "DOORSTEP_BOUNCES_ADDRESS must be an address such as bounces@example.org."
            raise ConfigurationError(message)

    def send(self, message: Message) -> str:
        """Hand `message` to the server and return its Message-ID; raises SendingFailedError.

        Until the message itself is sent nothing can have been delivered, so trouble there may be tried again. From then
        on only a clear refusal counts as one: a connection that breaks leaves the outcome unknown.
        """
        mail = self._mail(message)
        try:
            server = self._connect()
        except smtplib.SMTPAuthenticationError as error:
            raise SendingFailedError("The mail server refused our sign-in.", retry=True) from error
        except (OSError, smtplib.SMTPException) as error:
            reason = f"The mail server could not be reached ({type(error).__name__})."
            raise SendingFailedError(reason, retry=True) from error
        try:
            server.send_message(mail, from_addr=self._returns_to(message))
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
            raise _refusal(error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise SendingFailedError("The mail server cannot write to this kind of address.", retry=False) from error
        finally:
            _leave(server)
        return str(mail["Message-ID"])

    def _connect(self) -> smtplib.SMTP:
        if self._port == _IMPLICIT_TLS_PORT:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=_TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        try:
            if self._starttls:
                server.starttls(context=ssl.create_default_context())
            # Greeted here, so that a server which hangs up at once is known not to have taken anything.
            server.ehlo_or_helo_if_needed()
            if self._user:
                _sign_in(server, self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _returns_to(self, message: Message) -> str:
        """Where undeliverable mail comes back: to the message's own address (VERP), so that no report has to be guessed at."""
        if not self._bounces:
            return self._sender
        name, _, domain = self._bounces.rpartition("@")
        return f"{name}+{message.notification_id.hex}@{domain}"

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        try:
            mail["From"] = self._from
            mail["To"] = message.recipient
            mail["Subject"] = message.subject
            mail["Message-ID"] = f"<{message.notification_id}@{self._domain}>"
        except (ValueError, IndexError) as error:
            # The mail package refuses line breaks in headers and addresses it cannot read.
            raise SendingFailedError("The e-mail address or subject is not valid.", retry=False) from error
        mail["Auto-Submitted"] = "auto-generated"
        if message.list_unsubscribe:
            mail["List-Unsubscribe"] = f"<{message.list_unsubscribe}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail.set_content(message.body)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
        for one in message.attachments:
            media, _, parameters = one.media_type.partition(";")
            main, _, sub = media.partition("/")
            given = dict(part.strip().split("=", 1) for part in parameters.split(";") if "=" in part)
            mail.add_attachment(one.content, maintype=main, subtype=sub, filename=one.filename, params=given)
        # Last, or the mail package would move it into the first part.
        mail["Content-Language"] = message.language
        return mail


def _sign_in(server: smtplib.SMTP, user: str, password: SecretStr) -> None:
    server.login(user, password.get_secret_value())


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye; the message is accepted or refused by now, so trouble here means nothing."""
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()


def _refusal(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> SendingFailedError:
    """4xx replies may pass later, 5xx ones are for good. The server's own words may name the recipient: only the codes are kept.

    A mailbox that does not exist is one the server says so of (RFC 3463, 5.1.x): other refusals of a recipient are about us.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()), (550, b""))
        bad_address = is_bad_mailbox(said.decode(errors="replace"))
    else:
        code, bad_address = error.smtp_code, False
    return SendingFailedError(
        f"The mail server refused the message (code {code}).",
        retry=400 <= code < 500,
        bad_address=bad_address,
    )
