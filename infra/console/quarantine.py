"""What the quarantine's pages show: a message's body as a person can read and edit it."""

import json
import re
from collections.abc import Sequence
from urllib.parse import urlencode

from sqlalchemy import Connection, Text, cast, select

from hub.db import tables
from ingest.quarantine.service import LONGEST_BODY, ActLine

PAGE_LENGTH = 50
MOST_SENT = 4 * LONGEST_BODY
"""How many bytes a message's form may have: laid out, a message is several times its own length. The web's foundation reads no field
that is longer."""
_MOST_LAID_OUT = 3 * LONGEST_BODY
"""So long a message may be laid out, each line's end counted as two; the rest of `MOST_SENT` is for what is written into it."""
LONG = MOST_SENT // 16
"""From so many signs on a text is sent in parts: in the plain way a line's end takes six bytes, any other sign up to twelve."""
_ADDRESS = "/console/quarantine"
_LAYOUT = json.JSONEncoder(indent=2, ensure_ascii=False)
_LINE_END = re.compile(r"\r\n?")
_STRING_OR_BLANK = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\r\n]+')


def readable(body: bytes | None) -> str:
    """The body as text: JSON is laid out line by line, unless a form could not send so much back; what is no text is shown with signs
    in the place of what cannot be.
    """
    if body is None:
        return ""
    shown = _laid_out(body) or body.decode("utf-8", "replace")
    return shown.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def edited_body(typed: str, before: bytes | None) -> bytes | None:
    """What a form's text makes of the body; None when nothing was edited. JSON that is too long loses its layout, and nothing else."""
    text = _with_plain_ends(typed)
    # A browser drops one line's end after the opening tag and may show a text without its last one.
    if text.strip() == _with_plain_ends(readable(before)).strip():
        return None
    body = text.encode("utf-8", "replace")
    return body if len(body) <= LONGEST_BODY else _without_layout(text).encode("utf-8", "replace")


def _laid_out(body: bytes) -> str:
    """JSON line by line; an empty text for what is no JSON or would be too long."""
    parts: list[str] = []
    on_the_way = 0
    try:
        for part in _LAYOUT.iterencode(json.loads(body)):
            on_the_way += len(part.encode("utf-8", "replace")) + part.count("\n")
            if on_the_way > _MOST_LAID_OUT:
                return ""
            parts.append(part)
    except (ValueError, RecursionError):
        return ""
    return "".join(parts)


def _without_layout(text: str) -> str:
    """JSON without the blanks between its parts, which are otherwise left as they were typed; any other text as it is."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _STRING_OR_BLANK.sub(r"\1", text)


def _with_plain_ends(text: str) -> str:
    """Browsers send each line's end as two signs, whatever it was before."""
    return _LINE_END.sub("\n", text)


def page_address(status: str, cause: str, text: str, page: int) -> str:
    """The list with these filters."""
    return f"{_ADDRESS}?{urlencode({'status': status, 'cause': cause, 'text': text, 'page': page})}"


def names_of(connection: Connection, acts: Sequence[ActLine]) -> dict[str, str]:
    """The names of the staff among those who acted, by the id they acted under."""
    account = tables.staff_account.c
    asked = [act.actor_name for act in acts if act.actor_name]
    rows = connection.execute(select(account.id, account.name).where(cast(account.id, Text).in_(asked)))
    return {str(row.id): row.name for row in rows}
