"""What a value becomes: codes, numbers and their units, wall times and their zones, phone numbers."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from ingest.contacts import usable_phone
from ingest.profiles.definition import Rule, Shape
from ingest.profiles.documents import Scalar
from ingest.profiles.problems import FieldError, shown
from ingest.schemas import Code, Line, Paragraph, Postcode

UNITS: Mapping[str, Mapping[str, Decimal]] = {
    "time": {"seconds": Decimal(1), "minutes": Decimal(60), "hours": Decimal(3600), "days": Decimal(86_400)},
    "length": {"mm": Decimal("0.001"), "cm": Decimal("0.01"), "m": Decimal(1), "km": Decimal(1000)},
}
"""Units by kind, in seconds and metres. A day is 24 hours."""
ANGLES: Mapping[str, Decimal] = {"degrees": Decimal(1), "microdegrees": Decimal("0.000001")}
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ADAPTERS: Mapping[Shape, TypeAdapter[str]] = {
    Shape.CODE: TypeAdapter(Code),
    Shape.LINE: TypeAdapter(Line),
    Shape.COUNTRY: TypeAdapter(Line),
    Shape.EMAIL: TypeAdapter(Line),
    Shape.PHONE: TypeAdapter(Line),
    Shape.HOUSE_NUMBER: TypeAdapter(Line),
    Shape.PARAGRAPH: TypeAdapter(Paragraph),
    Shape.NOTE: TypeAdapter(Paragraph),
    Shape.POSTCODE: TypeAdapter(Postcode),
}
_LONGEST_HOUSE_NUMBER = 20
_LONGEST_SPAN = timedelta(days=3660)


def as_text(value: Scalar) -> str:
    """The value as a person would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)


def coded(rule: Rule, text: str) -> str:
    """The value by the rule's code list; raises FieldError for a code it does not have."""
    if rule.codes is None:
        return text
    found = rule.codes.get(text)
    if found is None:
        found = rule.other
    if found is None:
        raise FieldError(f"is {shown(text)}, which the profile does not know; known are {', '.join(rule.codes)}")
    return found


def checked_text(shape: Shape, text: str) -> str:
    """The text, when it may stand in a field of this shape; raises FieldError."""
    if shape is Shape.HOUSE_NUMBER and len(text) > _LONGEST_HOUSE_NUMBER:
        raise FieldError(f"is longer than {_LONGEST_HOUSE_NUMBER} characters")
    if shape is Shape.PRIORITY:
        if text not in {"0", "1", "2", "3", "4"}:
            raise FieldError(f"is {shown(text)}; a priority is 0 (first) to 4 (last), give it codes")
        return text
    if shape is Shape.KIND:
        return text
    try:
        return _ADAPTERS[shape].validate_python(text)
    except ValidationError as error:
        raise FieldError(_text_sentence(error.errors()[0])) from error


def number(rule: Rule, text: str) -> Decimal:
    """The number in `text`; raises FieldError. Thousands are not separated."""
    plain = text.replace(",", ".") if rule.decimal == "," and "." not in text else text
    if not _NUMBER.fullmatch(plain):
        raise FieldError(f"is {shown(text)}, which is no number with the decimal sign '{rule.decimal}'")
    return Decimal(plain)


def degrees(rule: Rule, text: str) -> float:
    """Degrees of latitude or longitude; raises FieldError outside their range."""
    found = float(number(rule, text) * ANGLES.get(rule.unit or "degrees", Decimal(1)))
    most = 90 if rule.shape is Shape.LATITUDE else 180
    if abs(found) > most:
        raise FieldError(f"is {found:g}, but a {rule.shape.value} lies between -{most} and {most} degrees")
    return found


def measured(rule: Rule, text: str) -> str:
    """A number with its unit, as a note tells it: in the unit `to` when the rule names one."""
    if rule.unit is None:
        return text
    found = number(rule, text)
    if rule.to:
        kind = next(units for units in UNITS.values() if rule.unit in units and rule.to in units)
        found = found * kind[rule.unit] / kind[rule.to]
    rounded = round(found, 3).normalize()
    return f"{rounded:f} {rule.to or rule.unit}"


def span(rule: Rule, text: str) -> timedelta:
    """A length of time by the rule's unit; raises FieldError."""
    seconds = number(rule, text) * UNITS["time"][rule.unit or "seconds"]
    if not 0 <= seconds <= Decimal(int(_LONGEST_SPAN.total_seconds())):
        raise FieldError(f"is {shown(text)} {rule.unit}; a time limit lies between 0 and ten years")
    return timedelta(seconds=float(seconds))


def phone(rule: Rule, text: str) -> str:
    """The number in E.164 when it is possible in the rule's country; else as it came, for the import to judge and to remark upon."""
    return usable_phone(text, rule.country) or text


def instant(rule: Rule, text: str) -> tuple[datetime, str]:
    """The instant, and a remark when its wall time comes twice or not at all; raises FieldError.

    A time without an offset is wall time in the rule's zone; a date alone is that day at the rule's `at`.
    """
    found = _parsed(rule, text)
    if found.tzinfo is None:
        if rule.zone is None:
            raise FieldError("has neither an offset nor a zone")
        found, remark = _in_zone(rule, found, rule.zone)
    else:
        remark = ""
    if not 2000 <= found.year < 2100:
        raise FieldError("must lie between the years 2000 and 2100")
    return found, remark


def _parsed(rule: Rule, text: str) -> datetime:
    for form in rule.formats:
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is given to wall times below
        except ValueError:
            continue
        return found if "%H" in form or "%I" in form else _at_time(rule, text, found)
    if rule.formats:
        raise FieldError(f"is {shown(text)}, which is not written as {' or '.join(rule.formats)}")
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise FieldError(f"is {shown(text)}, which is no time such as 2026-05-04T08:00:00+02:00") from error
    return _at_time(rule, text, found) if _DATE.fullmatch(text) else found


def _at_time(rule: Rule, text: str, day: datetime) -> datetime:
    if rule.at is None:
        raise FieldError(
            f"is {shown(text)}, a date without a time; the profile's 'at' says which time of the day is meant"
        )
    return datetime.combine(day.date(), time.fromisoformat(rule.at))


def _in_zone(rule: Rule, wall: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    """A zone that sets its clocks back has an hour twice (the offset before is the larger one); one that sets them on leaves one out."""
    first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset() or timedelta(), second.utcoffset() or timedelta()
    if before == after:
        return first, ""
    shown_time = f"{wall:%Y-%m-%d %H:%M}"
    if before > after:
        if rule.repeated_hour == "refuse":
            raise FieldError(f"is {shown_time}, which comes twice in {zone.key}; send it with its offset")
        chosen = first if rule.repeated_hour == "earlier" else second
        return chosen, f"{shown_time} comes twice in {zone.key}; the {rule.repeated_hour} one was taken."
    if rule.skipped_hour == "refuse":
        raise FieldError(
            f"is {shown_time}, which does not exist in {zone.key}: the clocks are set on; send it with its offset"
        )
    moved = first.astimezone(UTC).astimezone(zone)
    return moved, f"{shown_time} does not exist in {zone.key}; {moved:%H:%M} was taken."


def _text_sentence(problem: Any) -> str:
    context = problem.get("ctx", {})
    match problem["type"]:
        case "string_too_long":
            return f"is longer than {context['max_length']} characters"
        case "string_too_short":
            return "is empty"
        case "string_pattern_mismatch":
            return "is not a postal code"
        case _:
            return str(problem["msg"]).removeprefix("Value error, ")[:200]
