"""From a queued message to what is handed over: its words in the citizen's language, its personal link, its attachments."""

from dataclasses import dataclass, replace

from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Appointment
from hub.domain.contact import Channel, Notification
from hub.domain.work_orders import WorkOrder
from hub.notifications import calendar_file as calendar
from hub.notifications.html import letter_html, mail_html
from hub.notifications.kinds import MessageKind, message_kind
from hub.notifications.links import link_address, make_link
from hub.notifications.ports import Attachment, Message
from hub.notifications.texts import (
    Rendered,
    appointment_values,
    one_line,
    order_values,
    render_call,
    render_email,
    render_sms,
    render_text,
)
from hub.notifications.unsubscribe import unsubscribe_address

LINK = "[link]"
"""What stands for the personal link in the words that are kept."""


@dataclass(frozen=True)
class Composed:
    """A message to hand over, and its words as they may be kept."""

    message: Message
    subject: str
    body: str


def compose_message(
    hub: Hub, work: UnitOfWork, found: Notification, order: WorkOrder, appointment: Appointment | None
) -> Composed:
    """The message `found` asks for, with a new link; its `tries` is that of the call to come.

    Raises jinja2.TemplateError, LookupError or ValueError when there is no such text or a value is missing.
    """
    kind = message_kind(found.kind)
    values = order_values(order, work.catalogue, found.language)
    values.update({name: one_line(value) for name, value in found.parameters.items()})
    if appointment is not None:
        values.update(appointment_values(appointment, order.zone, found.language))
    link = ""
    # A call is not heard with a link in it: whoever wants one presses a key and gets it in writing.
    if kind.link is not None and found.channel is not Channel.VOICE:
        token = make_link(work, order.id, kind.link)
        link = link_address(hub.settings.public_url, kind.link, token)
        values["link"] = link
    words = _words(found, values)
    message = Message(
        notification_id=found.id,
        work_order_id=order.id,
        channel=found.channel,
        recipient=found.recipient,
        subject=words.subject,
        body=words.body,
        language=found.language,
        tries=found.tries + 1,
    )
    if found.channel is Channel.EMAIL:
        message = replace(
            message,
            html=mail_html(found.kind, found.language, words, link),
            attachments=_attachments(hub, work, order, appointment, kind, found, values),
            list_unsubscribe=unsubscribe_address(hub.settings, found) if kind.link and not kind.appointment else "",
        )
    elif found.channel is Channel.LETTER:
        lines = tuple(
            one_line(part)
            for part in (order.citizen_name, order.street, f"{order.postcode} {order.town}")
            if part.strip()
        )
        day = work.now
        message = replace(message, html=letter_html(found.language, words, link, lines, day, order.zone), lines=lines)
    return Composed(message, _without(words.subject, link), _without(words.body, link))


def _words(found: Notification, values: dict[str, str]) -> Rendered:
    if found.channel is Channel.SMS:
        return render_sms(found.kind, found.language, values)
    if found.channel is Channel.VOICE:
        return render_call(found.kind, found.language, values)
    return render_email(found.kind, found.language, values)


def _without(text: str, link: str) -> str:
    return text.replace(link, LINK) if link else text


def _attachments(
    hub: Hub,
    work: UnitOfWork,
    order: WorkOrder,
    appointment: Appointment | None,
    kind: MessageKind,
    found: Notification,
    values: dict[str, str],
) -> tuple[Attachment, ...]:
    if not kind.appointment or appointment is None:
        return ()
    cancelled = not kind.only_while_confirmed
    content = calendar.calendar_file(
        order,
        appointment,
        summary=render_text("calendar", "summary", found.language, values),
        description=render_text("calendar", "description", found.language, values),
        now=work.now,
        cancelled=cancelled,
        invitation=calendar.Invitation(hub.settings.mail_from, found.recipient),
    )
    return (Attachment(calendar.FILENAME, calendar.media_type(cancelled=cancelled), content),)
