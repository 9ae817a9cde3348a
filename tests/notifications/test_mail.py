"""E-mails as they are sent: readable by everybody, an invitation for calendars, a way to stop them, and nothing from elsewhere."""

import re
from datetime import timedelta
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from icalendar import Calendar

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel, LinkPurpose
from hub.domain.lifecycle import AppointmentStatus
from hub.notifications.compose import compose_message
from hub.notifications.html import mail_html
from hub.notifications.kinds import KINDS
from hub.notifications.ports import Message
from hub.notifications.service import APPOINTMENT_PARAMETER, request_notification
from hub.notifications.smtp import SmtpSender
from hub.notifications.texts import LANGUAGES, SPOKEN, Rendered
from hub.texts import load_texts
from tests.notifications.test_providers import MailServer, serving, smtp_settings
from tests.portal.test_ladder import an_appointment
from tests.samples import a_work_order

LINK = "https://doorstep.example/a/" + "x" * 43


class Reader(HTMLParser):
    """What a reader of the page meets."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_its_language_one_heading_and_one_button_that_is_a_link(language: str) -> None:
    words = Rendered("Kies <b>een</b> tijdstip", f"Dag & welkom,\n\nKies hier:\n{LINK}\n\nGroeten,\nDoorstep\n")
    page = mail_html("invitation", language, words, LINK)
    reader = Reader(page)
    assert reader.all("html")[0]["lang"] == language
    assert len(reader.all("h1")) == 1
    assert [one["href"] for one in reader.all("a")] == [LINK]
    assert load_texts(SPOKEN, language)["button_choose"] in page
    assert "<b>" not in page
    assert "Dag &amp; welkom" in page
    # Nothing is fetched, nothing runs, nothing is counted.
    assert not any(reader.all(tag) for tag in ("img", "script", "link", "iframe", "form"))
    assert set(re.findall(r"https?://[^/\"\s<]+", page)) == {"https://doorstep.example"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_personal_is_spoken_for_anybody_may_have_lifted_the_receiver(language: str) -> None:
    said = {name for text in load_texts(SPOKEN, language).values() for name in re.findall(r"{{ (\w+) }}", text)}
    assert "work" in said
    assert not said & {"name", "address", "reference", "link"}


def compose(hub: Hub, kind: str, work: UnitOfWork, *, appointment: bool = False) -> Message:
    order = work.work_orders.add(a_work_order())
    present: Appointment | None = None
    parameters = dict.fromkeys(KINDS[kind].values, "x")
    if appointment:
        starts_at = work.now + timedelta(days=3)
        present = work.appointments.add(an_appointment(order, starts_at, status=AppointmentStatus.CONFIRMED))
        parameters[APPOINTMENT_PARAMETER] = str(present.id)
    queued = request_notification(work, order, kind=kind, channels=(Channel.EMAIL,), parameters=parameters)
    assert queued is not None
    return compose_message(hub, work, queued, order, present).message


def over_the_wire(message: Message, **settings: str) -> tuple[EmailMessage, MailServer]:
    server = MailServer({})
    with serving(server):
        SmtpSender(smtp_settings(server.server_address[1], **settings)).send(message)
    return server.mails[0], server


def test_an_invitation_arrives_as_text_and_page_with_a_way_to_stop_it(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        message = compose(hub, "invitation", work)
    mail, _ = over_the_wire(message)
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert mail["Content-Language"] == "nl"
    assert mail["List-Unsubscribe"].startswith("<http://127.0.0.1:8080/webhooks/unsubscribe/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    page = mail.get_body(("html",))
    assert page is not None
    text = mail.get_body(("plain",))
    assert text is not None
    link = next(one["href"] for one in Reader(page.get_content()).all("a"))
    assert link is not None
    assert link in text.get_content()


@pytest.mark.parametrize(
    ("kind", "method"), [("confirmation", "REQUEST"), ("moved", "REQUEST"), ("cancelled", "CANCEL")]
)
def test_an_appointment_comes_as_an_invitation_a_calendar_can_take(hub: Hub, kind: str, method: str) -> None:
    with hub.unit_of_work() as work:
        message = compose(hub, kind, work, appointment=True)
    mail, _ = over_the_wire(message)
    (attached,) = mail.iter_attachments()
    assert attached["Content-Type"].params["method"] == method
    content = attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    calendar = Calendar.from_ical(content)
    (event,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == method
    assert event["ORGANIZER"] == "mailto:no-reply@doorstep.example"
    assert event["ATTENDEE"] == f"mailto:{message.recipient}"
    # To miss the news of an appointment that was agreed would harm: these cannot be unsubscribed from.
    assert "List-Unsubscribe" not in mail


def test_what_comes_back_comes_back_to_the_messages_own_address(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        message = compose(hub, "invitation", work)
    mail, server = over_the_wire(message, bounces_address="bounces@doorstep.example")
    assert server.envelopes == [f"bounces+{message.notification_id.hex}@doorstep.example"]
    assert mail["From"] == "Doorstep <no-reply@doorstep.example>"


def test_a_call_makes_no_link_and_a_letter_makes_one_to_scan(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order())
        made = {}
        for channel in (Channel.VOICE, Channel.LETTER):
            queued = request_notification(work, order, kind="invitation", channels=(channel,))
            assert queued is not None
            made[channel] = compose_message(hub, work, queued, order, None)
        links = work.links.list_where()
    assert "http" not in made[Channel.VOICE].message.body
    assert [one.purpose for one in links] == [LinkPurpose.BOOKING]
    assert "data:image/svg+xml" in made[Channel.LETTER].message.html
    assert "/a/" not in made[Channel.LETTER].body
    assert "[link]" in made[Channel.LETTER].body
