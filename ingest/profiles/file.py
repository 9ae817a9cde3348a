"""Reads a profile's TOML file; what is wrong in it is said with file and key."""

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.domain.errors import ConfigurationError
from ingest.countries import find_country
from ingest.profiles.csv_documents import CsvFormat
from ingest.profiles.definition import FIELD_SHAPES, MESSAGE_SHAPES, NEEDED, MessageKind, Profile, Rule, Shape
from ingest.profiles.documents import Format
from ingest.profiles.json_documents import JsonFormat
from ingest.profiles.values import ANGLES, UNITS
from ingest.profiles.xml_documents import XmlFormat

_SUFFIXES = {"json": (".json",), "xml": (".xml",), "csv": (".csv", ".txt")}
_Word = Annotated[str, Field(min_length=1, max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _RuleFile(_Strict):
    path: _Word | list[_Word] | None = None
    value: str | None = None
    default: str | None = None
    codes: dict[str, str] | None = None
    other: str | None = None
    required: bool | list[MessageKind] = False
    format: str | list[str] = []
    zone: str | None = None
    at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    repeated_hour: Literal["earlier", "later", "refuse"] = "earlier"
    skipped_hour: Literal["later", "refuse"] = "refuse"
    after: Literal["time", "not_before"] | None = None
    unit: str | None = None
    to: str | None = None
    decimal: Literal[".", ","] = "."
    label: Annotated[str, Field(max_length=100)] = ""
    country: str | None = None


class _ProfileTable(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    title: _Word
    format: Literal["json", "xml", "csv"]
    source: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
    zone: str
    country: str = "BE"


class _MatchTable(_Strict):
    content_types: list[_Word] = []
    sources: list[_Word] = []


class _JsonTable(_Strict):
    orders: str = ""


class _XmlTable(_Strict):
    orders: _Word
    namespaces: dict[str, str] = {}


class _CsvTable(_Strict):
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    encoding: str = "utf-8"


type _Rules = dict[str, _Word | _RuleFile | list[_Word | _RuleFile]]


class _File(_Strict):
    profile: _ProfileTable
    match: _MatchTable = _MatchTable()
    json_: Annotated[_JsonTable | None, Field(alias="json")] = None
    xml: _XmlTable | None = None
    csv: _CsvTable | None = None
    message: _Rules = {}
    fields: _Rules


def load_profile(path: Path, *, own: bool) -> Profile:
    """The profile in `path`; raises ConfigurationError with a sentence for every key that is wrong."""
    try:
        read = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"The profile {path} cannot be read: {error}.") from error
    except ValidationError as error:
        raise _wrong(path, list(dict.fromkeys(_sentences(error)))) from error
    problems: list[str] = []
    form = _format(read, problems)
    zone = _zone(read.profile.zone, "profile.zone", problems)
    country = find_country(read.profile.country)
    if country is None:
        problems.append(f"'profile.country': '{read.profile.country}' is no country we work in")
    builder = _RuleBuilder(form, zone, read.profile.country, problems)
    message = builder.rules("message", read.message, MESSAGE_SHAPES)
    fields = builder.rules("fields", read.fields, FIELD_SHAPES)
    missing = [name for name in NEEDED[MessageKind.CREATE] if name not in read.fields]
    problems += [f"'fields.{name}' is missing; every order needs it" for name in missing]
    if ("latitude" in read.fields) != ("longitude" in read.fields):
        problems.append("'fields.latitude' and 'fields.longitude' go together")
    if problems or form is None:
        raise _wrong(path, problems)
    return Profile(
        name=read.profile.name,
        title=read.profile.title,
        format_name=read.profile.format,
        format=form,
        source=read.profile.source,
        country=read.profile.country,
        content_types=frozenset(one.lower() for one in read.match.content_types),
        sources=frozenset(read.match.sources),
        file_suffixes=_SUFFIXES[read.profile.format],
        message=message,
        fields=fields,
        own=own,
    )


def _format(read: _File, problems: list[str]) -> Format | None:
    for name, table in (("json", read.json_), ("xml", read.xml), ("csv", read.csv)):
        if table is not None and name != read.profile.format:
            problems.append(f"'{name}' is a table for another format than '{read.profile.format}'")
    match read.profile.format:
        case "json":
            orders = read.json_.orders if read.json_ else ""
            return JsonFormat(tuple(name for name in orders.split(".") if name))
        case "csv":
            table = read.csv or _CsvTable()
            try:
                codecs.lookup(table.encoding)
                "é".encode(table.encoding)
            except (LookupError, UnicodeEncodeError):
                problems.append(f"'csv.encoding': '{table.encoding}' is no encoding we can read")
            return CsvFormat(table.delimiter, table.quote, table.encoding)
        case _:
            return _xml_format(read.xml, problems)


def _xml_format(table: _XmlTable | None, problems: list[str]) -> Format | None:
    if table is None:
        problems.append("'xml.orders' is missing: the XPath of the orders")
        return None
    form = XmlFormat(table.orders, table.namespaces)
    try:
        form.compile(table.orders)
    except ValueError as error:
        problems.append(f"'xml.orders' {error}")
    return form


def _zone(name: str, key: str, problems: list[str]) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(f"'{key}': '{name}' is no time zone; write one such as Europe/Brussels")
        return None


class _RuleBuilder:
    """Makes rules, noting what is wrong with them."""

    def __init__(self, form: Format | None, zone: ZoneInfo | None, country: str, problems: list[str]) -> None:
        self._form, self._zone, self._country, self._problems = form, zone, country, problems

    def rules(self, table: str, read: _Rules, shapes: Mapping[str, Shape]) -> tuple[Rule, ...]:
        """The rules of a table of the file, in the order in which fields depend on each other."""
        made: list[Rule] = []
        for name in read:
            if name not in shapes:
                self._problems.append(f"'{table}.{name}' is no field; known are {', '.join(shapes)}")
        for name, shape in shapes.items():
            found = read.get(name)
            several = found if isinstance(found, list) else [] if found is None else [found]
            paths = [one for one in several if isinstance(one, str)]
            if shape is not Shape.NOTE and len(paths) > 1 and len(paths) == len(several):
                several = [_RuleFile(path=paths)]
            if len(several) > 1 and shape is not Shape.NOTE:
                self._problems.append(f"'{table}.{name}' takes one rule; give its 'path' several places instead")
            for one in several:
                rule = _RuleFile(path=one) if isinstance(one, str) else one
                made.append(self._rule(f"{table}.{name}", name, shape, rule))
        return tuple(made)

    def _rule(self, key: str, name: str, shape: Shape, read: _RuleFile) -> Rule:
        self._problems += [f"'{key}' {sentence}" for sentence in _contradictions(shape, read)]
        formats = [read.format] if isinstance(read.format, str) else read.format
        return Rule(
            key=key,
            field=name,
            shape=shape,
            queries=tuple(self._queries(key, read)),
            value=read.value,
            default=read.default,
            codes=read.codes,
            other=read.other,
            required=_required(read.required),
            formats=tuple(formats),
            zone=_zone(read.zone, f"{key}.zone", self._problems) if read.zone else self._zone,
            at=read.at,
            repeated_hour=read.repeated_hour,
            skipped_hour=read.skipped_hour,
            after=read.after,
            unit=read.unit,
            to=read.to,
            decimal=read.decimal,
            label=read.label,
            country=read.country or self._country,
        )

    def _queries(self, key: str, read: _RuleFile) -> Iterator[Any]:
        paths = [read.path] if isinstance(read.path, str) else read.path or []
        for path in paths:
            if self._form is None:
                continue
            try:
                yield self._form.compile(path)
            except ValueError as error:
                self._problems.append(f"'{key}.path': '{path}' {error}")


def _required(read: bool | list[MessageKind]) -> frozenset[MessageKind]:
    if isinstance(read, bool):
        return frozenset({MessageKind.CREATE}) if read else frozenset()
    return frozenset(read)


def _contradictions(shape: Shape, read: _RuleFile) -> Iterator[str]:
    if read.path is None and read.value is None:
        yield "needs a 'path' or a 'value'"
    if read.path is not None and read.value is not None:
        yield "has both a 'path' and a 'value'; keep one (a 'default' is used when the path finds nothing)"
    if read.other is not None and read.codes is None:
        yield "has 'other' without 'codes'"
    if shape is Shape.KIND:
        known = {kind.value for kind in MessageKind}
        said = [*(read.codes or {}).values(), *(one for one in (read.other, read.value, read.default) if one)]
        yield from (
            f"makes '{one}'; a message is one of {', '.join(sorted(known))}" for one in said if one not in known
        )
    if read.country is not None and find_country(read.country) is None:
        yield f"has the country '{read.country}', where we do not work"
    yield from _wrong_times(shape, read)
    yield from _wrong_units(shape, read)


def _wrong_times(shape: Shape, read: _RuleFile) -> Iterator[str]:
    timed = bool(read.format or read.zone or read.at or read.after)
    for form in [read.format] if isinstance(read.format, str) else read.format:
        if not _is_format(form):
            yield f"has the format '{form}', which cannot be used; write one such as %d/%m/%Y"
    if timed and shape is not Shape.INSTANT:
        yield "has 'format', 'zone', 'at' or 'after', which only instants have"
    if read.after and read.unit not in UNITS["time"]:
        yield f"has 'after', so it needs a 'unit' of {', '.join(UNITS['time'])}"


def _is_format(form: str) -> bool:
    """Whether texts can be read by this format at all: what Python makes of it is only known by trying."""
    try:
        datetime.strptime("2000-01-01", form)  # noqa: DTZ007 - nobody uses the instant
    except re.error:
        # A part that stands in it twice.
        return False
    except ValueError as error:
        return "does not match" in str(error) or "unconverted data" in str(error)
    return True


def _wrong_units(shape: Shape, read: _RuleFile) -> Iterator[str]:
    known = [*(name for kind in UNITS.values() for name in kind), *ANGLES]
    for word in (read.unit, read.to):
        if word is not None and word not in known:
            yield f"has the unit '{word}'; known are {', '.join(known)}"
    if read.to and not any(read.unit in kind and read.to in kind for kind in UNITS.values()):
        yield f"cannot turn '{read.unit}' into '{read.to}'"
    measured = {Shape.NOTE, Shape.LATITUDE, Shape.LONGITUDE}
    if read.unit and shape not in measured and not read.after:
        yield "has a 'unit', which only notes, coordinates and instants with 'after' have"


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        # The names of alternatives that pydantic tried say nothing to the file's author.
        parts = [
            str(part) for part in problem["loc"] if not str(part).startswith(("constrained-", "_RuleFile", "list["))
        ]
        place = ".".join(part for part in parts if "[" not in part)
        if problem["type"] == "missing":
            yield f"'{place}' is missing"
        elif problem["type"] in {"model_type", "dict_type"}:
            yield f"'{place}' must be a table" if place.count(".") != 1 else f"'{place}' must be a path or a table"
        elif problem["type"] == "extra_forbidden":
            yield f"'{place}' is not known"
        elif parts != [str(part) for part in problem["loc"]] and problem["type"] in {"string_type", "list_type"}:
            continue
        else:
            yield f"'{place}': {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _wrong(path: Path, problems: list[str]) -> ConfigurationError:
    return ConfigurationError(f"The profile {path} is wrong: {'; '.join(problems) or 'it cannot be used'}.")
