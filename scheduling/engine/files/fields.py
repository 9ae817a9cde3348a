"""A JSON file read key by key; whatever is wrong is one sentence with the file, the order or vehicle, and the rule."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

from hub.domain.errors import DoorstepError
from hub.domain.places import Place
from scheduling.engine.rules import MOST

MOST_BYTES = 256 * 1024 * 1024
"""A larger file is not read: ten thousand orders need 1.5 MB."""

_SHOWN = 60
_LARGEST = 1e15


class BadFileError(DoorstepError):
    """A file that cannot be taken as it is: `file` names it, `subject` what in it ("" for the whole), `rule` is a stable code."""

    code = "bad-file"

    def __init__(self, file: str, subject: str, rule: str, text: str) -> None:
        super().__init__(f"{file}: {subject}: {text}" if subject else f"{file}: {text}")
        self.file, self.subject, self.rule = file, subject, rule


def read_text(path: Path) -> str:
    """The text of a file. Raises `BadFileError` when it is not there, too large, or no UTF-8 text."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadFileError(path.name, "", "size", f"the file is larger than {MOST_BYTES >> 20} MB. Split it.")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadFileError(path.name, "", "text", "the file is no UTF-8 text. Name another file.") from error
    except OSError as error:
        raise BadFileError(path.name, "", "open", f"cannot be read ({error.strerror}). Name another file.") from error


def read_object(path: Path) -> Fields:
    """The JSON object that a file holds. Raises `BadFileError`; numbers that JSON does not know, such as NaN, are refused."""

    def refuse(constant: str) -> Never:
        raise BadFileError(path.name, "", "number", f"{constant} is no number in JSON. Write a finite number.")

    try:
        content = json.loads(read_text(path), parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise BadFileError(
            path.name, "", "json", f"is no JSON: {error.msg} in line {error.lineno}. Correct it there."
        ) from error
    except (RecursionError, ValueError) as error:
        raise BadFileError(
            path.name, "", "json", "its JSON is nested too deeply or has an endless number. Simplify it."
        ) from error
    return Fields.of(path.name, "", content)


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object; `subject` says for people whose it is ("order 7"), "" for the file itself."""

    file: str
    subject: str
    values: Mapping[str, Any]

    @staticmethod
    def of(file: str, subject: str, value: object) -> Fields:
        """The value as an object with keys. Raises `BadFileError` when it is something else."""
        if not isinstance(value, dict):
            raise BadFileError(file, subject, "object", f"must be a JSON object, not {_short(value)}.")
        return Fields(file, subject, value)

    def refuse(self, rule: str, text: str) -> BadFileError:
        """The error to raise about this object."""
        return BadFileError(self.file, self.subject, rule, text)

    def get(self, key: str) -> Any:
        """The value of a key that must be there; it may be null."""
        if key not in self.values:
            raise self.refuse(key, f'"{key}" is missing. Add it.')
        return self.values[key]

    def whole(self, key: str, *, least: int = 0) -> int:
        """A whole number from `least` to `MOST`."""
        return self._whole(key, self.get(key), least)

    def span(self, key: str) -> tuple[int, int]:
        """Two whole numbers from 0, the second not smaller: the first and the last second of a window, both in it."""
        value = self.get(key)
        if not isinstance(value, list) or len(value) != 2:
            raise self.refuse(key, f'"{key}" must be [first second, last second], not {_short(value)}.')
        first, last = (self._whole(key, one, 0) for one in value)
        if last < first:
            raise self.refuse(key, f'"{key}" ends before it begins ({first} to {last}). Turn it round.')
        return first, last

    def positive(self, key: str) -> float:
        """A finite number above 0."""
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LARGEST:
            raise self.refuse(key, f'"{key}" must be a sensible number above 0, not {_short(value)}.')
        return float(value)

    def place(self, key: str) -> Place:
        """A point as [latitude, longitude] in degrees."""
        value = self.get(key)
        numbers = isinstance(value, list) and all(isinstance(n, int | float) and not isinstance(n, bool) for n in value)
        if not numbers or len(value) != 2:
            raise self.refuse(key, f'"{key}" must be [latitude, longitude] in degrees, not {_short(value)}.')
        try:
            return Place(float(value[0]), float(value[1]))
        except (ValueError, OverflowError) as error:
            raise self.refuse(key, f'"{key}" is no place on earth: {_short(value)}. Give degrees.') from error

    def flag(self, key: str) -> bool:
        """True or false; false where the key is not there."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.refuse(key, f'"{key}" must be true or false, not {_short(value)}.')
        return value

    def title(self, key: str, otherwise: str, most: int) -> str:
        """Words for people, on one line and cut to `most` signs; `otherwise` where the key is not there."""
        value = self.values.get(key, otherwise)
        if not isinstance(value, str):
            raise self.refuse(key, f'"{key}" must be a text, not {_short(value)}.')
        return one_line(value)[:most]

    def name(self, key: str) -> int | str:
        """An id: a whole number from 0 or a text of at most 200 signs, all of which can be shown."""
        return self.as_name(key, self.get(key))

    def as_name(self, key: str, value: object) -> int | str:
        """The value as an id; see `name`."""
        if isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable():
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
            return value
        raise self.refuse(key, f'"{key}" must be a whole number from 0, or a short text, not {_short(value)}.')

    def items(self, key: str) -> Sequence[Any]:
        """A list, of anything."""
        value = self.get(key)
        if not isinstance(value, list):
            raise self.refuse(key, f'"{key}" must be a list, not {_short(value)}.')
        return value

    def objects(self, key: str, what: str) -> list[Fields]:
        """A list of objects; each is called by `what` and its id, or its place in the list when it has none."""
        found = []
        for at, value in enumerate(self.items(key)):
            name = value.get("id", f"at place {at}") if isinstance(value, dict) else f"at place {at}"
            found.append(Fields.of(self.file, f"{what} {_short(name)}", value))
        return found

    def inner(self, key: str) -> Fields:
        """The object under a key."""
        return Fields.of(self.file, f"{self.subject}, {key}" if self.subject else key, self.get(key))

    def _whole(self, key: str, value: object, least: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
            raise self.refuse(key, f'"{key}" must be a whole number from {least} to {MOST}, not {_short(value)}.')
        return value


def one_line(text: str) -> str:
    """The text with a blank for line ends, for what steers a terminal, and for halves of signs, which no file can hold."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _short(value: object) -> str:
    """The value as it would stand in JSON, cut to a readable length; ids stand bare."""
    if isinstance(value, str) and value.isprintable() and len(value) <= _SHOWN:
        return value
    if isinstance(value, int) and abs(value) >= 10**_SHOWN:
        return f"a number of more than {_SHOWN} digits"
    text = repr(value) if not isinstance(value, dict | list) else f"a {type(value).__name__} of {len(value)}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
