"""A map of our own, so that road times can be told in advance: a town of straight streets, a yard, and an island.

Written as an OpenStreetMap PBF file by hand (https://wiki.openstreetmap.org/wiki/PBF_Format): the few message fields needed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.domain.places import Place
from scheduling.travel.great_circle import GreatCircle

STREETS = 40
"""Streets each way: OSRM takes roads of less than a thousand nodes for a yard rather than a town."""
STEP_LAT, STEP_LON = 0.002, 0.003
SOUTH, WEST = 50.0, 10.0
ISLAND_EAST = 1.0
METRES_PER_SECOND = 36 / 3.6 * 0.8
"""Signs say 36 km/h, and OSRM's car drives at four fifths of that."""


@dataclass(frozen=True)
class Town:
    """A grid of streets; row 0 is the southernmost and one-way eastwards, column 0 the westernmost."""

    west: float

    def corner(self, row: int, column: int) -> Place:
        return Place(round(SOUTH + row * STEP_LAT, 7), round(self.west + column * STEP_LON, 7))

    def street_metres(self, columns: int, row: int) -> float:
        """Along a row, by the length of a degree on OSRM's sphere."""
        return float(GreatCircle(1.0, 1.0).matrix([self.corner(row, 0)], [self.corner(row, columns)])[0, 0])


MAINLAND, ISLAND = Town(WEST), Town(WEST + ISLAND_EAST)
YARD = (Place(50.0210, 10.0315), Place(50.0212, 10.0318))
"""The two ends of a short road inside the mainland's town that no street leads to."""
SEA = Place(50.04, 10.6)


def write_map(file: Path) -> None:
    """Write the map to `file` (.osm.pbf)."""
    nodes: list[Place] = []
    ways: list[tuple[list[int], dict[str, str]]] = []
    for town in (MAINLAND, ISLAND):
        first = len(nodes)
        nodes += [town.corner(row, column) for row in range(STREETS) for column in range(STREETS)]
        for at in range(STREETS):
            tags = {"highway": "residential", "maxspeed": "36"}
            row = [first + at * STREETS + column for column in range(STREETS)]
            ways += [(row, tags | {"oneway": "yes"} if at == 0 else tags)]
            ways += [([first + row * STREETS + at for row in range(STREETS)], tags)]
    ways.append(([len(nodes), len(nodes) + 1], {"highway": "residential"}))
    nodes += YARD
    file.write_bytes(_blob("OSMHeader", _header()) + _blob("OSMData", _block(nodes, ways)))


def _header() -> bytes:
    return _text(4, b"OsmSchema-V0.6") + _text(16, b"small map")


def _block(nodes: Sequence[Place], ways: Sequence[tuple[list[int], dict[str, str]]]) -> bytes:
    words = sorted({word for _, tags in ways for pair in tags.items() for word in pair})
    number = {word: at + 1 for at, word in enumerate(words)}
    table = _text(1, b"") + b"".join(_text(1, word.encode()) for word in words)
    dense = b"".join(
        _text(1, _field(1, _zigzag(at + 1)) + _field(8, _zigzag(_units(one.lat))) + _field(9, _zigzag(_units(one.lon))))
        for at, one in enumerate(nodes)
    )
    lines = b"".join(_text(3, _way(at + 1, refs, tags, number)) for at, (refs, tags) in enumerate(ways))
    return _text(1, table) + _text(2, dense) + _text(2, lines)


def _way(identity: int, refs: Iterable[int], tags: dict[str, str], number: dict[str, int]) -> bytes:
    steps, last = [], 0
    for ref in refs:
        steps.append(_zigzag(ref + 1 - last))
        last = ref + 1
    keys, values = (b"".join(_varint(number[word]) for word in words) for words in (tags.keys(), tags.values()))
    return _field(1, identity) + _text(2, keys) + _text(3, values) + _text(8, b"".join(map(_varint, steps)))


def _blob(kind: str, content: bytes) -> bytes:
    blob = _field(2, len(content)) + _text(3, zlib.compress(content))
    header = _text(1, kind.encode()) + _field(3, len(blob))
    return struct.pack(">I", len(header)) + header + blob


def _units(degrees: float) -> int:
    return round(degrees * 10_000_000)


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _text(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content
