"""The ledger of a play: where did every message, order, promise and event end up, and which rule was broken.

Everything is counted one by one from the history, so that a sum that comes out right by luck hides nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from infra.play.history import AppointmentRow, History, StopRow, VisitRow

LIVE_VISITS = frozenset({"planned", "dispatched", "en route", "on site", "working"})
_SHOWN = 5
type Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class SentMessage:
    """One message the utility sent: its id on the bus, the order it names (empty when unreadable) and what must become of it:
    imported, rejected, dead-lettered or duplicate."""

    message_id: str
    external_id: str
    expected: str


@dataclass(frozen=True)
class HeardEvent:
    """One event the utility heard: the CloudEvent's id, the order's external id, its status in our words (empty when the event is
    no change of state), and the sequence by which a receiver puts events right that the bus handed over late."""

    id: str
    external_id: str
    status: str
    sequence: str


@dataclass(frozen=True)
class Conduct:
    """What only the people of the play know: which technicians were late on which day by no fault of the plan."""

    delayed: frozenset[tuple[str, date]] = frozenset()


@dataclass
class Ledger:
    """The figures, and one sentence for each rule that was broken."""

    figures: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def blame(self, what: str, cases: Iterable[str]) -> int:
        """Count `cases` and, when there are any, say `what` with the first of them."""
        found = sorted(cases)
        if found:
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            self.violations.append(f"{what}: {', '.join(found[:_SHOWN])}{more}.")
        return len(found)


def audit(
    history: History,
    sent: Iterable[SentMessage],
    dead_letters: frozenset[str],
    heard: Iterable[HeardEvent],
    conduct: Conduct,
) -> Ledger:
    """Judge a play. `dead_letters` are the ids of the messages found in the dead-letter queue."""
    ledger = Ledger()
    _account_for_orders(ledger, history, tuple(sent), dead_letters)
    _weigh_promises(ledger, history, conduct)
    _find_double_bookings(ledger, history)
    _compare_events(ledger, history, tuple(heard))
    repeated = history.attempts_repeated
    ledger.figures["contact_attempts_repeated"] = repeated
    if repeated:
        ledger.violations.append(f"{repeated} steps of the contact ladder were taken twice.")
    return ledger


def _account_for_orders(
    ledger: Ledger, history: History, sent: tuple[SentMessage, ...], dead_letters: frozenset[str]
) -> None:
    by_external_id = {order.external_id: order for order in history.orders}
    first = {message.message_id: message for message in sent if message.expected != "duplicate"}
    counts: Counter[str] = Counter()
    lost, misjudged = list[str](), list[str]()
    for message in first.values():
        order = by_external_id.get(message.external_id) if message.external_id else None
        ended = _ending(order.status) if order is not None else ""
        if message.message_id in dead_letters:
            ended = "dead_lettered"
        if not ended or (order is not None and _is_forgotten(history, order.id, order.status)):
            lost.append(message.external_id or message.message_id)
            continue
        counts[ended] += 1
        if (message.expected == "rejected") != (ended == "rejected") or (message.expected == "dead-lettered") != (
            ended == "dead_lettered"
        ):
            misjudged.append(f"{message.external_id or message.message_id} ({message.expected}, became {ended})")
    named = {message.external_id for message in first.values()}
    ledger.figures |= {"messages_sent": len(sent), "received": len(first), "duplicates": len(sent) - len(first)}
    for name in ("rejected", "dead_lettered", "completed", "on_hold", "cancelled", "open"):
        ledger.figures[name] = counts[name]
    reasons = Counter(order.hold_reason for order in history.orders if order.status == "on hold")
    for reason in ("no contact", "no access", "refused", "unsafe", "other"):
        ledger.figures[f"on_hold_{reason.replace(' ', '_')}"] = reasons[reason]
    ledger.figures["unaccounted"] = ledger.blame("Nobody will ever do anything about these orders", lost)
    ledger.figures["misjudged"] = ledger.blame("These messages were not taken in as they should", misjudged)
    invented = (order.external_id for order in history.orders if order.external_id not in named)
    ledger.figures["invented"] = ledger.blame("These orders exist although nobody sent them", invented)
    times = Counter(order.external_id for order in history.orders)
    ledger.blame("These orders were imported twice", (one for one, number in times.items() if number > 1))


def _ending(status: str) -> str:
    known = {"rejected": "rejected", "completed": "completed", "on hold": "on_hold", "cancelled": "cancelled"}
    return known.get(status, "open")


def _is_forgotten(history: History, order_id: str, status: str) -> bool:
    """Whether an order that is not over has nothing ahead that would take it further."""
    if _ending(status) != "open":
        return False
    if status == "ready":
        # It waits for the next plan; every plan that leaves it out must have said so.
        return order_id not in history.orders_left_out_by_a_plan
    if status == "contacting":
        return order_id not in history.orders_with_open_case
    if status in {"booked", "planned"}:
        return not any(visit.order_id == order_id and visit.status in LIVE_VISITS for visit in history.visits)
    return True


def _weigh_promises(ledger: Ledger, history: History, conduct: Conduct) -> None:
    visits = defaultdict[str, list[VisitRow]](list)
    for visit in history.visits:
        if visit.appointment_id is not None:
            visits[visit.appointment_id].append(visit)
    given_back = _given_back(history)
    verdicts: Counter[str] = Counter()
    broken = list[str]()
    for appointment in history.appointments:
        if not appointment.was_confirmed:
            continue
        verdict, why = _verdict(appointment, visits[appointment.id], given_back, history.ended_at, conduct)
        verdicts[verdict] += 1
        if verdict == "broken":
            broken.append(f"{appointment.order_id} ({why})")
    ledger.figures |= {
        "confirmed_appointments": verdicts.total(),
        "promises_kept": verdicts["kept"],
        "promises_missed_on_the_road": verdicts["missed"],
        "promises_given_back": verdicts["given back"],
        "promises_ahead": verdicts["ahead"],
    }
    stops = _stops_outside(history.appointments, history.published_stops)
    ledger.figures["promises_broken"] = ledger.blame("Planning broke the promise to these citizens", broken)
    ledger.figures["published_outside_window"] = ledger.blame(
        "A plan was published with an arrival outside the citizen's window", stops
    )


def _given_back(history: History) -> frozenset[str]:
    """The appointments a citizen moved or cancelled, or that ended with their order."""
    by_people = {"citizen", "utility"}
    return frozenset(
        step.entity_id
        for step in history.steps
        if step.entity == "appointment" and step.after == "cancelled" and step.actor_kind in by_people
    )


def _verdict(
    appointment: AppointmentRow,
    visits: list[VisitRow],
    given_back: frozenset[str],
    ended_at: datetime,
    conduct: Conduct,
) -> tuple[str, str]:
    """What became of one confirmed appointment: kept, missed, given back, ahead or broken, and why it was broken."""
    if appointment.status == "cancelled":
        return ("given back", "") if appointment.id in given_back else ("broken", "cancelled without the citizen")
    arrived = [visit for visit in visits if visit.arrived_at is not None]
    if any(_inside(appointment, visit.arrived_at) for visit in arrived):
        return "kept", ""
    late = [visit for visit in visits if (visit.technician_id, visit.day) in conduct.delayed]
    if any(_inside(appointment, visit.starts_at) for visit in late):
        return "missed", ""
    if arrived:
        return "broken", "the technician came outside the window"
    live = [visit for visit in visits if visit.status in LIVE_VISITS]
    if not live:
        return "broken", "no technician was sent"
    if not all(_inside(appointment, visit.starts_at) for visit in live):
        return "broken", "the visit is planned outside the window"
    return ("ahead", "") if appointment.ends_at > ended_at else ("broken", "nobody came")


def _inside(appointment: AppointmentRow, instant: datetime | None) -> bool:
    return instant is not None and appointment.starts_at <= instant < appointment.ends_at


def _stops_outside(appointments: Iterable[AppointmentRow], stops: Iterable[StopRow]) -> list[str]:
    by_id = {appointment.id: appointment for appointment in appointments if appointment.status != "cancelled"}
    return [
        stop.order_id
        for stop in stops
        if (appointment := by_id.get(stop.appointment_id)) is not None and not _inside(appointment, stop.starts_at)
    ]


def _find_double_bookings(ledger: Ledger, history: History) -> None:
    planned, actual = defaultdict[str, list[Span]](list), defaultdict[str, list[Span]](list)
    for visit in history.visits:
        if visit.status in LIVE_VISITS or visit.status == "completed":
            planned[visit.technician_id].append((visit.starts_at, visit.ends_at))
        if visit.arrived_at is not None and visit.ended_at is not None:
            actual[visit.technician_id].append((visit.arrived_at, visit.ended_at))
    cases = [*_overlaps(planned, "planned"), *_overlaps(actual, "worked")]
    promised = Counter(one.order_id for one in history.appointments if one.status == "confirmed")
    cases += [f"order {order} has {number} confirmed appointments" for order, number in promised.items() if number > 1]
    called = Counter(visit.order_id for visit in history.visits if visit.status in LIVE_VISITS)
    cases += [f"order {order} has {number} live visits" for order, number in called.items() if number > 1]
    ledger.figures["double_bookings"] = ledger.blame("Somebody was promised twice", cases)


def _overlaps(spans: Mapping[str, list[Span]], how: str) -> list[str]:
    """One case for each span that begins before the latest end before it, by technician."""
    found = list[str]()
    for technician, times in spans.items():
        reached: datetime | None = None
        for start, end in sorted(times):
            if reached is not None and start < reached:
                found.append(f"technician {technician} {how} two visits at {start.isoformat()}")
            reached = end if reached is None else max(reached, end)
    return found


def _compare_events(ledger: Ledger, history: History, heard: tuple[HeardEvent, ...]) -> None:
    first = dict[str, HeardEvent]()
    for event in heard:
        first.setdefault(event.id, event)
    told = defaultdict[str, list[str]](list)
    for event in sorted(first.values(), key=lambda one: one.sequence):
        if event.status:
            told[event.external_id].append(event.status)
    happened = defaultdict[str, list[str]](list)
    names = {order.id: order.external_id for order in history.orders}
    for step in history.steps:
        if step.entity == "work_order":
            happened[names[step.order_id]].append(step.after)
    unheard = [name for name, steps in happened.items() if Counter(steps) - Counter(told[name])]
    invented = [name for name, steps in told.items() if Counter(steps) - Counter(happened[name])]
    late = _heard_late(first.values())
    disordered = [
        name for name, steps in happened.items() if steps != told[name] and Counter(steps) == Counter(told[name])
    ]
    ledger.figures |= {
        "state_changes": sum(len(steps) for steps in happened.values()),
        "events_published": len(history.outbox_ids),
        "utility_heard": len(first),
        "utility_heard_again": len(heard) - len(first),
        "utility_heard_late": late,
        "events_unheard": ledger.blame("The utility never heard of a change of these orders", unheard)
        + ledger.blame("These events were never sent", set(history.outbox_ids) - set(first)),
        "events_invented": ledger.blame("The utility heard of changes that never happened to these orders", invented),
        "out_of_order_events": ledger.blame(
            "The utility heard of these orders' changes in the wrong order", disordered
        ),
    }


def _heard_late(heard: Iterable[HeardEvent]) -> int:
    """How many events came after a later one of the same order: the SDK gives back what arrives while nobody listens, so that is no
    fault, as long as the sequence puts it right."""
    reached, late = dict[str, str](), 0
    for event in heard:
        late += event.sequence < reached.get(event.external_id, "")
        reached[event.external_id] = max(event.sequence, reached.get(event.external_id, ""))
    return late
