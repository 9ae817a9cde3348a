"""What a citizen's file is, judged by its bytes alone, and the form in which it is kept."""

from dataclasses import dataclass

from hub.documents import DocumentRefusedError, DocumentsBusyError, check_document
from hub.domain.citizen_records import FileKind
from hub.images import MOST_BYTES, PhotoRefusedError, PhotosBusyError, clean_photo
from hub.scanning import Scanner, ScannerUnavailableError, VirusFoundError
from portal.details.errors import FileRefusedError

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"})
_REASONS = {
    "too large": "large",
    "too many pixels": "pixels",
    "too many parts": "damaged",
    "unreadable": "damaged",
    "damaged": "damaged",
    "locked": "locked",
    "active": "active",
}


@dataclass(frozen=True)
class CleanFile:
    """A file as it is kept. `scanned_by` is the scanner that found nothing; empty when none is set up."""

    kind: FileKind
    content: bytes
    scanned_by: str

    @property
    def ending(self) -> str:
        """How the name in the file store ends."""
        return "jpg" if self.kind is FileKind.PHOTO else "pdf"


def clean_file(content: bytes, scanner: Scanner) -> CleanFile:
    """The file as it may be kept: a picture as a new JPEG without its metadata, a plain PDF as it came.

    The scanner sees what came, not what we made of it. Raises FileRefusedError with the reason.
    """
    if not content:
        raise FileRefusedError("empty")
    if len(content) > MOST_BYTES:
        raise FileRefusedError("large")
    kind = sniff(content)
    if kind is None:
        raise FileRefusedError("kind")
    try:
        scanned_by = scanner.scan(content)
        if kind is FileKind.PHOTO:
            return CleanFile(kind, clean_photo(content).content, scanned_by)
        check_document(content)
    except (PhotoRefusedError, DocumentRefusedError) as error:
        raise FileRefusedError(_REASONS[error.reason]) from error
    except VirusFoundError as error:
        raise FileRefusedError("virus") from error
    except (PhotosBusyError, DocumentsBusyError) as error:
        raise FileRefusedError("busy") from error
    except ScannerUnavailableError as error:
        raise FileRefusedError("away") from error
    return CleanFile(kind, content, scanned_by)


def sniff(content: bytes) -> FileKind | None:
    """What the first bytes say: a picture (JPEG, PNG, WebP, HEIC), a PDF, or nothing we take."""
    head = content[:16]
    is_heif = head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or is_webp or is_heif:
        return FileKind.PHOTO
    return FileKind.DOCUMENT if head.startswith(b"%PDF-") else None
