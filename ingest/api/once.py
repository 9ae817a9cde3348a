"""One effect for one Idempotency-Key, also after a crash between the effect and its answer.

The effect itself is guarded by the inbox (its message's id is made from the key). What is kept here is which body the key
came with, so that another request under the same key is refused instead of being answered with something else.
"""

import hashlib
import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from hub.bootstrap import Hub
from hub.db.tables import idempotency_record
from ingest.api.clients import UtilityClient
from ingest.api.errors import KeyReusedError


def find_made(hub: Hub, client: UtilityClient, operation: str, key: str, body: dict[str, Any]) -> str | None:
    """The id of what this request made before, None when it is new; raises KeyReusedError for another body."""
    table = idempotency_record
    query = select(table.c.request_hash, table.c.response).where(
        table.c.actor == _actor(client), table.c.key == f"{operation} {key}"
    )
    with hub.reading() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.request_hash != _hash(body):
        raise KeyReusedError
    return str(row.response["id"])


def keep_made(hub: Hub, client: UtilityClient, operation: str, key: str, body: dict[str, Any], made: str) -> None:
    """Remember what the request made; when two did the same at once, the first one's word stays."""
    with hub.unit_of_work() as work:
        row = {
            "actor": _actor(client),
            "key": f"{operation} {key}",
            "request_hash": _hash(body),
            "status_code": 201,
            "response": {"id": made},
            "created_at": work.now,
        }
        work.connection.execute(insert(idempotency_record).on_conflict_do_nothing(), row)
        work.commit()


def _actor(client: UtilityClient) -> str:
    return f"utility:{client.utility}"


def _hash(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
