"""What the machine makes of a yes or a number: it books through scheduling's verbs, or lists times, or leaves it to a person.

It decides nothing that the citizen did not say: a no, a doubt, a condition, and whatever answers a person's question go to a person.
Each answer may be worked out twice (a crash, a repeated webhook): holding and confirming a time again gives the same appointment.
"""

from dataclasses import dataclass

from hub.bootstrap import Hub
from hub.domain.appointments import Appointment
from hub.domain.conversations import Meaning, SlotListOffer
from hub.domain.errors import (
    DoorstepError,
    ErrorKind,
    HoldExpiredError,
    SlotPastError,
    SlotTakenError,
    TooManyAttemptsError,
)
from hub.domain.events import CITIZEN
from hub.domain.ids import AppointmentId, WorkOrderId
from hub.notifications.texts import appointment_values, known_language
from portal.conversations.addressees import asked_by_a_person
from portal.conversations.meaning import Understood
from portal.conversations.offers import newest_offer, prepare_offer, read_time, same_time
from portal.conversations.words import say
from portal.queries import Booking, read_booking
from portal.service import keep_time
from scheduling.service import NotASlotError, confirm_appointment

LONGEST_STREET = 60
"""How many signs of a street an answer names, so that every answer fits into a short message."""
_EXPECTED = (ErrorKind.CONFLICT, ErrorKind.GONE, ErrorKind.INVALID, ErrorKind.NOT_FOUND)
_NOT_FREE = (SlotTakenError, SlotPastError, NotASlotError)


@dataclass(frozen=True)
class Answer:
    """What to say, and whether that is all (`handled`) or a person must read the message too.

    `did` says in the record what was done: booked, moved, acknowledged, listed, nothing. `times` are the times that are
    listed, in order. `appointment_id` is the appointment it is about.
    """

    text: str
    handled: bool
    did: str = "nothing"
    times: tuple[str, ...] = ()
    appointment_id: AppointmentId | None = None


@dataclass(frozen=True)
class _Standing:
    """How the order stands at this moment, as far as an answer depends on it."""

    booking: Booking
    offer: SlotListOffer | None
    asked_by_a_person: bool

    @property
    def language(self) -> str:
        return known_language(self.booking.order.language)

    @property
    def open_offer(self) -> SlotListOffer | None:
        """The list that can still be answered: an appointment that was made since answers it already."""
        confirmed = self.booking.confirmed
        if self.offer is None or confirmed is None or confirmed.confirmed_at is None:
            return self.offer
        return self.offer if self.offer.made_at > confirmed.confirmed_at else None


def answer_to(hub: Hub, work_order_id: WorkOrderId, sender: str, understood: Understood) -> Answer:
    """Do what the text asks, if it is a yes or a number and the last message leaves no doubt what that means.

    Raises errors of outages only; whatever else goes wrong is an answer.
    """
    with hub.snapshot() as work:
        order = work.work_orders.get(work_order_id)
        standing = _Standing(
            read_booking(work, order), newest_offer(work, order), asked_by_a_person(work, order, sender)
        )
        now = work.now
    if standing.asked_by_a_person or order.citizen_phone != sender:
        return left_to_a_person(standing.language)
    try:
        if understood.meaning is Meaning.YES:
            confirmed = standing.booking.confirmed
            upcoming = confirmed if confirmed is not None and confirmed.ends_at > now else None
            return _answer_yes(hub, standing, upcoming)
        if understood.meaning is Meaning.NUMBER and understood.number is not None:
            return _answer_number(hub, standing, understood.number)
    except DoorstepError as error:
        if error.kind not in _EXPECTED:
            raise
    return left_to_a_person(standing.language)


def left_to_a_person(language: str) -> Answer:
    """A person must read this; the citizen hears that one will."""
    return Answer(say(language, "received"), handled=False)


def _answer_yes(hub: Hub, standing: _Standing, upcoming: Appointment | None) -> Answer:
    """Confirm what is held, take the only time that was proposed, acknowledge the appointment, or list times."""
    booking, offer = standing.booking, standing.open_offer
    if booking.held is not None:
        return _confirm(hub, standing, booking.held)
    if offer is not None and len(offer.times) == 1:
        return _take(hub, standing, offer.times[0])
    if upcoming is not None and (offer is None or not booking.can_change):
        return _about(standing, upcoming, "acknowledged", did="acknowledged", handled=True)
    if booking.can_choose or booking.can_change:
        return _list(hub, standing, "which")
    return left_to_a_person(standing.language)


def _answer_number(hub: Hub, standing: _Standing, number: int) -> Answer:
    """Take the time with this number of the last list."""
    offer, confirmed = standing.offer, standing.booking.confirmed
    if offer is None:
        return left_to_a_person(standing.language)
    chosen = offer.times[number - 1] if 1 <= number <= len(offer.times) else None
    if confirmed is not None and chosen is not None and same_time(chosen, confirmed.starts_at, confirmed.ends_at):
        return _about(standing, confirmed, "acknowledged", did="acknowledged", handled=True)
    if standing.open_offer is None and confirmed is not None:
        # The list was answered before: whether this one is a slip or a wish is for a person to ask.
        return _about(standing, confirmed, "already", did="nothing", handled=False)
    if chosen is None:
        return _list(hub, standing, "which")
    return _take(hub, standing, chosen)


def _take(hub: Hub, standing: _Standing, chosen: str) -> Answer:
    """Hold and confirm a listed time; one that is gone meanwhile is answered with those that are left."""
    booking = standing.booking
    if not (booking.can_choose or booking.can_change):
        return left_to_a_person(standing.language)
    try:
        # The portal's own verb: choices by text and by link are counted together.
        held = keep_time(hub, booking, *read_time(chosen))
    except _NOT_FREE:
        return _list(hub, standing, "taken")
    except TooManyAttemptsError:
        return Answer(say(standing.language, "often"), handled=False)
    return _confirm(hub, standing, held)


def _confirm(hub: Hub, standing: _Standing, held: Appointment) -> Answer:
    """Make what is held the appointment; when it was given back this very moment, list what is left."""
    try:
        confirmed = confirm_appointment(hub, standing.booking.order.id, held.id, by=CITIZEN)
    except HoldExpiredError:
        return _list(hub, standing, "taken")
    done = "moved" if standing.booking.confirmed is not None else "booked"
    return _about(standing, confirmed, done, did=done, handled=True)


def _list(hub: Hub, standing: _Standing, key: str) -> Answer:
    prepared = prepare_offer(hub, standing.booking)
    if prepared is None:
        return Answer(say(standing.language, "no_times"), handled=False)
    return Answer(say(standing.language, key, times=prepared.words), handled=True, did="listed", times=prepared.times)


def _about(standing: _Standing, appointment: Appointment, key: str, *, did: str, handled: bool) -> Answer:
    order = standing.booking.order
    values = appointment_values(appointment, order.zone, standing.language)
    # A telephone may stand on several orders: the answer says of which place it speaks.
    words = say(standing.language, key, **values, street=_shortened(order.street))
    return Answer(words, handled, did, appointment_id=appointment.id)


def _shortened(street: str) -> str:
    plain = " ".join(street.split())
    return plain if len(plain) <= LONGEST_STREET else f"{plain[: LONGEST_STREET - 1]}…"
