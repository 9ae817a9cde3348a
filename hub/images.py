"""Turns what a phone sends into a plain JPEG, or says why it is not one we keep. For technicians' and citizens' pictures alike."""

import io
from dataclasses import dataclass
from threading import BoundedSemaphore

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from hub.domain.errors import DoorstepError, ErrorKind

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 50_000_000
"""The largest phone cameras; decoding more could exhaust the server's memory (a decompression bomb)."""
LONGEST_EDGE = 2560
"""Pixels; enough to read a meter's number plate."""
_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
_QUALITY = 85
# The largest picture takes half a gigabyte while it is read: few are read at once, the others wait their turn.
_AT_ONCE = BoundedSemaphore(2)
_LONGEST_WAIT_SECONDS = 10.0


class PhotoRefusedError(DoorstepError):
    """The file is no photo we keep; the sentence says why, `reason` in a word: too large, too many pixels, unreadable or damaged."""

    kind = ErrorKind.INVALID
    code = "photo-refused"

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class PhotosBusyError(DoorstepError):
    """More photos came at once than are read at once; nothing was kept."""

    kind = ErrorKind.UNAVAILABLE
    code = "photos-busy"

    def __init__(self) -> None:
        super().__init__("Many photos are coming in just now, so this one was not kept. Send it again in a minute.")


@dataclass(frozen=True)
class CleanPhoto:
    """A JPEG with nothing in it but the picture."""

    content: bytes
    width: int
    height: int


def clean_photo(content: bytes) -> CleanPhoto:
    """`content` as a JPEG without place, time, camera or comments, upright, at most 2560 pixels long.

    What it is, is judged by its bytes, never by a name. Raises PhotoRefusedError for anything but a JPEG, PNG, WebP or HEIC
    picture, for more than 10 MB, for more than 50 million pixels and for a picture that is cut off; PhotosBusyError when
    too many others came at the same time.
    """
    if len(content) > MOST_BYTES:
        raise PhotoRefusedError("This photo is larger than 10 MB. Take it with a lower resolution.", "too large")
    _know_heif()
    if not _AT_ONCE.acquire(timeout=_LONGEST_WAIT_SECONDS):
        raise PhotosBusyError
    try:
        return _clean(content)
    finally:
        _AT_ONCE.release()


def _clean(content: bytes) -> CleanPhoto:
    # What draws our PDF documents lets pictures be cut off, in the whole process, as soon as it is imported.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise _too_many_pixels()
            return _encode(_painted(picture))
    except UnidentifiedImageError as error:
        raise PhotoRefusedError(
            "This is not a photo we can read. Send a JPEG, PNG, WebP or HEIC picture.", "unreadable"
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise PhotoRefusedError("This photo is damaged or cut off. Take it again.", "damaged") from error


def _too_many_pixels() -> PhotoRefusedError:
    return PhotoRefusedError(
        "This photo has more than 50 million pixels. Take it with a lower resolution.", "too many pixels"
    )


def _painted(picture: Image.Image) -> Image.Image:
    """The pixels on a new canvas, so that nothing else of the file can come along."""
    if picture.format == "JPEG":
        # Lets the decoder skip detail that the smaller picture would lose anyway.
        picture.draft("RGB", (LONGEST_EDGE, LONGEST_EDGE))
    # Made smaller before it is turned: turning copies it.
    picture.thumbnail((LONGEST_EDGE, LONGEST_EDGE))
    coloured = ImageOps.exif_transpose(picture).convert("RGBA")
    canvas = Image.new("RGB", coloured.size, "white")
    canvas.paste(coloured, mask=coloured.getchannel("A"))
    return canvas


def _encode(canvas: Image.Image) -> CleanPhoto:
    out = io.BytesIO()
    canvas.save(out, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return CleanPhoto(out.getvalue(), canvas.width, canvas.height)


def _know_heif() -> None:
    """HEIC is what many phones take; the opener is registered once, when the first photo comes."""
    if "HEIF" not in Image.OPEN:
        from pillow_heif import register_heif_opener

        Image.preinit()
        register_heif_opener()
