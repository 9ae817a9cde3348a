"""Many messages at once: the same as one after the other, and none spoils another's."""

from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from hub.bootstrap import Hub
from hub.messaging.service_bus import Complete, DeadLetter, Retry
from ingest.mapping import judge_request
from ingest.service import receive_messages
from tests.ingest.messages import a_message, an_event, an_order, spoiled
from tests.ingest.reading import orders, outbox, outcomes


def test_a_batch_of_every_kind_has_an_answer_for_each_at_its_place(ingest_hub: Hub) -> None:
    order, twice = an_order(), a_message(an_event())
    messages = [
        a_message(an_event(order)),
        a_message(b"{"),
        twice,
        a_message(an_event(spoiled("workOrderItem.0.work.place.0.postcode", "5000"))),
        twice,
        a_message(an_event(order)),
    ]
    answers = receive_messages(ingest_hub, messages)
    assert [isinstance(one, DeadLetter) for one in answers] == [False, True, False, False, False, False]
    assert outcomes(ingest_hub) == {"imported": 2, "dead-lettered": 1, "rejected": 1, "duplicate": 1}
    assert receive_messages(ingest_hub, messages) == answers
    assert outcomes(ingest_hub) == {"imported": 2, "dead-lettered": 1, "rejected": 1, "duplicate": 1}
    assert (len(orders(ingest_hub)), len(outbox(ingest_hub))) == (3, 3)


def test_one_poisoned_message_spoils_no_other(ingest_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    good = [an_order() for _ in range(5)]
    poison = an_order(externalId="poison")

    def judge_or_die(request: Any, *rest: Any, **options: Any) -> Any:
        if request.external_id == "poison":
            raise RecursionError("a mistake of ours")
        return judge_request(request, *rest, **options)

    monkeypatch.setattr("ingest.importing.judge_request", judge_or_die)
    messages = [a_message(an_event(order)) for order in (*good[:3], poison, *good[3:])]
    answers = receive_messages(ingest_hub, messages)
    assert [type(one) for one in answers] == [Complete] * 3 + [Retry] + [Complete] * 2
    assert {one.external_id for one in orders(ingest_hub)} == {one["externalId"] for one in good}
    monkeypatch.undo()
    assert receive_messages(ingest_hub, messages) == [Complete()] * 6
    assert outcomes(ingest_hub) == {"imported": 6}


def test_few_questions_are_asked_for_many_orders(ingest_hub: Hub) -> None:
    asked: list[str] = []
    event.listen(ingest_hub.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    receive_messages(ingest_hub, [a_message(an_event()) for _ in range(40)])
    assert len(orders(ingest_hub)) == 40
    assert len(asked) < 20


def test_trouble_with_the_database_holds_for_each_message_by_itself(ingest_hub: Hub) -> None:
    with ingest_hub.engine.begin() as connection:
        connection.execute(text("ALTER TABLE work_order RENAME notes TO notes_away"))
    messages = [a_message(an_event()) for _ in range(3)]
    answers = receive_messages(ingest_hub, messages)
    assert all(isinstance(one, Retry) and isinstance(one.error, DBAPIError) for one in answers)
    with ingest_hub.engine.begin() as connection:
        connection.execute(text("ALTER TABLE work_order RENAME notes_away TO notes"))
    assert receive_messages(ingest_hub, messages) == [Complete()] * 3
