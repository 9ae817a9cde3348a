"""From the utility's request to our work order: what each field becomes, and whether the job can be done at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from hub.domain.catalogue import Catalogue, WorkType
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.places import Place, PlaceQuality
from hub.domain.work_orders import WorkOrder
from ingest.contacts import DEFAULT_LANGUAGE, spoken_language, usable_email, usable_phone
from ingest.countries import Country, find_country
from ingest.schemas import Citizen, GeographicAddress, WorkOrderRequest

NO_COORDINATES = "The utility gave no coordinates."
_DEFAULT_ZONE = "Europe/Brussels"
_DEFAULT_WEIGHT = 10
_PRIORITY_FACTOR: Mapping[int, float] = {0: 4.0, 1: 2.0, 2: 1.0, 3: 0.5, 4: 0.25}
"""How many times the work type's own weight an order of a priority weighs; TMF697's 2 is the middle, so it changes nothing."""


@dataclass(frozen=True)
class Judgement:
    """The order to store. `refusals` are why it cannot be done, empty when it can; `remarks` are what was left out."""

    order: WorkOrder
    refusals: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Contact:
    name: str = ""
    email: str = ""
    phone: str = ""
    remarks: tuple[str, ...] = ()


def judge_request(
    request: WorkOrderRequest,
    catalogue: Catalogue,
    *,
    utility: str,
    correlation_id: str,
    now: datetime,
    revision: str = "",
) -> Judgement:
    """The work order `request` asks for: received, waiting for its place, or rejected.

    A rejected one is stored too, so that nobody is lost. One without usable coordinates is NEEDS_LOCATION, and `ingest.places` goes on.
    """
    country = find_country(request.place.country)
    work_type = catalogue.work_types.get(request.work_type)
    contact = _contact(request.citizen, country)
    language = spoken_language(request.language)
    territory = catalogue.territory(request.place.postcode) if country else None
    refusals = (
        *_refused_job(request, catalogue, work_type, contact),
        *_refused_place(request.place, country, territory),
        *_refused_dates(request, now),
    )
    place, place_note = usable_place(request.place, country)
    remarks = contact.remarks
    if request.language and language is None:
        remarks = (*remarks, "The language is none of nl, fr, de, en; we write in nl.")
    if not refusals and place is None:
        remarks = (place_note, *remarks)
    order = WorkOrder(
        id=WorkOrderId(uuid4()),
        utility=utility,
        external_id=request.external_id,
        work_type=request.work_type,
        status=_first_status(refusals, place),
        territory=territory or "",
        weight=_weight(work_type, request.priority),
        citizen_name=contact.name,
        citizen_email=contact.email,
        citizen_phone=contact.phone,
        language=language or DEFAULT_LANGUAGE,
        street=f"{request.place.street_name} {request.place.street_nr}".strip(),
        postcode=request.place.postcode,
        town=request.place.city,
        latitude=place.lat if place else None,
        longitude=place.lon if place else None,
        zone=country.zone if country else _DEFAULT_ZONE,
        not_before=request.not_before,
        due_at=request.due_at,
        notes=request.notes,
        correlation_id=correlation_id,
        imported_at=now,
        reject_reason=" ".join(refusals),
        place_quality=PlaceQuality.GIVEN if place else PlaceQuality.UNKNOWN,
        place_note=place_note,
        revision=revision,
    )
    return Judgement(order, refusals, remarks)


def usable_place(address: GeographicAddress, country: Country | None) -> tuple[Place | None, str]:
    """Where the utility says the address is, or None and a sentence why that cannot be believed."""
    if address.point is None:
        return None, NO_COORDINATES
    latitude, longitude = address.point
    if country is not None and not country.contains(latitude, longitude):
        return (
            None,
            f"The coordinates do not lie in {country.name}; GeoJSON gives the longitude first, then the latitude.",
        )
    try:
        return Place(latitude, longitude), ""
    except ValueError as error:
        return None, f"The coordinates are none: {error}."


def _first_status(refusals: tuple[str, ...], place: Place | None) -> WorkOrderStatus:
    if refusals:
        return WorkOrderStatus.REJECTED
    return WorkOrderStatus.NEEDS_LOCATION if place is None else WorkOrderStatus.RECEIVED


def _refused_job(
    request: WorkOrderRequest, catalogue: Catalogue, work_type: WorkType | None, contact: _Contact
) -> Iterator[str]:
    if request.action != "add":
        yield f"The item's action is '{request.action}'; only 'add' makes a new order."
    if request.items > 1:
        yield f"The order has {request.items} items; send one order for each job."
    if work_type is None:
        known = ", ".join(sorted(catalogue.work_types))
        yield f"Work type '{request.work_type}' is not in the catalogue; known are {known}."
    elif work_type.needs_citizen and not (contact.email or contact.phone):
        yield "Nobody can be contacted: the order has neither a phone number nor an e-mail address that can be used."


def _refused_place(place: GeographicAddress, country: Country | None, territory: str | None) -> Iterator[str]:
    if country is None:
        yield f"We do not work in the country '{place.country}'."
        return
    if territory is None:
        yield f"Postal code {place.postcode} lies outside every territory we serve."


def _refused_dates(request: WorkOrderRequest, now: datetime) -> Iterator[str]:
    if request.due_at is None:
        return
    if request.not_before is not None and request.due_at <= request.not_before:
        yield "The requested completion lies before the requested start."
    elif request.due_at <= now:
        yield "The requested completion lies in the past."


def _contact(citizen: Citizen | None, country: Country | None) -> _Contact:
    """The first usable phone number and e-mail address, those the citizen prefers before others."""
    if citizen is None:
        return _Contact()
    email, phone, remarks = "", "", []
    for medium in sorted(citizen.contact_medium, key=lambda medium: not medium.preferred):
        one = medium.characteristic
        if one.email_address:
            found = usable_email(one.email_address)
            email = email or found or ""
            remarks += [] if found else ["An e-mail address was left out: it is none."]
        if one.phone_number:
            found = usable_phone(one.phone_number, country.code if country else "BE")
            phone = phone or found or ""
            remarks += [] if found else ["A phone number was left out: no such number is possible."]
    return _Contact(citizen.name, email, phone, tuple(dict.fromkeys(remarks)))


def _weight(work_type: WorkType | None, priority: int | None) -> int:
    usual = work_type.weight if work_type else _DEFAULT_WEIGHT
    return max(1, round(usual * _PRIORITY_FACTOR[2 if priority is None else priority]))


def priority_of(weight: int, work_type: WorkType | None) -> int:
    """The TMF697 priority that gives an order of this kind its weight; the middle one when several do, or none."""
    return next((one for one in (2, 1, 3, 0, 4) if _weight(work_type, one) == weight), 2)
