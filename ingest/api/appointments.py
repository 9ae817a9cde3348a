"""What a utility does with appointments over the API: it asks what is free, and books, moves and cancels for its citizens.

What is free, and what it means to hold or confirm, is scheduling's business, exactly as for citizens in the portal.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert

from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import TransitionRefusedError
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import TMF646_STATES, WORK_ORDER_TRANSITIONS, Action, AppointmentStatus
from hub.domain.work_orders import WorkOrder
from ingest.api.clients import UtilityClient
from ingest.api.errors import AppointmentExistsError, BodyInvalidError, ChangeRefusedError, OrderUnknownError
from ingest.api.once import find_made, keep_made
from ingest.api.queries import agreements_for, find_order, get_appointment
from ingest.api.resources import Agreement, SlotSearch
from ingest.api.schemas import (
    AppointmentCreate,
    AppointmentUpdate,
    AskedEntity,
    AskedPart,
    AskedPeriod,
    SlotSearchCreate,
    validated,
)
from scheduling.service import SlotOffer, SlotOffers, cancel_appointment, confirm_appointment, hold_slot, offer_slots

SEARCHES_KEPT = timedelta(days=1)
_CHANGEABLE = frozenset({"validFor", "status"})
_NAMING = frozenset({"id", "href", "@type", "@baseType", "@schemaLocation"})


def book_appointment(
    hub: Hub, client: UtilityClient, body: dict[str, Any], key: str | None
) -> tuple[Agreement, WorkOrder]:
    """Book an arrival window for a work order: hold it and confirm it. The same window again gives the same appointment.

    Raises BodyInvalidError, OrderUnknownError, AppointmentExistsError, KeyReusedError, and what `hold_slot` raises.
    """
    asked = validated(AppointmentCreate, body)
    made = None if key is None else find_made(hub, client, "appointment", key, body)
    if made is None:
        order, agreement = _standing(hub, client, asked.related_entity)
        if agreement is None:
            _book(hub, client, order.id, asked.valid_for)
        elif not _is_at(agreement, asked.valid_for):
            raise AppointmentExistsError
        made = _booked_id(hub, client, order)
        if key is not None:
            keep_made(hub, client, "appointment", key, body, made)
    with hub.snapshot() as work:
        return get_appointment(work, client, made)


def change_appointment(
    hub: Hub, client: UtilityClient, identity: str, body: dict[str, Any]
) -> tuple[Agreement, WorkOrder]:
    """Move an appointment to another window (`validFor`) or cancel it (`status`); doing it twice does it once.

    Raises BodyInvalidError, NotFoundError, ChangeRefusedError, and what scheduling raises.
    """
    asked = validated(AppointmentUpdate, body)
    with hub.snapshot() as work:
        agreement, order = get_appointment(work, client, identity)
    unknown = next((name for name in body if name not in _CHANGEABLE | _NAMING), None)
    if unknown is not None:
        shown = "".join(sign for sign in unknown[:60] if sign.isprintable())
        raise BodyInvalidError(f"'{shown}' cannot be changed here. What can be is validFor, and status to cancelled.")
    if body.get("id", identity) not in {identity, str(agreement.id)}:
        raise BodyInvalidError("'id' cannot be changed: it names the appointment.")
    wants_end = asked.status == "cancelled"
    if asked.status is not None and not wants_end and asked.status != TMF646_STATES[agreement.appointment.status]:
        raise BodyInvalidError("'status' can only become cancelled; the rest is what happens.")
    if wants_end and asked.valid_for is not None and not _is_at(agreement, asked.valid_for):
        raise BodyInvalidError("An appointment is either moved or cancelled, not both at once.")
    if wants_end:
        _cancel(hub, client, agreement, order)
    elif asked.valid_for is not None and not _is_at(agreement, asked.valid_for):
        _check_stands(agreement, Action.RESCHEDULE)
        _book(hub, client, order.id, asked.valid_for)
    with hub.snapshot() as work:
        return get_appointment(work, client, identity)


def drop_appointment(hub: Hub, client: UtilityClient, identity: str) -> None:
    """Cancel the appointment; twice is no error. Raises NotFoundError, TransitionRefusedError, ChangeRefusedError."""
    with hub.snapshot() as work:
        agreement, order = get_appointment(work, client, identity)
    _cancel(hub, client, agreement, order)


def search_slots(hub: Hub, client: UtilityClient, body: dict[str, Any]) -> SlotSearch:
    """Which arrival windows can be booked for a work order now; kept for a day.

    Raises BodyInvalidError, OrderUnknownError.
    """
    asked = validated(SlotSearchCreate, body)
    with hub.snapshot() as work:
        order = _named_order(work, client, asked.related_entity)
    offers = offer_slots(hub, order.id)
    wished = [slot.valid_for for slot in asked.requested_time_slot]
    fitting = [one for one in offers.offers if _suits(one, wished)]
    search = SlotSearch(
        id=uuid4(),
        order=order,
        state="done" if _is_bookable(order) else "rejected",
        requested=[{"validFor": _as_json(one)} for one in wished],
        available=[(_text(one.starts_at), _text(one.ends_at)) for one in fitting],
        outcome=_outcome(order, offers, found=bool(fitting)),
        searched_at=hub.clock.now(),
    )
    row = {**vars(search), "work_order_id": order.id}
    del row["order"]
    with hub.unit_of_work() as work:
        work.connection.execute(insert(tables.slot_search), row)
        work.commit()
    return search


def drop_slot_search(hub: Hub, client: UtilityClient, search: SlotSearch) -> None:
    """Forget a search that `get_slot_search` gave this client."""
    with hub.unit_of_work() as work:
        work.connection.execute(delete(tables.slot_search).where(tables.slot_search.c.id == search.id))
        work.commit()


def forget_old_searches(hub: Hub, now: datetime) -> int:
    """Delete the searches of before yesterday; returns how many."""
    with hub.unit_of_work() as work:
        old = delete(tables.slot_search).where(tables.slot_search.c.searched_at < now - SEARCHES_KEPT)
        gone = work.connection.execute(old).rowcount
        work.commit()
    return gone


def _named_order(work: UnitOfWork, client: UtilityClient, entities: list[AskedEntity]) -> WorkOrder:
    named = [one for one in entities if one.referred_type.lower() == "workorder"]
    if len(named) != 1:
        raise BodyInvalidError("'relatedEntity' must name one work order, with '@referredType' WorkOrder.")
    order = find_order(work, client, named[0].id)
    if order is None:
        raise OrderUnknownError
    return order


def _standing(hub: Hub, client: UtilityClient, entities: list[AskedEntity]) -> tuple[WorkOrder, Agreement | None]:
    """The order and what is agreed for it now."""
    with hub.snapshot() as work:
        order = _named_order(work, client, entities)
        agreement = agreements_for(work, [order]).get(order.id)
    confirmed = agreement is not None and agreement.appointment.status is AppointmentStatus.CONFIRMED
    return order, agreement if confirmed else None


def _booked_id(hub: Hub, client: UtilityClient, order: WorkOrder) -> str:
    with hub.snapshot() as work:
        agreement = agreements_for(work, [work.work_orders.get(order.id)]).get(order.id)
    if agreement is None:
        raise ChangeRefusedError(
            "The citizen gave the appointment up again in the same moment. Look for free times anew."
        )
    return str(agreement.id)


def _book(hub: Hub, client: UtilityClient, order_id: WorkOrderId, window: AskedPeriod) -> None:
    if window.end_date_time <= window.start_date_time:
        raise BodyInvalidError("'validFor' must end after it starts.")
    held = hold_slot(hub, order_id, window.start_date_time, window.end_date_time, by=client.actor)
    confirm_appointment(hub, order_id, held.id, by=client.actor)


def _cancel(hub: Hub, client: UtilityClient, agreement: Agreement, order: WorkOrder) -> None:
    if agreement.appointment.status is AppointmentStatus.CANCELLED:
        return
    _check_stands(agreement, Action.CANCEL)
    cancel_appointment(hub, order.id, by=client.actor, reason="cancelled by the utility")


def _check_stands(agreement: Agreement, action: Action) -> None:
    if agreement.appointment.status is AppointmentStatus.CANCELLED:
        raise ChangeRefusedError("This appointment was cancelled. Book another one with POST.")
    if agreement.appointment.status is not AppointmentStatus.CONFIRMED:
        raise TransitionRefusedError("appointment", agreement.appointment.status.value, action.value)


def _is_at(agreement: Agreement, window: AskedPeriod) -> bool:
    newest = agreement.appointment
    return (newest.starts_at, newest.ends_at) == (window.start_date_time, window.end_date_time)


def _suits(offer: SlotOffer, wished: list[AskedPart]) -> bool:
    """Whether the window lies inside one of the spans asked for; without any, all suit."""
    return not wished or any(
        (one.start_date_time is None or one.start_date_time <= offer.starts_at)
        and (one.end_date_time is None or offer.ends_at <= one.end_date_time)
        for one in wished
    )


def _is_bookable(order: WorkOrder) -> bool:
    return any((order.status, action) in WORK_ORDER_TRANSITIONS for action in (Action.BOOK, Action.RESCHEDULE))


def _outcome(order: WorkOrder, offers: SlotOffers, *, found: bool) -> str:
    """Why no window was found; empty when one was."""
    if found:
        return ""
    if not _is_bookable(order):
        return f"The work order is {order.status.value}: no appointment can be booked for it now."
    if offers.offers:
        return "No technician is free in the time slots asked for."
    if offers.refused:
        return "No technician is free in the coming days."
    return "Nobody works there in the coming days, or a technician is on the way already."


def _as_json(part: AskedPart) -> dict[str, str]:
    ends = {"startDateTime": part.start_date_time, "endDateTime": part.end_date_time}
    return {name: _text(instant) for name, instant in ends.items() if instant is not None}


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()
