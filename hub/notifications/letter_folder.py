"""Letters as print files in a folder: a print service fetches them, prints, folds and posts.

    letters/2026-05-04/0b5c….pdf    one sheet of A4 or more, the address where a window envelope shows it
    letters/2026-05-04/0b5c….json   its manifest: what it is called, its SHA-256, pages, address, language

A letter counts when its manifest is there, which is written last; both are written under another name and renamed, so nobody ever
reads half a file. The same message has the same names, so it cannot be posted twice.
"""

import hashlib
import importlib
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

from hub.clock import Clock
from hub.domain.errors import ConfigurationError
from hub.notifications.ports import Message, SendingFailedError
from hub.settings import Settings

_ONE_AT_A_TIME = threading.Lock()
"""A sheet is laid out by the processor alone; several at once would only wait for each other, with more memory."""


def letters_in(settings: Settings) -> Path | None:
    """The folder that letters are written to; None when no folder is known."""
    return settings.letters_folder or (settings.state_dir / "letters" if settings.state_dir else None)


def drop_letters(settings: Settings, messages: Iterable[UUID]) -> int:
    """Delete the letters of these messages with their manifests, the manifest first; returns how many files. Raises OSError.

    What the print service has fetched is out of our hands.
    """
    folder = letters_in(settings)
    if folder is None or not folder.is_dir():
        return 0
    names = {one.hex for one in messages}
    # A name begins with a point while the file is being written.
    found = [file for file in folder.glob("*/*") if file.name.lstrip(".").partition(".")[0] in names]
    for file in sorted(found, key=lambda file: file.suffix != ".json"):
        file.unlink(missing_ok=True)
    return len(found)


class LetterFolder:
    """Writes letters for a print service."""

    name = "letters"

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Raises ConfigurationError when no folder is known, or the program that lays out letters cannot be loaded."""
        folder = letters_in(settings)
        if folder is None:
            message = "DOORSTEP_LETTERS is folder, but DOORSTEP_LETTERS_FOLDER names none."
            raise ConfigurationError(message)
        self._folder = folder.absolute()
        self._clock = clock
        self._weasyprint = _weasyprint()

    def send(self, message: Message) -> str:
        """Write the letter and its manifest and return the letter's name; raises SendingFailedError, after which there is none."""
        name = message.notification_id.hex
        with _ONE_AT_A_TIME:
            pages, content = self._draw(message.html)
        # Looked for on every day: a try that was taken for lost may have written it yesterday.
        folder = self._folder / f"{self._clock.now():%Y-%m-%d}"
        manifest = {
            "letter": name,
            "file": f"{name}.pdf",
            "sha256": hashlib.sha256(content).hexdigest(),
            "pages": pages,
            "address": list(message.lines),
            "language": message.language,
            "writtenAt": self._clock.now().isoformat(),
        }
        try:
            if any(self._folder.glob(f"*/{name}.json")):
                return name
            folder.mkdir(parents=True, exist_ok=True)
            _write_whole(folder / f"{name}.pdf", content)
            _write_whole(
                folder / f"{name}.json", json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True).encode()
            )
        except OSError as error:
            reason = f"The letter could not be written ({type(error).__name__})."
            raise SendingFailedError(reason, retry=True) from error
        return name

    def _draw(self, html: str) -> tuple[int, bytes]:
        options: dict[str, Any] = {"pdf_variant": "pdf/ua-1", "pdf_tags": True}
        # The code to scan is inside the page; nothing else is ever fetched.
        fetcher = self._weasyprint.urls.URLFetcher(allowed_protocols={"data"})
        document = self._weasyprint.HTML(string=html, url_fetcher=fetcher).render(**options)
        content: bytes = document.write_pdf(**options)
        return len(document.pages), content


def _write_whole(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    with draft.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _weasyprint() -> ModuleType:
    try:
        return importlib.import_module("weasyprint")
    except (ImportError, OSError) as error:
        message = (
            "DOORSTEP_LETTERS is folder, but WeasyPrint cannot be loaded; it needs the Pango library (libpango-1.0-0, "
            "libpangoft2-1.0-0)."
        )
        raise ConfigurationError(message) from error
