"""A small file that would keep a decoder busy for minutes is refused before one sees it; what cameras and programs write is not."""

import io
import struct
import zlib
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from hub import images
from hub.image_parts import MOST_CHUNKS, MOST_SCANS, MOST_SEGMENTS
from hub.images import PhotoRefusedError, PhotosBusyError, clean_photo

APP5 = b"\xff\xe5\x00\x02"


def segment(marker: int, data: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def many_scans(scans: int, side: int = 64, between: bytes = b"") -> bytes:
    """A progressive JPEG in grey whose later scans change nothing, with `between` before each of them."""
    blocks = (-(-side // 8)) ** 2
    start = [
        b"\xff\xd8",
        segment(0xDB, bytes([0]) + bytes([1] * 64)),
        segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + bytes([1, 0x11, 0])),
        segment(0xC4, bytes([0x00, 1] + [0] * 15 + [0])),
        segment(0xC4, bytes([0x10, 1] + [0] * 15 + [0xE0])),
        segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + bytes(-(-blocks // 8)),
    ]
    # Each code says "no more in the next 16384 blocks".
    nothing = segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + bytes(-(-(-(-blocks // 16384) * 15) // 8))
    return b"".join(start) + (between + nothing) * (scans - 1) + b"\xff\xd9"


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def many_chunks(count: int) -> bytes:
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(64 * 193))) + chunk(b"abCd") * (count - 3)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND")


def refusal(content: bytes) -> str:
    with pytest.raises(PhotoRefusedError) as caught:
        clean_photo(content)
    assert str(caught.value).endswith(".")
    return caught.value.reason


def picture(**options: Any) -> bytes:
    register_heif_opener()
    out = io.BytesIO()
    Image.effect_noise((640, 480), 90).convert("RGB").save(out, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        many_scans(MOST_SCANS + 1),
        # Marks that are skipped byte by byte, not by a length behind which scans could hide.
        many_scans(MOST_SCANS + 1, between=b"\xff\xff\xff\x01\xff\xff"),
        many_scans(MOST_SCANS + 1, between=APP5 + b"\xff\xd0"),
        many_scans(30, side=7000),
        b"\xff\xd8" + APP5 * MOST_SEGMENTS + many_scans(1)[2:],
        many_chunks(MOST_CHUNKS + 1),
    ],
    ids=["scans", "hidden scans", "scans between", "scans of a large one", "segments", "chunks"],
)
def test_a_file_of_too_many_parts_never_gets_to_a_decoder(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(content) < 300_000
    monkeypatch.setattr(images, "_painted", lambda picture: pytest.fail(f"{picture} was decoded"))
    assert refusal(content) == "too many parts"


def test_it_takes_nobodys_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_AT_ONCE", BoundedSemaphore(1))
    monkeypatch.setattr(images, "_LONGEST_WAIT_SECONDS", 0.0)
    with images._AT_ONCE:  # Somebody else's photo is being read.
        assert refusal(many_scans(MOST_SCANS + 1)) == "too many parts"


@pytest.mark.parametrize(
    "content",
    [
        many_scans(MOST_SCANS),
        many_scans(15, side=7000),
        picture(format="JPEG", quality=95),
        picture(format="JPEG", quality=95, progressive=True),
        picture(format="JPEG", restart_marker_blocks=1),
        picture(format="JPEG", icc_profile=bytes(500_000), exif=b"Exif\0\0" + bytes(60_000)),
        # Phones glue a short film to the photo; its bytes mean nothing to us.
        picture(format="JPEG") + b"\xff\xda\x00\x02" * 5000,
        picture(format="JPEG", comment=b"\xff\xda\x00\x02" * 5000),
        picture(format="PNG"),
        many_chunks(MOST_CHUNKS),
    ],
    ids=["scans", "large", "baseline", "progressive", "restarts", "profile", "film", "comment", "png", "chunks"],
)
def test_what_cameras_and_programs_write_is_taken(content: bytes) -> None:
    assert clean_photo(content).content.startswith(b"\xff\xd8")


@pytest.mark.parametrize("form", ["PNG", "WEBP", "HEIF"])
def test_of_a_moving_picture_the_first_one_is_decoded_and_no_other(form: str) -> None:
    register_heif_opener()
    out = io.BytesIO()
    first, *others = (Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue"))
    first.save(out, form, save_all=True, append_images=others)
    with Image.open(io.BytesIO(clean_photo(out.getvalue()).content)) as kept:
        red, green, blue = kept.convert("RGB").getpixel((32, 32))  # type: ignore[misc]
    assert (red > 200, green < 60, blue < 60) == (True, True, True)


def box(kind: bytes, *parts: bytes) -> bytes:
    inner = b"".join(parts)
    return struct.pack(">I", len(inner) + 8) + kind + inner


def boxes(content: bytes) -> dict[bytes, bytes]:
    found, at = {}, 0
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        found[kind] = content[at + 8 : at + size]
        at += size
    return found


def grid_of_one_tile(rows: int, columns: int, side: int, canvas: int = 0) -> bytes:
    """A HEIC (ISO/IEC 23008-12, 6.6.2.3) whose grid names the same tile again and again: two bytes for each time it is decoded.

    With a `canvas` the picture says that it is so many pixels wide and high, and most tiles lie beyond it.
    """
    register_heif_opener()
    out = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(out, "HEIF", quality=60)
    written = boxes(out.getvalue())
    tile, meta = written[b"mdat"], boxes(written[b"meta"][4:])
    known = boxes(boxes(meta[b"iprp"])[b"ipco"])
    width, height = (canvas, canvas) if canvas else (columns * side, rows * side)
    ispe = box(b"ispe", struct.pack(">III", 0, width, height))
    properties = box(b"ipco", *(box(kind, known[kind]) for kind in (b"hvcC", b"ispe", b"pixi")), ispe)
    belongs = struct.pack(">IIHB3BHB2B", 0, 2, 1, 3, 0x81, 2, 3, 2, 2, 4, 3)
    grid = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)
    items = (struct.pack(">IHH4sB", 0x02000000, 1, 0, b"hvc1", 0), struct.pack(">IHH4sB", 0x02000000, 2, 0, b"grid", 0))
    named = struct.pack(">HH", 2, rows * columns) + struct.pack(">H", 1) * (rows * columns)
    ftyp = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")

    def described(start: int) -> bytes:
        places = ((1, start, len(tile)), (2, start + len(tile), len(grid)))
        where = b"".join(struct.pack(">HHHII", number, 0, 1, at, size) for number, at, size in places)
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", meta[b"hdlr"]),
            box(b"pitm", struct.pack(">IH", 0, 2)),
            box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, 2) + where),
            box(b"iinf", struct.pack(">IH", 0, 2), *(box(b"infe", item) for item in items)),
            box(b"iref", bytes(4), box(b"dimg", named)),
            box(b"iprp", properties, box(b"ipma", belongs)),
        )

    start = len(ftyp) + len(described(0)) + 8
    return ftyp + described(start) + box(b"mdat", tile, grid)


def test_a_grid_of_one_tile_is_a_picture() -> None:
    clean = clean_photo(grid_of_one_tile(2, 3, side=256))
    assert (clean.width, clean.height) == (768, 512)


def test_a_heic_that_takes_too_long_to_decode_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_HEIC_CPU_SECONDS", 1)
    monkeypatch.setattr(images, "_HEIC_LONGEST_SECONDS", 600.0)  # not what ends it
    hostile = grid_of_one_tile(30, 33, side=512, canvas=2000)  # decodes for half a minute
    assert len(hostile) < 300_000
    assert refusal(hostile) == "unreadable"
    monkeypatch.undo()
    assert clean_photo(picture(format="HEIF")).width == 640


def test_a_reader_that_waits_without_working_is_ended_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reader = tmp_path / "reader.py"
    reader.write_text("import time\ntime.sleep(60)\nprint('picture 1 1')\n")
    monkeypatch.setattr(images, "_HEIC_READER", reader)
    monkeypatch.setattr(images, "_HEIC_LONGEST_SECONDS", 0.2)
    assert refusal(picture(format="HEIF")) == "unreadable"


_BROKEN = {
    "nothing": "",
    "no pixels": "picture 1 1\n",
    "negative": "picture -1 -1\n",
    "no height": "picture 1\n",
    "too few": "picture 99999 99999\nab",
    "endless": f"picture {'9' * 5000} 1\n",
}


@pytest.mark.parametrize("said", _BROKEN.values(), ids=_BROKEN)
def test_a_reader_that_a_file_broke_ends_in_a_sentence(
    said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reader = tmp_path / "reader.py"
    reader.write_text(f"print({said!r}, end='')\n")
    monkeypatch.setattr(images, "_HEIC_READER", reader)
    assert refusal(picture(format="HEIF")) == "unreadable"


def test_of_a_heic_too_the_pixels_are_counted_before_any_is_decoded() -> None:
    assert refusal(grid_of_one_tile(2, 2, side=64, canvas=7100)) == "too many pixels"
    assert refusal(picture(format="HEIF")[:-2000]) == "damaged"
    assert refusal(b"\0\0\0\x18ftypheic" + bytes(12)) == "unreadable"


def test_slow_heics_keep_nobody_from_sending_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_HEIC_AT_ONCE", BoundedSemaphore(1))
    monkeypatch.setattr(images, "_LONGEST_WAIT_SECONDS", 0.0)
    with images._HEIC_AT_ONCE:
        assert clean_photo(picture(format="JPEG")).width == 640
        with pytest.raises(PhotosBusyError):
            clean_photo(picture(format="HEIF"))
