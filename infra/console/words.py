"""What staff read in place of the codes that programs use."""

import re
from datetime import datetime

from hub.domain.contact import Channel
from hub.web import times
from portal.dossier.wording import Wording

LANGUAGES = {"nl": "Dutch", "fr": "French", "de": "German", "en": "English"}
_CHANNELS = {Channel.EMAIL: "e-mail", Channel.SMS: "SMS", Channel.VOICE: "telephone", Channel.LETTER: "letter"}
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})")
_CODE = re.compile(r"[a-z]+(_[a-z]+)+")


def language_name(code: str) -> str:
    """The English name of a language, or its code when we do not write in it."""
    return LANGUAGES.get(code, code)


def channel_name(channel: Channel) -> str:
    """The name of a channel inside a sentence."""
    return _CHANNELS[channel]


def fact_in_words(name: str, value: str, zone: str) -> str:
    """A value of the contact record: instants in the wall time of `zone`, languages, channels and codes as words, all else as it is."""
    if _INSTANT.fullmatch(value):
        return times.day_and_time(datetime.fromisoformat(value), zone)
    if name == "language":
        return language_name(value)
    if name in {"channel", "channels"} and value in set(Channel):
        return channel_name(Channel(value))
    return Wording("en").value(value) if _CODE.fullmatch(value) else value
