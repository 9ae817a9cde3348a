"""What a citizen does with the link to prepare the visit: say how to get in, how to be reached, add and remove files.

Every verb begins with the token, and everything is over when the order is.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.clock import SystemClock
from hub.contact_record import append_entry
from hub.db import citizen_tables as tables
from hub.db.tables import timer_run
from hub.db.unit_of_work import UnitOfWork
from hub.domain.citizen_records import CitizenFile
from hub.domain.contact import Channel, LinkPurpose
from hub.domain.errors import DoorstepError, TooManyAttemptsError
from hub.domain.work_orders import WorkOrder
from hub.files import FilesUnavailableError, Folder, drop_file, keep_file, list_files, new_file_path
from hub.notifications.addresses import reachable_channels
from hub.notifications.links import find_link
from hub.notifications.texts import LANGUAGES
from hub.scanning import make_scanner
from portal.details.errors import DetailsClosedError, FileRefusedError
from portal.details.files import CleanFile, clean_file
from portal.details.queries import CHOICE, access_records, file_records, is_open, preferred_channel
from portal.details.schemas import AccessForm, shown_name

MOST_AT_ONCE = 5
MOST_FILES = 10
"""Per order, those that were removed not counted."""
MOST_BYTES_KEPT = 40 * 1024 * 1024
TRIES = AttemptLimit(60, timedelta(hours=12))
"""Files sent per order, refused and removed ones too: each costs us work."""
CHANGES = AttemptLimit(20, timedelta(hours=12))
"""Changes of how to get in and how to be reached, per order: each is an entry of the contact record, which is for ever."""
SWEEP_TIMER = "sweep_citizens_files"
_SWEPT_EVERY = timedelta(hours=24)
_SWEPT_AFTER = timedelta(hours=24)
"""A file without a record is younger than that only while its upload is under way."""


@dataclass(frozen=True)
class SentFile:
    """A file as it came; `name` is what its sender called it."""

    name: str
    content: bytes


def change_access(hub: Hub, token: str, form: AccessForm) -> None:
    """Keep how to get in; an empty form takes it back, and the same once more changes nothing.

    Raises DetailsClosedError, TooManyAttemptsError and link errors.
    """
    said = form.tidied()
    values = {**vars(said)}
    with hub.unit_of_work() as work:
        order = _open_order(work, token)
        known = access_records(work).find(order.id)
        if values == {name: getattr(known, name) if known else "" for name in values}:
            return
        _count_change(work, order)
        table = tables.access_details
        if not any(values.values()):
            work.connection.execute(delete(table).where(table.c.work_order_id == order.id))
        else:
            row = {"work_order_id": order.id, **values, "changed_at": work.now}
            fresh = insert(table).values(row)
            again = {**values, "changed_at": work.now, "version": table.c.version + 1}
            work.connection.execute(fresh.on_conflict_do_update(index_elements=["work_order_id"], set_=again))
        # What was said stays out of the record: a code opens a door for whoever reads it.
        append_entry(work, order.id, "access details changed", {name: bool(value) for name, value in values.items()})
        work.commit()


def change_preferences(hub: Hub, token: str, channel: str, language: str) -> str:
    """Keep by which channel (empty: whichever) and in which language the citizen wants to be written to; returns the language.

    What is not on offer changes nothing, nor does the same once more. Raises DetailsClosedError, TooManyAttemptsError and link errors.
    """
    with hub.unit_of_work() as work:
        order = _open_order(work, token)
        known = preferred_channel(work, order.id)
        offered = reachable_channels(work, order, CHOICE)
        wanted = Channel(channel) if channel in offered else known if channel else None
        spoken = language if language in LANGUAGES else order.language
        if (wanted, spoken) == (known, order.language):
            return spoken
        _count_change(work, order)
        table = tables.contact_preference
        if wanted is not None:
            row = {"work_order_id": order.id, "channel": wanted, "changed_at": work.now}
            again = {"channel": wanted, "changed_at": work.now, "version": table.c.version + 1}
            fresh = insert(table).values(row)
            work.connection.execute(fresh.on_conflict_do_update(index_elements=["work_order_id"], set_=again))
        else:
            work.connection.execute(delete(table).where(table.c.work_order_id == order.id))
        if spoken != order.language:
            order = work.work_orders.swap(order, replace(order, language=spoken))
        content = {"channel": wanted.value if wanted else "any", "language": order.language}
        append_entry(work, order.id, "preferences changed", content)
        work.commit()
    return order.language


def receive_files(hub: Hub, token: str, sent: Sequence[SentFile]) -> Counter[str]:
    """Keep each file that may be kept; returns how many were `kept`, and how many refused for each reason of `errors.REASONS`.

    Raises DetailsClosedError and link errors. A file is written before the row that names it; one without a row is swept later.
    """
    came: Counter[str] = Counter()
    for one in sent[:MOST_AT_ONCE]:
        try:
            _receive(hub, token, one)
        except FileRefusedError as error:
            came[error.reason] += 1
        except TooManyAttemptsError:
            came["often"] += 1
        except FilesUnavailableError:
            came["away"] += 1
        else:
            came["kept"] += 1
    if len(sent) > MOST_AT_ONCE:
        came["many"] += len(sent) - MOST_AT_ONCE
    return came


def remove_file(hub: Hub, token: str, file_id: UUID) -> None:
    """Delete a file of the link's own order; one that is not there is gone already. Raises DetailsClosedError and link errors."""
    with hub.unit_of_work() as work:
        order = _open_order(work, token)
        found = file_records(work).find(file_id)
        if found is None or found.work_order_id != order.id:
            return
        work.connection.execute(delete(tables.citizen_file).where(tables.citizen_file.c.id == file_id))
        append_entry(work, order.id, "file removed", {"kind": found.kind.value, "sha256": found.sha256})
        work.commit()
    drop_file(hub.settings, found.path)


