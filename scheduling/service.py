"""The room's verbs: slots are offered, held, confirmed, moved and cancelled; days are planned and published."""

from scheduling.holding import NotASlotError, hold_slot
from scheduling.keeping import cancel_appointment, confirm_appointment, expire_holds, release_visits
from scheduling.offering import RefusedWindow, SlotOffer, SlotOffers, offer_slots
from scheduling.planning import plan_days
from scheduling.publishing import PlanNotPublishableError, PublishReport, Skipped, publish_plan
from scheduling.queries import current_appointment

__all__ = [
    "NotASlotError",
    "PlanNotPublishableError",
    "PublishReport",
    "RefusedWindow",
    "Skipped",
    "SlotOffer",
    "SlotOffers",
    "cancel_appointment",
    "confirm_appointment",
    "current_appointment",
    "expire_holds",
    "hold_slot",
    "offer_slots",
    "plan_days",
    "publish_plan",
    "release_visits",
]
