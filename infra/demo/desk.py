"""What waits on a dispatcher's desk on Monday: each list of the console holds something, and all of it came in by the product's own doors."""

import json
import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db import portal_tables, tables
from hub.db.record_tables import contact_entry
from hub.domain.contact import Channel
from hub.domain.errors import ConfigurationError
from hub.domain.events import Actor, ActorKind
from hub.domain.lifecycle import HoldReason, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.messaging.service_bus import OutgoingMessage
from ingest.sample.orders import OrderDraw
from ingest.sample.people import EMAIL_DOMAIN, FICTION_PREFIX
from ingest.sample.technicians import served_territories
from portal.contact import record
from portal.contact.decisions import Decision, hand_over, set_review
from portal.conversations.schemas import CallBackAsked, InboundSms
from portal.conversations.service import receive_call_back
from portal.preferences import Wish, save_wish
from portal.requests.form import RequestForm
from portal.requests.messages import CONFIRM_PATH
from portal.requests.service import SubmitRequest, confirm_request, submit_request
from portal.waitlist.service import ask_for_earlier
from portal.webhooks.service import hear_text

_FIRST_NUMBER = 901
"""Far from the numbers of the sample feed, which begin at 0."""
_WITHOUT_PLACE = ("fibre_connection", "meter_swap", "fibre_survey")
_NEW_STREETS = ("Nieuwe verkaveling, lot", "Hof ter Linden, huis", "Kanaalkade, ligplaats")
_OUR_NUMBER = "+3225550000"
_STRANGER = f"{FICTION_PREFIX}9901"
_WAIT_SECONDS = 30.0

_QUESTIONS: Mapping[WorkOrderStatus, Mapping[str, str]] = {
    WorkOrderStatus.PLANNED: {
        "nl": "Mijn zoon van 16 zal thuis zijn, is dat genoeg?",
        "fr": "C'est mon fils de 16 ans qui sera à la maison, cela suffit-il ?",
        "de": "Nur mein Sohn (16) ist zu Hause, reicht das?",
        "en": "Only my son (16) will be at home, is that enough?",
    },
    WorkOrderStatus.BOOKED: {
        "nl": "Moet de stroom uit tijdens het werk? Ik werk van thuis.",
        "fr": "Faut-il couper le courant pendant les travaux ? Je travaille chez moi.",
        "de": "Muss der Strom während der Arbeit aus sein? Ich arbeite zu Hause.",
        "en": "Will the power be off during the work? I work from home.",
    },
    WorkOrderStatus.CONTACTING: {
        "nl": "Ik ben nog tot woensdag in het ziekenhuis. Kan het daarna?",
        "fr": "Je suis à l'hôpital jusqu'à mercredi. C'est possible après ?",
        "de": "Ich bin bis Mittwoch im Krankenhaus. Geht es danach?",
        "en": "I am in hospital until Wednesday. Can it be after that?",
    },
}
"""One citizen of each status asks something that only a person can answer."""
_YES = {"nl": "Ja, dank u", "fr": "Oui, merci", "de": "Ja, danke", "en": "Yes, thank you"}
_REQUESTS = (
    ("nl", "repair", "Greta Wouters", "Lindelaan 4", "9000", "Gent", "Het licht in de hal valt telkens uit."),
    ("nl", "fibre_survey", "Karel Claes", "Veldstraat 118", "2800", "Mechelen", "Kan de kabel langs de achterdeur?"),
    ("fr", "repair", "Manon Dubois", "Stationsstraat 61", "8500", "Kortrijk", "Plus de connexion depuis hier soir."),
)
"""Language, work type, name, street, postal code, town, and the citizen's own words."""


@dataclass(frozen=True)
class _Reached:
    """An order whose citizen got a text message, and the token of the personal link in the newest one."""

    order: WorkOrder
    token: str


def orders_without_place(seed: int, day: date, technicians: int) -> list[OutgoingMessage]:
    """Orders as the utility sends them for houses that no map knows yet: without coordinates."""
    draw = OrderDraw(random.Random(f"{seed}/without place"), day, served_territories(technicians))
    made = []
    for number, (work_type, street) in enumerate(zip(_WITHOUT_PLACE, _NEW_STREETS, strict=True), _FIRST_NUMBER):
        order = draw.order(number, work_type)
        [place] = order["workOrderItem"][0]["work"]["place"]
        del place["geographicLocation"]
        place["streetName"] = street
        event = draw.event(order, number)
        made.append(OutgoingMessage(body=json.dumps(event, ensure_ascii=False).encode(), message_id=event["id"]))
    return made


def fill_the_desk(hub: Hub, monday: date, dispatcher: str, ended: threading.Event) -> None:
    """On Sunday citizens write, ask for a visit and say what suits them; of the orders nobody answered for, `dispatcher` (an e-mail address) looks after two.

    Can be repeated: what came in once does not come in again.
    """
    reached = _reached_by_text(hub)
    _let_citizens_write(hub, reached)
    _let_citizens_wish(hub, reached, monday)
    _let_citizens_ask_for_visits(hub, ended)
    _look_after_held(hub, monday, dispatcher)


