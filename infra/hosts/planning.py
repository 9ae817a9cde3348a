"""The command that plans the days in the database from a terminal."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db.tables import route
from hub.domain.events import Actor, ActorKind
from hub.domain.ids import PlanId
from infra.hosts.running import read_settings, running_hub
from infra.hosts.searching import showing_search
from scheduling.service import plan_days, publish_plan

_HOME_ZONE = ZoneInfo("Europe/Brussels")
_OPERATOR = Actor(ActorKind.STAFF, "command line")


def plan_from_command_line(
    day: date | None, days: int, territory: str | None, seconds: float, seed: int, *, publish: bool
) -> None:
    """Plan each territory and print one line about it."""
    with running_hub(read_settings()) as hub:
        first = day or hub.clock.now().astimezone(_HOME_ZONE).date() + timedelta(days=1)
        try:
            last = first + timedelta(days=days - 1)
        except OverflowError as error:
            message = f"{days} days from {first} go past the end of the calendar. Choose others with --day."
            raise typer.BadParameter(message) from error
        names = [name for name in territories_with_routes(hub, first, last) if territory in (None, name)]
        if not names:
            where = f" in {territory}" if territory else ""
            typer.echo(
                f"Nobody works{where} from {first} to {last}, so nothing was planned. Choose other days with --day."
            )
        for name in names:
            typer.echo(f"{name}: planning {first} to {last} for at most {seconds:g} s …")
            with showing_search(name, seconds):
                plan_id = plan_days(hub, name, first, last, seconds=seconds, seed=seed)
            _say_plan(hub, name, plan_id)
            if publish:
                report = publish_plan(hub, plan_id, by=_OPERATOR)
                typer.echo(f"{name}: published {report.applied}, skipped {len(report.skipped)}")
            else:
                typer.echo(f"{name}: this is a draft; publish it on the board, or with --publish.")


def _say_plan(hub: Hub, territory: str, plan_id: PlanId) -> None:
    """One line about the plan, and one for each order it leaves out."""
    with hub.unit_of_work() as work:
        plan = work.plans.get(plan_id)
        left_out = work.plan_unplanned.list_where(work.plan_unplanned.table.c.plan_id == plan_id)
        orders = {one.work_order_id: work.work_orders.get(one.work_order_id).external_id for one in left_out}
    typer.echo(
        f"{territory}: {plan.planned_count} visits, {plan.travel_seconds // 60} min of travel, {len(left_out)} left out, "
        f"in {plan.solve_seconds:.1f} s"
    )
    for one in left_out:
        typer.echo(f"  left out {orders[one.work_order_id]}: {one.detail}")


def territories_with_routes(hub: Hub, first: date, last: date) -> list[str]:
    """The territories that have a route on one of the days, in alphabetical order."""
    query = select(route.c.territory).where(route.c.day.between(first, last)).distinct().order_by(route.c.territory)
    with hub.reading() as connection:
        return list(connection.execute(query).scalars())
