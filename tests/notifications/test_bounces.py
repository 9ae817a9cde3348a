"""Mail that came back: reports settle the message they name, hard ones close the address, and nothing else does anything."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db.channel_tables import contact_address
from hub.domain.contact import AddressState, Channel, Notification, NotificationStatus
from hub.domain.errors import ConfigurationError
from hub.notifications.bounces import BounceCounts, read_bounces, read_report, take_in_bounces
from hub.notifications.mail_status import is_bad_mailbox
from hub.notifications.service import deliver_notification, request_notification
from tests.samples import a_work_order

REPORT = """From: MAILER-DAEMON@mail.example
To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: text/plain

It could not be delivered.

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example
Arrival-Date: Mon, 4 May 2026 09:00:00 +0200

Final-Recipient: rfc822; an.peeters@citizen.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} nobody of that name

--cut
Content-Type: {quoted_type}

Message-ID: <{message_id}@doorstep.example>
Subject: Hello

--cut--
"""


def a_report(
    one: Notification,
    status: str = "5.1.1",
    action: str = "failed",
    *,
    verp: bool = True,
    quoted: str = "text/rfc822-headers",
) -> bytes:
    to = f"bounces+{one.id.hex}@doorstep.example" if verp else "no-reply@doorstep.example"
    named = "0" * 8 if verp else str(one.id)
    return REPORT.format(to=to, action=action, status=status, message_id=named, quoted_type=quoted).encode()


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for part in ("new", "cur", "tmp"):
        (tmp_path / "bounces" / part).mkdir(parents=True)
    return tmp_path / "bounces"


@pytest.fixture
def sent(hub: Hub) -> Notification:
    """An e-mail that the mail server took, with SMS as its next channel."""
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order())
        queued = request_notification(work, order, kind="survey", channels=(Channel.EMAIL, Channel.SMS))
        work.commit()
    assert queued is not None
    deliver_notification(hub, notification_id=str(queued.id))
    return present(hub, queued)


def present(hub: Hub, one: Notification) -> Notification:
    with hub.unit_of_work() as work:
        return work.notifications.get(one.id)


def closed(hub: Hub) -> list[tuple[Channel, AddressState]]:
    with hub.reading() as connection:
        rows = connection.execute(select(contact_address.c.channel, contact_address.c.state))
        return [(row.channel, row.state) for row in rows]


@pytest.mark.parametrize(
    ("verp", "quoted"), [(True, "text/rfc822-headers"), (False, "text/rfc822-headers"), (False, "message/rfc822")]
)
def test_a_hard_bounce_settles_its_message_and_closes_the_address(
    hub: Hub, sent: Notification, maildir: Path, verp: bool, quoted: str
) -> None:
    (maildir / "new" / "1.host").write_bytes(a_report(sent, verp=verp, quoted=quoted))
    assert take_in_bounces(hub, maildir) == BounceCounts(1, 1, 1)
    after = present(hub, sent)
    assert (after.status, after.receipt) == (NotificationStatus.UNDELIVERED, "The e-mail came back (status 5.1.1).")
    assert closed(hub) == [(Channel.EMAIL, AddressState.BAD)]
    # Read once, and harmless when it is read again.
    assert [file.name for file in (maildir / "cur").iterdir()] == ["1.host:2,S"]
    (maildir / "new" / "2.host").write_bytes(a_report(sent))
    assert take_in_bounces(hub, maildir) == BounceCounts(1, 1, 0)


def test_the_worker_reads_the_folder_of_the_settings(hub: Hub, sent: Notification, maildir: Path) -> None:
    (maildir / "new" / "1.host").write_bytes(a_report(sent))
    assert read_bounces(hub, hub.clock.now()) == 0
    ready = replace(hub, settings=hub.settings.model_copy(update={"bounces_folder": maildir}))
    assert [read_bounces(ready, hub.clock.now()) for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("status", ["4.4.7", "5.2.2", "4.2.2"])
def test_a_soft_bounce_settles_the_message_and_leaves_the_address_open(
    hub: Hub, sent: Notification, maildir: Path, status: str
) -> None:
    (maildir / "new" / "1.host").write_bytes(a_report(sent, status))
    assert take_in_bounces(hub, maildir).settled == 1
    assert present(hub, sent).status is NotificationStatus.UNDELIVERED
    assert closed(hub) == []


def test_a_refusal_of_our_words_is_for_good_but_says_nothing_of_the_address(
    hub: Hub, sent: Notification, maildir: Path
) -> None:
    (maildir / "new" / "1.host").write_bytes(a_report(sent, "5.7.1"))
    take_in_bounces(hub, maildir)
    assert closed(hub) == []


def test_a_delay_is_no_news_and_a_delivery_is(hub: Hub, sent: Notification, maildir: Path) -> None:
    (maildir / "new" / "1.host").write_bytes(a_report(sent, "4.4.1", "delayed"))
    assert take_in_bounces(hub, maildir) == BounceCounts(1, 1, 0)
    (maildir / "new" / "2.host").write_bytes(a_report(sent, "2.0.0", "delivered"))
    assert take_in_bounces(hub, maildir).settled == 1
    assert present(hub, sent).status is NotificationStatus.DELIVERED


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: I am on holiday\r\n\r\nUntil Monday.",
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n\r\n--x--",
        b"\xff\xfe\x00\x01" * 50,
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n\r\n--x--",
    ],
)
def test_other_mail_is_left_aside(hub: Hub, sent: Notification, maildir: Path, raw: bytes) -> None:
    (maildir / "new" / "1.host").write_bytes(raw)
    assert take_in_bounces(hub, maildir) == BounceCounts(1, 0, 0)
    assert present(hub, sent).status is NotificationStatus.SENT


@given(st.binary(max_size=2000))
def test_no_mail_stops_the_reader(raw: bytes) -> None:
    read_report(b"Content-Type: multipart/report; boundary=x\r\nTo: b+" + b"0" * 32 + b"@x\r\n\r\n--x\r\n" + raw)


def test_a_folder_that_is_no_maildir_is_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no Maildir"):
        take_in_bounces(hub, tmp_path)


@pytest.mark.parametrize(
    ("said", "bad"),
    [
        ("5.1.1 no such user", True),
        ("550 5.1.10 null mx", True),
        ("5.7.1 blocked", False),
        ("550 unknown", False),
        ("5.11.1 x", False),
    ],
)
def test_only_a_code_that_says_so_makes_an_address_bad(said: str, bad: bool) -> None:
    assert is_bad_mailbox(said) is bad
