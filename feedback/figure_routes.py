"""The figures page for staff."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from feedback.errors import PeriodError
from feedback.figure_pages import draw_days, read_period, show_value, usual_period
from feedback.queries import count_days, count_figures
from hub.domain.staff import Role
from hub.web.requests import HubDependency, PagesDependency
from hub.web.staff import Staff, require

router = APIRouter(include_in_schema=False)
ADDRESS = "/console/figures"
_READERS = (Role.OPERATIONS, Role.ANALYST, Role.DISPATCHER, Role.ADMINISTRATOR)


@router.get(ADDRESS, dependencies=[Depends(require(*_READERS))])
def show_figures(
    hub: HubDependency,
    pages: PagesDependency,
    staff: Staff,
    first: Annotated[str, Query(alias="from", max_length=40)] = "",
    last: Annotated[str, Query(alias="to", max_length=40)] = "",
) -> Response:
    """The figures of a period with what each was counted from, and bookings and completions by day."""
    today, refusal = hub.clock.now().date(), ""
    try:
        period = read_period(first, last, today)
    except PeriodError as error:
        period, refusal = usual_period(today), str(error)
    days = count_days(hub, period)
    return pages.render(
        "feedback/figures.html",
        status=422 if refusal else 200,
        staff=staff,
        here=ADDRESS,
        period=period,
        refusal=refusal,
        groups=count_figures(hub, period),
        days=days,
        plots=[
            draw_days("booked", "Appointments booked per day", days, [day.booked for day in days]),
            draw_days("completed", "Orders completed per day", days, [day.completed for day in days]),
        ],
        show_value=show_value,
    )
