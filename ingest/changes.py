"""Updates, cancels and closes, applied to an order that is here.

What may still change depends on how far the order is: contact data, language, notes and priority always until it is over;
place, work type and dates only while no technician is under way. A booked appointment that no longer holds is given up, and
the citizen is invited again. A cancel or a close ends what has not begun. What cannot be done is refused, and the utility
hears why. Whoever calls holds the order's lock.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from hub.db.message_tables import part_revision
from hub.db.unit_of_work import UnitOfWork
from hub.domain.events import Actor, ActorKind, Event
from hub.domain.lifecycle import (
    FINAL_WORK_ORDER_STATUSES,
    LIVE_VISIT_STATUSES,
    MOVABLE_VISIT_STATUSES,
    WORK_ORDER_TRANSITIONS,
    Action,
    AppointmentStatus,
    WorkOrderStatus,
)
from hub.domain.places import PlaceQuality
from hub.domain.work_orders import WorkOrder
from hub.notifications.addresses import lost_addresses
from ingest import early
from ingest.change_schemas import CANCEL_TYPE, OrderChange, OrderEnd, Part
from ingest.events import CHANGE_REFUSED, CONTACT_CHANGED, UPDATED
from ingest.inbox import InboxOutcome
from ingest.mapping import judge_request
from ingest.messages import Reading
from ingest.overlaying import FIELDS, as_request, overlaid
from ingest.quarantine import refused
from ingest.revisions import is_older
from scheduling.service import release_visits

_ALWAYS = frozenset({Part.CITIZEN, Part.LANGUAGE, Part.NOTES, Part.PRIORITY})
"""What may change also while a technician is under way."""
_TRIED = (
    (Part.CITIZEN,),
    (Part.WORK_TYPE,),
    (Part.PLACE,),
    (Part.START, Part.COMPLETION),
    (Part.PRIORITY,),
    (Part.LANGUAGE,),
    (Part.NOTES,),
)
"""In which order parts are judged, those together that only make sense together. Who can be reached comes before work that needs it."""
_RESUMES = frozenset({Part.CITIZEN, Part.PLACE, Part.WORK_TYPE, Part.START, Part.COMPLETION})
"""What takes an order up again that was handed back: the utility has seen to it."""
_CREATED = "created"
"""The part that stands for the whole order as it was created."""
_PARTS = select(part_revision.c.part, part_revision.c.revision).where(
    part_revision.c.work_order_id == bindparam("order_id")
)
_ADDRESS = ("street", "postcode", "town")
_POINT = ("latitude", "longitude", "place_quality", "place_note")


@dataclass(frozen=True)
class _Proposal:
    """What an update would make of an order: new values of fields, the parts they belong to, and why other parts cannot be."""

    changes: Mapping[str, Any]
    parts: frozenset[Part]
    refusals: tuple[str, ...]
    remarks: tuple[str, ...]


def apply_change(work: UnitOfWork, reading: Reading, order: WorkOrder) -> InboxOutcome:
    """Apply an update, a cancel or a close to `order`, whose lock the caller holds; says what became of it."""
    if isinstance(reading.content, OrderChange):
        return _update(work, reading, reading.content, order)
    if isinstance(reading.content, OrderEnd):
        return _end(work, reading, reading.content, order)
    message = "a create is no change"
    raise TypeError(message)


def remember_parts(
    work: UnitOfWork, order: WorkOrder, created: str, parts: Collection[Part], revision: str
) -> WorkOrder:
    """Note that `parts` are as `revision` told them, on an order created by the revision `created`; returns the order as noted."""
    rows = [{"work_order_id": order.id, "part": part.value, "revision": revision} for part in sorted(parts)]
    statement = insert(part_revision)
    first = {"work_order_id": order.id, "part": _CREATED, "revision": created}
    work.connection.execute(statement.on_conflict_do_nothing(), [first])
    work.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["work_order_id", "part"], set_={"revision": statement.excluded.revision}
        ),
        rows,
    )
    if is_older(revision, order.revision):
        return order
    return work.work_orders.swap(order, replace(order, revision=revision))


def _update(work: UnitOfWork, reading: Reading, change: OrderChange, order: WorkOrder) -> InboxOutcome:
    if order.status in FINAL_WORK_ORDER_STATUSES:
        return InboxOutcome.UNCHANGED
    revisions = _revisions(work, order)
    created = revisions.get(_CREATED, order.revision)
    fresh = {part for part in change.parts if not is_older(reading.revision, revisions.get(part, created))}
    if not fresh:
        return InboxOutcome.STALE if change.parts else InboxOutcome.UNCHANGED
    blocked = fresh - _ALWAYS if _is_under_way(work, order) else frozenset[Part]()
    proposal = _judge(work, order, change, fresh - blocked)
    refusals = proposal.refusals
    if blocked:
        words = ", ".join(sorted(part.value for part in blocked))
        refusals = (*refusals, f"A technician is under way, so these stay as they are: {words}.")
    if refusals:
        _refuse(work, reading, order, " ".join(refusals))
    if not proposal.parts:
        return InboxOutcome.REFUSED
    after = remember_parts(work, order, created, proposal.parts, reading.revision)
    if not proposal.changes:
        return InboxOutcome.REFUSED if refusals else InboxOutcome.UNCHANGED
    _write(work, reading, order, after, proposal)
    _tell_contact(work, reading, order, proposal)
    return InboxOutcome.UPDATED


def _judge(work: UnitOfWork, order: WorkOrder, change: OrderChange, parts: Collection[Part]) -> _Proposal:
    """Judge the parts one after the other, each over what was found good before."""
    request = as_request(order, work.catalogue)

    def judged(candidate: Any) -> Any:
        return judge_request(
            candidate, work.catalogue, utility=order.utility, correlation_id=order.correlation_id, now=work.now
        )

    # What would be refused of the order as it stands (its date may have passed meanwhile) is not the update's doing.
    standing = judged(request)
    changes, good, refusals, remarks = dict[str, Any](), set[Part](), list[str](), list[str]()
    for group in _TRIED:
        asked = [part for part in group if part in parts]
        if not asked:
            continue
        candidate = overlaid(request, change, asked)
        answer = judged(candidate)
        new = [sentence for sentence in answer.refusals if sentence not in standing.refusals]
        if new:
            refusals += new
            continue
        request, standing = candidate, answer
        good |= set(asked)
        remarks += answer.remarks
        for part in asked:
            changes |= {name: getattr(answer.order, name) for name in FIELDS[part]}
    changes = _without_what_stays(order, changes)
    return _Proposal(changes, frozenset(good), tuple(refusals), tuple(dict.fromkeys(remarks)))


def _without_what_stays(order: WorkOrder, changes: dict[str, Any]) -> dict[str, Any]:
    is_same_address = all(changes.get(name, "") == getattr(order, name) for name in _ADDRESS)
    if is_same_address and changes.get("latitude") is None:
        # The address was said again without its point: the point we have is still right.
        changes = {name: value for name, value in changes.items() if name not in _POINT}
    return {name: value for name, value in changes.items() if value != getattr(order, name)}


def _write(work: UnitOfWork, reading: Reading, before: WorkOrder, order: WorkOrder, proposal: _Proposal) -> None:
    """Change the order, tell of it, and let it take the way that follows."""
    by = _sender(reading)
    changes = dict(proposal.changes)
    loses_place = "latitude" in changes and changes["latitude"] is None
    # A point may only be missing in an order that waits for one: it is taken away in the step that says so.
    point = {name: changes.pop(name) for name in _POINT if loses_place and name in changes}
    after = work.work_orders.swap(order, replace(order, **changes))
    words = ", ".join(sorted(part.value for part in proposal.parts))
    reason = " ".join((f"The utility changed: {words}.", *proposal.remarks))
    work.tell(_event(work, after, UPDATED, by, "update", reason, {"parts": sorted(proposal.parts)}))
    if loses_place:
        release_visits(work, after.id, by=by, reason=reason)
        work.advance_work_order(after, Action.UNLOCATE, by=by, reason=reason, hold_reason=None, **point)
        return
    _go_on(work, before, after, proposal.parts, by, reason)


def _tell_contact(work: UnitOfWork, reading: Reading, before: WorkOrder, proposal: _Proposal) -> None:
    """Tell that an address is not the citizen's any more, or that the citizen is another one, when that follows from the update.

    None of the addresses left, or another name and an address gone: that is somebody else until we know better. A name or an
    address alone is corrected, or added, for the same person.
    """
    citizen = {name: value for name, value in proposal.changes.items() if name in FIELDS[Part.CITIZEN]}
    after = replace(before, **citizen)
    some, all_of_them = lost_addresses(before, after)
    if not some:
        return
    renamed = " ".join(before.citizen_name.split()).casefold() != " ".join(after.citizen_name.split()).casefold()
    data = {"anotherCitizen": all_of_them or renamed}
    reason = "The utility gave other contact data."
    work.tell(_event(work, before, CONTACT_CHANGED, _sender(reading), "change_contact", reason, data))


def _go_on(
    work: UnitOfWork, before: WorkOrder, order: WorkOrder, parts: Collection[Part], by: Actor, reason: str
) -> None:
    """Where the changed order goes: found, taken up again, invited anew, or on as it was."""
    needs_citizen = _needs_citizen(work, order)
    if order.status is WorkOrderStatus.NEEDS_LOCATION:
        if Part.PLACE in parts and any(getattr(before, name) != getattr(order, name) for name in (*_ADDRESS, *_POINT)):
            found = order.place_quality is PlaceQuality.GIVEN
            work.advance_work_order(order, Action.LOCATE if found else Action.UNLOCATE, by=by, reason=reason)
        return
    if order.status is WorkOrderStatus.ON_HOLD:
        if _RESUMES & set(parts):
            again = Action.REINVITE if needs_citizen else Action.MAKE_READY
            work.advance_work_order(order, again, by=by, reason=reason, hold_reason=None)
        return
    if not _still_holds(work, before, order):
        order = _give_up_time(work, before, order, by, reason)
    if needs_citizen and order.status is WorkOrderStatus.READY:
        work.advance_work_order(order, Action.INVITE, by=by, reason=reason)
    elif not needs_citizen and order.status is WorkOrderStatus.CONTACTING:
        work.advance_work_order(order, Action.MAKE_READY, by=by, reason=reason)


def _give_up_time(work: UnitOfWork, before: WorkOrder, order: WorkOrder, by: Actor, reason: str) -> WorkOrder:
    """End what was agreed and planned; the order is where it was before somebody chose a time."""
    release_visits(work, order.id, by=by, reason=reason)
    action = Action.UNBOOK if _needs_citizen(work, before) else Action.UNPLAN
    if (order.status, action) not in WORK_ORDER_TRANSITIONS:
        return order
    return work.advance_work_order(order, action, by=by, reason=reason)


def _needs_citizen(work: UnitOfWork, order: WorkOrder) -> bool:
    kind = work.catalogue.work_types.get(order.work_type)
    return kind is not None and kind.needs_citizen


def _still_holds(work: UnitOfWork, before: WorkOrder, order: WorkOrder) -> bool:
    """Whether what was agreed or planned still fits the order: the same work at the same place, at a time that is wanted."""
    moved = (before.latitude, before.longitude, before.territory, before.zone) != (
        order.latitude,
        order.longitude,
        order.territory,
        order.zone,
    )
    if moved or before.work_type != order.work_type:
        return False
    appointment, visit = work.appointments.table.c, work.visits.table.c
    live = (AppointmentStatus.HELD, AppointmentStatus.CONFIRMED)
    agreed = work.appointments.list_where(appointment.work_order_id == order.id, appointment.status.in_(live))
    visits = work.visits.list_where(visit.work_order_id == order.id, visit.status.in_(MOVABLE_VISIT_STATUSES))
    spans = [(one.starts_at, one.ends_at) for one in agreed]
    spans += [(one.starts_at, one.ends_at) for one in visits if one.appointment_id is None]
    early_enough = all(order.due_at is None or starts_at < order.due_at for starts_at, _ in spans)
    return early_enough and all(order.not_before is None or starts_at >= order.not_before for starts_at, _ in spans)


def _end(work: UnitOfWork, reading: Reading, end: OrderEnd, order: WorkOrder) -> InboxOutcome:
    is_cancel = reading.envelope.type == CANCEL_TYPE
    done = InboxOutcome.CANCELLED if is_cancel else InboxOutcome.CLOSED
    if is_older(reading.revision, _revisions(work, order).get(_CREATED, order.revision)):
        return InboxOutcome.STALE
    if order.status is WorkOrderStatus.COMPLETED and is_cancel:
        _refuse(work, reading, order, "The work is completed, so it cannot be cancelled.")
        return InboxOutcome.REFUSED
    if order.status in {WorkOrderStatus.COMPLETED, WorkOrderStatus.CANCELLED}:
        return InboxOutcome.UNCHANGED
    if _is_under_way(work, order):
        word = "cancelled" if is_cancel else "closed"
        _refuse(work, reading, order, f"A technician is under way, so the order cannot be {word} any more.")
        return InboxOutcome.REFUSED
    reason = end.reason or ("Cancelled by the utility." if is_cancel else "Closed by the utility: no work is needed.")
    if order.status is WorkOrderStatus.REJECTED:
        refused.settle_order(work, order.id, by=_sender(reading), reason=reason)
        early.drop(work, order.utility, order.external_id)
    after = work.work_orders.swap(order, replace(order, revision=_newer(order.revision, reading.revision)))
    _remember_created(work, order)
    work.advance_work_order(after, Action.CANCEL, by=_sender(reading), reason=reason)
    return done


def _refuse(work: UnitOfWork, reading: Reading, order: WorkOrder, sentence: str) -> None:
    """Leave the order as it is; the utility hears why, and somebody has to look at it."""
    refused.keep_change(work, reading, order.id, sentence)
    tell_refused(work, reading, order, sentence)


def tell_refused(work: UnitOfWork, reading: Reading, order: WorkOrder, sentence: str) -> None:
    """Let the utility hear why its message changed nothing, or not all it asked."""
    data = {"change": reading.envelope.id, "changeType": reading.envelope.type}
    work.tell(_event(work, order, CHANGE_REFUSED, _sender(reading), "refuse_change", sentence, data))


def _event(
    work: UnitOfWork, order: WorkOrder, name: str, by: Actor, action: str, reason: str, data: Mapping[str, object]
) -> Event:
    """A fact about an order that is no step of its lifecycle."""
    return Event(
        name=name,
        entity="work_order",
        entity_id=order.id,
        work_order_id=order.id,
        at=work.now,
        actor=by,
        action=action,
        reason=reason,
        data=data,
    )


def _revisions(work: UnitOfWork, order: WorkOrder) -> dict[str, str]:
    return {row.part: row.revision for row in work.connection.execute(_PARTS, {"order_id": order.id})}


def _remember_created(work: UnitOfWork, order: WorkOrder) -> None:
    # The order's own revision moves on with each change; that of its create must not be lost.
    row = {"work_order_id": order.id, "part": _CREATED, "revision": order.revision}
    work.connection.execute(insert(part_revision).on_conflict_do_nothing(), [row])


def _newer(one: str, other: str) -> str:
    return one if is_older(other, one) else other


def _is_under_way(work: UnitOfWork, order: WorkOrder) -> bool:
    visit = work.visits.table.c
    begun = LIVE_VISIT_STATUSES - MOVABLE_VISIT_STATUSES
    found = work.visits.list_where(visit.work_order_id == order.id, visit.status.in_(begun), limit=1)
    return order.status is WorkOrderStatus.IN_PROGRESS or bool(found)


def _sender(reading: Reading) -> Actor:
    return Actor(ActorKind.UTILITY, reading.utility)
