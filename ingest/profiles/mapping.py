"""From one record of a utility's document to the canonical CloudEvent, with every problem told at once."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingest.profiles import values
from ingest.profiles.definition import EVENT_TYPES, NEEDED, READ_FOR_AN_END, SEVERAL, MessageKind, Profile, Rule, Shape
from ingest.profiles.documents import Found, Record, UnreadableDocumentError
from ingest.profiles.problems import FieldError, Problem, UnmappableMessageError

CITIZEN_ROLE = "customer"
_PLACE_FIELDS = ("street", "house_number", "postcode", "city", "country", "latitude", "longitude")


@dataclass(frozen=True)
class Reading:
    """One value of the canonical event: which field, and where in the message it stood (empty: the profile's own word)."""

    field: str
    value: str
    place: str


@dataclass(frozen=True)
class Mapped:
    """One record as the canonical CloudEvent. `remarks` are choices that were made, such as which of two equal wall times was meant."""

    event: dict[str, Any]
    readings: tuple[Reading, ...]
    remarks: tuple[str, ...]


@dataclass
class _Work:
    """What is known of a record so far."""

    profile: Profile
    record: Record
    known: dict[str, list[Any]] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def one(self, name: str) -> Any:
        """The field's value, or None."""
        found = self.known.get(name)
        return found[0] if found else None


def map_record(profile: Profile, record: Record, *, fallback_id: str, fallback_time: datetime | None) -> Mapped:
    """The canonical event of `record`; raises UnmappableMessageError with every problem.

    `fallback_id` and `fallback_time` serve when the profile does not say where the message's own id and time stand.
    """
    work = _Work(profile, record)
    for rule in profile.message:
        _apply(work, rule)
    kind = MessageKind(work.one("kind") or MessageKind.CREATE)
    for rule in profile.fields:
        if kind in {MessageKind.CREATE, MessageKind.UPDATE} or rule.field in READ_FOR_AN_END:
            _apply(work, rule)
    _note_missing(work, kind)
    if work.problems:
        raise UnmappableMessageError(profile.name, list(dict.fromkeys(work.problems)))
    event = _event(work, kind, fallback_id, fallback_time)
    return Mapped(event, tuple(work.readings), tuple(work.remarks))


def content_id(profile: Profile, record: Record, message_id: str = "") -> str:
    """A stable id for a message that names none: the transport's when it has one, and always its contents."""
    digest = hashlib.sha256(record.alone()).hexdigest()[:32]
    usable = "".join(sign for sign in message_id if sign.isascii() and sign.isprintable())[:100]
    return f"{profile.name} {usable} {digest}" if usable else f"{profile.name} {digest}"


def _apply(work: _Work, rule: Rule) -> None:
    """Work one rule out and note its values, or its problem."""
    try:
        found = list(_found(work, rule))
    except UnreadableDocumentError as error:
        work.problems.append(error.problem)
        return
    except FieldError as error:
        work.problems.append(Problem(work.record.place_of(rule.queries[0]), str(error)))
        return
    for one in found:
        try:
            value = _converted(work, rule, values.as_text(one.value))
        except FieldError as error:
            work.problems.append(Problem(one.place or f"The profile's '{rule.key}'", str(error)))
            continue
        work.known.setdefault(rule.field, []).append(value)
        shown = value.isoformat() if isinstance(value, datetime) else str(value)
        work.readings.append(Reading(rule.field, shown, one.place))


def _found(work: _Work, rule: Rule) -> Iterator[Found]:
    if rule.value is not None:
        yield Found(rule.value, "")
        return
    seen = False
    for query in rule.queries:
        # Codes come before emptiness: a code list may give a meaning to what is written, not to what is absent.
        for one in work.record.find(query):
            seen = True
            yield one
            if rule.shape not in SEVERAL:
                return
    if not seen and rule.default is not None:
        yield Found(rule.default, "")


def _converted(work: _Work, rule: Rule, text: str) -> Any:
    coded = values.coded(rule, text)
    match rule.shape:
        case Shape.INSTANT:
            return _instant(work, rule, coded)
        case Shape.LATITUDE | Shape.LONGITUDE:
            return values.degrees(rule, coded)
        case Shape.PHONE:
            return values.checked_text(rule.shape, values.phone(rule, coded))
        case Shape.NOTE:
            said = values.measured(rule, coded)
            return values.checked_text(rule.shape, f"{rule.label}: {said}" if rule.label else said)
        case _:
            return values.checked_text(rule.shape, coded)


def _instant(work: _Work, rule: Rule, text: str) -> datetime:
    if rule.after:
        begin: datetime | None = work.one(rule.after)
        if begin is None:
            raise FieldError(f"is counted from '{rule.after}', which is absent")
        # In UTC: added to a wall time, an hour would be lost or won where the clocks change.
        return (begin.astimezone(UTC) + values.span(rule, text)).astimezone(begin.tzinfo)
    found, remark = values.instant(rule, text)
    if remark:
        work.remarks.append(f"{rule.field}: {remark}")
    return found


def _note_missing(work: _Work, kind: MessageKind) -> None:
    """Note what is required and absent; what is there but wrong was told already."""
    rules = {rule.field: rule for rule in (*work.profile.message, *work.profile.fields)}
    wanted = dict.fromkeys(NEEDED[kind])
    wanted |= dict.fromkeys(name for name, rule in rules.items() if kind in rule.required)
    if kind is MessageKind.UPDATE and any(name in work.known for name in _PLACE_FIELDS):
        # Half an address would be a wrong one.
        wanted |= dict.fromkeys(("street", "postcode", "city"))
    if work.known.get("phone") or work.known.get("email"):
        wanted |= {"citizen_name": None}
    for name in wanted:
        rule = rules.get(name)
        if name in work.known or _was_told(work, rule):
            continue
        place = work.record.place_of(rule.queries[0]) if rule and rule.queries else f"'{name}'"
        work.problems.append(Problem(place, f"is missing: {kind.value} needs {name}"))
    if ("latitude" in work.known) != ("longitude" in work.known) and not work.problems:
        work.problems.append(Problem("The coordinates", "are half: latitude and longitude go together"))


def _was_told(work: _Work, rule: Rule | None) -> bool:
    if rule is None:
        return False
    expressions = tuple(query.expression for query in rule.queries)
    return any(any(part in problem.place for part in expressions) for problem in work.problems)


def _event(work: _Work, kind: MessageKind, fallback_id: str, fallback_time: datetime | None) -> dict[str, Any]:
    at = work.one("time") or fallback_time
    event = {
        "specversion": "1.0",
        "id": work.one("id") or fallback_id,
        "source": work.profile.source,
        "type": EVENT_TYPES[kind],
        "time": at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None,
        "sequence": work.one("revision"),
        "correlationid": work.one("correlation"),
        "profile": work.profile.name,
        "datacontenttype": "application/json",
        "data": _order(work, kind),
    }
    return _without_none(event)


def _order(work: _Work, kind: MessageKind) -> dict[str, Any]:
    order: dict[str, Any] = {
        "externalId": work.one("external_id"),
        "description": work.one("description"),
        "note": [{"text": text} for text in work.known.get("notes", ())] or None,
    }
    if kind in {MessageKind.CANCEL, MessageKind.CLOSE}:
        return _without_none({**order, "cancellationReason": work.one("reason")})
    start, end = work.one("not_before"), work.one("due_at")
    inner = {
        "workSpecification": {"id": work.one("work_type")} if work.one("work_type") else None,
        "place": [_place(work)] if any(name in work.known for name in _PLACE_FIELDS[:4]) else None,
        "relatedParty": [_citizen(work)] if work.one("citizen_name") else None,
        "workCharacteristic": [{"name": "language", "value": work.one("language")}] if work.one("language") else None,
    }
    item = {"id": "1", "action": "add" if kind is MessageKind.CREATE else "modify", "work": _without_none(inner)}
    return _without_none(
        {
            **order,
            "priority": work.one("priority"),
            "requestedStartDate": start.isoformat() if start else None,
            "requestedCompletionDate": end.isoformat() if end else None,
            "workOrderItem": [item],
            "@type": "WorkOrder",
        }
    )


def _place(work: _Work) -> dict[str, Any]:
    latitude, longitude = work.one("latitude"), work.one("longitude")
    point = None
    if latitude is not None and longitude is not None:
        point = {"@type": "GeoJsonPoint", "geoJson": {"type": "Point", "coordinates": [longitude, latitude]}}
    return _without_none(
        {
            "@type": "GeographicAddress",
            "role": "installation address",
            "streetName": work.one("street"),
            "streetNr": work.one("house_number"),
            "postcode": work.one("postcode"),
            "city": work.one("city"),
            "country": work.one("country") or work.profile.country,
            "geographicLocation": point,
        }
    )


def _citizen(work: _Work) -> dict[str, Any]:
    media = [
        *({"mediumType": "phone", "characteristic": {"phoneNumber": one}} for one in _each(work, "phone")),
        *({"mediumType": "email", "characteristic": {"emailAddress": one}} for one in _each(work, "email")),
    ]
    return {
        "role": CITIZEN_ROLE,
        "@referredType": "Individual",
        "name": work.one("citizen_name"),
        "contactMedium": media,
    }


def _each(work: _Work, name: str) -> Iterable[Any]:
    return dict.fromkeys(work.known.get(name, ()))


def _without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in value.items() if one is not None}
