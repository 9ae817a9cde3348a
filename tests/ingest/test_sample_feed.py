"""The sample feed: the same seed makes the same feed, in the shares it promises, and nobody in it can be real."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.bootstrap import Hub
from hub.catalogue import load_catalogue
from hub.messaging.service_bus import DeadLetter
from ingest.inbox import InboxOutcome
from ingest.sample.defects import DEFECTS
from ingest.sample.orders import WORK_TYPE_SHARES
from ingest.sample.towns import TOWNS
from ingest.sample_feed import FeedError, FeedMessage, SampleFeed, generate, read_feed, write_feed
from ingest.service import receive_message
from tests.conftest import MONDAY_MORNING
from tests.ingest.messages import a_message
from tests.ingest.reading import orders, outcomes
from tests.ingest.tmf697 import problems

MONDAY = MONDAY_MORNING.date()


def _good(feed: SampleFeed) -> list[dict[str, Any]]:
    return [json.loads(message.body) for message in feed.messages if not message.mistake]


def _work(event: dict[str, Any]) -> dict[str, Any]:
    work: dict[str, Any] = event["data"]["workOrderItem"][0]["work"]
    return work


def test_the_same_seed_makes_the_same_feed_and_another_seed_another() -> None:
    assert generate(120, 1, MONDAY) == generate(120, 1, MONDAY)
    assert generate(120, 1, MONDAY) != generate(120, 2, MONDAY)


def test_feeds_of_different_weeks_have_the_same_technicians() -> None:
    assert generate(10, 1, MONDAY).technicians == generate(500, 1, date(2027, 1, 4)).technicians


def test_work_types_come_in_their_shares() -> None:
    good = _good(generate(1000, 3, MONDAY))
    counted = Counter(_work(event)["workSpecification"]["id"] for event in good)
    for work_type, share in WORK_TYPE_SHARES.items():
        assert counted[work_type] == pytest.approx(len(good) * share / 100, abs=1)


def test_three_percent_are_bad_and_every_mistake_occurs() -> None:
    feed = generate(1000, 4, MONDAY)
    mistakes = Counter(message.mistake for message in feed.messages if message.mistake)
    assert sum(mistakes.values()) == 30
    assert set(mistakes) == {defect.name for defect in DEFECTS}
    assert sum(feed.expected.values()) == 1000


@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_small_feed_has_no_mistakes(count: int) -> None:
    feed = generate(count, 1, MONDAY)
    assert feed.expected[InboxOutcome.IMPORTED] == len(feed.messages) == count


@settings(max_examples=25, deadline=None)
@given(count=st.integers(0, 60), seed=st.integers(), technicians=st.integers(1, 30))
def test_any_feed_has_the_size_that_was_asked(count: int, seed: int, technicians: int) -> None:
    feed = generate(count, seed, MONDAY, technicians=technicians)
    assert (len(feed.messages), len(feed.technicians)) == (count, technicians)
    assert len({message.message_id for message in feed.messages}) == count
    assert len({technician.id for technician in feed.technicians}) == technicians


@pytest.mark.parametrize(("orders_asked", "technicians"), [(-1, 1), (1_000_001, 1), (1, 0), (1, 10_001)])
def test_numbers_out_of_range_are_refused_with_a_sentence(orders_asked: int, technicians: int) -> None:
    with pytest.raises(FeedError, match=r"A feed (has|needs) \d"):
        generate(orders_asked, 1, MONDAY, technicians=technicians)


@pytest.mark.parametrize(("technicians", "territories"), [(1, 1), (3, 1), (7, 1), (8, 2), (12, 3), (40, 3)])
def test_orders_lie_where_technicians_with_every_skill_work(technicians: int, territories: int) -> None:
    feed = generate(200, 5, MONDAY, technicians=technicians)
    catalogue = load_catalogue()
    skills: dict[str, set[str]] = {}
    for one in feed.technicians:
        skills.setdefault(one.territory, set()).update(one.skills)
    needed = {skill for work_type in catalogue.work_types.values() for skill in work_type.skills}
    assert list(skills) == list(TOWNS)[:territories]
    assert all(found == needed for found in skills.values())
    places = [_work(event)["place"][0] for event in _good(feed)]
    assert {catalogue.territory(place["postcode"]) for place in places} == set(skills)


def test_towns_lie_in_the_territory_they_are_listed_under() -> None:
    catalogue = load_catalogue()
    for territory, towns in TOWNS.items():
        assert {catalogue.territory(town.postcode) for town in towns} == {territory}


def test_nobody_can_be_real() -> None:
    for event in _good(generate(1000, 6, MONDAY)):
        for party in _work(event).get("relatedParty", []):
            media = [medium["characteristic"] for medium in party["contactMedium"]]
            assert media
            for one in media:
                assert one.get("emailAddress", ".example").endswith(".example")
                if "phoneNumber" in one:
                    # The French regulator keeps 06 39 98 xx xx for fiction.
                    assert one["phoneNumber"].startswith("+3363998")
                    number = phonenumbers.parse(one["phoneNumber"])
                    assert phonenumbers.is_possible_number(number)
                    assert not phonenumbers.is_valid_number(number)


def test_all_four_languages_occur_and_dutch_most() -> None:
    good = _good(generate(1000, 7, MONDAY))
    spoken = Counter(_work(event)["workCharacteristic"][0]["value"] for event in good if "relatedParty" in _work(event))
    assert set(spoken) == {"nl", "fr", "de", "en"}
    assert spoken["nl"] > 0.75 * sum(spoken.values())


def test_good_orders_fit_the_specification() -> None:
    for event in _good(generate(150, 8, MONDAY)):
        assert problems("WorkOrder_Create", event["data"]) == []
        work = _work(event)
        assert [problems("RelatedPlaceRefOrValue", place) for place in work["place"]] == [[]]
        for party in work.get("relatedParty", []):
            assert problems("RelatedParty", party) == []
            assert [problems("ContactMedium", medium) for medium in party["contactMedium"]] == [[]] * len(
                party["contactMedium"]
            )


def test_every_message_becomes_what_the_feed_says(ingest_hub: Hub) -> None:
    feed = generate(400, 9, MONDAY, technicians=12)
    for message in feed.messages:
        before = Counter(outcomes(ingest_hub)) if message.mistake else None
        answer = receive_message(ingest_hub, a_message(message.body, message.message_id))
        assert isinstance(answer, DeadLetter) == (message.expected is InboxOutcome.DEAD_LETTERED), message.mistake
        if before is not None:
            assert Counter(outcomes(ingest_hub)) - before == {message.expected.value: 1}, message.mistake
    assert outcomes(ingest_hub) == {name.value: count for name, count in feed.expected.items() if count}
    named = {message.external_id for message in feed.messages if message.external_id}
    assert {order.external_id for order in orders(ingest_hub)} == named


def test_a_feed_survives_its_file_with_its_mistakes(tmp_path: Path) -> None:
    feed = generate(500, 10, MONDAY)
    assert write_feed(tmp_path / "feed.jsonl", feed) == 500
    read = list(read_feed(tmp_path / "feed.jsonl"))
    assert [(one.body, one.message_id) for one in read] == [(one.body, one.message_id) for one in feed.messages]


def test_a_file_is_read_line_by_line_whatever_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    file.write_bytes(b'{"id": "one"}\r\n\n  \n{broken\n\xff\xfe\n[]\n' + b"[" * 100_000)
    first, *rest = read_feed(file)
    again = list(read_feed(file))
    assert (first.body, first.message_id) == (b'{"id": "one"}', "one")
    assert [one.body[:4] for one in rest] == [b"{bro", b"\xff\xfe", b"[]", b"[[[["]
    assert [one.message_id for one in again] == [first.message_id, *(one.message_id for one in rest)]


def test_a_file_that_cannot_be_read_or_sent_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"The feed .*missing.jsonl cannot be read: No such file"):
        list(read_feed(tmp_path / "missing.jsonl"))
    with pytest.raises(FeedError, match="cannot be read: Is a directory"):
        list(read_feed(tmp_path))
    (tmp_path / "long.jsonl").write_bytes(b"\n" + b"x" * 1_000_001)
    with pytest.raises(FeedError, match=r"Line 2 of .*long.jsonl is longer than 1,000,000 bytes"):
        list(read_feed(tmp_path / "long.jsonl"))
    with pytest.raises(FeedError, match="cannot be written"):
        write_feed(tmp_path / "no" / "such" / "folder", SampleFeed((), ()))


def test_a_message_of_the_feed_can_be_sent_as_it_is() -> None:
    message = generate(1, 1, MONDAY).messages[0]
    assert isinstance(message, FeedMessage)
    sdk = message.for_sdk()
    assert (b"".join(sdk.body), sdk.message_id) == (message.body, message.message_id)
