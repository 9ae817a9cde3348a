"""The board names two measures of driving, and says which is which."""

import re
from datetime import date

from hub.bootstrap import Hub
from hub.domain.lifecycle import WorkOrderStatus
from hub.web import times
from scheduling.board.queries import load_board
from scheduling.driving import travel_of
from scheduling.service import plan_days
from scheduling.travel.model import legs
from tests.samples import a_work_order, add_route, add_technician
from tests.web.staff_browser import signed_in_browser

TERRITORY = "oost-vlaanderen"
TUESDAY = date(2026, 5, 5)


def test_the_draft_counts_the_way_home_the_stops_do_not_and_both_say_so(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        technician = add_technician(work)
        add_route(work, technician, TUESDAY)
        order = a_work_order(
            work_type="cabinet_repair", status=WorkOrderStatus.READY, citizen_name="", latitude=51.2, longitude=3.9
        )
        work.work_orders.add(order)
        work.commit()
    plan_days(hub, TERRITORY, TUESDAY, TUESDAY, seconds=0.1, seed=1)
    board = load_board(hub, TERRITORY, TUESDAY, draft=True)
    out, home = legs(travel_of(hub.settings), [technician.start_place, order.place, technician.end_place])
    assert min(out, home) > 600, "far enough to be told apart in minutes"
    assert board.draft is not None
    assert (board.travel_seconds, board.draft.travel_seconds) == (out, out + home)

    page = signed_in_browser(hub).get(f"/console/board?day={TUESDAY}&view=draft").text
    assert f"<dt>Driving to visits</dt><dd>{times.minutes(out)}</dd>" in page
    assert f"1 visit, {times.minutes(out)} driving to visits," in page
    assert f"{times.minutes(out + home)} of driving with the ways home," in page
    assert len(re.findall(r"\bdriving\b", page, re.IGNORECASE)) == 3, "nothing else is called driving"
