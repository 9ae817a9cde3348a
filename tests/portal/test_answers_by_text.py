"""Booked without opening a page: the sample policy's list of times answered with a number, and the waitlist's offer with a yes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.catalogue import SAMPLE
from hub.clock import FixedClock
from hub.domain.appointments import Appointment
from hub.domain.contact import CaseStatus, Channel, NotificationStatus
from hub.domain.conversations import ConversationStatus
from hub.domain.events import CITIZEN
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.waitlist import OfferStatus
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.service import DELIVER_JOB, deliver_notification
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from portal.contact.service import run_due_contacts
from scheduling.service import agreements_of, cancel_appointment, expire_holds
from tests.portal.test_conversations import said, staff, text, threads
from tests.portal.test_ladder import case_of, messages_of, present, receive
from tests.portal.test_waitlist import THURSDAY, TUESDAY, WEDNESDAY, employ, fill, kinds, made, tick, waiter

MINE = "+32470000777"


@pytest.fixture
def texting_hub(database_url: str, clock: FixedClock, tmp_path: Path) -> Iterator[Hub]:
    """A company whose meter swaps are agreed by text, with the policy as it is delivered."""
    text = SAMPLE.read_text(encoding="utf-8")
    place = text.index("[work_types.meter_swap]")
    text = text[:place] + text[place:].replace('contact_policy = "standard"', 'contact_policy = "by_text"', 1)
    (tmp_path / "catalogue.toml").write_text(text, encoding="utf-8")
    read = Settings(
        database_url=SecretStr(database_url), state_dir=tmp_path, demo=True, catalogue=tmp_path / "catalogue.toml"
    )
    hub = build_hub(read, SUBSCRIPTIONS, clock=clock, jobs=RememberedQueue())
    yield hub
    hub.close()


def send_all(hub: Hub) -> None:
    """Hand over every message that waits."""
    assert isinstance(hub.jobs, RememberedQueue)
    waiting, hub.jobs.jobs = hub.jobs.jobs, []
    for name, arguments in waiting:
        if name == DELIVER_JOB:
            deliver_notification(hub, **arguments)


def agreed(hub: Hub, order: WorkOrder) -> Appointment:
    """The appointment that stands, whatever is kept besides."""
    with hub.snapshot() as work:
        found = agreements_of(work, order.id).confirmed
    assert found is not None
    return found


def test_a_text_lists_times_and_2_books_the_second_which_is_then_confirmed(texting_hub: Hub, clock: FixedClock) -> None:
    hub = texting_hub
    staff(hub)
    order = receive(hub, language="nl", citizen_email="")
    assert case_of(hub, order).policy == "by_text"
    run_due_contacts(hub, clock.now())
    send_all(hub)
    [listed] = messages_of(hub, order)
    assert (listed.kind, listed.channel, listed.status) == ("offer", Channel.SMS, NotificationStatus.SENT)
    second = listed.parameters["times"].split(", 2) ")[1].split(", 3) ")[0]
    assert f"2) {second}" in listed.body
    clock.advance(timedelta(minutes=5))
    reply = text(hub, "2")
    booked = agreed(hub, order)
    hours = f"{booked.starts_at.astimezone(ZoneInfo(order.zone)):%H:%M}"
    assert f" {hours}-" in second
    assert reply is not None
    assert hours in reply.text
    assert present(hub, order.id).status is WorkOrderStatus.BOOKED
    assert (case_of(hub, order).status, case_of(hub, order).outcome) == (CaseStatus.ENDED, "booked")
    send_all(hub)
    confirmation = messages_of(hub, order)[-1]
    assert (confirmation.kind, confirmation.channel, confirmation.status) == (
        "confirmation",
        Channel.SMS,
        NotificationStatus.SENT,
    )
    assert hours in confirmation.body
    assert [one.status for one in threads(hub)] == [ConversationStatus.CLOSED], "nobody at the desk had to do anything"
    # The same answer again agrees to what is agreed, and books nothing more.
    assert text(hub, "2") is not None
    assert agreed(hub, order) == booked


@pytest.fixture
def offered(hub: Hub) -> WorkOrder:
    """Somebody with an appointment on Wednesday for whom a place on Tuesday is kept, and who was told by text."""
    employ(hub, TUESDAY, WEDNESDAY, THURSDAY)
    full = fill(hub, TUESDAY)
    order, _ = waiter(hub, citizen_phone=MINE, citizen_email="", language="fr")
    cancel_appointment(hub, full[0].id, by=CITIZEN)
    assert tick(hub) == 1
    send_all(hub)
    told = messages_of(hub, order)[-1]
    assert (told.kind, told.channel, told.status) == ("earlier", Channel.SMS, NotificationStatus.SENT)
    assert "OUI" in told.body
    return order


@pytest.mark.parametrize("words", ["OUI", "Ja!", "oui merci"])
def test_a_yes_to_the_waitlists_offer_takes_it(hub: Hub, offered: WorkOrder, words: str) -> None:
    before = agreed(hub, offered)
    reply = text(hub, words, sender=MINE)
    assert reply is not None
    (offer,) = made(hub)
    after = agreed(hub, offered)
    assert (after.id, after.starts_at) == (offer.appointment_id, offer.starts_at)
    assert after.starts_at < before.starts_at
    assert offer.status is OfferStatus.ACCEPTED
    assert kinds(hub, offered) == ["waitlist_asked", "waitlist_offered", "waitlist_accepted"]
    assert messages_of(hub, offered)[-1].kind == "moved"


def test_a_yes_that_comes_too_late_takes_nothing_and_says_what_is_agreed(
    hub: Hub, clock: FixedClock, offered: WorkOrder
) -> None:
    before = agreed(hub, offered)
    clock.advance(timedelta(hours=3))
    expire_holds(hub, clock.now())
    reply = text(hub, "OUI", sender=MINE)
    assert reply is not None
    assert agreed(hub, offered) == before
    assert made(hub)[0].status is OfferStatus.EXPIRED
    assert f"{before.starts_at.astimezone(ZoneInfo(offered.zone)):%H:%M}" in reply.text


def test_a_no_to_the_waitlists_offer_is_read_by_a_person(hub: Hub, offered: WorkOrder) -> None:
    before = agreed(hub, offered)
    text(hub, "Non", sender=MINE)
    assert agreed(hub, offered) == before
    [thread] = threads(hub)
    assert thread.status is ConversationStatus.OPEN
    assert said(hub)[0].text == "Non"
