"""What could not be used lies in quarantine once, is corrected, replayed and discarded, and every act is written down."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.message_tables import quarantined_message
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError, NotFoundError, StaleVersionError
from hub.domain.events import Actor, ActorKind
from hub.domain.lifecycle import WorkOrderStatus
from hub.messaging.envelope import MalformedEnvelope
from hub.messaging.service_bus import (
    Complete,
    OutgoingMessage,
    ReceivedMessage,
    Settlement,
    consume,
    receive_dead_letters,
    send_batch,
)
from infra.local.running import broker_thread
from ingest import inbox, profiles, service
from ingest.change_schemas import UPDATE_TYPE
from ingest.quarantine.collecting import collect_dead_letter
from ingest.quarantine.records import Act, Cause, Quarantined, QuarantinedId, QuarantineStatus
from ingest.quarantine.service import (
    CorrectionError,
    NotWaitingError,
    QuarantineFilter,
    correct_quarantined,
    discard_quarantined,
    erase_old_bodies,
    list_quarantined,
    replay_quarantined,
    show_quarantined,
)
from ingest.service import receive_message, receive_messages
from tests.ingest.messages import a_message, an_event, an_order, spoiled
from tests.ingest.reading import orders, outbox, outcomes

BY = Actor(ActorKind.STAFF, "operations")
SAMPLES = Path(profiles.__file__).with_name("samples")
NO_TERRITORY = spoiled("workOrderItem.0.work.place.0.postcode", "5000")


def lying(hub: Hub, wanted: QuarantineFilter | None = None) -> list[Quarantined]:
    return list(list_quarantined(hub, wanted or QuarantineFilter()).messages)


def acts(hub: Hub, one: Quarantined) -> list[Act]:
    return [act.act for act in show_quarantined(hub, one.id).acts]


def a_letter(body: bytes, number: int = 7, reason: str = "Unreadable order") -> ReceivedMessage:
    message = replace(a_message(body, "m-1"), sequence_number=number, dead_letter_reason=reason)
    return replace(message, dead_letter_description="The message is not JSON.", properties={"batch": 12, "who": "me"})


def refuse(hub: Hub) -> Quarantined:
    """A refused order in quarantine."""
    receive_message(hub, a_message(an_event({**NO_TERRITORY, "externalId": "WO-1"})))
    [one] = lying(hub)
    return one


def corrected(hub: Hub, one: Quarantined, postcode: str = "9000") -> bytes:
    """The body of `one` with another postal code."""
    body = show_quarantined(hub, one.id).body
    assert body is not None
    return body.replace(b'"5000"', json.dumps(postcode).encode())


@pytest.mark.parametrize(
    ("body", "seems"),
    [
        (b'{"source": "urn:u", "type": "t", "data": {"externalId": "WO-9"}}', ("urn:u", "WO-9", "t")),
        (b'{"source": 7, "data": {"externalId": ["WO-9"]}}', ("", "", "")),
        (b'{"source": "urn:u", "data": "WO-9"}', ("", "", "")),
        (b"[" * 100_000, ("", "", "")),
        (b'"text"', ("", "", "")),
    ],
)
def test_what_cannot_be_read_is_listed_under_the_order_it_seems_to_be_about(
    ingest_hub: Hub, body: bytes, seems: tuple[str, str, str]
) -> None:
    collect_dead_letter(ingest_hub, a_letter(body))
    [one] = lying(ingest_hub)
    assert (one.utility, one.external_id, one.type) == seems


def test_a_dead_letter_is_gathered_once_however_often_it_is_brought(ingest_hub: Hub) -> None:
    letter = a_letter(b"{broken")
    assert [collect_dead_letter(ingest_hub, letter) for _ in range(3)] == [Complete()] * 3
    [one] = lying(ingest_hub)
    assert (one.cause, one.reason, one.message_id) == (Cause.UNREADABLE, "The message is not JSON.", "m-1")
    assert one.properties == {"batch": 12, "who": "me"}
    story = show_quarantined(ingest_hub, one.id)
    assert (story.body, [act.act for act in story.acts]) == (b"{broken", [Act.ARRIVED])
    collect_dead_letter(ingest_hub, replace(letter, sequence_number=8))
    assert [each.id for each in lying(ingest_hub)] == [one.id], (
        "its sender may send it again, as a bus at least once does"
    )
    discard_quarantined(ingest_hub, [one.id], reason="Nonsense.", by=BY)
    collect_dead_letter(ingest_hub, replace(letter, sequence_number=9))
    [other] = lying(ingest_hub)
    assert other.id != one.id, "sent again after somebody had seen to it, it must be seen again"


def test_what_the_bus_gave_up_on_says_so_and_names_its_order(ingest_hub: Hub) -> None:
    order = an_order()
    body = json.dumps(an_event(order)).encode()
    collect_dead_letter(ingest_hub, a_letter(body, reason="MaxDeliveryCountExceeded"))
    [one] = lying(ingest_hub)
    assert (one.cause, one.external_id) == (Cause.GIVEN_UP, order["externalId"])
    assert one.reason.startswith("The bus gave up on it: MaxDeliveryCountExceeded.")
    [replay] = replay_quarantined(ingest_hub, [one.id], by=BY)
    assert (replay.done, [found.external_id for found in orders(ingest_hub)]) == (True, [order["externalId"]])
    assert lying(ingest_hub) == []


def test_a_message_whose_effect_was_kept_has_none_again(ingest_hub: Hub) -> None:
    sent = an_event()
    receive_message(ingest_hub, a_message(sent))
    collect_dead_letter(ingest_hub, a_letter(json.dumps(sent).encode(), reason="MaxDeliveryCountExceeded"))
    [one] = lying(ingest_hub)
    assert replay_quarantined(ingest_hub, [one.id], by=BY)[0].done
    assert (len(orders(ingest_hub)), outcomes(ingest_hub)) == (1, {"imported": 1})


def test_a_crash_while_gathering_leaves_nothing_half_done(ingest_hub: Hub) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    event.listen(ingest_hub.engine, "commit", die)
    with pytest.raises(Killed):
        collect_dead_letter(ingest_hub, a_letter(b"{"))
    event.remove(ingest_hub.engine, "commit", die)
    assert lying(ingest_hub) == []
    collect_dead_letter(ingest_hub, a_letter(b"{"))
    assert len(lying(ingest_hub)) == 1


@pytest.fixture
def bus() -> Iterator[str]:
    with broker_thread() as connection_string:
        yield connection_string


def test_the_dead_letter_queue_is_emptied_into_the_quarantine(ingest_hub: Hub, bus: str) -> None:
    queue = ingest_hub.settings.orders_queue
    send_batch(
        bus, queue, [OutgoingMessage(body=f"{{{number}".encode(), message_id=f"b-{number}") for number in range(5)]
    )
    stop, count = asyncio.Event(), 0
    loops: list[asyncio.AbstractEventLoop] = []

    def handle(message: ReceivedMessage) -> Settlement:
        return receive_message(ingest_hub, message)

    def gather(message: ReceivedMessage) -> Settlement:
        nonlocal count
        count += 1
        if count == 5:
            loops[0].call_soon_threadsafe(stop.set)
        return collect_dead_letter(ingest_hub, message)

    async def both() -> None:
        loops.append(asyncio.get_running_loop())
        async with asyncio.TaskGroup() as group:
            group.create_task(consume(bus, queue, handle, stop))
            group.create_task(consume(bus, queue, gather, stop, dead_letters=True))

    asyncio.run(asyncio.wait_for(both(), 60))
    assert sorted(one.message_id for one in lying(ingest_hub)) == [f"b-{number}" for number in range(5)]
    assert {one.cause for one in lying(ingest_hub)} == {Cause.UNREADABLE}
    assert list(receive_dead_letters(bus, queue)) == []


@pytest.mark.parametrize("together", [False, True])
def test_a_refused_order_lies_there_and_corrected_it_goes_on(ingest_hub: Hub, *, together: bool) -> None:
    message = a_message(an_event({**NO_TERRITORY, "externalId": "WO-1"}))
    good = a_message(an_event())
    if together:
        receive_messages(ingest_hub, [message, good])
    else:
        receive_message(ingest_hub, message)
    [one] = lying(ingest_hub)
    assert (one.cause, one.external_id) == (Cause.REFUSED_ORDER, "WO-1")
    assert one.reason == "Postal code 5000 lies outside every territory we serve."
    correct_quarantined(ingest_hub, one.id, corrected(ingest_hub, one), by=BY, reason="mistyped", version=one.version)
    assert replay_quarantined(ingest_hub, [one.id], by=BY)[0].done
    [order] = [each for each in orders(ingest_hub) if each.external_id == "WO-1"]
    assert (order.status, order.postcode, order.reject_reason) == (WorkOrderStatus.RECEIVED, "9000", "")
    told = [row["data"]["event"]["workOrder"]["state"] for row in outbox(ingest_hub, order)]
    assert told == ["rejected", "acknowledged"]
    story = show_quarantined(ingest_hub, one.id)
    assert story.message.status is QuarantineStatus.REPLAYED
    assert story.original_body == message.body
    assert story.body != message.body
    assert [(act.act, act.actor_name, act.reason) for act in story.acts][1:2] == [
        (Act.CORRECTED, "operations", "mistyped")
    ]
    assert story.acts[-1].act is Act.REPLAYED


def test_a_replay_that_fails_says_why_and_leaves_no_trace_but_the_word(ingest_hub: Hub) -> None:
    one = refuse(ingest_hub)
    before = (outbox(ingest_hub), outcomes(ingest_hub))
    [replay] = replay_quarantined(ingest_hub, [one.id], by=BY)
    assert (replay.done, replay.sentence) == (False, one.reason)
    assert (outbox(ingest_hub), outcomes(ingest_hub)) == before
    assert acts(ingest_hub, one) == [Act.ARRIVED, Act.FAILED_AGAIN]
    correct_quarantined(ingest_hub, one.id, corrected(ingest_hub, one, "5001"), by=BY)
    [replay] = replay_quarantined(ingest_hub, [one.id], by=BY)
    assert replay.sentence == "Postal code 5001 lies outside every territory we serve."
    assert [each.status for each in lying(ingest_hub)] == [QuarantineStatus.WAITING]


def test_many_are_replayed_at_once_and_each_has_its_own_fate(ingest_hub: Hub) -> None:
    bodies = [json.dumps(an_event()).encode() for _ in range(4)] + [b"nothing"]
    for number, body in enumerate(bodies):
        collect_dead_letter(ingest_hub, a_letter(body, number, "MaxDeliveryCountExceeded"))
    replays = replay_quarantined(ingest_hub, [one.id for one in lying(ingest_hub)], by=BY)
    assert sorted(replay.done for replay in replays) == [False, True, True, True, True]
    assert len(orders(ingest_hub)) == 4
    again = replay_quarantined(ingest_hub, [replay.id for replay in replays if replay.done], by=BY)
    assert {replay.sentence for replay in again} == {"It was seen to already: it is replayed."}
    assert len(orders(ingest_hub)) == 4


def test_a_correction_must_be_readable_and_made_on_what_was_seen(ingest_hub: Hub) -> None:
    one = refuse(ingest_hub)
    good = corrected(ingest_hub, one)
    with pytest.raises(MalformedEnvelope):
        correct_quarantined(ingest_hub, one.id, b"{", by=BY)
    with pytest.raises(CorrectionError, match="300000 bytes"):
        correct_quarantined(ingest_hub, one.id, b"x" * 300_000, by=BY)
    correct_quarantined(ingest_hub, one.id, good, by=BY, version=one.version)
    with pytest.raises(StaleVersionError):
        correct_quarantined(ingest_hub, one.id, good.replace(b"9000", b"9050"), by=BY, version=one.version)
    replay_quarantined(ingest_hub, [one.id], by=BY)
    with pytest.raises(NotWaitingError, match="it is replayed"):
        correct_quarantined(ingest_hub, one.id, good + b" ", by=BY)


def test_a_correction_is_about_the_same_order(ingest_hub: Hub) -> None:
    one = refuse(ingest_hub)
    another = json.dumps(an_event(an_order(externalId="WO-9"))).encode()
    with pytest.raises(CorrectionError, match="about the order WO-1"):
        correct_quarantined(ingest_hub, one.id, another, by=BY)
    assert acts(ingest_hub, one) == [Act.ARRIVED]


def test_what_is_discarded_is_erased_and_its_checksum_stays(ingest_hub: Hub) -> None:
    one = refuse(ingest_hub)
    with pytest.raises(CorrectionError, match="Say why"):
        discard_quarantined(ingest_hub, [one.id], by=BY, reason=" \n ")
    assert discard_quarantined(ingest_hub, [one.id], by=BY, reason="a test of theirs") == 1
    assert discard_quarantined(ingest_hub, [one.id], by=BY, reason="twice") == 0
    story = show_quarantined(ingest_hub, one.id)
    assert (story.body, story.original_body, story.message.status) == (None, None, QuarantineStatus.DISCARDED)
    assert not quotes(ingest_hub, one.id, one.reason)
    last = story.acts[-1]
    assert (last.act, last.reason, last.actor_name, len(last.body_sha256)) == (
        Act.DISCARDED,
        "a test of theirs",
        "operations",
        64,
    )
    with ingest_hub.reading() as connection:
        bodies = connection.execute(select(quarantined_message.c.body, quarantined_message.c.original_body)).all()
    assert bodies == [(None, None)]


def test_the_utility_itself_may_settle_it(ingest_hub: Hub) -> None:
    one = refuse(ingest_hub)
    receive_message(ingest_hub, a_message(an_event(an_order(externalId="WO-1"))))
    assert lying(ingest_hub) == []
    assert show_quarantined(ingest_hub, one.id).message.status is QuarantineStatus.SETTLED


def quotes(hub: Hub, message_id: QuarantinedId, words: str) -> bool:
    """Whether anything that is kept of the message says these words."""
    story = show_quarantined(hub, message_id)
    return any(
        words in text for text in (story.message.reason, story.message.subject, *(act.reason for act in story.acts))
    )


def test_bodies_of_what_was_seen_to_are_erased_after_a_month(ingest_hub: Hub, clock: FixedClock) -> None:
    one = refuse(ingest_hub)
    assert quotes(ingest_hub, one.id, one.reason)
    waiting = a_letter(b"{")
    collect_dead_letter(ingest_hub, waiting)
    correct_quarantined(ingest_hub, one.id, corrected(ingest_hub, one), by=BY)
    replay_quarantined(ingest_hub, [one.id], by=BY)
    clock.advance(timedelta(days=29))
    assert erase_old_bodies(ingest_hub, clock.now()) == 0
    clock.advance(timedelta(days=2))
    assert (erase_old_bodies(ingest_hub, clock.now()), erase_old_bodies(ingest_hub, clock.now())) == (1, 0)
    assert show_quarantined(ingest_hub, one.id).body is None
    assert not quotes(ingest_hub, one.id, one.reason)
    done = [act.act for act in show_quarantined(ingest_hub, one.id).acts]
    assert done == [Act.ARRIVED, Act.CORRECTED, Act.SETTLED, Act.REPLAYED]
    assert [show_quarantined(ingest_hub, each.id).body for each in lying(ingest_hub)] == [b"{"]


def test_lists_are_filtered_and_cut_into_pages(ingest_hub: Hub) -> None:
    one = refuse(ingest_hub)
    for number in range(3):
        collect_dead_letter(ingest_hub, a_letter(b"{" * (number + 1), number))
    assert [each.id for each in lying(ingest_hub, QuarantineFilter(cause=Cause.REFUSED_ORDER))] == [one.id]
    assert [each.id for each in lying(ingest_hub, QuarantineFilter(text="wo-1"))] == [one.id]
    assert lying(ingest_hub, QuarantineFilter(text="100%_")) == []
    page = list_quarantined(ingest_hub, QuarantineFilter(status=None), limit=2, offset=3)
    assert (len(page.messages), page.total) == (1, 4)
    with pytest.raises(NotFoundError):
        show_quarantined(ingest_hub, type(one.id)(int=0))  # type: ignore[call-arg]  # it is a UUID
    assert issubclass(NotWaitingError, DoorstepError)


XML = "iec61968-xml"


def an_xml_letter(body: bytes) -> ReceivedMessage:
    """A dead letter in a utility's own format, named by its profile as on the bus."""
    return replace(a_letter(body), properties={"profile": XML}, content_type="application/xml")


