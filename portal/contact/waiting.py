"""What the ladder waits for before it takes a step: nobody is asked who answers already, who waits for us, or for whom nobody could come.

| it waits for | how long |
|---|---|
| a slot the citizen keeps while confirming | until that is given back |
| a technician of the territory who can do the work | until there is one; the console lists these orders |
| a message or a request to be called that nobody has seen to | as long as the policy's `patience_days`; *no contact* waits without a bound |
| an earlier time the citizen asked for (the waitlist) | as long as the policy's `patience_days` |
"""

from datetime import datetime, timedelta

from sqlalchemy import select

from hub.contact_record import append_entry
from hub.db import tables
from hub.db.record_tables import contact_entry
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import ContactCase
from hub.domain.lifecycle import AppointmentStatus
from hub.domain.work_orders import WorkOrder
from portal.contact import record
from portal.contact.policies import ContactPolicy
from portal.conversations.threads import waits_for_us_since
from portal.waitlist.records import live_entry
from scheduling.ability import somebody_can_do

LOOK_AGAIN = timedelta(hours=4)
"""How much later the ladder looks again while the citizen waits for us."""
LOOK_FOR_TECHNICIANS = timedelta(hours=1)
"""How much later it looks whether somebody can do the work by now."""


def waits_until(
    work: UnitOfWork, order: WorkOrder, case: ContactCase, policy: ContactPolicy, now: datetime
) -> datetime | None:
    """When the ladder looks again at an order that must not be asked now; None when nothing keeps it from its step."""
    if (kept_until := _kept_until(work, order, now)) is not None:
        return kept_until
    if not _somebody_can_come(work, order):
        _note_no_technician(work, case)
        return now + LOOK_FOR_TECHNICIANS
    unread_since = waits_for_us_since(work, order.id)
    wish = live_entry(work, order.id)
    patient_until = [since + policy.patience for since in (unread_since, wish.asked_at if wish else None) if since]
    longest = max(patient_until, default=now)
    return min(now + LOOK_AGAIN, longest) if longest > now else None


def _kept_until(work: UnitOfWork, order: WorkOrder, now: datetime) -> datetime | None:
    """When the slot the citizen keeps while confirming is given back, if one is kept now."""
    table = tables.appointment.c
    held = work.appointments.find_where(
        table.work_order_id == order.id, table.status == AppointmentStatus.HELD, table.lease_until > now
    )
    return held.lease_until if held else None


def _somebody_can_come(work: UnitOfWork, order: WorkOrder) -> bool:
    kind = work.catalogue.work_types.get(order.work_type)
    return kind is not None and somebody_can_do(work, kind, order.territory)


def _note_no_technician(work: UnitOfWork, case: ContactCase) -> None:
    """Write down, once until the ladder goes on, that nobody was asked and why: silence of ours must not look like the citizen's."""
    table = contact_entry.c
    mine = table.work_order_id == case.work_order_id
    steps = (record.OPENED, record.STEP_TAKEN, record.STEP_SKIPPED, record.NO_TECHNICIAN)
    newest = select(table.kind).where(mine, table.kind.in_(steps)).order_by(table.number.desc()).limit(1)
    if work.connection.execute(newest).scalar_one_or_none() != record.NO_TECHNICIAN:
        append_entry(work, case.work_order_id, record.NO_TECHNICIAN, {"round": case.round, "step": case.next_step})
