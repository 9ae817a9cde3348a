"""Which profile reads a message, and the message it becomes."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from hub.domain.errors import ConfigurationError, NotFoundError
from hub.messaging.envelope import CONTENT_TYPE, MalformedEnvelope, parse_envelope
from hub.messaging.service_bus import ReceivedMessage
from hub.settings import Settings
from ingest.profiles.definition import EVENT_TYPES, Profile
from ingest.profiles.documents import UnreadableDocumentError
from ingest.profiles.file import load_profile
from ingest.profiles.mapping import Mapped, content_id, map_record
from ingest.profiles.problems import Problem, UnmappableMessageError

SHIPPED = Path(__file__).with_name("shipped")
PROFILE_PROPERTY = "profile"
"""The application property of a bus message that names the profile it is read by."""
ROW_PROPERTY = "row"
"""The application property that says which row of its file a message is; only problems are told with it."""
_OURS = frozenset({PROFILE_PROPERTY, ROW_PROPERTY})


@dataclass(frozen=True)
class Profiles:
    """Every profile of this installation by name.

    A shipped profile reads only messages that name it: it stands for an invented utility, and no real message shall become one of its
    orders by a content type alone. A copy in the installation's own folder is found by its `[match]` table too.
    """

    by_name: Mapping[str, Profile]

    def get(self, name: str) -> Profile:
        """The profile named `name`; raises NotFoundError."""
        found = self.by_name.get(name)
        if found is None:
            raise NotFoundError(f"profile: '{name[:60]}'; known are {', '.join(sorted(self.by_name))}")
        return found

    def of_content_type(self, content_type: str) -> list[Profile]:
        """Which of the installation's own profiles read messages of this content type."""
        return [one for one in self.by_name.values() if one.own and content_type in one.content_types]

    def of_source(self, source: str) -> list[Profile]:
        """Which of the installation's own profiles read CloudEvents of this source."""
        return [one for one in self.by_name.values() if one.own and source in one.sources]


def load_profiles(folder: Path | None) -> Profiles:
    """The shipped profiles and those in `folder`, which replace shipped ones of the same name; raises ConfigurationError."""
    found = {one.name: one for one in (load_profile(path, own=False) for path in sorted(SHIPPED.glob("*.toml")))}
    if folder is None:
        return Profiles(found)
    if not folder.is_dir():
        raise ConfigurationError(
            f"DOORSTEP_PROFILES names {folder}, which is no folder. Make it, or correct the setting."
        )
    mine: dict[str, Path] = {}
    for path in sorted(folder.glob("*.toml")):
        one = load_profile(path, own=True)
        if one.name in mine:
            raise ConfigurationError(f"The profiles {mine[one.name]} and {path} are both named '{one.name}'.")
        mine[one.name] = path
        found[one.name] = one
    return Profiles(found)


@lru_cache(maxsize=16)
def _loaded(folder: Path | None) -> Profiles:
    return load_profiles(folder)


def profiles_of(settings: Settings) -> Profiles:
    """The installation's profiles, read once for the life of the process; raises ConfigurationError."""
    return _loaded(settings.profiles)


def check_profiles(settings: Settings) -> None:
    """Read every profile, so that a wrong one stops the start and not the first message; raises ConfigurationError."""
    profiles = profiles_of(settings)
    if settings.drop_folder is None:
        return
    if settings.drop_profile not in profiles.by_name:
        raise ConfigurationError(
            f"DOORSTEP_DROP_PROFILE is '{settings.drop_profile}', which is no profile; known are {', '.join(sorted(profiles.by_name))}."
        )
    if not settings.drop_folder.is_dir():
        raise ConfigurationError(
            f"DOORSTEP_DROP_FOLDER names {settings.drop_folder}, which is no folder. Make it, or correct the setting."
        )


def read_message(profiles: Profiles, message: ReceivedMessage) -> ReceivedMessage:
    """`message` with the canonical CloudEvent as its body; one that is canonical already comes back untouched.

    Raises UnmappableMessageError. Nothing is sent and nothing is stored.
    """
    profile = find_profile(profiles, message)
    if profile is None:
        return message
    mapped = map_message(profile, message)
    body = json.dumps(mapped.event, ensure_ascii=False).encode("utf-8", "replace")
    properties = {name: value for name, value in message.properties.items() if name not in _OURS}
    return replace(message, body=body, content_type=CONTENT_TYPE, properties=properties)