def _let_citizens_write(hub: Hub, reached: list[_Reached]) -> None:
    """By the same verb as the provider's webhook: questions, a plain yes that the machine answers, a stranger, and a call to make."""
    asking = []
    for status, words in _QUESTIONS.items():
        found = next((one.order for one in reached if one.order.status is status), None)
        if found is not None:
            asking.append(found)
            _write(hub, f"sample-{status.value}", found.citizen_phone, words[found.language])
    others = [one.order for one in reached if one.order not in asking]
    yes = next((one for one in others if one.status is WorkOrderStatus.PLANNED), None)
    if yes is not None:
        _write(hub, "sample-yes", yes.citizen_phone, _YES[yes.language])
    _write(hub, "sample-stranger", _STRANGER, "Het gaat over de meter van mijn moeder. Kan iemand mij bellen?")
    to_call = next((one for one in others if one.status is WorkOrderStatus.CONTACTING), None)
    if to_call is not None:
        receive_call_back(hub, CallBackAsked("sample-call-back", to_call.citizen_phone, to_call.id))


def _write(hub: Hub, name: str, sender: str, words: str) -> None:
    hear_text(hub, InboundSms(name, sender, _OUR_NUMBER, words))


def _let_citizens_wish(hub: Hub, reached: list[_Reached], monday: date) -> None:
    """By the personal link: one says what suits and waits for an earlier time than the agreed one, one for any time."""
    tuesday = monday + timedelta(days=8)
    wish = Wish(("tuesday", "wednesday", "thursday"), ("morning",), ((tuesday, tuesday + timedelta(days=2)),))
    for status in (WorkOrderStatus.BOOKED, WorkOrderStatus.CONTACTING):
        found = next((one for one in reversed(reached) if one.order.status is status and one.token), None)
        if found is not None:
            save_wish(hub, found.token, wish)
            ask_for_earlier(hub, found.token, monday + timedelta(days=18))


def _let_citizens_ask_for_visits(hub: Hub, ended: threading.Event) -> None:
    """By the form's verb; each proves the address by the link that was sent to it."""
    with hub.reading() as connection:
        asked = set(connection.execute(select(portal_tables.citizen_request.c.citizen_name)).scalars())
    for language, work_type, name, street, postcode, town, notes in _REQUESTS:
        if name in asked or ended.is_set():
            continue
        email = f"{name.lower().replace(' ', '.')}@{EMAIL_DOMAIN}"
        form = RequestForm(work_type, name, email, "", street, postcode, town, notes, consent=True)
        submit_request(hub, SubmitRequest(form, language, "sample week"))
        token = _confirmation(hub, email, ended)
        if token:
            confirm_request(hub, token)


def _confirmation(hub: Hub, email: str, ended: threading.Event) -> str:
    """The token in the message that the worker sends to `email`; empty when the demo is ended meanwhile."""
    message = tables.recorded_message.c
    newest = select(message.body).where(message.recipient == email).order_by(message.seq.desc()).limit(1)
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        with hub.reading() as connection:
            found = re.search(rf"{CONFIRM_PATH}/([\w-]+)", connection.scalar(newest) or "")
        if found:
            return found[1]
        if ended.wait(0.05):
            return ""
    message_to_user = (
        f"No message came to {email} within {_WAIT_SECONDS:.0f} s; the worker's log is in the state folder."
    )
    raise ConfigurationError(message_to_user)


def _look_after_held(hub: Hub, monday: date, dispatcher: str) -> None:
    """Of the orders whose ladder ran out, the first is handed to a team and the second is to be looked at on Monday.

    Each is done once: a demo that goes on after a stop finds it in the contact records, and neither repeats it nor takes the next order.
    """
    order, account, entry = tables.work_order.c, tables.staff_account.c, contact_entry.c
    with hub.unit_of_work() as work:
        acts = select(entry.kind).where(entry.kind.in_((record.HANDED_OVER, record.REVIEW_SET))).distinct()
        done = set(work.connection.execute(acts).scalars())
        held = work.work_orders.list_where(
            order.status == WorkOrderStatus.ON_HOLD,
            order.hold_reason == HoldReason.NO_CONTACT,
            order_by=(order.external_id,),
            limit=2,
        )
        by = Actor(
            ActorKind.STAFF,
            str(work.connection.execute(select(account.id).where(account.email == dispatcher)).scalar_one()),
        )
    for number, one in enumerate(held):
        if number == 0 and hub.catalogue.teams and record.HANDED_OVER not in done:
            decision = Decision(one.id, one.version, by, "Nobody answers; please try the neighbours.")
            hand_over(hub, decision, hub.catalogue.teams[0])
        elif number == 1 and record.REVIEW_SET not in done:
            decision = Decision(one.id, one.version, by, "Try once more on Monday morning.")
            set_review(hub, decision, monday, reinvites=False)


def _reached_by_text(hub: Hub) -> list[_Reached]:
    """The orders whose citizen got a text message at the number on file, in the order of their references."""
    message, order = tables.recorded_message.c, tables.work_order.c
    query = (
        select(order.id, message.body)
        .join(tables.work_order, order.id == message.work_order_id)
        .where(message.channel == Channel.SMS, message.recipient == order.citizen_phone)
        .order_by(message.seq)
    )
    with hub.reading() as connection:
        tokens = {row.id: re.search(r"/a/([\w-]+)", row.body) for row in connection.execute(query)}
    with hub.unit_of_work() as work:
        found = work.work_orders.list_where(order.id.in_(tokens), order_by=(order.external_id,))
    return [_Reached(one, token[1] if (token := tokens[one.id]) else "") for one in found]
