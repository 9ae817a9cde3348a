"""The account at the end: is any order lost, was anything done twice, did the utility hear everything in order.

Judged from the tables, the recording provider and what the utility wrote down, order by order, against the script of `stream`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from infra.chaos.stream import Case, End, Stream
from infra.chaos.traffic import HeardEvent

_SHOWN = 5
_ORDERS = "SELECT id::text, external_id, status, notes, reject_reason FROM work_order ORDER BY imported_at, id"
_STEPS = """
    SELECT w.external_id, e.after FROM status_event e JOIN work_order w ON w.id = e.work_order_id
    WHERE e.entity = 'work_order' AND e.after <> '' AND e.before <> e.after ORDER BY e.seq
"""
_TOLD = """
    SELECT id::text, subject AS external_id, seq, data -> 'event' -> 'workOrder' ->> 'status' AS status, type
    FROM outbox_event ORDER BY seq
"""
_INVITATIONS = """
    SELECT w.external_id, n.status,
           (SELECT count(*) FROM recorded_message r WHERE r.notification_id = n.id) AS recorded
    FROM notification n JOIN work_order w ON w.id = n.work_order_id
"""
_QUARANTINE = "SELECT message_id, reason FROM quarantined_message"
_INBOX = "SELECT count(*) FROM inbox_message"
_STATE_CHANGED = "org.doorstep.work-order.state-changed.v1"


@dataclass
class Ledger:
    """The figures, and one sentence for each rule that was broken."""

    figures: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def blame(self, name: str, sentence: str, cases: Iterable[str]) -> None:
        """Count `cases` under `name`; when there are any, say `sentence` with the first of them."""
        found = sorted(cases)
        self.figures[name] = self.figures.get(name, 0) + len(found)
        if found:
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            self.violations.append(f"{sentence}: {', '.join(found[:_SHOWN])}{more}.")


type Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Found:
    """What a run left behind: rows by the external id of their order, in the order in which they were written; quarantined messages by
    their id on the bus; how many rows the inbox has; and what the utility heard, as it heard it."""

    orders: Rows
    steps: Rows
    told: Rows
    invitations: Rows
    quarantined: Rows
    inbox: int
    heard: Sequence[HeardEvent]


def read_found(connection: Connection, heard: Sequence[HeardEvent], dead_letters: Mapping[str, str]) -> Found:
    """What the database behind `connection` holds. `dead_letters` are the reasons of messages that still lie on the bus, by their id."""

    def rows(query: str, by: str = "external_id") -> Rows:
        grouped = defaultdict[str, list[Mapping[str, Any]]](list)
        for row in connection.execute(text(query)).mappings():
            grouped[row[by]].append(dict(row))
        return grouped

    quarantined = dict(rows(_QUARANTINE, "message_id"))
    for name, reason in dead_letters.items():
        quarantined.setdefault(name, [{"message_id": name, "reason": reason}])
    return Found(
        orders=rows(_ORDERS),
        steps=rows(_STEPS),
        told=rows(_TOLD),
        invitations=rows(_INVITATIONS),
        quarantined=quarantined,
        inbox=int(connection.execute(text(_INBOX)).scalar_one()),
        heard=heard,
    )


def audit(stream: Stream, found: Found) -> Ledger:
    """Judge a run."""
    ledger = Ledger()
    ledger.figures |= {
        "orders": len(stream.cases),
        "messages": len(stream.messages),
        "copies": stream.copies,
        "inbox": found.inbox,
        **{f"{end.value}_orders": sum(case.end is end for case in stream.cases) for end in End},
    }
    _find_lost(ledger, stream.cases, found)
    _find_doubled(ledger, stream, found)
    _weigh_invitations(ledger, stream.cases, found)
    _compare_events(ledger, found)
    return ledger


def _find_lost(ledger: Ledger, cases: Sequence[Case], found: Found) -> None:
    wrong = {case.external_id: why for case in cases if (why := _why_lost(case, found))}
    ledger.blame("lost", "These orders did not come to their end", (f"{name} ({why})" for name, why in wrong.items()))
    invented = set(found.orders) - {case.external_id for case in cases if case.end is not End.QUARANTINED}
    ledger.blame("invented", "These orders exist although nobody sent them", invented)


def _why_lost(case: Case, found: Found) -> str:
    """What is wrong with the end of `case`; "" when it is as it must be."""
    orders = found.orders.get(case.external_id, ())
    if case.end is End.QUARANTINED:
        kept = [row for name in case.message_ids for row in found.quarantined.get(name, ())]
        return (
            "" if kept and all(row["reason"] for row in kept) else f"{case.what}: not in the quarantine with a reason"
        )
    if not orders:
        return f"{case.what}: not imported"
    statuses = {str(row["status"]) for row in orders}
    usual = "contacting" if case.needs_citizen else "ready"
    wanted = usual if case.end is End.OPEN else case.end.value
    if statuses != {wanted}:
        return f"{case.what}: is {' and '.join(sorted(statuses))}, not {wanted}"
    if case.end is End.REJECTED and not all(row["reject_reason"] for row in orders):
        return f"{case.what}: rejected without a reason"
    if case.notes is not None and any(row["notes"] != case.notes for row in orders):
        return f"{case.what}: says '{orders[0]['notes']}', not '{case.notes}'"
    return ""


def _find_doubled(ledger: Ledger, stream: Stream, found: Found) -> None:
    twice = (name for name, rows in found.orders.items() if len(rows) > 1)
    ledger.blame("doubled_orders", "These orders were imported twice", twice)
    steps = (case.external_id for case in stream.cases if not _is_once(case, found.steps.get(case.external_id, ())))
    ledger.blame("doubled_steps", "These orders took a step of their life twice, or not at all", steps)
    kept = (name for case in stream.cases for name in case.message_ids if len(found.quarantined.get(name, ())) > 1)
    ledger.blame("doubled_quarantine", "These messages lie in the quarantine twice", kept)
    odd = [] if found.inbox == stream.distinct else [f"{found.inbox:,} rows for {stream.distinct:,} messages"]
    ledger.blame("inbox_differs", "The inbox does not have one row for each message", odd)


def _is_once(case: Case, steps: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the steps that were written down are those of one life."""
    taken = [str(row["after"]) for row in steps]
    asked = "contacting" if case.needs_citizen else "ready"
    if case.end is End.OPEN:
        return taken == ["received", asked]
    if case.end is End.REJECTED:
        return taken == ["rejected"]
    if case.end is End.QUARANTINED:
        return not taken
    return taken in (["received", asked, "cancelled"], ["received", "cancelled"], ["cancelled"])


