"""A message of the utility becomes one work order, however often it comes."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

import ingest
from hub.bootstrap import Hub
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.messaging.service_bus import Complete, DeadLetter, ReceivedMessage, Retry
from hub.settings import Settings
from ingest.messages import Reading, read_any_format
from ingest.service import receive_message, receive_messages
from tests.ingest.messages import UTILITY, a_message, an_event, an_order, spoiled
from tests.ingest.reading import orders, outbox, outcomes, states
from tests.ingest.tmf697 import problems


def test_every_field_of_the_order_finds_its_place(ingest_hub: Hub) -> None:
    order = an_order(externalId="WO-1", note={"text": "Ring twice."}, priority="1")
    assert receive_message(ingest_hub, a_message(an_event(order, correlationid="batch-7"))) == Complete()
    [imported] = orders(ingest_hub)
    assert (imported.utility, imported.external_id, imported.work_type) == (UTILITY, "WO-1", "meter_swap")
    assert (imported.status, imported.territory, imported.weight) == (WorkOrderStatus.RECEIVED, "oost-vlaanderen", 20)
    assert (imported.citizen_name, imported.citizen_email) == ("An Peeters", "an@citizen.example")
    assert (imported.citizen_phone, imported.language) == ("+33639980001", "fr")
    assert imported.address == "Lindestraat 12, 9000 Gent"
    assert (imported.latitude, imported.longitude, imported.zone) == (51.0543, 3.7174, "Europe/Brussels")
    assert imported.not_before == datetime(2026, 5, 6, 6, 0, tzinfo=UTC)
    assert imported.due_at == datetime(2026, 5, 29, 15, 0, tzinfo=UTC)
    assert imported.notes == "Swap the meter in the hall.\nRing twice."
    assert (imported.correlation_id, imported.imported_at) == ("batch-7", ingest_hub.clock.now())
    assert outcomes(ingest_hub) == {"imported": 1}
    assert states(ingest_hub) == ["acknowledged"]


def test_the_same_message_again_changes_nothing(ingest_hub: Hub) -> None:
    message = a_message(an_event())
    assert [receive_message(ingest_hub, message) for _ in range(3)] == [Complete()] * 3
    assert len(orders(ingest_hub)) == 1
    assert outcomes(ingest_hub) == {"imported": 1}
    assert len(outbox(ingest_hub)) == 1


def test_the_same_order_under_a_new_event_is_a_duplicate(ingest_hub: Hub) -> None:
    order = an_order()
    receive_message(ingest_hub, a_message(an_event(order)))
    changed = {**order, "description": "Another text."}
    assert receive_message(ingest_hub, a_message(an_event(changed))) == Complete()
    assert [one.notes for one in orders(ingest_hub)] == ["Swap the meter in the hall."]
    assert outcomes(ingest_hub) == {"imported": 1, "duplicate": 1}
    assert len(outbox(ingest_hub)) == 1


def test_two_utilities_may_use_the_same_number(ingest_hub: Hub) -> None:
    order = an_order()
    receive_message(ingest_hub, a_message(an_event(order)))
    receive_message(ingest_hub, a_message(an_event(order, source="urn:utility:other")))
    assert outcomes(ingest_hub) == {"imported": 2}
    assert len(orders(ingest_hub)) == 2


def test_a_source_with_a_space_is_refused_so_that_no_two_events_share_a_name(ingest_hub: Hub) -> None:
    first = receive_message(ingest_hub, a_message(an_event(an_order(externalId="A"), source="urn:a b", id="c")))
    assert isinstance(first, DeadLetter)
    assert "without spaces" in first.description
    assert (
        receive_message(ingest_hub, a_message(an_event(an_order(externalId="A"), source="urn:a", id="b c")))
        == Complete()
    )
    assert [(order.utility, order.external_id) for order in orders(ingest_hub)] == [("urn:a", "A")]


def test_a_message_that_our_reading_stumbles_over_comes_again_alone(
    ingest_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(settings: Settings, message: ReceivedMessage) -> Reading:
        if message.message_id == "odd":
            raise LookupError("something nobody thought of")
        return read_any_format(settings, message)

    monkeypatch.setattr("ingest.service.read_any_format", stumble)
    answers = receive_messages(ingest_hub, [a_message(an_event(), name) for name in ("one", "odd", "two")])
    assert [type(answer) for answer in answers] == [Complete, Retry, Complete]
    assert outcomes(ingest_hub) == {"imported": 2}


def test_an_event_id_used_for_two_orders_loses_neither(ingest_hub: Hub) -> None:
    first = an_event()
    receive_message(ingest_hub, a_message(first))
    answer = receive_message(ingest_hub, a_message({**first, "data": an_order()}))
    assert isinstance(answer, DeadLetter)
    assert "id was used before, for another order" in answer.description
    assert outcomes(ingest_hub) == {"imported": 1, "dead-lettered": 1}


@pytest.mark.parametrize("same_event", [True, False])
def test_two_workers_at_once_import_once(ingest_hub: Hub, *, same_event: bool) -> None:
    order, together = an_order(), threading.Barrier(4)
    one = an_event(order)
    messages = [a_message(one if same_event else an_event(order)) for _ in range(4)]

    def receive(number: int) -> object:
        together.wait(10)
        return receive_message(ingest_hub, messages[number])

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(receive, range(4))) == [Complete()] * 4
    assert len(orders(ingest_hub)) == 1
    assert outcomes(ingest_hub) == ({"imported": 1} if same_event else {"imported": 1, "duplicate": 3})


def test_a_worker_that_dies_before_its_commit_leaves_nothing_behind(ingest_hub: Hub) -> None:
    message = a_message(an_event())

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    event.listen(ingest_hub.engine, "commit", die)
    with pytest.raises(Killed):
        receive_message(ingest_hub, message)
    event.remove(ingest_hub.engine, "commit", die)
    assert (orders(ingest_hub), outcomes(ingest_hub), outbox(ingest_hub)) == ([], {}, [])
    assert receive_message(ingest_hub, message) == Complete()
    assert len(orders(ingest_hub)) == 1


def test_trouble_with_the_database_is_raised_so_that_the_message_comes_again(ingest_hub: Hub) -> None:
    with ingest_hub.engine.begin() as connection:
        connection.execute(text("ALTER TABLE work_order RENAME notes TO notes_away"))
    message = a_message(an_event())
    with pytest.raises(DBAPIError) as trouble:
        receive_message(ingest_hub, message)
    # The worker logs the error, so it must not hold the citizen's data.
    assert "work_order" in str(trouble.value)
    assert "Peeters" not in str(trouble.value)
    with ingest_hub.engine.begin() as connection:
        connection.execute(text("ALTER TABLE work_order RENAME notes_away TO notes"))
    assert receive_message(ingest_hub, message) == Complete()
    assert outcomes(ingest_hub) == {"imported": 1}


def _imported(hub: Hub, order: dict[str, Any]) -> WorkOrder:
    [found] = [one for one in orders(hub) if one.external_id == order["externalId"]]
    return found


WORK = "workOrderItem.0.work"
PLACE = f"{WORK}.place.0"
MEDIA = f"{WORK}.relatedParty.0.contactMedium"


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (
            spoiled(f"{WORK}.workSpecification.id", "chimney_sweep"),
            "Work type 'chimney_sweep' is not in the catalogue; known are cabinet_repair, fibre_connection, fibre_survey, meter_swap, repair.",
        ),
        (spoiled(f"{PLACE}.postcode", "5000"), "Postal code 5000 lies outside every territory we serve."),
        (spoiled(f"{PLACE}.postcode", "1012 AB"), "Postal code 1012 AB lies outside every territory we serve."),
        (spoiled(f"{PLACE}.country", "Atlantis"), "We do not work in the country 'Atlantis'."),
        (
            spoiled(MEDIA, []),
            "Nobody can be contacted: the order has neither a phone number nor an e-mail address that can be used.",
        ),
        (
            spoiled(
                MEDIA, [{"characteristic": {"phoneNumber": "12"}}, {"characteristic": {"emailAddress": "an at home"}}]
            ),
            "Nobody can be contacted: the order has neither a phone number nor an e-mail address that can be used.",
        ),
        (
            spoiled(f"{WORK}.relatedParty"),
            "Nobody can be contacted: the order has neither a phone number nor an e-mail address that can be used.",
        ),
        (spoiled("workOrderItem.0.action", "delete"), "The item's action is 'delete'; only 'add' makes a new order."),
        (
            spoiled("requestedCompletionDate", "2026-05-06T07:00:00+02:00"),
            "The requested completion lies before the requested start.",
        ),
        (
            {**spoiled("requestedStartDate"), "requestedCompletionDate": "2026-05-01T07:00:00+02:00"},
            "The requested completion lies in the past.",
        ),
        (
            {**an_order(), "workOrderItem": an_order()["workOrderItem"] * 2},
            "The order has 2 items; send one order for each job.",
        ),
    ],
)
def test_an_order_that_cannot_be_done_is_kept_and_the_utility_hears_why(
    shared_hub: Hub, order: dict[str, Any], reason: str
) -> None:
    before = outcomes(shared_hub).get("rejected", 0)
    assert receive_message(shared_hub, a_message(an_event(order))) == Complete()
    rejected = _imported(shared_hub, order)
    assert (rejected.status, rejected.reject_reason) == (WorkOrderStatus.REJECTED, reason)
    assert outcomes(shared_hub)["rejected"] == before + 1
    [told] = [event["data"]["event"]["workOrder"] for event in outbox(shared_hub, rejected)]
    assert told["state"] == "rejected"
    assert told["note"]["text"].startswith(reason)


def test_all_that_is_wrong_with_an_order_is_said_at_once(ingest_hub: Hub) -> None:
    order = spoiled(f"{PLACE}.postcode", "5000")
    order["workOrderItem"][0]["work"]["workSpecification"]["id"] = "chimney_sweep"
    receive_message(ingest_hub, a_message(an_event(order)))
    [rejected] = orders(ingest_hub)
    assert "chimney_sweep" in rejected.reject_reason
    assert "5000" in rejected.reject_reason


def test_a_job_in_the_street_needs_nobody(ingest_hub: Hub) -> None:
    order = spoiled(f"{WORK}.relatedParty")
    order["workOrderItem"][0]["work"]["workSpecification"]["id"] = "cabinet_repair"
    receive_message(ingest_hub, a_message(an_event(order)))
    [imported] = orders(ingest_hub)
    assert (imported.status, imported.citizen_name, imported.citizen_phone) == (WorkOrderStatus.RECEIVED, "", "")


def test_one_usable_contact_is_enough_and_the_other_is_said_to_be_left_out(ingest_hub: Hub) -> None:
    media = [{"characteristic": {"phoneNumber": "12"}}, {"characteristic": {"emailAddress": "an@citizen.example"}}]
    receive_message(ingest_hub, a_message(an_event(spoiled(MEDIA, media))))
    [imported] = orders(ingest_hub)
    assert (imported.citizen_email, imported.citizen_phone) == ("an@citizen.example", "")
    [told] = [event["data"]["event"]["workOrder"] for event in outbox(ingest_hub)]
    assert told["note"]["text"] == "A phone number was left out: no such number is possible."


def test_the_preferred_contact_comes_first(ingest_hub: Hub) -> None:
    media = [
        {"characteristic": {"phoneNumber": "+33639980001"}},
        {"characteristic": {"phoneNumber": "0470 00 00 02"}, "preferred": True},
    ]
    receive_message(ingest_hub, a_message(an_event(spoiled(MEDIA, media))))
    assert orders(ingest_hub)[0].citizen_phone == "+32470000002"


@pytest.mark.parametrize(
    ("sent", "spoken"), [("nl-BE", "nl"), ("DE", "de"), ("en_GB", "en"), ("tlh", "nl"), (7, "nl"), (None, "nl")]
)
def test_a_language_we_do_not_write_becomes_dutch(shared_hub: Hub, sent: object, spoken: str) -> None:
    order = spoiled(f"{WORK}.workCharacteristic.0.value", sent)
    receive_message(shared_hub, a_message(an_event(order)))
    assert _imported(shared_hub, order).language == spoken


@pytest.mark.parametrize(("priority", "weight"), [("0", 40), ("1", 20), ("2", 10), ("3", 5), ("4", 2), (None, 10)])
def test_the_priority_scales_the_work_types_weight(shared_hub: Hub, priority: str | None, weight: int) -> None:
    order = an_order(priority=priority)
    receive_message(shared_hub, a_message(an_event(order)))
    assert _imported(shared_hub, order).weight == weight


def test_fields_we_do_not_know_are_left_alone(ingest_hub: Hub) -> None:
    order = spoiled(f"{PLACE}.floor", 3)
    order |= {"agreement": [{"id": "A-1"}], "@schemaLocation": "https://utility.example/order.json", "quote": None}
    assert receive_message(ingest_hub, a_message(an_event(order, traceparent="00-abc-def-01"))) == Complete()
    assert outcomes(ingest_hub) == {"imported": 1}


def test_place_party_and_type_may_also_stand_at_the_order(ingest_hub: Hub) -> None:
    order = an_order()
    work = order["workOrderItem"][0]["work"]
    order |= {"place": work.pop("place")[0], "relatedParty": work.pop("relatedParty"), "category": "meter_swap"}
    del work["workSpecification"]
    del order["externalId"]
    order["id"] = "WO-by-id"
    receive_message(ingest_hub, a_message(an_event(order)))
    [imported] = orders(ingest_hub)
    assert (imported.external_id, imported.work_type, imported.town) == ("WO-by-id", "meter_swap", "Gent")
    assert imported.citizen_name == "An Peeters"


def test_the_example_in_the_documentation_is_imported(ingest_hub: Hub) -> None:
    page = (Path(ingest.__file__).parent / "README.md").read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    assert problems("WorkOrder_Create", json.loads(example)["data"]) == []
    assert receive_message(ingest_hub, a_message(example.encode())) == Complete()
    assert [order.status for order in orders(ingest_hub)] == [WorkOrderStatus.RECEIVED]
