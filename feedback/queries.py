"""Counts the figures of a period; reads only."""

from typing import Any

from sqlalchemy import Connection, text

from feedback.definitions import CONTACT_BY_ATTEMPT, GROUPS, PER_DAY, Definition
from feedback.figures import DayCount, Figure, FigureGroup, Period, Unit
from hub.bootstrap import Hub

_CHANNEL_NAMES = {"email": "e-mail", "sms": "SMS"}


def count_figures(hub: Hub, period: Period) -> tuple[FigureGroup, ...]:
    """Every figure of the period, grouped, contact success by attempt and channel last; an empty history gives empty values."""
    parameters = {"first": period.first, "last": period.last, "now": hub.clock.now()}
    with hub.reading() as connection:
        groups = [
            FigureGroup(name, tuple(_count(connection, one, parameters) for one in definitions))
            for name, definitions in GROUPS
        ]
        attempts = _contact_by_attempt(connection, parameters)
    return (*groups, FigureGroup("Contact success by attempt and channel", attempts))


def count_days(hub: Hub, period: Period) -> tuple[DayCount, ...]:
    """Bookings and completions of each local day of the period, days with none included."""
    parameters = {"first": period.first, "last": period.last}
    with hub.reading() as connection:
        return tuple(DayCount(*row) for row in connection.execute(text(PER_DAY), parameters))


def _count(connection: Connection, one: Definition, parameters: dict[str, Any]) -> Figure:
    top, denominator = connection.execute(text(one.query), parameters).one()
    if one.unit is Unit.SECONDS:
        value = None if top is None else float(top)
        return Figure(one.code, one.name, one.meaning, one.unit, None, denominator, value)
    return _figure(one.code, one.name, one.meaning, one.unit, top, denominator)


def _figure(code: str, name: str, meaning: str, unit: Unit, numerator: int, denominator: int) -> Figure:
    value = numerator / denominator if denominator else None
    if value is not None and unit is Unit.SCORE:
        value *= 100
    return Figure(code, name, meaning, unit, numerator, denominator, value)


def _contact_by_attempt(connection: Connection, parameters: dict[str, Any]) -> tuple[Figure, ...]:
    rows = connection.execute(text(CONTACT_BY_ATTEMPT), parameters)
    meaning = "Booked by the citizen before the next attempt, of attempts sent"
    return tuple(
        _figure(
            f"contact-{number}-{channel}",
            f"Attempt {number} by {_CHANNEL_NAMES.get(channel, channel)}",
            meaning,
            Unit.SHARE,
            answered,
            sent,
        )
        for number, channel, answered, sent in rows
    )
