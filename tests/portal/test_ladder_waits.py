"""What the ladder waits for: somebody who could come, an answer that we owe, an earlier time that was asked for. Then it goes on."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from hub.bootstrap import Hub, build_hub
from hub.catalogue import SAMPLE
from hub.clock import FixedClock
from hub.contact_record import read_entries
from hub.domain.contact import CaseStatus, LinkPurpose
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.waitlist import WaitlistEntry, WaitlistEntryId, WaitlistStatus
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.links import make_link
from hub.settings import Settings
from infra.hosts.rooms import SUBSCRIPTIONS
from portal.contact import record
from portal.contact.service import run_due_contacts
from portal.conversations.schemas import CallBackAsked
from portal.conversations.service import close, receive_call_back
from portal.waitlist.records import end_entry, entries, live_entry
from portal.waitlist.service import ask_for_earlier
from tests.portal.test_conversations import threads
from tests.portal.test_conversations_staff import actor, an_account
from tests.portal.test_ladder import case_of, live_through, messages_of, present, receive
from tests.samples import a_work_order, add_technician

DAY = timedelta(days=1)


def receive_alone(hub: Hub, **changes: object) -> WorkOrder:
    """An order in a territory where nobody works."""
    with hub.unit_of_work() as work:
        order = work.create_work_order(a_work_order(imported_at=work.now, **changes), by=SYSTEM)
        work.commit()
    return present(hub, order.id)


def wait_for_earlier(hub: Hub, order: WorkOrder, clock: FixedClock) -> None:
    """The citizen is on the waitlist, with no end to the wish."""
    with hub.unit_of_work() as work:
        entries(work).add(WaitlistEntry(WaitlistEntryId(uuid4()), order.id, WaitlistStatus.WAITING, None, clock.now()))
        work.commit()


def kinds(hub: Hub, order: WorkOrder) -> list[str]:
    with hub.unit_of_work() as work:
        return [one.kind for one in read_entries(work, order.id)]


class TestTechnicians:
    def test_nobody_is_invited_to_times_that_cannot_exist_and_everybody_is_once_they_can(
        self, hub: Hub, clock: FixedClock
    ) -> None:
        order = receive_alone(hub)
        live_through(hub, clock, 10 * DAY, tick=timedelta(hours=2))
        assert messages_of(hub, order) == []
        assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
        # The record says why nothing was sent, and says it once.
        assert kinds(hub, order).count(record.NO_TECHNICIAN) == 1
        with hub.unit_of_work() as work:
            add_technician(work)
            work.commit()
        live_through(hub, clock, 2 * DAY, tick=timedelta(hours=1))
        assert [one.kind for one in messages_of(hub, order)] == ["invitation"]

    @pytest.mark.parametrize(
        "who",
        [{"skills": ("fibre",)}, {"active": False}, {"territory": "antwerpen"}],
        ids=["skill", "left", "elsewhere"],
    )
    def test_a_technician_who_cannot_come_is_none(self, hub: Hub, clock: FixedClock, who: dict[str, object]) -> None:
        with hub.unit_of_work() as work:
            add_technician(work, **who)
            work.commit()
        order = receive_alone(hub)
        run_due_contacts(hub, clock.now())
        assert messages_of(hub, order) == []

    def test_a_skill_must_be_mastered_as_well_as_the_work_asks(
        self, database_url: str, clock: FixedClock, tmp_path: Path
    ) -> None:
        text = SAMPLE.read_text(encoding="utf-8").replace(
            "[work_types.meter_swap]", "[work_types.meter_swap]\nlevels = { meter = 3 }"
        )
        (tmp_path / "catalogue.toml").write_text(text, encoding="utf-8")
        read = Settings(
            database_url=SecretStr(database_url), state_dir=tmp_path, demo=True, catalogue=tmp_path / "catalogue.toml"
        )
        hub = build_hub(read, SUBSCRIPTIONS, clock=clock, jobs=RememberedQueue())
        try:
            with hub.unit_of_work() as work:
                add_technician(work)
                beginner = add_technician(work, levels=(("meter", 2),))
                work.commit()
            order = receive_alone(hub)
            run_due_contacts(hub, clock.now())
            assert messages_of(hub, order) == []
            with hub.unit_of_work() as work:
                work.technicians.swap(beginner, replace(beginner, levels=(("meter", 3),)))
                work.commit()
            clock.advance(timedelta(hours=1))
            run_due_contacts(hub, clock.now())
            assert len(messages_of(hub, order)) == 1
        finally:
            hub.close()

    def test_a_ladder_under_way_waits_when_the_last_technician_leaves(self, hub: Hub, clock: FixedClock) -> None:
        order = receive(hub)
        live_through(hub, clock, DAY)
        with hub.unit_of_work() as work:
            [only] = work.technicians.list_where()
            work.technicians.swap(only, replace(only, active=False))
            work.commit()
        live_through(hub, clock, 14 * DAY, tick=timedelta(hours=3))
        # Nobody is said to be silent who could not have chosen anything.
        assert len(messages_of(hub, order)) == 1
        assert case_of(hub, order).status is CaseStatus.OPEN


class TestTheCitizenWaitsForUs:
    @pytest.fixture
    def patient_hub(
        self, request: pytest.FixtureRequest, database_url: str, clock: FixedClock, tmp_path: Path
    ) -> Iterator[Hub]:
        """A hub whose policy waits three days; with a parameter it allows so many messages."""
        most = getattr(request, "param", 10)
        folder = tmp_path / "policies"
        samples = Path(__file__).parents[2] / "portal" / "contact" / "policies"
        shutil.copytree(samples, folder)
        text = (folder / "standard.toml").read_text(encoding="utf-8")
        text = text.replace("most_attempts = 10", f"patience_days = 3\nmost_attempts = {most}", 1)
        (folder / "standard.toml").write_text(text, encoding="utf-8")
        read = Settings(database_url=SecretStr(database_url), state_dir=tmp_path, demo=True, contact_policies=folder)
        hub = build_hub(read, SUBSCRIPTIONS, clock=clock, jobs=RememberedQueue())
        yield hub
        hub.close()

    def test_who_waits_for_an_earlier_time_is_not_asked_for_as_long_as_the_policy_says(
        self, patient_hub: Hub, clock: FixedClock
    ) -> None:
        hub = patient_hub
        order = receive(hub)
        run_due_contacts(hub, clock.now())
        asked_at = clock.now()
        with hub.unit_of_work() as work:
            token = make_link(work, order.id, LinkPurpose.BOOKING)
            work.commit()
        ask_for_earlier(hub, token, None)
        live_through(hub, clock, 10 * DAY, tick=timedelta(hours=1))
        first, second, *_ = messages_of(hub, order)
        assert first.created_at == asked_at
        # Without the wish it would have come after two days.
        assert 3 * DAY <= second.created_at - asked_at < 3 * DAY + timedelta(hours=2)

    def test_the_ladder_goes_on_when_the_wish_is_over(self, hub: Hub, clock: FixedClock) -> None:
        order = receive(hub)
        run_due_contacts(hub, clock.now())
        wait_for_earlier(hub, order, clock)
        live_through(hub, clock, 5 * DAY, tick=timedelta(hours=1))
        assert len(messages_of(hub, order)) == 1
        with hub.unit_of_work() as work:
            wish = live_entry(work, order.id, lock=True)
            assert wish is not None
            end_entry(work, wish, "the citizen stopped waiting")
            work.commit()
        live_through(hub, clock, DAY, tick=timedelta(hours=1))
        assert len(messages_of(hub, order)) == 2

    def test_the_end_says_that_the_citizen_asked_for_other_times(self, patient_hub: Hub, clock: FixedClock) -> None:
        hub = patient_hub
        order = receive(hub)
        run_due_contacts(hub, clock.now())
        wait_for_earlier(hub, order, clock)
        live_through(hub, clock, 20 * DAY, tick=timedelta(hours=3))
        assert present(hub, order.id).status is WorkOrderStatus.ON_HOLD
        with hub.unit_of_work() as work:
            [told] = [json.loads(one.content) for one in read_entries(work, order.id) if one.kind == record.OUTCOME]
        assert told["sentence"].startswith("The citizen asked for other times")

    def test_a_call_that_nobody_made_holds_the_ladder_only_so_long_and_its_end_until_somebody_calls(
        self, patient_hub: Hub, clock: FixedClock
    ) -> None:
        hub = patient_hub
        order = receive(hub)
        run_due_contacts(hub, clock.now())
        asked_at = clock.now()
        receive_call_back(hub, CallBackAsked("CA1", order.citizen_phone, order.id))
        live_through(hub, clock, 20 * DAY, tick=timedelta(hours=1))
        sent = messages_of(hub, order)
        assert sent[1].created_at - asked_at >= 3 * DAY
        assert [one.kind for one in sent] == ["invitation", "reminder", "reminder", "last_call"]
        # Somebody who asked for a call did answer: only when that was seen to can there be no contact.
        assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
        [thread] = threads(hub)
        close(hub, thread.id, thread.version, "Nobody picked up.", actor(an_account(hub)))
        live_through(hub, clock, DAY, tick=timedelta(hours=1))
        assert present(hub, order.id).status is WorkOrderStatus.ON_HOLD

    @pytest.mark.parametrize("patient_hub", [1], indirect=True)
    def test_nor_does_it_end_because_no_more_messages_are_allowed(self, patient_hub: Hub, clock: FixedClock) -> None:
        hub = patient_hub
        order = receive(hub)
        run_due_contacts(hub, clock.now())
        receive_call_back(hub, CallBackAsked("CA2", order.citizen_phone, order.id))
        live_through(hub, clock, 12 * DAY, tick=timedelta(hours=3))
        assert len(messages_of(hub, order)) == 1
        assert present(hub, order.id).status is WorkOrderStatus.CONTACTING
        [thread] = threads(hub)
        close(hub, thread.id, thread.version, "Nobody picked up.", actor(an_account(hub)))
        live_through(hub, clock, DAY, tick=timedelta(hours=3))
        assert present(hub, order.id).status is WorkOrderStatus.ON_HOLD
