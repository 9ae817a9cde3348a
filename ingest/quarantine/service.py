"""What people do with quarantined messages: look for them, read them, correct, replay and discard them. Every act is written down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, or_, select, update

from hub.bootstrap import Hub
from hub.db.message_tables import quarantine_act, quarantined_message
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError, ErrorKind, NotFoundError, StaleVersionError
from hub.domain.events import Actor
from hub.domain.lifecycle import WorkOrderStatus
from hub.messaging.service_bus import DeadLetter, ReceivedMessage
from hub.settings import Settings
from hub.typed import one_line
from ingest.inbox import InboxOutcome, find_claim, find_order
from ingest.messages import Reading, read, read_any_format
from ingest.quarantine.records import (
    SHOWN,
    Act,
    Cause,
    Quarantined,
    QuarantinedId,
    QuarantineStatus,
    as_quarantined,
    note,
)
from ingest.quarantine.refused import as_message
from ingest.service import take
from scheduling.retrying import until_settled

LONGEST_BODY = 262_144
MOST_AT_ONCE = 500
KEPT_AFTER = timedelta(days=30)
"""How long the body of a message that was seen to is still there to be read."""
_MESSAGE, _ACT = quarantined_message.c, quarantine_act.c
_LONGEST_REASON = 500
REASON_ERASED = "It was erased with the message."
"""What stands for a reason that may have quoted the message."""
_EMPTIED: dict[str, Any] = {
    "body": None,
    "original_body": None,
    "properties": {},
    "subject": "",
    "reason": REASON_ERASED,
}
_QUOTING = (Act.ARRIVED, Act.CORRECTED, Act.FAILED_AGAIN)
"""Acts whose reason says what is wrong with the message, often in its own words. Why it was discarded is somebody's decision, and stays."""
_OF_ONE_ORDER = frozenset({Cause.REFUSED_ORDER, Cause.REFUSED_CHANGE})
"""What was read already, so that it is known which order it is about."""


class NotWaitingError(DoorstepError):
    """Somebody has seen to the message already."""

    kind = ErrorKind.CONFLICT
    code = "quarantined-message-settled"

    def __init__(self, status: str) -> None:
        super().__init__(f"This message was seen to already: it is {status}. Reload the page.")


class CorrectionError(DoorstepError):
    """The correction is none."""

    code = "correction-refused"


@dataclass(frozen=True)
class QuarantineFilter:
    """Which messages to list; what is None or empty is not asked. `text` is looked for in the order's number, the message's id, the utility and the reason."""

    status: QuarantineStatus | None = QuarantineStatus.WAITING
    cause: Cause | None = None
    text: str = ""


@dataclass(frozen=True)
class QuarantinePage:
    """Some of the messages that fit, newest first, and how many fit in all."""

    messages: tuple[Quarantined, ...]
    total: int


@dataclass(frozen=True)
class ActLine:
    """One act: what, when, by whom, why. `body_sha256` is that of the body it left or erased."""

    at: datetime
    act: Act
    actor_kind: str
    actor_name: str
    reason: str
    body_sha256: str


@dataclass(frozen=True)
class QuarantinedStory:
    """One message with its bodies (None once they are erased), its history, and the order it is about, if that is here."""

    message: Quarantined
    body: bytes | None
    original_body: bytes | None
    acts: tuple[ActLine, ...]
    work_order_id: UUID | None


@dataclass(frozen=True)
class Replay:
    """What became of a replay: `done`, or why not."""

    id: QuarantinedId
    done: bool
    sentence: str


def list_quarantined(hub: Hub, wanted: QuarantineFilter, *, limit: int = 50, offset: int = 0) -> QuarantinePage:
    """The messages that fit, newest first, `limit` from `offset` on."""
    where = _conditions(wanted)
    page = (
        select(*SHOWN).where(*where).order_by(_MESSAGE.quarantined_at.desc(), _MESSAGE.id).limit(limit).offset(offset)
    )
    with hub.reading() as connection:
        total = connection.execute(select(func.count()).select_from(quarantined_message).where(*where)).scalar_one()
        return QuarantinePage(tuple(as_quarantined(row) for row in connection.execute(page)), total)


