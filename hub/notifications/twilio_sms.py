"""SMS by Twilio."""

from twilio.http import HttpClient

from hub.notifications.ports import Message
from hub.notifications.twilio_account import STATUS_PATH, callback_address, connect, translated
from hub.settings import Settings


class TwilioSender:
    """Hands SMS to Twilio, which tells `/webhooks/twilio/status` what became of each. `http_client` points the SDK elsewhere in tests."""

    name = "twilio"

    def __init__(self, settings: Settings, http_client: HttpClient | None = None) -> None:
        """Raises ConfigurationError when the account, its token or the sender is not set."""
        self._client, self._answers = connect(settings, "DOORSTEP_SMS", http_client)
        self._settings = settings

    def send(self, message: Message) -> str:
        """Hand `message` to Twilio and return its SID; raises SendingFailedError.

        A server error or a connection that breaks after the request went out leaves the outcome unknown and passes through.
        """
        sender = self._settings.twilio_from
        options = {"messaging_service_sid" if sender.startswith("MG") else "from_": sender}
        if callback := callback_address(self._settings, STATUS_PATH, message):
            options["status_callback"] = callback
        with translated(self._answers):
            sent = self._client.messages.create(to=message.recipient, body=message.body, **options)
        return str(sent.sid)
