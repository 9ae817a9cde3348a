"""Mail that came back: delivery status notifications (RFC 3464) in a Maildir, each settling the message it is about.

A report names its message by the address it came back to (`bounces+<id>@…`, VERP) or, where that is not set, by the Message-ID of the mail
it quotes. Both hold the message's random id, which nobody can guess who was not sent that mail. Everything else that lands there (answers
from holidays, unwanted mail) is left aside.
"""

import email
import logging
import mailbox
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import Message as Mail
from email.policy import compat32
from pathlib import Path
from uuid import UUID

from hub.bootstrap import Hub
from hub.domain.contact import NotificationStatus
from hub.domain.errors import ConfigurationError
from hub.domain.ids import NotificationId
from hub.notifications.mail_status import enhanced_code, is_bad_mailbox
from hub.notifications.settling import Receipt, settle_receipt

_log = logging.getLogger(__name__)

MOST_BYTES = 2_000_000
"""Of a longer report only the beginning is read; a report says what it has to say there."""
_BATCH = 200
_RETURNED_TO = re.compile(r"\+([0-9a-f]{32})@")
_MESSAGE_ID = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^<>\s@]+>")
_ADDRESS_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_TEMPORARY = 4


@dataclass(frozen=True)
class Report:
    """What one report says of one recipient: `code` as 5.1.1, `action` as failed, delivered, delayed, relayed or expanded."""

    notification_id: NotificationId
    action: str
    code: tuple[int, int, int] | None

    def receipt(self) -> Receipt | None:
        """What becomes of the message by it; None for news that changes nothing (it is only late)."""
        if self.action == "delivered":
            return Receipt(self.notification_id, None, "smtp", "", NotificationStatus.DELIVERED)
        if self.action != "failed":
            return None
        written = ".".join(map(str, self.code)) if self.code else "none"
        temporary = self.code is not None and (self.code[0] == _TEMPORARY or self.code[1:] == (2, 2))
        return Receipt(
            self.notification_id,
            None,
            "smtp",
            "",
            NotificationStatus.UNDELIVERED,
            reason=f"The e-mail came back (status {written}).",
            permanent=not temporary,
            bad_address=is_bad_mailbox(written),
        )


@dataclass(frozen=True)
class BounceCounts:
    """What was found in a folder: mails looked at, reports among them, and messages they told something new of."""

    mails: int = 0
    reports: int = 0
    settled: int = 0


def take_in_bounces(hub: Hub, folder: Path) -> BounceCounts:
    """Read the new mails of Maildir `folder`, at most a batch, and mark them as read; raises ConfigurationError when it is none.

    A stop in between leaves a mail new: it is read again, and says nothing new then.
    """
    if not all((folder / part).is_dir() for part in ("new", "cur", "tmp")):
        message = (
            f"{folder} is no Maildir (a folder with new, cur and tmp); let the mail server deliver bounces into one."
        )
        raise ConfigurationError(message)
    mails = reports = settled = 0
    for file in sorted((folder / "new").iterdir())[:_BATCH]:
        try:
            with file.open("rb") as opened:
                raw = opened.read(MOST_BYTES)
        except OSError:
            # Another worker was first, or the mail server is at it.
            continue
        report = read_report(raw)
        mails, reports = mails + 1, reports + (report is not None)
        receipt = report.receipt() if report else None
        settled += receipt is not None and settle_receipt(hub, receipt)
        _mark_as_read(folder, file)
    if mails:
        _log.info("%s mails came back: %s reports, %s messages settled", mails, reports, settled)
    return BounceCounts(mails, reports, settled)


def drop_mails(folder: Path, messages: Collection[UUID], addresses: Collection[str]) -> int:
    """Delete the mails of Maildir `folder` that name one of these messages or addresses; returns how many. Raises OSError."""
    signs = [sign for one in messages for sign in (one.hex, str(one))]
    signs += [address.strip().casefold() for address in addresses if address.strip()]
    if not signs or not folder.is_dir():
        return 0
    # Whole ones: an address is part of longer ones, which are other people's.
    any_sign = b"|".join(re.escape(sign.encode()) for sign in signs)
    wanted = re.compile(rb"(?<![\w.-])(?:%s)(?![\w-]|\.\w)" % any_sign)
    dropped = 0
    for file in (file for part in ("new", "cur") for file in (folder / part).glob("*")):
        with suppress(FileNotFoundError):
            if wanted.search(file.read_bytes().lower()):
                file.unlink()
                dropped += 1
    return dropped


def read_bounces(hub: Hub, now: datetime) -> int:
    """Read what came back into the folder of the settings; returns how many mails. A timer."""
    folder = hub.settings.bounces_folder
    return take_in_bounces(hub, folder).mails if folder is not None else 0


def read_report(raw: bytes) -> Report | None:
    """The delivery report in a mail, or None when it is none, or about no message of ours."""
    try:
        mail = email.message_from_bytes(raw, policy=compat32)
        if mail.get_content_type() != "multipart/report":
            return None
        parts = [part for part in mail.walk() if part.get_content_type() == "message/delivery-status"]
        named = _named_by(mail)
        if not parts or named is None:
            return None
        for fields in _recipients(parts[0]):
            action = str(fields["Action"]).strip().casefold()
            return Report(named, action, enhanced_code(str(fields["Status"] or "")))
    except (ValueError, LookupError, RecursionError, AttributeError, TypeError):
        # The mail parser trips over some of what arrives; a mail that nobody can read is no report.
        return None
    return None


def _recipients(status: Mail) -> Iterator[Mail]:
    """The blocks of fields of a report, one per recipient; ours have one recipient each."""
    blocks = status.get_payload()
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Mail) and block["Action"] is not None:
            yield block


def _named_by(mail: Mail) -> NotificationId | None:
    for header in _ADDRESS_HEADERS:
        for value in mail.get_all(header, []):
            if found := _RETURNED_TO.search(str(value)):
                return NotificationId(UUID(found[1]))
    for part in mail.walk():
        if part is mail:
            continue
        quoted = (
            str(part.get_payload()) if part.get_content_type() == "text/rfc822-headers" else str(part["Message-ID"])
        )
        if found := _MESSAGE_ID.search(quoted):
            return NotificationId(UUID(found[1]))
    return None


def _mark_as_read(folder: Path, file: Path) -> None:
    """Move a mail from `new` to `cur`, seen, as mail programs do."""
    name = file.name.partition(":")[0]
    try:
        file.rename(folder / "cur" / f"{name}{mailbox.Maildir.colon}2,S")
    except FileNotFoundError:
        return
