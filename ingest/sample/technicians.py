"""The technicians who could do the sample's work: in each territory together they have every skill."""

import random
from uuid import UUID, uuid5

from hub.domain.ids import TechnicianId
from hub.domain.technicians import Technician
from ingest.sample.people import technician_name
from ingest.sample.towns import TOWNS, draw_address, draw_town

_NAMES = UUID("5f0c3b0e-6a57-4a58-9a9c-2f4f0d1f7c11")
"""Namespace of the sample technicians' ids, so that the same feed always names the same people."""
_SKILLS: tuple[tuple[str, ...], ...] = (
    ("fibre", "splicing", "meter", "repair"),
    ("fibre", "splicing", "meter"),
    ("fibre", "splicing", "repair"),
    ("fibre", "meter", "repair"),
)
"""By turns. The first alone has every skill, so one technician is enough for a territory."""


def served_territories(technicians: int) -> tuple[str, ...]:
    """The territories so many technicians work in: one for every four, three at most."""
    return tuple(TOWNS)[: max(1, min(len(TOWNS), technicians // 4))]


def draw_technicians(seed: int, count: int) -> tuple[Technician, ...]:
    """`count` technicians, spread evenly over the territories, each at home near a town of theirs.

    They depend on nothing else, so feeds of different weeks have the same people.
    """
    luck = random.Random(f"technicians/{seed}/{count}")
    territories = served_territories(count)
    taken: set[str] = set()
    made = []
    for number in range(count):
        territory = territories[number % len(territories)]
        home = draw_address(luck, draw_town(luck, territory))
        made.append(
            Technician(
                id=TechnicianId(uuid5(_NAMES, f"{seed}/{count}/{number}")),
                name=technician_name(luck, taken),
                territory=territory,
                skills=_SKILLS[(number // len(territories)) % len(_SKILLS)],
                start_latitude=home.latitude,
                start_longitude=home.longitude,
                end_latitude=home.latitude,
                end_longitude=home.longitude,
                zone="Europe/Brussels",
            )
        )
    return tuple(made)
