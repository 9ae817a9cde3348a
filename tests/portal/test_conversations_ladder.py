"""A step of the ladder that lists free times, and the answer that ends the ladder."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.domain.contact import CaseStatus, Channel
from hub.domain.errors import ConfigurationError
from hub.domain.lifecycle import WorkOrderStatus
from hub.jobs import RememberedQueue
from hub.notifications.service import deliver_notification
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from portal.contact.policies import SAMPLES, load_policies
from portal.contact.service import run_due_contacts
from portal.conversations.service import close
from tests.portal.test_conversations import confirmed, staff, text, threads
from tests.portal.test_conversations_staff import actor, an_account
from tests.portal.test_ladder import case_of, live_through, messages_of, present, receive

POLICY = """
quiet_from = "21:00"
quiet_until = "07:00"
quiet_weekdays = []
public_holidays = "none"
most_attempts = 9

[[steps]]
after_hours = 0
kind = "KIND"
channels = ["sms", "email"]

[[steps]]
after_hours = 48
kind = "last_call"
channels = ["email"]

[end]
after_hours = 96
"""


def policies(folder: Path, kind: str) -> Path:
    folder.mkdir()
    for sample in SAMPLES.glob("*.toml"):
        (folder / sample.name).write_text(sample.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "standard.toml").write_text(POLICY.replace("KIND", kind), encoding="utf-8")
    return folder


@pytest.fixture
def listing_hub(database_url: str, clock: FixedClock, jobs: RememberedQueue, tmp_path: Path) -> Iterator[Hub]:
    """A hub whose standard policy begins with a list of free times."""
    settings = Settings(
        database_url=SecretStr(database_url),
        state_dir=tmp_path,
        demo=True,
        contact_policies=policies(tmp_path / "policies", "offer"),
    )
    built = build_hub(settings, SUBSCRIPTIONS, clock=clock, jobs=jobs)
    yield built
    built.close()


def test_a_step_lists_times_and_a_number_ends_the_ladder(listing_hub: Hub, clock: FixedClock) -> None:
    hub = listing_hub
    staff(hub)
    order = receive(hub, language="fr")
    assert run_due_contacts(hub, clock.now()) == 1
    [sent] = messages_of(hub, order)
    assert (sent.kind, sent.channel, sent.round, sent.step) == ("offer", Channel.SMS, 1, 0)
    assert sent.parameters["times"].startswith("1) mar. 5 mai 08:00-10:00, 2) ")
    deliver_notification(hub, notification_id=str(sent.id))
    clock.advance(timedelta(minutes=20))
    reply = text(hub, "Le numéro 2, merci !")
    assert reply is not None
    assert reply.text.startswith("C'est noté : ")
    confirmed(hub, order)
    assert present(hub, order.id).status is WorkOrderStatus.BOOKED
    assert case_of(hub, order).status is CaseStatus.ENDED
    clock.advance(timedelta(days=3))
    assert run_due_contacts(hub, clock.now()) == 0


def test_a_step_without_a_free_time_goes_as_a_reminder_with_the_link(listing_hub: Hub, clock: FixedClock) -> None:
    order = receive(listing_hub)
    assert run_due_contacts(listing_hub, clock.now()) == 1
    [sent] = messages_of(listing_hub, order)
    assert (sent.kind, sent.step) == ("reminder", 0)


def test_nobody_is_asked_again_or_given_up_while_their_message_lies_unread(listing_hub: Hub, clock: FixedClock) -> None:
    hub = listing_hub
    staff(hub)
    order = receive(hub, language="en")
    run_due_contacts(hub, clock.now())
    [sent] = messages_of(hub, order)
    deliver_notification(hub, notification_id=str(sent.id))
    text(hub, "Can I speak to somebody first?")
    live_through(hub, clock, timedelta(days=6), tick=timedelta(hours=2))
    assert len(messages_of(hub, order)) == 1
    assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
    [thread] = threads(hub)
    close(hub, thread.id, thread.version, "Called her.", actor(an_account(hub)))
    live_through(hub, clock, timedelta(days=6), tick=timedelta(hours=2))
    assert [one.kind for one in messages_of(hub, order)] == ["offer", "last_call"]
    assert present(hub, order.id).status is WorkOrderStatus.ON_HOLD


@pytest.mark.parametrize("kind", ["answer", "earlier", "confirmation", "survey"])
def test_a_policy_sends_no_message_that_it_cannot_fill(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigurationError, match="kind must be one of"):
        load_policies(policies(tmp_path / "policies", kind))