def _weigh_invitations(ledger: Ledger, cases: Sequence[Case], found: Found) -> None:
    """One invitation for each open order with a citizen, at most one for a cancelled one, and none for the others."""
    doubled, missing, unasked = list[str](), list[str](), list[str]()
    outcomes: Counter[str] = Counter()
    for case in cases:
        rows = found.invitations.get(case.external_id, ())
        outcomes.update("recorded" if row["recorded"] else str(row["status"]) for row in rows)
        if len(rows) > 1 or sum(row["recorded"] for row in rows) > 1:
            doubled.append(case.external_id)
        if case.end is End.OPEN and case.needs_citizen and not rows:
            missing.append(case.external_id)
        if rows and (case.end in {End.REJECTED, End.QUARANTINED} or not case.needs_citizen):
            unasked.append(case.external_id)
    ledger.blame("doubled_invitations", "These citizens were invited twice", doubled)
    ledger.blame("missing_invitations", "Nobody invited the citizens of these orders", missing)
    ledger.blame("unasked_invitations", "Somebody was invited for these orders, which have nobody to invite", unasked)
    ledger.figures["invitations_recorded"] = outcomes["recorded"]
    # The program died between its word that it sends and the provider's answer: nobody knows, and it is never sent blindly again.
    ledger.figures["invitations_unknown"] = outcomes["unknown"]
    others = {name: number for name, number in outcomes.items() if name not in {"recorded", "unknown"}}
    ledger.figures["invitations_not_sent"] = sum(others.values())


def _compare_events(ledger: Ledger, found: Found) -> None:
    first = dict[str, HeardEvent]()
    for event in found.heard:
        first.setdefault(event.id, event)
    by_order = defaultdict[str, list[HeardEvent]](list)
    for event in first.values():
        by_order[event.external_id].append(event)
    told = {row["id"]: row for rows in found.told.values() for row in rows}
    ledger.figures |= {
        "events": len(told),
        "events_heard": len(found.heard),
        "events_heard_again": len(found.heard) - len(first),
    }
    ledger.blame("events_missing", "The utility never heard these events", set(told) - set(first))
    ledger.blame(
        "events_invented", "The utility heard these events, which are not in the outbox", set(first) - set(told)
    )
    disordered, late = list[str](), 0
    for name, rows in found.told.items():
        heard = sorted(by_order[name], key=lambda event: event.sequence)
        late += heard != by_order[name]
        states = [row["status"] for row in rows if row["type"] == _STATE_CHANGED]
        steps = [row["after"] for row in found.steps.get(name, ())]
        if [event.id for event in heard] != [row["id"] for row in rows] or states != steps:
            disordered.append(name)
    silent = [name for name, rows in found.steps.items() if rows and name not in found.told]
    ledger.blame(
        "events_disordered", "What the utility heard of these orders is not their history", disordered + silent
    )
    ledger.figures["orders_heard_late"] = late
