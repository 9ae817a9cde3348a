"""The room's verbs: slots are offered, held, confirmed, moved and cancelled; days are planned, repaired and published."""

from scheduling.absences import AbsenceError, record_absence
from scheduling.explanation import OrderExplanation, explain_order
from scheduling.holding import NotASlotError, OtherHoldStandsError, Proposal, hold_slot
from scheduling.keeping import cancel_appointment, confirm_appointment, expire_holds, give_up_hold, release_visits
from scheduling.leaving import drive_saved_without
from scheduling.offering import RefusedWindow, SlotOffer, SlotOffers, SlotQuestion, ask_slots, offer_slots
from scheduling.planning import plan_days, repair_days
from scheduling.publishing import PlanNotPublishableError, PublishReport, Skipped, publish_plan
from scheduling.queries import Agreements, agreements_of, current_appointment

__all__ = [
    "AbsenceError",
    "Agreements",
    "NotASlotError",
    "OrderExplanation",
    "OtherHoldStandsError",
    "PlanNotPublishableError",
    "Proposal",
    "PublishReport",
    "RefusedWindow",
    "Skipped",
    "SlotOffer",
    "SlotOffers",
    "SlotQuestion",
    "agreements_of",
    "ask_slots",
    "cancel_appointment",
    "confirm_appointment",
    "current_appointment",
    "drive_saved_without",
    "expire_holds",
    "explain_order",
    "give_up_hold",
    "hold_slot",
    "offer_slots",
    "plan_days",
    "publish_plan",
    "record_absence",
    "release_visits",
    "repair_days",
]
