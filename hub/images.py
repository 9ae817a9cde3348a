"""Turns what a phone sends into a plain JPEG, or says why it is not one we keep. For technicians' and citizens' pictures alike.

A HEIC is decoded by another process, which may take only so much memory and time (`hub.image_reader` says why); the other kinds are
bounded by their parts (`hub.image_parts`) and decoded here.
"""

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import BoundedSemaphore

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from hub.domain.errors import DoorstepError, ErrorKind
from hub.image_parts import has_too_many_parts

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 50_000_000
"""The largest phone cameras; decoding more could exhaust the server's memory (a decompression bomb)."""
LONGEST_EDGE = 2560
"""Pixels; enough to read a meter's number plate."""
_FORMATS = ("JPEG", "PNG", "WEBP")
_QUALITY = 85
_HEIC_READER = Path(__file__).with_name("image_reader.py")
_HEIC_CPU_SECONDS = 10
"""Five times what the largest photo takes (48 million pixels: 2 s)."""
_HEIC_LONGEST_SECONDS = 30.0
# The largest picture takes half a gigabyte while it is read: few are read at once, the others wait their turn.
_AT_ONCE = BoundedSemaphore(2)
_HEIC_AT_ONCE = BoundedSemaphore(2)
"""Turns of their own: whoever sends slow ones keeps nobody from sending a JPEG."""
_LONGEST_WAIT_SECONDS = 10.0


class PhotoRefusedError(DoorstepError):
    """The file is no photo we keep; the sentence says why, `reason` in a word: too large, too many pixels, too many parts, unreadable or
    damaged.
    """

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
    picture, for more than 10 MB, for more than 50 million pixels, for a file of more parts than cameras write, for a picture
    that is cut off, and for a HEIC that takes too long to decode; PhotosBusyError when too many others came at the same time.
    """
    if len(content) > MOST_BYTES:
        raise PhotoRefusedError("This photo is larger than 10 MB. Take it with a lower resolution.", "too large")
    # Before the turn is taken: what would keep a decoder busy for minutes never gets to one.
    if has_too_many_parts(content):
        raise _too_many_parts()
    is_heic = content[4:8] == b"ftyp"
    turn = _HEIC_AT_ONCE if is_heic else _AT_ONCE
    if not turn.acquire(timeout=_LONGEST_WAIT_SECONDS):
        raise PhotosBusyError
    try:
        return _clean_heic(content) if is_heic else _clean(content)
    finally:
        turn.release()


def _clean(content: bytes) -> CleanPhoto:
    # What draws our PDF documents lets pictures be cut off, in the whole process, as soon as it is imported.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise _too_many_pixels()
            if has_too_many_parts(content, picture.width * picture.height):
                raise _too_many_parts()
            return _encode(_painted(picture))
    except UnidentifiedImageError as error:
        raise _unreadable() from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise _damaged() from error


def _clean_heic(content: bytes) -> CleanPhoto:
    """What the reader made of it; one that ran out of time or memory, or broke, leaves the picture unreadable."""
    line, _, pixels = _ask_reader(content).partition(b"\n")
    match line.decode("ascii", "replace").split(" "):
        case ["picture", str(width), str(height)] if _are_pixels(width, height, pixels):
            return _encode(_on_white(Image.frombytes("RGBA", (int(width), int(height)), pixels)))
        case ["too", "many", "pixels"]:
            raise _too_many_pixels()
        case ["damaged"]:
            raise _damaged()
    raise _unreadable()


def _are_pixels(width: str, height: str, pixels: bytes) -> bool:
    """Whether `pixels` are such a picture; what a file broke could write anything."""
    edges = [int(edge) if edge.isdecimal() and len(edge) < 6 else 0 for edge in (width, height)]
    return min(edges) > 0 and max(edges) <= LONGEST_EDGE and len(pixels) == 4 * edges[0] * edges[1]


def _ask_reader(content: bytes) -> bytes:
    """What the reader wrote; empty when it ran out of time or memory, or broke."""
    arguments = [str(number) for number in (MOST_PIXELS, LONGEST_EDGE, _HEIC_CPU_SECONDS)]
    try:
        # -I: neither the environment nor the working folder decides what is loaded.
        # Into a file and not a pipe: how long a file may become is a limit that the reader cannot raise.
        with TemporaryFile() as written:
            done = subprocess.run(
                [sys.executable, "-I", str(_HEIC_READER), *arguments],
                input=content,
                stdout=written,
                stderr=subprocess.DEVNULL,
                timeout=_HEIC_LONGEST_SECONDS,
                check=False,
                env={},
            )
            written.seek(0)
            return written.read() if done.returncode == 0 else b""
    except subprocess.TimeoutExpired:
        return b""


def _unreadable() -> PhotoRefusedError:
    return PhotoRefusedError("This is not a photo we can read. Send a JPEG, PNG, WebP or HEIC picture.", "unreadable")


def _damaged() -> PhotoRefusedError:
    return PhotoRefusedError("This photo is damaged or cut off. Take it again.", "damaged")


def _too_many_pixels() -> PhotoRefusedError:
    return PhotoRefusedError(
        "This photo has more than 50 million pixels. Take it with a lower resolution.", "too many pixels"
    )


def _too_many_parts() -> PhotoRefusedError:
    return PhotoRefusedError(
        "This photo's file has more parts than a camera writes. Take it again, or save it anew.", "too many parts"
    )


def _painted(picture: Image.Image) -> Image.Image:
    """The pixels on a new canvas, so that nothing else of the file can come along."""
    if picture.format == "JPEG":
        # Lets the decoder skip detail that the smaller picture would lose anyway.
        picture.draft("RGB", (LONGEST_EDGE, LONGEST_EDGE))
    # Made smaller before it is turned: turning copies it.
    picture.thumbnail((LONGEST_EDGE, LONGEST_EDGE))
    return _on_white(ImageOps.exif_transpose(picture).convert("RGBA"))


def _on_white(coloured: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", coloured.size, "white")
    canvas.paste(coloured, mask=coloured.getchannel("A"))
    return canvas


def _encode(canvas: Image.Image) -> CleanPhoto:
    out = io.BytesIO()
    canvas.save(out, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return CleanPhoto(out.getvalue(), canvas.width, canvas.height)
