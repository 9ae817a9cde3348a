"""What the timeline and the map draw, as plain JSON values.

The drawing library knows no time zones: instants are given as wall time of the day's zone, without an offset.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.domain.catalogue import WorkType
from hub.web import times
from scheduling.board.day import BoardDay, BoardRoute, Pause, Stop

COLOURS = 10
"""How many route colours the style sheet has (`route-0` …); routes beyond take them in turn."""


def drawing_of(board: BoardDay, work_types: Mapping[str, WorkType], tiles: str) -> dict[str, Any]:
    """The board as the browser draws it; `tiles` is the address of map tiles, empty for a map without background."""
    return {
        "day": board.day.isoformat(),
        "hours": _hours(board),
        "tiles": tiles,
        "routes": [_route(route, at % COLOURS, board, work_types) for at, route in enumerate(board.routes)],
        "towns": _towns(board),
    }


def _hours(board: BoardDay) -> list[str]:
    """The clock hours the timeline spans: all shifts and stops, rounded outwards."""
    zone = ZoneInfo(board.zone)
    starts = [route.shift_starts_at for route in board.routes]
    ends = [route.shift_ends_at for route in board.routes]
    for route in board.routes:
        starts += [stop.starts_at - timedelta(seconds=stop.travel_seconds) for stop in route.stops]
        ends += [stop.ends_at for stop in route.stops]
    if not starts:
        return ["08:00", "18:00"]
    first, last = min(starts).astimezone(zone), max(ends).astimezone(zone)
    from_hour = first.hour if first.date() == board.day else 0
    until_hour = min(last.hour + 1, 24) if last.date() == board.day else 24
    return [f"{from_hour:02d}:00", f"{max(until_hour, from_hour + 1):02d}:00"]


def _route(route: BoardRoute, colour: int, board: BoardDay, work_types: Mapping[str, WorkType]) -> dict[str, Any]:
    def wall(instant: datetime) -> str:
        return instant.astimezone(ZoneInfo(board.zone)).replace(tzinfo=None).isoformat()

    def pause(one: Pause) -> dict[str, str]:
        return {"start": wall(one.starts_at), "end": wall(one.ends_at), "reason": one.reason}

    stops = []
    free_from = route.shift_starts_at
    for number, stop in enumerate(route.stops, start=1):
        # A break may interrupt a drive: what is drawn is the drive's length, never over the stop before.
        sets_off = max(stop.starts_at - timedelta(seconds=stop.travel_seconds), min(free_from, stop.starts_at))
        stops.append(
            {
                **_stop(stop, board.zone, work_types),
                "number": number,
                "setsOff": wall(sets_off),
                "start": wall(stop.starts_at),
                "end": wall(stop.ends_at),
            }
        )
        free_from = stop.ends_at
    return {
        "id": str(route.id),
        "technician": route.technician,
        "colour": colour,
        "published": route.published_at is not None,
        "shift": [wall(route.shift_starts_at), wall(route.shift_ends_at)],
        "rest": pause(route.rest) if route.rest else None,
        "absences": [pause(one) for one in route.absences],
        "from": [route.start.lat, route.start.lon],
        "to": [route.end.lat, route.end.lon],
        "stops": stops,
    }


def _stop(stop: Stop, zone: str, work_types: Mapping[str, WorkType]) -> dict[str, Any]:
    work_type = work_types.get(stop.work_type)
    window = f"{times.clock_time(stop.window[0], zone)}–{times.clock_time(stop.window[1], zone)}" if stop.window else ""
    status = "held for the citizen" if stop.held_until else stop.status
    return {
        "reference": stop.external_id,
        "work": work_type.names["en"] if work_type else stop.work_type,
        "town": stop.town,
        "at": times.clock_time(stop.starts_at, zone),
        "until": times.clock_time(stop.ends_at, zone),
        "window": window,
        "status": status,
        "kind": "held" if stop.held_until else stop.status.replace(" ", "-"),
        "change": stop.change,
        "drive": times.minutes(stop.travel_seconds),
        "place": [stop.place.lat, stop.place.lon],
        "address": f"/console/orders/{stop.work_order_id}",
    }


def _towns(board: BoardDay) -> list[dict[str, Any]]:
    """Each town once, above the middle of its stops."""
    places = defaultdict(list)
    for route in board.routes:
        for stop in route.stops:
            places[stop.town].append(stop.place)
    return [
        {
            "name": town,
            "place": [max(one.lat for one in found), sum(one.lon for one in found) / len(found)],
        }
        for town, found in sorted(places.items())
    ]
