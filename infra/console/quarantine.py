"""What the quarantine's pages show: a message's body as a person can read and edit it."""

import json
from collections.abc import Sequence
from urllib.parse import urlencode

from sqlalchemy import Connection, Text, cast, select

from hub.db import tables
from ingest.quarantine.service import ActLine

PAGE_LENGTH = 50
_ADDRESS = "/console/quarantine"


def readable(body: bytes | None) -> str:
    """The body as text: JSON is laid out line by line; what is no text is shown with signs in the place of what cannot be."""
    if body is None:
        return ""
    try:
        shown = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        shown = body.decode("utf-8", "replace")
    return shown.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def edited_body(typed: str, before: bytes | None) -> bytes | None:
    """What a form's text makes of the body; None when nothing was edited. Browsers send each line's end as two signs."""
    text = typed.replace("\r\n", "\n")
    # A browser drops one line's end after the opening tag and may show a text without its last one.
    return None if text.strip() == readable(before).strip() else text.encode("utf-8", "replace")


def page_address(status: str, cause: str, text: str, page: int) -> str:
    """The list with these filters."""
    return f"{_ADDRESS}?{urlencode({'status': status, 'cause': cause, 'text': text, 'page': page})}"


def names_of(connection: Connection, acts: Sequence[ActLine]) -> dict[str, str]:
    """The names of the staff among those who acted, by the id they acted under."""
    account = tables.staff_account.c
    asked = [act.actor_name for act in acts if act.actor_name]
    rows = connection.execute(select(account.id, account.name).where(cast(account.id, Text).in_(asked)))
    return {str(row.id): row.name for row in rows}
