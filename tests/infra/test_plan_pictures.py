"""Pictures of a plan: what stands on them, that nothing gets lost or escapes, and that people can read them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast
from xml.etree import ElementTree as ET

import pytest
from playwright.sync_api import ConsoleMessage

from infra.benchmarks.generate import generate
from infra.hosts.plan_pictures import draw_file
from infra.setup.chromium import MISSING, find_chromium, open_chromium
from scheduling.engine.drawing.page import Kind, draw_page, draw_svg
from scheduling.engine.drawing.picture import Picture, PlanNotKept, picture_of
from scheduling.engine.files.fields import BadFileError
from scheduling.engine.files.instance import Instance, read_instance
from scheduling.engine.files.solution import write_json
from scheduling.engine.problem import DAY_SECONDS, Problem, Task
from scheduling.engine.spans import Span
from scheduling.engine.timeline import Timeline, route_legs, simulate
from tests.journeys.axe import find_barriers
from tests.scheduling.worlds import HOUR, ORIGIN, technician, visit

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    """The SVG as a tree; it must be well formed."""
    return ET.fromstring(svg)  # noqa: S314 (drawn by the code under test, a line before)


def planned(problem: Problem, most: int = 6) -> list[list[Task]]:
    """Some plan: every route takes the first orders that it can keep."""
    left = list(problem.tasks)
    plan = []
    for route in problem.routes:
        stops: list[Task] = []
        for task in list(left):
            suited = task.skills <= route.skills and task.allowed_technicians in (None, frozenset({route.technician}))
            more = [*stops, task]
            if (
                len(stops) < most
                and suited
                and isinstance(simulate(route, more, route_legs(route, more, problem.travel)), Timeline)
            ):
                stops = more
                left.remove(task)
        plan.append(stops)
    return plan


def made(tmp_path: Path, orders: int = 30, technicians: int = 4, days: int = 1) -> tuple[Instance, list[list[Task]]]:
    path = tmp_path / "made.json"
    write_json(path, generate(orders, technicians, days, 2))
    instance = read_instance(path)
    return instance, planned(instance.problem)


def picture(instance: Instance, plan: Sequence[Sequence[Task]]) -> Picture:
    return picture_of(instance.name, instance.problem, plan, instance.kinds)


def texts(svg: str) -> list[str]:
    """All titles and texts of an SVG, which must be well formed."""
    return ["".join(one.itertext()) for one in parsed(svg).iter() if one.tag in {f"{SVG}title", f"{SVG}text"}]


@pytest.mark.parametrize("kind", ["gantt", "map", "both"])
def test_the_svg_shows_every_visit_and_every_order_left_out(kind: str, tmp_path: Path) -> None:
    instance, plan = made(tmp_path)
    said = texts(draw_svg(picture(instance, plan), cast("Kind", kind)))
    served = {task.id for stops in plan for task in stops}
    assert 5 < len(served) < 30
    for task in instance.problem.tasks:
        name = re.compile(rf"(\d+\. )?Order {task.id}( \(|,)")
        found = [one for one in said if name.match(one)]
        assert found, task.id
        assert all(("not served" in one) == (task.id not in served) for one in found)
    assert any("Short by" in one or "No technician" in one for one in said), "reasons are given"


def test_the_hours_are_to_scale() -> None:
    route = technician(shift=Span(8 * HOUR, 16 * HOUR), breaks=((Span(12 * HOUR, 13 * HOUR), HOUR),))
    tasks = (
        visit("a", windows=(Span(10 * HOUR, 10 * HOUR + 1),), service_seconds=HOUR),
        visit("b", windows=(Span(13 * HOUR, 14 * HOUR),), service_seconds=2 * HOUR),
    )
    problem = Problem(ORIGIN, (route,), tasks)
    root = parsed(draw_svg(picture_of("two", problem, [list(tasks)], {}), "gantt"))
    boxes = {}
    for box in root.iter(f"{SVG}rect"):
        title = box.find(f"{SVG}title")
        if title is not None:
            boxes["".join(title.itertext()).split(":")[0].split(",")[0]] = (
                float(box.attrib["x"]),
                float(box.attrib["width"]),
            )
    hour = 1040 / 8
    assert boxes["Order a"] == pytest.approx((2 * hour, hour), abs=0.2)
    assert boxes["Order b"] == pytest.approx((5 * hour, 2 * hour), abs=0.2)
    assert boxes["Break"] == pytest.approx((4 * hour, hour), abs=0.2)


def test_a_drive_is_drawn_around_the_break_that_interrupts_it() -> None:
    route = technician(shift=Span(8 * HOUR, 17 * HOUR), breaks=((Span(9 * HOUR, 9 * HOUR + 1), HOUR // 2),))
    far = visit("far", place=technician().start.__class__(51.2, 4.4), windows=(Span(8 * HOUR, 17 * HOUR),))
    before = visit("before", service_seconds=HOUR - 600, windows=(Span(8 * HOUR, 9 * HOUR),))
    problem = Problem(ORIGIN, (route,), (before, far))
    row = picture_of("drive", problem, [[before, far]], {}).rows[0]
    spans = row.visits[1].drives
    assert len(spans) == 2
    assert (spans[0].end, spans[1].start) == (9 * HOUR, 9 * HOUR + HOUR // 2)
    assert sum(span.end - span.start for span in spans) == row.timeline.stops[1].travel_seconds
    assert spans[1].end == row.visits[1].arrival


def test_what_a_file_calls_its_orders_cannot_become_markup(tmp_path: Path) -> None:
    content = generate(12, 3, 1, 2)
    content["name"] = "<script>alert(1)</script>"
    for order in content["orders"]:
        order["kind"] = '"><img src=x onerror=alert(1)>'
    write_json(tmp_path / "made.json", content)
    instance = read_instance(tmp_path / "made.json")
    drawn = picture(instance, planned(instance.problem))
    for text in (draw_page(drawn, "both", "x"), draw_svg(drawn, "both")):
        assert "<script" not in text
        assert "<img" not in text
    texts(draw_svg(drawn, "both"))


def test_the_page_needs_no_network_and_no_scripts(tmp_path: Path) -> None:
    page = draw_page(picture(*made(tmp_path)), "both", "great-circle")
    assert not re.search(r"<script|\bsrc=|@import|url\(|<link", page)
    assert not re.findall(r"https?://", page)
    assert all(address.startswith("#") for address in re.findall(r'href="([^"]*)"', page))
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in re.findall(r'href="([^"]*)"', page)} <= set(ids)


def test_each_day_has_its_own_hours_and_map(tmp_path: Path) -> None:
    instance, plan = made(tmp_path, 60, 5, 3)
    drawn = picture(instance, plan)
    page = draw_page(drawn, "both", "x")
    assert drawn.days == (0, 1, 2)
    for day in ("Day 1: 5", "Day 2: ", "Day 3: ", "Map, day 1", "Map, day 2", "Map, day 3"):
        assert day in page
    assert all(row.visits[0].start // DAY_SECONDS == row.day for row in drawn.rows if row.visits)


def test_hundreds_of_technicians_are_folded_on_the_page_and_cut_with_a_sentence_in_the_svg() -> None:
    routes = tuple(technician(number) for number in range(240))
    tasks = tuple(visit(f"v{number}") for number in range(240))
    drawn = picture_of("many", Problem(ORIGIN, routes, tasks), [[task] for task in tasks], {})
    page, svg = draw_page(drawn, "gantt", "x"), draw_svg(drawn, "gantt")
    assert page.count("<details open>") == 1
    assert page.count('<details class="route">') == 240
    assert "The first 200 of 240 routes are drawn here" in svg


@pytest.mark.parametrize("kind", ["gantt", "map", "both"])
@pytest.mark.parametrize("tasks", [(), (visit("a"),)])
def test_a_plan_of_nothing_is_drawn_too(kind: str, tasks: tuple[Task, ...]) -> None:
    for routes in ((), (technician(),)):
        drawn = picture_of("empty", Problem(ORIGIN, routes, tasks), [[] for _ in routes], {})
        texts(draw_svg(drawn, cast("Kind", kind)))
        assert ("Every order is served." in draw_page(drawn, cast("Kind", kind), "x")) == (not tasks)


def test_a_plan_that_cannot_be_kept_is_not_drawn(tmp_path: Path) -> None:
    late = visit("late", windows=(Span(8 * HOUR, 8 * HOUR + 1),))
    with pytest.raises(PlanNotKept, match="Route r0 cannot be kept at order late"):
        picture_of("x", Problem(ORIGIN, (technician(),), (late,)), [[late]], {})
    hard = visit("hard", skills=frozenset({"diving"}))
    with pytest.raises(PlanNotKept, match="Route r0 may not serve order hard"):
        picture_of("x", Problem(ORIGIN, (technician(),), (hard,)), [[hard]], {})


def test_the_command_draws_by_the_ending_and_names_the_plan_that_fails(tmp_path: Path) -> None:
    instance, plan = made(tmp_path)
    routes = {r.id: [int(t.id) for t in stops] for r, stops in zip(instance.problem.routes, plan, strict=True)}
    write_json(tmp_path / "plan.json", {"routes": routes})
    for ending in ("html", "svg"):
        draw_file(tmp_path / "made.json", tmp_path / "plan.json", tmp_path / f"plan.{ending}", "both")
        assert (tmp_path / f"plan.{ending}").stat().st_size > 5000
    write_json(tmp_path / "bad.json", {"routes": {"0": [int(task.id) for task in instance.problem.tasks]}})
    with pytest.raises(BadFileError, match=r"^bad\.json: this plan cannot be carried out\. Route 0"):
        draw_file(tmp_path / "made.json", tmp_path / "bad.json", tmp_path / "plan.svg", "both")


@pytest.mark.browser
def test_the_page_has_no_barriers_on_a_desk_on_a_phone_and_in_the_dark(tmp_path: Path) -> None:
    if find_chromium() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    (tmp_path / "plan.html").write_text(draw_page(picture(*made(tmp_path)), "both", "great-circle"), encoding="utf-8")
    looks: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1300, "light"), (390, "light"), (1300, "dark"))
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    with open_chromium() as browser:
        for width, scheme in looks:
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page.on("console", hear)
            page.goto(f"file://{tmp_path / 'plan.html'}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "only its parts scroll sideways"
            assert complaints == []
            assert find_barriers(page) == []
            page.close()
