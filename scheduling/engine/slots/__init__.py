"""Slots as promises: which arrival windows can be kept, by whom, why not the others, and an index that answers at once."""

from scheduling.engine.slots.asking import Find
from scheduling.engine.slots.find import answered, find_slots, place_on_each, place_visit, places
from scheduling.engine.slots.index import SlotIndex
from scheduling.engine.slots.making_room import make_room, roomiest
from scheduling.engine.slots.shapes import (
    OfferReason,
    OpenRoute,
    Placement,
    RefusedSlot,
    Requirement,
    SlotOffer,
    SlotSearch,
    SlotWindow,
)

__all__ = [
    "Find",
    "OfferReason",
    "OpenRoute",
    "Placement",
    "RefusedSlot",
    "Requirement",
    "SlotIndex",
    "SlotOffer",
    "SlotSearch",
    "SlotWindow",
    "answered",
    "find_slots",
    "make_room",
    "place_on_each",
    "place_visit",
    "places",
    "roomiest",
]
