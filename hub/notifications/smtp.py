"""E-mail by SMTP."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import parseaddr

from pydantic import SecretStr

from hub.domain.errors import ConfigurationError
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
        name, at, self._domain = parseaddr(settings.mail_from)[1].rpartition("@")
        if not (name and at and self._domain):
            message = "DOORSTEP_MAIL_FROM must be an address such as Doorstep <no-reply@example.org>."
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
            server.send_message(mail)
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
        mail.set_content(message.body)
        for one in message.attachments:
            media, _, parameters = one.media_type.partition(";")
            main, _, sub = media.partition("/")
            given = dict(part.strip().split("=", 1) for part in parameters.split(";") if "=" in part)
            mail.add_attachment(one.content, maintype=main, subtype=sub, filename=one.filename, params=given)
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
    """4xx replies may pass later, 5xx ones are for good. The server's own words may name the recipient: only the code is kept."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next((code for code, _ in error.recipients.values()), 550)
    else:
        code = error.smtp_code
    return SendingFailedError(f"The mail server refused the message (code {code}).", retry=400 <= code < 500)
