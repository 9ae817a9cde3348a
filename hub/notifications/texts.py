"""The words of messages: a catalogue per language under `texts/`, keyed by kind and part, filled in a sandbox.

Messages are plain text, so nothing is escaped as HTML. Names and addresses come from the utility's feed: control characters and
line breaks are taken out of every value, so none can add a header line or a second paragraph.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date
from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from hub.domain.appointments import Appointment
from hub.domain.catalogue import Catalogue
from hub.domain.work_orders import WorkOrder
from hub.notifications.kinds import message_kind
from hub.texts import load_texts

LANGUAGES = ("nl", "fr", "de", "en")
FOLDER = Path(__file__).with_name("texts")
SMS_LIMIT = 300
_SMS_NAME_LIMIT = 40
"""How much of a work type's name goes into an SMS, so that the whole stays below the limit."""
_SMS_REFERENCE_LIMIT = 40
"""The same for a reference; those that utilities give are half as long."""
SPOKEN = FOLDER / "spoken"
"""What is said on the telephone, and the words of buttons and letters, by language."""
_NOT_PRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")
_environment = SandboxedEnvironment(autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True)


@dataclass(frozen=True)
class Rendered:
    """A message's words."""

    subject: str
    body: str


def known_language(language: str) -> str:
    """`language` when there are texts in it, else English."""
    return language if language in LANGUAGES else "en"


def one_line(value: str) -> str:
    """`value` without control characters and line breaks."""
    return _NOT_PRINTED.sub(" ", value).strip()


def order_values(order: WorkOrder, catalogue: Catalogue, language: str) -> dict[str, str]:
    """What texts may say of an order."""
    work_type = catalogue.work_types.get(order.work_type)
    names = work_type.names if work_type else {}
    return {
        "name": one_line(order.citizen_name),
        "work": one_line(names.get(language) or names.get("en") or order.work_type),
        "reference": one_line(order.external_id),
        "address": one_line(order.address),
    }


def appointment_values(appointment: Appointment, zone: str, language: str) -> dict[str, str]:
    """What texts may say of an appointment: its day and arrival window, in local time."""
    starts, ends = (instant.astimezone(ZoneInfo(zone)) for instant in (appointment.starts_at, appointment.ends_at))
    return {"day": format_day(starts, language), "from": f"{starts:%H:%M}", "until": f"{ends:%H:%M}"}


def format_day(local: datetime, language: str) -> str:
    """`maandag 4 mei`, `Montag, 4. Mai` …: the weekday guards against reading the wrong week."""
    return _day_in_words(local.date(), language)


@lru_cache(maxsize=4096)
def _day_in_words(day: date, language: str) -> str:
    # A page of free times names the same few days a hundred times.
    pattern = {"nl": "EEEE d MMMM", "fr": "EEEE d MMMM", "de": "EEEE, d. MMMM", "en": "EEEE d MMMM"}[language]
    return str(format_date(day, pattern, locale=language))


def render_text(kind: str, part: str, language: str, values: Mapping[str, str]) -> str:
    """One part of one text; raises KeyError for an unknown text and jinja2.TemplateError for a value that is missing."""
    return _template(kind, part, known_language(language)).render(values)


@cache
def _template(kind: str, part: str, language: str) -> Template:
    return _environment.from_string(load_texts(FOLDER, language)[f"{kind}.{part}"])


def render_email(kind: str, language: str, values: Mapping[str, str]) -> Rendered:
    """Subject (always one line) and body, in the frame every e-mail has."""
    message_kind(kind)
    body = render_text(kind, "email", language, values)
    framed = render_text("frame", "email", language, {**values, "body": body})
    # In a catalogue no text ends with a line break: gettext wants it in the key too, or nowhere.
    return Rendered(subject=one_line(render_text(kind, "subject", language, values)), body=f"{framed}\n")


def render_sms(kind: str, language: str, values: Mapping[str, str]) -> Rendered:
    """An SMS of one line; a long name of the work, and a reference longer than any, are cut so that the link still fits."""
    message_kind(kind)
    short = {
        **values,
        "work": values["work"][:_SMS_NAME_LIMIT].rstrip(),
        "reference": values["reference"][:_SMS_REFERENCE_LIMIT],
    }
    return Rendered(subject="", body=one_line(render_text(kind, "sms", language, short)))


def render_call(kind: str, language: str, values: Mapping[str, str]) -> Rendered:
    """What a call begins with: no name and no address, for anybody may have lifted the receiver."""
    message_kind(kind)
    return Rendered(subject="", body=one_line(render_spoken(kind, language, values)))


def render_spoken(part: str, language: str, values: Mapping[str, str]) -> str:
    """One sentence of those that are spoken; a kind of message without its own begins as any other. Raises jinja2.TemplateError."""
    return _spoken(part, known_language(language)).render(values)


@cache
def _spoken(part: str, language: str) -> Template:
    spoken = load_texts(SPOKEN, language)
    return _environment.from_string(spoken.get(part, spoken["message"]))
