"""The dossier as an accessible document: PDF/UA-1, with tags, language, title, headings, table headers and bookmarks.

WeasyPrint draws it with the machine's Pango. Without that everything else works, and whoever asks for the PDF hears what is missing.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from hub.domain.errors import DoorstepError, ErrorKind
from portal.dossier.wording import EntryInWords, Wording

MOST_ENTRIES = 600
"""How many entries are drawn; of a longer record the first and the last ones, and the JSON document has all."""
_FOLDER = Path(__file__).with_name("templates")
_AT_ONCE = threading.BoundedSemaphore(2)
"""Drawing keeps a core busy for seconds; others wait their turn."""
_PATIENCE_SECONDS = 20.0


class PaperUnavailableError(DoorstepError):
    """This machine cannot draw documents."""

    kind = ErrorKind.UNAVAILABLE
    code = "pdf-unavailable"

    def __init__(self) -> None:
        super().__init__(
            "PDF documents cannot be made here because Pango is not installed "
            "(Debian and Ubuntu: sudo apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0); "
            "the JSON document holds the same."
        )


class PaperBusyError(DoorstepError):
    """Too many documents are drawn at this moment."""

    kind = ErrorKind.UNAVAILABLE
    code = "pdf-busy"

    def __init__(self) -> None:
        super().__init__("Other documents are being made at this moment. Please try again in a minute.")


class _NothingFetchedError(ValueError):
    """The document asked for something outside it."""


@dataclass(frozen=True)
class _DrawnEntry:
    number: int
    at: str
    hash: str
    words: EntryInWords


def draw_dossier(dossier: Mapping[str, Any], *, language: str, zone: str) -> bytes:
    """The PDF of a dossier, times in `zone`; raises PaperUnavailableError or PaperBusyError."""
    weasyprint = _weasyprint()
    page = dossier_page(dossier, language=language, zone=zone)
    if not _AT_ONCE.acquire(timeout=_PATIENCE_SECONDS):
        raise PaperBusyError
    try:
        sheet = weasyprint.CSS(string=(_FOLDER / "dossier.css").read_text(encoding="utf-8"), url_fetcher=_fetch_nothing)
        document = weasyprint.HTML(string=page, url_fetcher=_fetch_nothing)
        drawn: bytes = document.write_pdf(stylesheets=[sheet], pdf_variant="pdf/ua-1", pdf_tags=True)
        return drawn
    finally:
        _AT_ONCE.release()


def dossier_page(dossier: Mapping[str, Any], *, language: str, zone: str) -> str:
    """The same as HTML, everything in it escaped."""
    words = Wording(language)
    entries, left_out = _drawn(dossier["record"]["entries"])
    return _template().render(
        dossier=dossier,
        language=words.language,
        page=words.page,
        value=words.value,
        zone=zone,
        at=_clock(words.language, zone),
        facts=_facts(dossier, words),
        outcome=words.outcome(dossier["reason"], dossier["outcome"]),
        with_words=[(number, one) for number, one in enumerate(dossier["attempts"], start=1) if one["text"]],
        entries=[
            _DrawnEntry(one["number"], one["at"], one["hash"], words.entry(one["kind"], one["content"]))
            for one in entries
        ],
        left_out=left_out,
        program=own_check(),
    )


def own_check() -> str:
    """A program of ten lines that checks a dossier's record with Python alone."""
    return (_FOLDER / "check.py.txt").read_text(encoding="utf-8")


def _drawn(entries: Sequence[Mapping[str, Any]]) -> tuple[Sequence[Mapping[str, Any]], int]:
    if len(entries) <= MOST_ENTRIES:
        return entries, 0
    half = MOST_ENTRIES // 2
    return [*entries[:half], *entries[-half:]], len(entries) - 2 * half


def _facts(dossier: Mapping[str, Any], words: Wording) -> list[tuple[str, str]]:
    facts = [
        ("reference", dossier["externalId"]),
        ("work", words.value(dossier["workType"])),
        ("status", words.value(dossier["status"])),
        ("reason", words.value(dossier["reason"]) if dossier["reason"] else ""),
        ("sentence", dossier["sentence"]),
        ("policy", dossier["policy"]),
        ("rounds", str(dossier["rounds"] or "")),
    ]
    return [(words.page(name), value) for name, value in facts if value]


def _clock(language: str, zone: str) -> Callable[..., str]:
    def at(instant: str, *, exact: bool = False) -> str:
        local = datetime.fromisoformat(instant).astimezone(ZoneInfo(zone))
        return f"{format_date(local, 'medium', locale=language)} {local:{'%H:%M:%S' if exact else '%H:%M'}}"

    return at


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("dossier.html")


def _weasyprint() -> ModuleType:
    try:
        import weasyprint
    except OSError as error:  # what its loader raises when a library of the machine is missing
        raise PaperUnavailableError from error
    found: ModuleType = weasyprint
    return found


def _fetch_nothing(address: str, *_: object, **__: object) -> NoReturn:
    """A document is made of its own words alone: no address in them is opened, be it a file or a host."""
    message = "documents fetch nothing"
    raise _NothingFetchedError(message)
