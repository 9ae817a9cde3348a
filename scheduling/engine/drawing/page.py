"""A picture as a file: one SVG, or one HTML page with lists that say in words what the picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from scheduling.engine.drawing import words
from scheduling.engine.drawing.gantt import LABEL_WIDTH, Chart, charts
from scheduling.engine.drawing.picture import Picture
from scheduling.engine.drawing.plan_map import WIDTH, Map, maps

type Kind = Literal["gantt", "map", "both"]

_PAGE_ROWS = 30
"""Rows of hours in one foldable part of the page."""
_SVG_ROWS = 200
"""More rows than this are no picture any more; the SVG says how many it leaves to the page."""
_SVG_LISTED = 30
_LISTED = 500
_HEAD = 130.0
_LINE = 17.0


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of the SVG below its head: hours, a map, or lines of text, `height` high."""

    title: str
    height: float
    chart: Chart | None = None
    map: Map | None = None
    lines: tuple[str, ...] = ()


@cache
def _templates() -> Environment:
    """Everything is escaped, whatever a file calls its orders; an unknown name is an error."""
    loader = PackageLoader("scheduling.engine.drawing")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def draw_page(picture: Picture, kind: Kind, travel_model: str) -> str:
    """One HTML page: figures, hours, map, what is not served and why, and every route in words. No scripts, no network."""
    days = picture.days
    idle = [row.route.technician for row in picture.rows if not row.visits]
    shown = len(picture.left_out[:_LISTED])
    return (
        _templates()
        .get_template("drawing/plan.html")
        .render(
            picture=picture,
            words=words,
            figures=_figures(picture),
            charts=charts(picture, _PAGE_ROWS) if kind != "map" else [],
            maps=maps(picture) if kind != "gantt" else [],
            label_width=LABEL_WIDTH,
            only_day=days[0] if len(days) == 1 else None,
            listed=_LISTED,
            left_out_words=_left_out_words(picture, shown),
            idle=f"Without visits: {words.counted(len(idle), 'route')}." if idle else "",
            travel=travel_model,
        )
    )


def draw_svg(picture: Picture, kind: Kind) -> str:
    """One SVG that stands by itself: legend, hours, map, and the heaviest orders that are not served."""
    parts = _parts(picture, kind)
    tops = list(accumulate((part.height for part in parts), initial=_HEAD))
    return (
        _templates()
        .get_template("drawing/plan.svg")
        .render(
            picture=picture,
            kind=kind,
            summary=". ".join(f"{name}: {value}" for name, value in _figures(picture)),
            width=WIDTH,
            height=round(tops[-1] + 10),
            label_width=LABEL_WIDTH,
            parts=[
                {"y": top, **{name: getattr(part, name) for name in ("title", "chart", "map", "lines")}}
                for part, top in zip(parts, tops, strict=False)
            ],
        )
    )


def _parts(picture: Picture, kind: Kind) -> Sequence[_Part]:
    found = []
    if kind != "map":
        cut = Picture(picture.name, picture.rows[:_SVG_ROWS], picture.left_out, picture.tiers)
        found += [_Part(chart.title, chart.height + 40, chart=chart) for chart in charts(cut, _SVG_ROWS)]
        if len(picture.rows) > _SVG_ROWS:
            line = f"The first {_SVG_ROWS} of {len(picture.rows)} routes are drawn here; the HTML page has them all."
            found.append(_Part("", 60, lines=(line,)))
    if kind != "gantt":
        found += [_Part(one.title, one.height + 40, map=one) for one in maps(picture)]
    listed = picture.left_out[:_SVG_LISTED]
    lines = tuple(words.left_out(one) for one in listed)
    found.append(_Part(_left_out_words(picture, len(listed)), 50 + len(lines) * _LINE, lines=lines))
    return found


def _figures(picture: Picture) -> list[tuple[str, str]]:
    """The plan in six figures."""
    visits = sum(len(row.visits) for row in picture.rows)
    used = [row for row in picture.rows if row.visits]
    driving = sum(row.timeline.travel_seconds for row in used)
    working = sum(visit.end - visit.start for row in used for visit in row.visits)
    missed = sum(one.label.weight for one in picture.left_out)
    return [
        ("Orders served", f"{visits:,} of {visits + len(picture.left_out):,}"),
        ("Unserved weight", f"{missed:,}"),
        ("Routes used", f"{len(used):,} of {len(picture.rows):,}"),
        ("Driving", words.duration(driving)),
        ("Work", words.duration(working)),
        ("Driving per visit", words.duration(driving // visits) if visits else "–"),
    ]


def _left_out_words(picture: Picture, shown: int) -> str:
    """How many orders are not served, and how many of them are listed."""
    count = len(picture.left_out)
    if count == 0:
        return "Every order is served."
    text = f"{words.counted(count, 'order')} not served"
    return f"{text}, the heaviest first." if shown == count else f"{text}; here the {shown} heaviest."
