"""Which provider carries which channel, by the settings."""

from collections.abc import Mapping

from sqlalchemy import Engine

from hub.clock import Clock
from hub.domain.contact import Channel
from hub.notifications.ports import Sender
from hub.notifications.recording import RecordingSender
from hub.settings import Settings


def make_senders(settings: Settings, engine: Engine, clock: Clock) -> Mapping[Channel, Sender]:
    """A sender for every channel; raises ConfigurationError when a provider's settings are incomplete."""
    recording = RecordingSender(engine, clock)
    senders: dict[Channel, Sender] = dict.fromkeys(Channel, recording)
    # The providers' packages take a while to load, so only those that are used are.
    if settings.mail == "smtp":
        from hub.notifications.smtp import SmtpSender

        senders[Channel.EMAIL] = SmtpSender(settings)
    if settings.sms == "twilio":
        from hub.notifications.twilio_sms import TwilioSender

        senders[Channel.SMS] = TwilioSender(settings)
    if settings.voice == "twilio":
        from hub.notifications.twilio_voice import TwilioCaller

        senders[Channel.VOICE] = TwilioCaller(settings)
    if settings.letters == "folder":
        from hub.notifications.letter_folder import LetterFolder

        senders[Channel.LETTER] = LetterFolder(settings, clock)
    return senders
