"""Whether a PDF that a stranger sent is a plain document: nothing in it runs, opens, sends or carries other files.

The document is kept as it came, so it must be good as it came. Another process reads it, which may take only so much memory and
time: a few bytes of a hostile one can unfold to gigabytes or lead a reader in circles.
"""

import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

from hub.domain.errors import DoorstepError, ErrorKind

MOST_BYTES = 10 * 1024 * 1024
_READER = Path(__file__).with_name("document_reader.py")
_LONGEST_SECONDS = 30
_TAIL = 1024
"""The end mark of a PDF stands within its last 1024 bytes (ISO 32000-1, annex H.3)."""
_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 22 + 0xFFFF
"""A ZIP archive is read from its end: a record of 22 bytes and a comment, which may be the rest of a PDF."""
_PACKED = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")
"""How archives begin that readers look for anywhere in a file, behind the program that unpacks them."""
_AT_ONCE = BoundedSemaphore(2)
_LONGEST_WAIT_SECONDS = 20.0
_REFUSALS = {
    "too large": "This document is larger than 10 MB or longer than 200 pages. Send a shorter one.",
    "unreadable": "This document is damaged, or it is more than a PDF. Save or scan it again as a PDF.",
    "locked": "This document is protected by a password. Send it without one.",
    "active": "This document holds programs or other files. Print it to a new PDF and send that.",
}


class DocumentRefusedError(DoorstepError):
    """The file is no document we keep; the sentence says why, `reason` in a word: too large, unreadable, locked or active."""

    kind = ErrorKind.INVALID
    code = "document-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(_REFUSALS[reason])
        self.reason = reason


class DocumentsBusyError(DoorstepError):
    """More documents came at once than are read at once; nothing was kept."""

    kind = ErrorKind.UNAVAILABLE
    code = "documents-busy"

    def __init__(self) -> None:
        super().__init__("Many documents are coming in just now, so this one was not kept. Send it again in a minute.")


def check_document(content: bytes) -> None:
    """Return when `content` is a plain PDF; raises DocumentRefusedError, or DocumentsBusyError when too many came at once."""
    if len(content) > MOST_BYTES:
        raise DocumentRefusedError("too large")
    # Strictly: some readers look for the header further on, and then one file is two things at once.
    if not content.startswith(b"%PDF-") or not _ends_as_pdf(content) or _holds_archive(content):
        raise DocumentRefusedError("unreadable")
    if not _AT_ONCE.acquire(timeout=_LONGEST_WAIT_SECONDS):
        raise DocumentsBusyError
    try:
        found = _ask_reader(content)
    finally:
        _AT_ONCE.release()
    if found != "plain":
        raise DocumentRefusedError(found if found in _REFUSALS else "unreadable")


def _ends_as_pdf(content: bytes) -> bool:
    """Whether nothing but white space follows the last end mark: what is glued to a PDF comes after it."""
    _, mark, rest = content[-_TAIL:].rpartition(b"%%EOF")
    return bool(mark) and not rest.strip()


def _holds_archive(content: bytes) -> bool:
    """Whether a program that unpacks archives would find one in the file as a whole."""
    return _ZIP_END in content[-_ZIP_TAIL:] or any(mark in content for mark in _PACKED)


def _ask_reader(content: bytes) -> str:
    """The reader's one word; empty when it ran out of memory or time, or broke."""
    try:
        # -I: neither the environment nor the working folder decides what is loaded.
        done = subprocess.run(
            [sys.executable, "-I", str(_READER)],
            input=content,
            capture_output=True,
            timeout=_LONGEST_SECONDS,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("ascii", "replace").strip() if done.returncode == 0 else ""
