"""The log: one line for each thing that happened, and the correlation id that leads from a utility's message to its SMS.

Whoever begins a piece of work says what it belongs to (`with correlated(…)`); every line written meanwhile, by whatever
module, carries that id. Lines are text for people or JSON for machines; no line shows an address of a person.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

from pydantic import ValidationError

from hub.notifications.masking import mask_email, mask_phone

LONGEST_ID = 200
"""Characters of a correlation id."""
NOISY = ("azure", "uamqp", "procrastinate", "alembic", "httpx", "twilio")
"""The SDKs and the job queue, which tell every step at INFO, some with addresses of people in it."""
_EMAIL = re.compile(r"[^\s@<>\"'(),:;\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,186}[A-Za-z0-9])?")
_PHONE = re.compile(r"\+\d{8,15}\b")
_correlation: ContextVar[str] = ContextVar("correlation_id", default="")

type LogFormat = Literal["auto", "text", "json"]


def in_one_line(text: str) -> str:
    """A name somebody else gave, as a log can hold it: one line of at most 200 printable signs, a question mark for any other."""
    start = text[:200]
    return start if start.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in start)


def usable_id(text: object) -> str | None:
    """`text` as a correlation id, or None when it is none: something printable on one line, of `LONGEST_ID` characters at most."""
    return text if isinstance(text, str) and 0 < len(text) <= LONGEST_ID and text.isprintable() else None


@contextmanager
def correlated(correlation_id: str) -> Iterator[None]:
    """Let every line that is logged within the block carry this id; an empty one changes nothing."""
    token = _correlation.set(correlation_id or _correlation.get())
    try:
        yield
    finally:
        _correlation.reset(token)


def current_correlation_id() -> str:
    """What the work at hand belongs to, or an empty text."""
    return _correlation.get()


def without_addresses(text: str) -> str:
    """The text with e-mail addresses and phone numbers made unusable: what a library quotes is not in our hands."""
    text = _EMAIL.sub(lambda found: mask_email(found.group()), text) if "@" in text else text
    return _PHONE.sub(lambda found: mask_phone(found.group()), text) if "+" in text else text


def configure_logging(style: LogFormat = "auto", stream: TextIO | None = None, *, is_host: bool = False) -> None:
    """Send the process's log to `stream`, standard error by default.

    `auto` writes JSON for a host whose log is read by a machine, and text for a terminal or a command.
    """
    target = sys.stderr if stream is None else stream
    as_json = style == "json" or (style == "auto" and is_host and not target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(JsonLines() if as_json else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    quieten_libraries()


def adopt_handlers(style: LogFormat = "auto") -> None:
    """Where another program owns the log (Azure's functions host), let its handlers write our lines: JSON unless the style is text."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(TextLines() if style == "text" else JsonLines())
    quieten_libraries()


def quieten_libraries() -> None:
    """Let the libraries tell what goes wrong only."""
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """A line for people: time, level, module, correlation id in brackets when there is one, sentence."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record in one line, and more for an error's trace."""
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {_marked()}{one_line(record.getMessage())}"
        error = _error(record)
        return without_addresses(f"{line}\n{_trace(error)}" if error else line)


class JsonLines(logging.Formatter):
    """A line for machines: a JSON object with `time` (UTC), `level`, `logger`, `message`, and when there is one `correlation_id`.

    An error adds `error` (its class) and `trace`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one JSON object on one line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_addresses(record.getMessage()),
        }
        if _correlation.get():
            line["correlation_id"] = without_addresses(_correlation.get())
        if error := _error(record):
            line["error"] = type(error).__name__
            line["trace"] = without_addresses(_trace(error))
        return json.dumps(line)


def one_line(text: str) -> str:
    """The text on one line, so that nobody can write lines of their own into the log."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _marked() -> str:
    return f"[{_correlation.get()}] " if _correlation.get() else ""


def _error(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if isinstance(record.exc_info, tuple) else None


def _trace(error: BaseException) -> str:
    """Where the error came from, and its causes first. What pydantic quotes of the input is left out: it is a person's."""
    parts: list[str] = []
    seen: set[int] = set()
    present: BaseException | None = error
    while present is not None and id(present) not in seen:
        seen.add(id(present))
        where = "".join(traceback.format_tb(present.__traceback__))
        parts.append(f"{where}{type(present).__name__}: {_words(present)}")
        present = present.__cause__ or (None if present.__suppress_context__ else present.__context__)
    return "\nwhich led to\n".join(reversed(parts))


def _words(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        found = error.errors(include_input=False, include_url=False, include_context=False)
        return "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['type']}" for one in found)
    return str(error)