def map_message(profile: Profile, message: ReceivedMessage) -> Mapped:
    """The one order in `message` by `profile`; raises UnmappableMessageError."""
    row = message.properties.get(ROW_PROPERTY)
    letter = _opened(message)
    try:
        found = profile.format.records(letter.body, row if isinstance(row, int) else None)
        records = list(itertools.islice(found, 2))
    except UnreadableDocumentError as error:
        raise UnmappableMessageError(profile.name, [error.problem]) from error
    if len(records) != 1:
        what = "several orders" if records else "no order"
        raise UnmappableMessageError(
            profile.name,
            [Problem("The message", f"holds {what}; send one order in each message, or use the drop folder")],
        )
    fallback = letter.event_id or content_id(profile, records[0], message.message_id)
    return map_record(profile, records[0], fallback_id=fallback, fallback_time=letter.time or message.enqueued_at)


def find_profile(profiles: Profiles, message: ReceivedMessage) -> Profile | None:
    """Who reads `message`, or None when it is left as it is; raises UnmappableMessageError when that is unclear.

    In this order: the application property `profile`; for a CloudEvent its source; else the content type.
    """
    if _was_mapped(message.body):
        return None
    named = message.properties.get(PROFILE_PROPERTY)
    if named is not None:
        try:
            return profiles.get(str(named))
        except NotFoundError as error:
            raise UnmappableMessageError("", [Problem("", str(error).rstrip("."))]) from error
    content_type = (message.content_type or "").partition(";")[0].strip().lower()
    event = _as_event(profiles, message.body, content_type)
    if event is not None:
        source = event.get("source")
        return _only(profiles.of_source(source) if isinstance(source, str) else [], f"CloudEvents of {source!s:.60}")
    return _only(profiles.of_content_type(content_type), f"messages of type {content_type:.60}")


def _was_mapped(body: bytes) -> bool:
    """Whether this is what a profile made: it waited or lay in quarantine, and comes again."""
    if b'"profile"' not in body or b'"specversion"' not in body:
        return False
    try:
        found = from_json(body)
    except ValueError:
        return False
    return isinstance(found, dict) and "profile" in found and found.get("type") in EVENT_TYPES.values()


def _only(found: list[Profile], what: str) -> Profile | None:
    if len(found) > 1:
        names = ", ".join(sorted(one.name for one in found))
        raise UnmappableMessageError(
            "", [Problem("", f"Several profiles read {what} ({names}); name one in the application property 'profile'")]
        )
    return found[0] if found else None


def _as_event(profiles: Profiles, body: bytes, content_type: str) -> dict[str, Any] | None:
    """The message as a CloudEvent, or None when it is none. Most messages are canonical, so they are not parsed for this."""
    if content_type == CONTENT_TYPE and not any(one.own and one.sources for one in profiles.by_name.values()):
        return {}
    if b'"specversion"' not in body:
        return {} if content_type == CONTENT_TYPE else None
    try:
        found = from_json(body)
    except ValueError:
        return {} if content_type == CONTENT_TYPE else None
    return found if isinstance(found, dict) and "specversion" in found else None


@dataclass(frozen=True)
class _Letter:
    """What a profile reads, and what the CloudEvent around it says, if there is one."""

    body: bytes
    event_id: str = ""
    time: datetime | None = None


def _opened(message: ReceivedMessage) -> _Letter:
    """The message's body; of a CloudEvent its data."""
    if b'"specversion"' not in message.body:
        return _Letter(message.body)
    try:
        envelope = parse_envelope(message.body)
    except MalformedEnvelope:
        # Perhaps an order that merely has such a field; its profile says what is wrong with it.
        return _Letter(message.body)
    data = envelope.data_base64 if envelope.data_base64 is not None else envelope.data
    body = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else json.dumps(data).encode()
    return _Letter(body, envelope.id, envelope.time)
