"""The room's verbs: slots are offered, held, confirmed, moved and cancelled; days are planned and published."""

from scheduling.holding import (
    NotASlotError,
    cancel_appointment,
    confirm_appointment,
    current_appointment,
    expire_holds,
    hold_slot,
    release_visits,
)
from scheduling.offering import RefusedWindow, SlotOffer, SlotOffers, is_bookable, offer_slots
from scheduling.planning import plan_days
from scheduling.publishing import PlanNotPublishableError, PublishReport, Skipped, publish_plan

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
    "is_bookable",
    "offer_slots",
    "plan_days",
    "publish_plan",
    "release_visits",
]
