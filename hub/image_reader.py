"""The program that decodes a HEIC picture; `hub.images` runs it by its path, apart from everything else.

It reads the file from its input and writes a line, then, after `picture <width> <height>`, that many pixels as RGBA. Any other line is
a word: unreadable, damaged or too many pixels. It imports nothing of ours. Its arguments are the most pixels, the longest edge of what
it writes, and the seconds of processor time it may take.

How much work is in a HEIC cannot be told from its size or its pixels: a grid may name one large tile a thousand times, most of them
beyond the edge of the picture, and a tile may be made slow to decode. So the time itself is bounded, by the machine.
"""

import io
import resource
import sys

_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
"""The largest picture takes a third of it."""
_LINE_BYTES = 64


def limit_itself(cpu_seconds: int, longest_edge: int) -> None:
    """Take no more than this much memory and time, and write no more than a picture; never more than the machine allows already."""
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 4 * longest_edge * longest_edge + _LINE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        allowed = resource.getrlimit(what)[1]
        limit = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(what, (limit, limit))


def decode(content: bytes, most_pixels: int, longest_edge: int) -> tuple[str, bytes]:
    """The line and the pixels: upright, and made smaller where they are larger than is kept."""
    from PIL import Image, ImageOps, UnidentifiedImageError
    from pillow_heif import register_heif_opener

    # One thread: a hostile file takes one processor, and threads take memory of their own.
    register_heif_opener(decode_threads=1)
    try:
        with Image.open(io.BytesIO(content), formats=("HEIF",)) as picture:
            if picture.width * picture.height > most_pixels:
                return "too many pixels", b""
            # Made smaller before it is turned: turning copies it.
            picture.thumbnail((longest_edge, longest_edge))
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
            return f"picture {upright.width} {upright.height}", upright.tobytes()
    except UnidentifiedImageError:
        return "unreadable", b""
    except Image.DecompressionBombError:
        return "too many pixels", b""
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError):
        return "damaged", b""


if __name__ == "__main__":
    pixels, edge, seconds = map(int, sys.argv[1:])
    limit_itself(seconds, edge)
    line, painted = decode(sys.stdin.buffer.read(), pixels, edge)
    sys.stdout.buffer.write(line.encode("ascii") + b"\n" + painted)