def show_quarantined(hub: Hub, message_id: QuarantinedId) -> QuarantinedStory:
    """One message with everything about it; raises NotFoundError."""
    with hub.unit_of_work() as work:
        row = _find(work, message_id)
        acts = work.connection.execute(
            select(_ACT.at, _ACT.act, _ACT.actor_kind, _ACT.actor_name, _ACT.reason, _ACT.body_sha256)
            .where(_ACT.quarantined_message_id == message_id)
            .order_by(_ACT.seq)
        )
        return QuarantinedStory(
            message=as_quarantined(row),
            body=row.body,
            original_body=row.original_body,
            acts=tuple(ActLine(one.at, Act(one.act), *tuple(one)[2:]) for one in acts),
            work_order_id=find_order(work, row.utility, row.external_id) if row.external_id else None,
        )


def correct_quarantined(
    hub: Hub, message_id: QuarantinedId, body: bytes, *, by: Actor, reason: str = "", version: int | None = None
) -> None:
    """Put `body` in the place of the message's body, to be replayed; the body that came stays beside it.

    `version` is that of the message the corrector saw. Raises CorrectionError or a reader's error when `body` cannot be read as an
    order, NotWaitingError, StaleVersionError, NotFoundError.
    """
    if len(body) > LONGEST_BODY:
        raise CorrectionError(
            f"The message has {len(body)} bytes; the bus takes {LONGEST_BODY} at most. Make it shorter."
        )
    with hub.unit_of_work() as work:
        row = _find_waiting(work, message_id)
        if version is not None and row.version != version:
            raise StaleVersionError("message")
        if row.body == body:
            return
        changes = _named(_read_again(hub.settings, replace(as_message(row), body=body)))
        if row.cause in _OF_ONE_ORDER and (row.utility, row.external_id) != (
            changes["utility"],
            changes["external_id"],
        ):
            raise CorrectionError(f"This message is about the order {row.external_id}; its correction must be too.")
        _change(work, row, body=body, **changes)
        note(work, message_id, Act.CORRECTED, by=by, reason=one_line(reason, _LONGEST_REASON), body=body)
        work.commit()


def replay_quarantined(hub: Hub, ids: Sequence[QuarantinedId], *, by: Actor) -> list[Replay]:
    """Take each message in again as it is now, each in a transaction of its own; says for each what became of it."""
    if len(ids) > MOST_AT_ONCE:
        raise CorrectionError(f"At most {MOST_AT_ONCE} messages are replayed at once; these are {len(ids)}.")
    return [_replay(hub, message_id, by) for message_id in dict.fromkeys(ids)]


def discard_quarantined(hub: Hub, ids: Sequence[QuarantinedId], *, by: Actor, reason: str) -> int:
    """Give messages up for good and erase what they hold of people; their SHA-256 stays in the history. Returns how many.

    Those that were seen to already are left alone. Raises CorrectionError without a reason, NotFoundError.
    """
    sentence = one_line(reason, _LONGEST_REASON)
    if not sentence:
        raise CorrectionError("Say why the message is discarded; the history keeps it.")
    discarded = 0
    with hub.unit_of_work() as work:
        for message_id in sorted(dict.fromkeys(ids)):
            row = _find(work, message_id)
            if row.status != QuarantineStatus.WAITING:
                continue
            note(work, message_id, Act.DISCARDED, by=by, reason=sentence, body=row.body)
            _settle(work, row, QuarantineStatus.DISCARDED, **_EMPTIED)
            _erase_quotes(work, [message_id])
            discarded += 1
        work.commit()
    return discarded


def erase_old_bodies(hub: Hub, now: datetime) -> int:
    """Erase what is left of people in messages that were seen to long ago; returns how many. A timer."""
    with hub.unit_of_work() as work:
        done = work.connection.execute(
            update(quarantined_message)
            .where(_MESSAGE.settled_at < now - KEPT_AFTER, _MESSAGE.body.is_not(None))
            .values(_EMPTIED)
            .returning(_MESSAGE.id)
        )
        erased = done.scalars().all()
        _erase_quotes(work, erased)
        work.commit()
    return len(erased)


def _erase_quotes(work: UnitOfWork, messages: Sequence[QuarantinedId]) -> None:
    """Take out of the history what quotes the messages; that something was done, when, by whom and with which body stays."""
    quoting = (_ACT.quarantined_message_id.in_(messages), _ACT.act.in_([act.value for act in _QUOTING]))
    work.connection.execute(update(quarantine_act).where(*quoting).values(reason=""))


