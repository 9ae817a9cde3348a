"""The program that looks into a citizen's PDF; `hub.documents` runs it by its path, apart from everything else.

It reads the PDF from its input and writes one word: plain, active, locked, unreadable or too large. It imports nothing of ours.
"""

import io
import resource
import sys
from collections.abc import Iterator
from typing import Any

_MOST_BYTES = 10 * 1024 * 1024
_MOST_PAGES = 200
_MOST_OBJECTS = 100_000
_DEEPEST = 60
_MEMORY_BYTES = 768 * 1024 * 1024
_CPU_SECONDS = 10
_ACTIVE_KEYS = frozenset(
    {
        "/JS",
        "/JavaScript",
        "/AA",
        "/AF",
        "/EF",
        "/EmbeddedFiles",
        "/Collection",
        "/XFA",
        "/RichMediaContent",
        "/RichMediaSettings",
    }
)
"""What the dictionaries of a plain document do not hold: scripts, actions of events, files inside, forms that are programs."""
_ACTIVE_ACTIONS = frozenset(
    {
        "/JavaScript",
        "/Launch",
        "/SubmitForm",
        "/ImportData",
        "/GoToR",
        "/GoToE",
        "/GoTo3DView",
        "/Thread",
        "/Rendition",
        "/RichMediaExecute",
        "/Movie",
        "/Sound",
    }
)
"""Actions of ISO 32000-2 (table 201) that do more than go to a page of this document."""
_ACTIVE_KINDS = frozenset(
    {"/EmbeddedFile", "/RichMedia", "/Screen", "/3D", "/FileAttachment", "/Movie", "/Sound", "/Filespec"}
)
_LINKS = ("http://", "https://", "mailto:", "tel:")


def limit_itself() -> None:
    """Take no more than this much memory and time, and write no file; never more than the machine allows already."""
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        allowed = resource.getrlimit(what)[1]
        limit = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(what, (limit, limit))


def judge(content: bytes) -> str:
    """What the document is, in a word."""
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(content), attempt_recovery=False) as document:
            if document.is_encrypted:
                return "locked"
            if len(document.pages) > _MOST_PAGES or len(document.objects) > _MOST_OBJECTS:
                return "too large"
            if not document.pages:
                return "unreadable"
            acts = any(_acts(one) or _points_outside(pikepdf, one) for one in _dictionaries(pikepdf, document))
            return "active" if acts else "plain"
    except pikepdf.PasswordError:
        return "locked"
    except (pikepdf.PdfError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        return "unreadable"


def _dictionaries(pikepdf: Any, document: Any) -> Iterator[Any]:
    """Every stream and dictionary of the document: its objects and trailer, and those within these."""
    waiting = [(one, 0) for one in (*document.objects, document.trailer)]
    while waiting:
        one, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        if isinstance(one, pikepdf.Stream):
            yield one
            one = one.stream_dict
        if isinstance(one, pikepdf.Dictionary):
            yield one
            within = [value for _, value in one.items()]
        elif isinstance(one, pikepdf.Array):
            within = list(one)
        else:
            continue
        # What has a number of its own is among the objects already; following it could go in circles.
        waiting += [(value, depth + 1) for value in within if not getattr(value, "is_indirect", False)]


def _acts(dictionary: Any) -> bool:
    keys = set(dictionary.keys())
    if keys & _ACTIVE_KEYS or str(dictionary.get("/S", "")) in _ACTIVE_ACTIONS:
        return True
    if {str(dictionary.get("/Type", "")), str(dictionary.get("/Subtype", ""))} & _ACTIVE_KINDS:
        return True
    return "/URI" in keys and not _is_plain_link(str(dictionary["/URI"]))


def _is_plain_link(address: str) -> bool:
    """Whether an address leads to a page, a mailbox or a telephone; one with a line break could be read from its second line on."""
    return address.lower().startswith(_LINKS) and address.isprintable()


def _points_outside(pikepdf: Any, one: Any) -> bool:
    """Whether its content stands in another file: a stream with `/F` (ISO 32000-2, 7.3.8.2), or a form's `/Ref` (8.10.4).

    The `/Ref` of a structure element is an array, and no such thing.
    """
    if isinstance(one, pikepdf.Stream):
        return "/F" in one.stream_dict
    return isinstance(one.get("/Ref"), pikepdf.Dictionary)


if __name__ == "__main__":
    limit_itself()
    # One byte more than is read elsewhere: never a document cut off unseen.
    sent = sys.stdin.buffer.read(_MOST_BYTES + 1)
    sys.stdout.write("too large" if len(sent) > _MOST_BYTES else judge(sent))