def test_a_message_in_a_utilitys_own_format_is_corrected_and_replayed_in_that_format(ingest_hub: Hub) -> None:
    sample = (SAMPLES / f"{XML}.xml").read_bytes()
    collect_dead_letter(ingest_hub, an_xml_letter(sample[:-20]))
    [one] = lying(ingest_hub)
    assert (one.profile, one.utility) == (XML, "")
    [failed] = replay_quarantined(ingest_hub, [one.id], by=BY)
    assert not failed.done
    assert "is not well-formed XML" in failed.sentence
    correct_quarantined(ingest_hub, one.id, sample, by=BY)
    [corrected_one] = lying(ingest_hub)
    assert corrected_one.external_id
    assert [replay.done for replay in replay_quarantined(ingest_hub, [one.id], by=BY)] == [True]
    assert [order.external_id for order in orders(ingest_hub)] == [corrected_one.external_id]


def test_a_canonical_event_may_take_the_place_of_a_message_in_another_format(ingest_hub: Hub) -> None:
    collect_dead_letter(ingest_hub, an_xml_letter(b"<broken"))
    [one] = lying(ingest_hub)
    correct_quarantined(ingest_hub, one.id, json.dumps(an_event(an_order(externalId="WO-2"))).encode(), by=BY)
    assert [replay.done for replay in replay_quarantined(ingest_hub, [one.id], by=BY)] == [True]
    assert [order.external_id for order in orders(ingest_hub)] == ["WO-2"]


