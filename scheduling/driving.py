"""Which model of travel this installation plans, offers and promises by."""

from __future__ import annotations

from dataclasses import dataclass

from hub.settings import Settings
from scheduling.travel.choose import TravelSpec, travel_model
from scheduling.travel.model import TravelModel
from scheduling.travel.road_data import ATTRIBUTION


@dataclass(frozen=True)
class DriveTimes:
    """What a dispatcher is told of the drive times shown: the model's name, and whose data they are made from, if anybody's."""

    model: str
    attribution: str


def drive_times(settings: Settings) -> DriveTimes:
    """Of which model the drive times are; raises ConfigurationError when a setting is wrong."""
    return DriveTimes(travel_of(settings).name, "" if settings.travel == "great-circle" else ATTRIBUTION)


def travel_of(settings: Settings) -> TravelModel:
    """The one model that every use case must take its drive times from; raises ConfigurationError when a setting is wrong.

    A promise is checked again and again, by others than made it: with times of another model it might not hold.
    """
    return travel_model(
        TravelSpec(
            kind=settings.travel,
            detour=settings.travel_detour,
            metres_per_second=settings.travel_speed,
            roads=settings.travel_roads.absolute() if settings.travel_roads else None,
            osrm_url=settings.travel_osrm_url.get_secret_value(),
            osrm_table_size=settings.travel_osrm_table_size,
            snap_metres=settings.travel_snap_metres,
            factors=settings.travel_factors.absolute() if settings.travel_factors else None,
        )
    )
