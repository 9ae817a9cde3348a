"""Instances of the benchmark's kind for any number of orders, from a seed: work around towns, more of it than capacity.

Used where the benchmark folder is not at hand, and for the sizes it lacks.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

TOWNS = (
    ("Antwerpen", 51.2194, 4.4025, 9),
    ("Gent", 51.0543, 3.7174, 7),
    ("Brugge", 51.2093, 3.2247, 4),
    ("Leuven", 50.8798, 4.7005, 4),
    ("Mechelen", 51.0259, 4.4776, 3),
    ("Aalst", 50.9378, 4.0410, 3),
    ("Kortrijk", 50.8280, 3.2649, 3),
    ("Hasselt", 50.9307, 5.3325, 3),
    ("Oostende", 51.2154, 2.9287, 2),
    ("Genk", 50.9654, 5.5001, 2),
    ("Roeselare", 50.9447, 3.1233, 2),
    ("Turnhout", 51.3227, 4.9447, 2),
)
SKILLS = ("fibre", "copper", "splice", "blow", "electricity", "gas", "water", "high-pressure")
SETS = ((0, 1), (0, 1, 2), (0, 2, 3), (3, 4), (4, 5), (5, 6), (0, 1, 2, 3, 4), (4, 5, 6, 7))
MODEL = {"speed_mps": 12.5, "detour": 1.3, "radius": 6371000.0}
_SET_WEIGHTS = (21, 18, 12, 13, 12, 10, 8, 5)
_NEEDS = ((0,), (4,), (1,), (2,), (3,), (5,), (6,), (7,), (0, 1), (0, 2), (4, 5))
_NEED_WEIGHTS = (30, 13, 12, 10, 9, 7, 4, 1, 8, 5, 1)
_DAY = 86_400
_WORK_SHARE = 0.85
"""The service of all orders together, as a share of all shifts: with the driving it is more than fits."""
_HALF_HOUR = 1800
_SERVICES = (1560, 2340, 3180, 4740, 7920)


def generate(orders: int, technicians: int, days: int, seed: int) -> dict[str, Any]:
    """An instance as `World` and `doorstep plan solve` read it. Equal arguments give equal instances."""
    dice = random.Random(f"{orders}x{technicians}x{days}s{seed}")
    crew = [_technician(dice, number) for number in range(technicians)]
    vehicles = [_vehicle(dice, one, day) for one in crew for day in range(days) if dice.random() > 0.08]
    for number, vehicle in enumerate(vehicles):
        vehicle["id"] = number
    work = [_order(dice, number, vehicles, days) for number in range(orders)]
    hours = sum(vehicle["tw"][1] - vehicle["tw"][0] for vehicle in vehicles)
    scale = _WORK_SHARE * hours / sum(order["dur"] for order in work)
    for order in work:
        order["dur"] = max(300, round(order["dur"] * scale / 60) * 60)
    return {
        "name": f"made_{orders}x{technicians}x{days}_s{seed}",
        "seed": seed,
        "days": days,
        "model": MODEL,
        "skills": list(SKILLS),
        "technicians": crew,
        "vehicles": vehicles,
        "orders": work,
    }


def write(folder: Path, orders: int, technicians: int, days: int, seed: int) -> Path:
    """Write the instance into the folder, unless it is there, and return its path."""
    path = folder / f"made_{orders}x{technicians}x{days}_s{seed}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(generate(orders, technicians, days, seed)), encoding="utf-8")
    return path


def _place(dice: random.Random, spread_km: float) -> list[float]:
    """A point around a town; larger towns more often."""
    _, lat, lon, _ = dice.choices(TOWNS, weights=[town[3] for town in TOWNS])[0]
    distance, angle = abs(dice.gauss(0, spread_km)), dice.uniform(0, 2 * math.pi)
    north, east = distance * math.cos(angle), distance * math.sin(angle)
    return [round(lat + north / 111.2, 6), round(lon + east / (111.2 * math.cos(math.radians(lat))), 6)]


def _technician(dice: random.Random, number: int) -> dict[str, Any]:
    """A home and a set of skills; the first technicians have one set each, so that a small crew can do everything."""
    skills = SETS[number] if number < len(SETS) else dice.choices(SETS, weights=_SET_WEIGHTS)[0]
    return {"id": number, "home": _place(dice, 14), "skills": list(skills)}


def _vehicle(dice: random.Random, technician: dict[str, Any], day: int) -> dict[str, Any]:
    """A day of work, sometimes half of one, sometimes from a depot; lunch on long days."""
    half, starts = dice.random() < 0.15, dice.choice((27_000, 28_800, 28_800, 30_600))
    _, lat, lon, _ = TOWNS[technician["id"] % 4]
    return {
        "tech": technician["id"],
        "day": day,
        "start": [lat, lon] if dice.random() < 0.2 else technician["home"],
        "end": technician["home"],
        "skills": technician["skills"],
        "tw": [day * _DAY + starts, day * _DAY + starts + (16_200 if half else 30_600)],
        "brk": None if half else {"dur": _HALF_HOUR, "tw": [day * _DAY + at for at in (41_400, 46_800)]},
    }


def _order(dice: random.Random, number: int, vehicles: list[dict[str, Any]], days: int) -> dict[str, Any]:
    """Work of one of five kinds: booked slots of 4 or 2 hours, a whole period, an urgent one, one bound to a technician."""
    kind = dice.choices(("slot4h", "slot2h", "flexible", "urgent", "pinned"), weights=(28, 24, 40, 5, 3))[0]
    skills = list(dice.choices(_NEEDS, weights=_NEED_WEIGHTS)[0])
    able = [vehicle for vehicle in vehicles if set(skills) <= set(vehicle["skills"])]
    if not able or kind == "pinned":
        able = [dice.choice(vehicles)]
        skills = [dice.choice(able[0]["skills"])]
    day = dice.choice(able)["day"] * _DAY if kind == "pinned" else dice.randrange(days) * _DAY
    first, last = {
        "slot4h": (day + dice.choice((28_800, 43_200)), 14_400),
        "slot2h": (day + dice.choice((28_800, 36_000, 43_200, 50_400)), 7_200),
        "flexible": (day + 21_600, 43_200 + dice.randrange(days - day // _DAY) * _DAY),
        "urgent": (day + 28_800, 21_600),
        "pinned": (day + 32_400 + _HALF_HOUR * dice.randrange(10), _HALF_HOUR),
    }[kind]
    weights = {"slot4h": (15, 20), "slot2h": (20, 30), "flexible": (2, 5, 5, 10), "urgent": (60, 80), "pinned": (100,)}
    return {
        "id": number,
        "kind": kind,
        "loc": _place(dice, 9),
        "dur": dice.choices(_SERVICES, weights=(22, 28, 26, 16, 8))[0],
        "skills": skills,
        "weight": dice.choice(weights[kind]),
        "tw": [first, first + last],
        "tech": able[0]["tech"] if kind == "pinned" else None,
    }
