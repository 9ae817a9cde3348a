"""Where everything on the map stands: a plain local projection, north up, without any background from a server.

Longitude is shortened by the cosine of the middle latitude (equirectangular projection); across some hundred kilometres
that is right to within a few per cent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hub.domain.places import Place
from scheduling.engine.drawing import words
from scheduling.engine.drawing.picture import LeftOut, Picture, Row
from scheduling.engine.problem import DAY_SECONDS

WIDTH = 1190.0
_MARGIN = 30.0
_TALLEST, _FLATTEST = 0.65, 0.3
_COLOURS = 10
_NAMED_MOST = 60
"""With more technicians than this their names would cover the map; the titles still have them."""
_CROWDED = 120
"""With more technicians than this the signs are drawn at half their size."""
_DEGREE_METRES = math.radians(1) * 6_371_000


@dataclass(frozen=True, slots=True)
class Dot:
    """A visit, or an order that is left out."""

    x: float
    y: float
    title: str
    style: str


@dataclass(frozen=True, slots=True)
class Track:
    """The way of one technician, from start to end. `dash` tells apart the tracks that share a colour."""

    key: int
    colour: int
    dash: int
    points: str
    title: str
    name: str
    start: tuple[float, float]
    end: tuple[float, float]
    visits: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A bar that is so many pixels long and stands for so many kilometres."""

    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Map:
    """The routes of one day, with the orders that are left out and could have been served that day; `size` is that of signs."""

    title: str
    day: int
    width: float
    height: float
    scale: ScaleBar
    size: float
    tracks: tuple[Track, ...]
    left_out: tuple[Dot, ...]


class _Projection:
    """From places to points."""

    def __init__(self, places: Sequence[Place]) -> None:
        south, north = min(p.lat for p in places), max(p.lat for p in places)
        self._west, east = min(p.lon for p in places), max(p.lon for p in places)
        self._north = north
        self._narrow = max(0.05, math.cos(math.radians((south + north) / 2)))
        across = max((east - self._west) * self._narrow, 0.01)
        high = max(north - south, 0.01)
        inner = WIDTH - 2 * _MARGIN
        self._pixels = min(inner / across, inner * _TALLEST / high)
        self.height = round(max(high * self._pixels, inner * _FLATTEST) + 2 * _MARGIN, 1)
        self._left = _MARGIN + (inner - across * self._pixels) / 2
        self._top = _MARGIN + (self.height - 2 * _MARGIN - high * self._pixels) / 2

    def point(self, place: Place) -> tuple[float, float]:
        """Pixels from the left and from the top."""
        x = self._left + (place.lon - self._west) * self._narrow * self._pixels
        return round(x, 1), round(self._top + (self._north - place.lat) * self._pixels, 1)

    def scale_bar(self) -> ScaleBar:
        """A bar of a round number of kilometres, about a tenth of the width."""
        pixels_each = self._pixels / (_DEGREE_METRES / 1000)
        about = WIDTH / 10 / pixels_each
        tens = 10 ** math.floor(math.log10(about))
        kilometres = max(step * tens for step in (1, 2, 5) if step * tens <= about)
        return ScaleBar(round(kilometres * pixels_each, 1), f"{kilometres:g} km")


def maps(picture: Picture, most_tracks: int = 1_000_000) -> list[Map]:
    """One map for each day, all of the same area; at most so many tracks on each."""
    places = [place for row in picture.rows for place in (row.route.start, row.route.end)]
    places += [visit.label.task.place for row in picture.rows for visit in row.visits]
    places += [one.label.task.place for one in picture.left_out]
    if not places:
        return []
    projection = _Projection(places)
    several = len(picture.days) > 1
    found = []
    for day in picture.days:
        rows = [row for row in picture.rows if row.day == day and row.visits][:most_tracks]
        tracks = tuple(_track(at, row, projection, named=len(rows) <= _NAMED_MOST) for at, row in enumerate(rows))
        dots = tuple(_absent(one, projection) for one in picture.left_out if not several or _could(one, day))
        title = f"Map, {words.day_name(day).lower()}"
        size = 0.5 if len(rows) > _CROWDED else 1.0
        found.append(Map(title, day, WIDTH, projection.height, projection.scale_bar(), size, tracks, dots))
    return found


def _track(at: int, row: Row, projection: _Projection, *, named: bool) -> Track:
    places = [row.route.start, *(visit.label.task.place for visit in row.visits), row.route.end]
    points = [projection.point(place) for place in places]
    visits = tuple(
        Dot(
            *point,
            f"{visit.number}. {words.visit(visit, row)}",
            f"tier{visit.label.tier}{' bound' if visit.label.bound else ''}",
        )
        for point, visit in zip(points[1:-1], row.visits, strict=True)
    )
    return Track(
        key=row.key,
        colour=at % _COLOURS,
        dash=at // _COLOURS % 3,
        points=_joined(points),
        title=words.row(row),
        name=row.route.technician if named else "",
        start=points[0],
        end=points[-1],
        visits=visits,
    )


def _joined(points: Iterable[tuple[float, float]]) -> str:
    """Points as SVG writes them; a step that goes nowhere is left out."""
    listed = list(points)
    kept = listed[:1] + [after for before, after in pairwise(listed) if after != before]
    return " ".join(f"{x:g},{y:g}" for x, y in kept)


def _absent(one: LeftOut, projection: _Projection) -> Dot:
    return Dot(*projection.point(one.label.task.place), words.left_out(one), f"tier{one.label.tier}")


def _could(one: LeftOut, day: int) -> bool:
    """Whether one of its windows is open on that day."""
    begin, end = day * DAY_SECONDS, (day + 1) * DAY_SECONDS
    return any(span.start < end and begin < span.end for span in one.label.task.windows)
