"""Profiles and documents for tests to begin from."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from hub.messaging.service_bus import ReceivedMessage
from ingest.profiles.definition import Profile
from ingest.profiles.file import load_profile
from ingest.profiles.mapping import Mapped, map_record
from ingest.profiles.reading import SHIPPED, Profiles, load_profiles

SAMPLES = SHIPPED.with_name("samples")
SAMPLE_OF = {
    "tmf697-json": SAMPLES / "tmf697-json.json",
    "iec61968-xml": SAMPLES / "iec61968-xml.xml",
    "csv-folder": SAMPLES / "csv-folder.csv",
}

BEGIN = """
[profile]
name = "test"
title = "A profile of a test"
format = "{form}"
source = "urn:utility:test"
zone = "Europe/Brussels"
"""
JSON_FIELDS = {
    "external_id": '"id"',
    "work_type": '"type"',
    "street": '"street"',
    "postcode": '"zip"',
    "city": '"city"',
}
AN_ORDER = {"id": "T-1", "type": "meter_swap", "street": "Veldstraat 901", "zip": "9000", "city": "Gent"}


def a_profile(folder: Path, text: str) -> Profile:
    """The profile whose file says `text`."""
    path = folder / f"{uuid4().hex}.toml"
    path.write_text(text, encoding="utf-8")
    return load_profile(path, own=True)


def json_profile(folder: Path, extra: str = "", head: str = "", **fields: str) -> Profile:
    """A JSON profile with the fields every order needs, and others as TOML; `extra` are lines of [message]."""
    lines = "\n".join(f"{name} = {rule}" for name, rule in {**JSON_FIELDS, **fields}.items())
    return a_profile(folder, f"{BEGIN.format(form='json')}{head}\n[message]\n{extra}\n[fields]\n{lines}\n")


def mapped(profile: Profile, body: bytes) -> Mapped:
    """The only order in `body`."""
    [record] = profile.format.records(body)
    return map_record(profile, record, fallback_id="fallback", fallback_time=None)


def order_of(found: Mapped) -> Any:
    """The TMF697 order in the event."""
    return found.event["data"]


def sample(name: str) -> bytes:
    """The shipped sample of a profile."""
    return SAMPLE_OF[name].read_bytes()


def shipped() -> Profiles:
    """The shipped profiles alone."""
    return load_profiles(None)


def a_letter(body: bytes, content_type: str | None = None, **properties: Any) -> ReceivedMessage:
    """`body` as it comes from the bus."""
    return ReceivedMessage(
        body=body,
        message_id=str(uuid4()),
        subject=None,
        correlation_id=None,
        content_type=content_type,
        properties=properties,
        sequence_number=1,
        delivery_count=0,
        enqueued_at=None,
        dead_letter_reason=None,
        dead_letter_description=None,
    )