def test_a_replay_while_the_utility_writes_about_the_same_order_begins_again(
    ingest_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay holds the quarantined message and wants the order; the utility's update holds the order and wants the message."""
    one = refuse(ingest_hub)
    has_message, has_order = threading.Event(), threading.Event()
    lock_orders = inbox.lock_orders

    def meet(work: UnitOfWork, names: Sequence[tuple[str, str]]) -> None:
        if threading.current_thread().name == "replay":
            has_message.set()
            has_order.wait(10)
            lock_orders(work, names)
        else:
            lock_orders(work, names)
            has_order.set()
            has_message.wait(10)

    monkeypatch.setattr(service, "lock_orders", meet)
    update = an_event({"externalId": "WO-1", "priority": "1"}, type=UPDATE_TYPE, time="2026-05-04T06:30:00Z")
    replays: list[bool] = []
    raised: list[Exception] = []

    def replay() -> None:
        try:
            replays.extend(done.done for done in replay_quarantined(ingest_hub, [one.id], by=BY))
        except DBAPIError as error:
            raised.append(error)

    thread = threading.Thread(target=replay, name="replay")
    thread.start()
    assert receive_message(ingest_hub, a_message(update)) == Complete()
    thread.join(30)
    assert (replays, raised) == ([False], [])
    assert acts(ingest_hub, one) == [Act.ARRIVED, Act.FAILED_AGAIN]


def test_a_letter_that_we_stumble_over_is_laid_aside_all_the_same(
    ingest_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise LookupError("something nobody thought of")

    monkeypatch.setattr("ingest.quarantine.collecting.read_any_format", stumble)
    assert collect_dead_letter(ingest_hub, a_letter(b"{}")) == Complete()
    assert [one.external_id for one in lying(ingest_hub)] == [""]