def sweep_files(hub: Hub, now: datetime) -> int:
    """Once a day, delete citizens' files that no record names, as a crash between writing and committing leaves them.

    Returns how many.
    """
    if not _is_sweeping_due(hub, now):
        return 0
    # By the store's own clock, which says when a file was written.
    old = list_files(hub.settings, Folder.CITIZENS, written_before=SystemClock().now() - _SWEPT_AFTER)
    with hub.snapshot() as work:
        table = tables.citizen_file.c
        named = set(work.connection.execute(select(table.path).where(table.path.in_(old))).scalars())
    waste = [path for path in old if path not in named]
    for path in waste:
        drop_file(hub.settings, path)
    return len(waste)


def _is_sweeping_due(hub: Hub, now: datetime) -> bool:
    """Whether a day has passed since the last sweep; if so this one is noted, whether it finds anything or not."""
    with hub.unit_of_work() as work:
        ran = timer_run.c
        recent = select(ran.due).where(ran.timer == SWEEP_TIMER, ran.due > now - _SWEPT_EVERY).limit(1)
        if work.connection.execute(recent).first():
            return False
        row = {"timer": SWEEP_TIMER, "due": now, "ran_at": work.now, "done_count": 0}
        work.connection.execute(insert(timer_run).values(row).on_conflict_do_nothing())
        work.commit()
    return True


def _receive(hub: Hub, token: str, sent: SentFile) -> None:
    with hub.unit_of_work() as work:
        order = _open_order(work, token)
        scope = f"upload:{order.id}"
        refuse_when_too_many(work, scope, TRIES)
        _refuse_when_full(work, order, 0)
        count_failure(work, scope)
        work.commit()
    clean = clean_file(sent.content, make_scanner(hub.settings))
    path = new_file_path(Folder.CITIZENS, clean.ending)
    keep_file(hub.settings, path, clean.content)
    try:
        _remember(hub, token, clean, path, shown_name(sent.name))
    except DoorstepError:
        drop_file(hub.settings, path)
        raise


def _remember(hub: Hub, token: str, clean: CleanFile, path: str, name: str) -> None:
    with hub.unit_of_work() as work:
        order = _open_order(work, token)
        _refuse_when_full(work, order, len(clean.content))
        record = CitizenFile(
            id=uuid4(),
            work_order_id=order.id,
            kind=clean.kind,
            name=name,
            path=path,
            sha256=hashlib.sha256(clean.content).hexdigest(),
            size_bytes=len(clean.content),
            scanned_by=clean.scanned_by,
            uploaded_at=work.now,
        )
        file_records(work).add(record)
        content = {"kind": record.kind.value, "bytes": record.size_bytes, "sha256": record.sha256}
        append_entry(work, order.id, "file received", {**content, "scannedBy": record.scanned_by})
        work.commit()


def _refuse_when_full(work: UnitOfWork, order: WorkOrder, more_bytes: int) -> None:
    """Raise FileRefusedError unless the order takes one more file; the caller holds the order's lock."""
    table = tables.citizen_file.c
    query = select(func.count(), func.coalesce(func.sum(table.size_bytes), 0)).where(table.work_order_id == order.id)
    count, kept = work.connection.execute(query).one()
    if count >= MOST_FILES or kept + more_bytes > MOST_BYTES_KEPT:
        raise FileRefusedError("many")


def _count_change(work: UnitOfWork, order: WorkOrder) -> None:
    """Raise TooManyAttemptsError when the order was changed too often; the caller holds the order's lock."""
    scope = f"change:{order.id}"
    refuse_when_too_many(work, scope, CHANGES)
    count_failure(work, scope)


def _open_order(work: UnitOfWork, token: str) -> WorkOrder:
    """The link's order, locked; raises DetailsClosedError when it is over."""
    order = work.work_orders.get(find_link(work, token, LinkPurpose.BOOKING).order.id, lock=True)
    if not is_open(order):
        raise DetailsClosedError
    return order
