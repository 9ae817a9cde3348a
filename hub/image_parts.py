"""How many parts a picture's file has, counted without decoding any: a small file can hold work for minutes.

A progressive JPEG draws the whole picture again with every scan, and a scan that changes nothing takes a few bytes. Cameras write a
dozen scans at most, and a few hundred segments or chunks.
"""

import re

MOST_SCANS = 100
MOST_SCANNED_PIXELS = 1_000_000_000
"""Pixels times scans: twenty scans of the largest photo; libjpeg's own progressive script has ten."""
MOST_SEGMENTS = 2_000
"""Of a JPEG: a profile or XMP of 10 MB fills 160."""
MOST_CHUNKS = 20_000
"""Of a PNG: writers cut 10 MB in some thousands at most."""
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""What is no fill byte, no stuffed byte and no restart mark within a scan."""
_END, _SCAN = 0xD9, 0xDA
_WITH_LENGTH = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xFF)})
"""Markers that libjpeg skips, or reads, by their length; after any other it looks at the next byte."""
_PNG_START = b"\x89PNG\r\n\x1a\n"


def has_too_many_parts(content: bytes, pixels: int = 0) -> bool:
    """Whether a JPEG or PNG of so many pixels (0: not known yet) is made of more parts than a camera writes; False for other kinds."""
    if content.startswith(b"\xff\xd8"):
        segments, scans = _jpeg_parts(content)
        return segments > MOST_SEGMENTS or scans > MOST_SCANS or scans * pixels > MOST_SCANNED_PIXELS
    return content.startswith(_PNG_START) and _png_chunks(content) > MOST_CHUNKS


def _jpeg_parts(content: bytes) -> tuple[int, int]:
    """Segments and, among these, scans, until the end mark; counting stops when there are too many (ITU-T T.81, annex B)."""
    segments = scans = 0
    at = 2
    while segments <= MOST_SEGMENTS and (found := _MARKER.search(content, at)):
        marker, at = found[1][0], found.end()
        if marker == _END:
            break
        segments += 1
        scans += marker == _SCAN
        if marker in _WITH_LENGTH:
            at += max(2, int.from_bytes(content[at : at + 2]))
    return segments, scans


def _png_chunks(content: bytes) -> int:
    """Chunks until the file's end; counting stops when there are too many (ISO/IEC 15948, 5.3)."""
    chunks, at = 0, len(_PNG_START)
    while at < len(content) and chunks <= MOST_CHUNKS:
        chunks += 1
        # Length, kind, data and checksum.
        at += 12 + int.from_bytes(content[at : at + 4])
    return chunks
