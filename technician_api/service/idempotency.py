"""One effect for one Idempotency-Key, also when the phone sends twice at once.

The key is claimed by inserting its record first. A second request with it waits in that insert for the first one's commit
and then finds the stored answer; when the first is refused and rolls back, the second takes its place. So a refusal leaves
no record: it changed nothing, and the same key may succeed later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from hub.db.tables import idempotency_record
from hub.db.unit_of_work import UnitOfWork
from technician_api.errors import KeyReusedError
from technician_api.service.enrolment import SignedIn


@dataclass(frozen=True)
class Answer:
    """What the phone hears; `repeated` when it is the stored answer to an earlier request."""

    status_code: int
    body: Mapping[str, Any]
    repeated: bool = False


def once(
    work: UnitOfWork, signed_in: SignedIn, key: str, request_hash: str, effect: Callable[[], BaseModel], *, status: int
) -> Answer:
    """The answer of `effect`, which is run unless this phone's `key` has one; raises KeyReusedError for another request.

    The record commits or rolls back with the effect: it is written in the caller's transaction.
    """
    actor = f"device:{signed_in.device.id}"
    claim = insert(idempotency_record).values(
        actor=actor, key=key, request_hash=request_hash, status_code=status, response={}, created_at=work.now
    )
    claimed = work.connection.execute(claim.on_conflict_do_nothing().returning(idempotency_record.c.key)).first()
    if claimed is None:
        return _stored(work, actor, key, request_hash)
    body = effect().model_dump(mode="json")
    mine = (idempotency_record.c.actor == actor) & (idempotency_record.c.key == key)
    work.connection.execute(update(idempotency_record).where(mine).values(response=body))
    return Answer(status, body)


def find_answer(work: UnitOfWork, signed_in: SignedIn, key: str, request_hash: str) -> Answer | None:
    """The stored answer when there is one; spares the work of making an effect that would only be thrown away."""
    actor = f"device:{signed_in.device.id}"
    mine = (idempotency_record.c.actor == actor) & (idempotency_record.c.key == key)
    known = work.connection.execute(select(idempotency_record.c.key).where(mine)).first()
    return _stored(work, actor, key, request_hash) if known else None


def _stored(work: UnitOfWork, actor: str, key: str, request_hash: str) -> Answer:
    mine = (idempotency_record.c.actor == actor) & (idempotency_record.c.key == key)
    record = work.connection.execute(select(idempotency_record).where(mine)).one()
    if record.request_hash != request_hash:
        raise KeyReusedError
    return Answer(record.status_code, record.response, repeated=True)
