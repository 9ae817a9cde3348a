"""Personal links: 256 random bits in an address, of which only the SHA-256 is stored.

A link is found by the hash of its token, so nothing secret is compared and a copy of the database opens no page.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import update

from hub.db.tables import citizen_link
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import CitizenLink, LinkPurpose
from hub.domain.errors import LinkExpiredError, LinkInvalidError, LinkRestsError
from hub.domain.ids import LinkId, WorkOrderId
from hub.domain.work_orders import WorkOrder

LIFETIME = {LinkPurpose.BOOKING: timedelta(days=90), LinkPurpose.SURVEY: timedelta(days=30)}
"""How long a link opens its page, unless its order ends first."""
_PATHS = {LinkPurpose.BOOKING: "a", LinkPurpose.SURVEY: "survey"}
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_MAIL_PROGRAM_NOISE = " .,;:!?)>]}\"'"
"""What mail programs and people glue to the end of an address."""


@dataclass(frozen=True)
class OpenedLink:
    """A valid link and the order it opens."""

    link: CitizenLink
    order: WorkOrder


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def clean_token(token: str) -> str:
    """The token without the punctuation a mail program may have taken into the address."""
    return token.rstrip(_MAIL_PROGRAM_NOISE)


def make_link(work: UnitOfWork, work_order_id: WorkOrderId, purpose: LinkPurpose) -> str:
    """Store a new link and return its token, which exists nowhere else."""
    token = secrets.token_urlsafe(32)
    work.links.add(
        CitizenLink(
            id=LinkId(uuid4()),
            work_order_id=work_order_id,
            purpose=purpose,
            token_hash=token_hash(token),
            created_at=work.now,
            expires_at=work.now + LIFETIME[purpose],
        )
    )
    return token


def link_address(public_url: str, purpose: LinkPurpose, token: str) -> str:
    """The whole address that goes into a message."""
    return f"{public_url}/{_PATHS[purpose]}/{token}"


def find_link(work: UnitOfWork, token: str, purpose: LinkPurpose) -> OpenedLink:
    """The link with `token` and its order, inside a transaction.

    Raises LinkInvalidError, LinkExpiredError, and as one of the latter LinkRestsError when nothing may be done by it for now.
    """
    found = work.links.find_with(work.work_orders, "work_order_id", token_hash=hash_of_sent(token))
    if found is None:
        raise LinkInvalidError
    opened = OpenedLink(*found)
    check_opens(opened, purpose, work.now)
    return opened


def hash_of_sent(token: str) -> str:
    """What would be stored of a token as somebody sent it; raises LinkInvalidError for what can be none."""
    cleaned = clean_token(token)
    if not _TOKEN.fullmatch(cleaned):
        raise LinkInvalidError
    return token_hash(cleaned)


def check_opens(opened: OpenedLink, purpose: LinkPurpose, now: datetime) -> None:
    """Raise what `find_link` raises when this link opens no page of that purpose now."""
    if opened.link.purpose is not purpose:
        raise LinkInvalidError
    # Before the link's own end: there is no new link to ask for.
    if opened.order.rests and purpose is LinkPurpose.BOOKING:
        raise LinkRestsError(opened.order.external_id)
    if opened.link.expires_at <= now:
        raise LinkExpiredError


def end_links(work: UnitOfWork, work_order_id: WorkOrderId, purpose: LinkPurpose, at: datetime) -> int:
    """Let no link of the order open its page after `at`; links that end earlier keep their end. Returns how many it shortened."""
    mine = citizen_link.c.work_order_id == work_order_id, citizen_link.c.purpose == purpose
    shortened = update(citizen_link).where(*mine, citizen_link.c.expires_at > at).values(expires_at=at)
    return work.connection.execute(shortened).rowcount