def _replay(hub: Hub, message_id: QuarantinedId, by: Actor) -> Replay:
    # The utility may send something about the same order in this moment; both then want what the other one has.
    return until_settled(lambda: _replay_once(hub, message_id, by))


def _replay_once(hub: Hub, message_id: QuarantinedId, by: Actor) -> Replay:
    with hub.unit_of_work() as work:
        row = _find(work, message_id)
        if row.status != QuarantineStatus.WAITING:
            return Replay(message_id, done=False, sentence=f"It was seen to already: it is {row.status}.")
        attempt = work.connection.begin_nested()
        problem = _take_again(work, row)
        if problem:
            # Nothing of the attempt stays but the word that it was made.
            attempt.rollback()
            note(work, message_id, Act.FAILED_AGAIN, by=by, reason=problem, body=row.body)
        else:
            attempt.commit()
            note(work, message_id, Act.REPLAYED, by=by, body=row.body)
            _settle(work, _find(work, message_id), QuarantineStatus.REPLAYED)
        work.commit()
    return Replay(message_id, done=not problem, sentence=problem or "It was taken in.")


def _take_again(work: UnitOfWork, row: Row[Any]) -> str:
    """Take the message in; returns why it cannot be, or nothing."""
    try:
        reading = _read_again(work.settings, as_message(row))
    except DoorstepError as error:
        return str(error)
    settlement = take(work, reading, again=True)
    if isinstance(settlement, DeadLetter):
        return settlement.description
    return _why_refused(work, reading)


def _read_again(settings: Settings, message: ReceivedMessage) -> Reading:
    """The message by its utility's profile as when it came, or as the canonical event that somebody made of it by hand."""
    try:
        return read_any_format(settings, message)
    except DoorstepError as error:
        try:
            return read(message)
        except DoorstepError:
            raise error from None


def _why_refused(work: UnitOfWork, reading: Reading) -> str:
    claim = find_claim(work, reading.key)
    outcome = "" if claim is None else claim.outcome
    order_id = find_order(work, reading.utility, reading.external_id)
    order = work.work_orders.get(order_id) if order_id else None
    if order is not None and order.status is WorkOrderStatus.REJECTED:
        return order.reject_reason or "The order is refused."
    if outcome == InboxOutcome.REFUSED:
        newest = select(_MESSAGE.reason).where(_MESSAGE.key == f"change {reading.key}")
        return work.connection.scalar(newest) or "The change is refused."
    return ""


def _find(work: UnitOfWork, message_id: QuarantinedId) -> Row[Any]:
    found = work.connection.execute(
        select(quarantined_message).where(_MESSAGE.id == message_id).with_for_update()
    ).first()
    if found is None:
        raise NotFoundError("message in quarantine")
    return found


def _find_waiting(work: UnitOfWork, message_id: QuarantinedId) -> Row[Any]:
    row = _find(work, message_id)
    if row.status != QuarantineStatus.WAITING:
        raise NotWaitingError(row.status)
    return row


def _settle(work: UnitOfWork, row: Row[Any], status: QuarantineStatus, **changes: Any) -> None:
    _change(work, row, status=status.value, settled_at=work.now, **changes)


def _change(work: UnitOfWork, row: Row[Any], **changes: Any) -> None:
    work.connection.execute(
        update(quarantined_message).where(_MESSAGE.id == row.id).values(version=row.version + 1, **changes)
    )


def _named(reading: Reading) -> dict[str, str]:
    return {
        "utility": reading.utility,
        "external_id": reading.external_id,
        "type": reading.envelope.type,
        "profile": reading.profile,
    }


def _conditions(wanted: QuarantineFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        where.append(_MESSAGE.status == wanted.status.value)
    if wanted.cause is not None:
        where.append(_MESSAGE.cause == wanted.cause.value)
    for word in wanted.text.split()[:8]:
        looked_at = (_MESSAGE.external_id, _MESSAGE.message_id, _MESSAGE.utility, _MESSAGE.reason)
        where.append(or_(*(column.icontains(word, autoescape=True) for column in looked_at)))
    return where


def count_waiting(hub: Hub) -> int:
    """How many messages somebody must still see to."""
    waiting = select(func.count()).where(_MESSAGE.status == QuarantineStatus.WAITING.value)
    with hub.reading() as connection:
        return connection.execute(waiting).scalar_one()
