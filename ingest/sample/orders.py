"""The made-up utility's good orders, as TMF697 bodies and the CloudEvents around them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from ingest.sample.people import SampleCitizen, draw_citizen
from ingest.sample.towns import Address, draw_address, draw_town
from ingest.schemas import CREATE_TYPE

SOURCE = "urn:utility:sample"
"""The utility's name, as it stands in every CloudEvent's `source`."""
_ZONE = ZoneInfo("Europe/Brussels")
WORK_TYPE_SHARES: Mapping[str, int] = {
    "fibre_survey": 26,
    "fibre_connection": 28,
    "meter_swap": 24,
    "repair": 14,
    "cabinet_repair": 8,
}
"""Percent of the good orders."""
WITHOUT_CITIZEN = frozenset({"cabinet_repair"})
_DESCRIPTIONS: Mapping[str, tuple[str, ...]] = {
    "fibre_survey": ("Survey before the fibre is brought in.", "Find the way from the street to the hall."),
    "fibre_connection": ("Bring the fibre in and connect the modem.", "Connect to the fibre; the duct is ready."),
    "meter_swap": ("Replace the meter by a digital one.", "Replace both meters; the old ones go back."),
    "repair": ("No signal since yesterday.", "The connection drops several times a day.", "The meter shows an error."),
    "cabinet_repair": ("The door of the cabinet does not close.", "Replace the splice tray in the cabinet."),
}
_NOTES = (
    "",
    "",
    "",
    "",
    "Ring twice.",
    "There is a dog.",
    "The meter is in the cellar.",
    "The entrance is at the back.",
)


@dataclass(frozen=True)
class OrderDraw:
    """What an order of the sample is made with: luck, the feed's first day, and the territories that have technicians."""

    luck: random.Random
    start: date
    territories: tuple[str, ...]

    def event(self, order: dict[str, Any], second: int) -> dict[str, Any]:
        """The CloudEvent around `order`, sent `second` seconds into the morning of the first day."""
        sent = datetime.combine(self.start, time(7), _ZONE).astimezone(UTC) + timedelta(seconds=second)
        return {
            "specversion": "1.0",
            "id": str(UUID(int=self.luck.getrandbits(128), version=4)),
            "source": SOURCE,
            "type": CREATE_TYPE,
            "subject": order.get("externalId", "unknown"),
            "time": sent.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "correlationid": f"batch-{self.start:%Y%m%d}-{second // 100}",
            "data": order,
        }

    def order(self, number: int, work_type: str, territory: str | None = None) -> dict[str, Any]:
        """A good order; `number` makes its external id. The territory is drawn when none is named."""
        place = territory or self.luck.choice(self.territories)
        address = draw_address(self.luck, draw_town(self.luck, place))
        citizen = None if work_type in WITHOUT_CITIZEN else draw_citizen(self.luck, number)
        work: dict[str, Any] = {
            "@type": "Work",
            "workSpecification": {"id": work_type, "@referredType": "WorkSpecification"},
            "place": [_place(address, citizen)],
        }
        if citizen is not None:
            work["relatedParty"] = [_party(citizen, number)]
            work["workCharacteristic"] = [{"name": "language", "valueType": "string", "value": citizen.language}]
        order: dict[str, Any] = {
            "externalId": f"SU-{self.start:%y%m%d}-{number:05d}",
            "category": "network" if citizen is None else "residential",
            "description": self.luck.choice(_DESCRIPTIONS[work_type]),
            "priority": "1" if work_type == "repair" and self.luck.random() < 0.3 else "2",
            "requestedCompletionDate": self._local(self.luck.randrange(18, 36), 17),
            "workOrderItem": [{"id": "1", "action": "add", "work": work}],
            "@type": "WorkOrder",
        }
        if self.luck.random() < 0.15:
            order["requestedStartDate"] = self._local(self.luck.randrange(1, 3), 8)
        if citizen is not None and (note := self.luck.choice(_NOTES)):
            order["note"] = {"author": "utility", "text": note}
        return order

    def _local(self, days: int, hour: int) -> str:
        return datetime.combine(self.start + timedelta(days=days), time(hour), _ZONE).isoformat()


def draw_work_types(luck: random.Random, count: int) -> list[str]:
    """`count` work types in their shares, as exactly as whole numbers allow, shuffled."""
    total = sum(WORK_TYPE_SHARES.values())
    exact = {name: count * share / total for name, share in WORK_TYPE_SHARES.items()}
    drawn = {name: int(one) for name, one in exact.items()}
    by_rest = sorted(exact, key=lambda name: drawn[name] - exact[name])
    for name in by_rest[: count - sum(drawn.values())]:
        drawn[name] += 1
    types = [name for name, many in drawn.items() for _ in range(many)]
    luck.shuffle(types)
    return types


def _place(address: Address, citizen: SampleCitizen | None) -> dict[str, Any]:
    return {
        "role": "installation address" if citizen else "cabinet",
        "@type": "GeographicAddress",
        "streetName": address.street,
        "streetNr": address.number,
        "postcode": address.town.postcode,
        "city": address.town.name,
        "country": "BE",
        "geographicLocation": {
            "@type": "GeoJsonPoint",
            "geoJson": {"type": "Point", "coordinates": [address.longitude, address.latitude]},
        },
    }


def _party(citizen: SampleCitizen, number: int) -> dict[str, Any]:
    media = []
    if citizen.email:
        media.append({"mediumType": "email address", "characteristic": {"emailAddress": citizen.email}})
    if citizen.phone:
        media.append({"mediumType": "mobile number", "characteristic": {"phoneNumber": citizen.phone}})
    return {
        "id": f"C-{number:05d}",
        "role": "customer",
        "name": citizen.name,
        "@type": "RelatedPartyWithContactInfo",
        "@referredType": "Individual",
        "contactMedium": media,
    }
