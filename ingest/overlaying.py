"""A request with a change laid over it, and an order put back into the words of a request, so that both are judged by one rule."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from hub.domain.catalogue import Catalogue
from hub.domain.work_orders import WorkOrder
from ingest.change_schemas import OrderChange, Part
from ingest.countries import country_of_zone
from ingest.mapping import priority_of
from ingest.schemas import (
    Citizen,
    ContactMedium,
    GeographicAddress,
    GeographicLocation,
    GeoJsonPoint,
    MediumCharacteristic,
    WorkOrderRequest,
)

FIELDS: Mapping[Part, tuple[str, ...]] = {
    Part.CITIZEN: ("citizen_name", "citizen_email", "citizen_phone"),
    Part.LANGUAGE: ("language",),
    Part.NOTES: ("notes",),
    Part.PLACE: (
        "territory",
        "street",
        "postcode",
        "town",
        "latitude",
        "longitude",
        "zone",
        "place_quality",
        "place_note",
    ),
    Part.WORK_TYPE: ("work_type", "weight"),
    Part.START: ("not_before",),
    Part.COMPLETION: ("due_at",),
    Part.PRIORITY: ("weight",),
}
"""The fields of a work order that each part decides."""


def overlaid(request: WorkOrderRequest, change: OrderChange, parts: Collection[Part]) -> WorkOrderRequest:
    """`request` with these `parts` as `change` has them."""
    new: dict[Part, dict[str, object]] = {
        Part.CITIZEN: {"citizen": change.citizen},
        Part.LANGUAGE: {"language": change.language},
        Part.NOTES: {"notes": change.notes},
        Part.PLACE: {"place": change.place},
        Part.WORK_TYPE: {"work_type": change.work_type},
        Part.START: {"not_before": change.not_before},
        Part.COMPLETION: {"due_at": change.due_at},
        Part.PRIORITY: {"priority": change.priority},
    }
    fields = {name: value for part in parts for name, value in new[part].items()}
    return replace(request, **fields)  # type: ignore[arg-type]  # each field has the type of its namesake


def as_request(order: WorkOrder, catalogue: Catalogue) -> WorkOrderRequest:
    """The request that would make `order` as it is now."""
    location = None
    if order.latitude is not None and order.longitude is not None:
        point = GeoJsonPoint(type="Point", coordinates=[order.longitude, order.latitude])
        location = GeographicLocation(geo_json=point)
    country = country_of_zone(order.zone)
    place = GeographicAddress.model_construct(
        street_name=order.street,
        street_nr="",
        postcode=order.postcode,
        city=order.town,
        country=country.code if country else "",
        geographic_location=location,
    )
    media = [
        ContactMedium(characteristic=MediumCharacteristic(email_address=order.citizen_email or None)),
        ContactMedium(characteristic=MediumCharacteristic(phone_number=order.citizen_phone or None)),
    ]
    citizen = Citizen(name=order.citizen_name, contact_medium=media) if order.citizen_name else None
    return WorkOrderRequest(
        external_id=order.external_id,
        work_type=order.work_type,
        action="add",
        items=1,
        place=place,
        citizen=citizen,
        language=order.language,
        priority=priority_of(order.weight, catalogue.work_types.get(order.work_type)),
        not_before=order.not_before,
        due_at=order.due_at,
        notes=order.notes,
    )
