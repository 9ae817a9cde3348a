"""The record proves what was said without holding it: who has the words can check them, and who has only the record can guess nothing."""

import hashlib
import hmac
import json
from uuid import UUID

import pytest
from pydantic import SecretStr

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import read_entries
from hub.domain.work_orders import WorkOrder
from hub.notifications.entries import SENT, WORDS_ERASED, text_hmac, text_key
from portal.dossier.checking import check_document
from tests.portal.test_conversations import an_order_written_about, text, threads
from tests.portal.test_dossier import dossier_of, silent_order
from tests.portal.test_privacy import erase

GUESSES = ("JA", "ja", "OUI", "YES", "2", "STOP", "Help!")


@pytest.fixture
def order(hub: Hub) -> WorkOrder:
    return an_order_written_about(hub)


def proofs(hub: Hub, order: WorkOrder) -> list[dict[str, str]]:
    """What the record holds of texts."""
    with hub.unit_of_work() as work:
        found = [json.loads(one.content) for one in read_entries(work, order.id)]
    return [content for content in found if "textHmac" in content]


def test_a_short_text_cannot_be_guessed_from_the_record(hub: Hub, order: WorkOrder) -> None:
    text(hub, "JA")
    text(hub, "JA")
    written = proofs(hub, order)
    assert len(written) >= 3
    assert len({content["textHmac"] for content in written}) == len(written), "equal texts do not look alike"
    everything = json.dumps(written)
    for guess in GUESSES:
        known = [content.get("message", "") for content in written]
        for key in ("", *known):
            assert hashlib.sha256(f"{key}{guess}".encode()).hexdigest() not in everything
            assert hmac.new(key.encode(), guess.encode(), hashlib.sha256).hexdigest() not in everything


def test_another_installations_key_proves_nothing(hub: Hub, order: WorkOrder) -> None:
    text(hub, "JA")
    [thread] = threads(hub)
    mine = next(one for one in proofs(hub, order) if one.get("conversation") == str(thread.id))
    other = hub.settings.model_copy(update={"address_key": SecretStr("another key of another company")})
    message = UUID(mine["message"])
    assert text_hmac(text_key(hub.settings, message), "JA") == mine["textHmac"]
    assert text_hmac(text_key(other, message), "JA") != mine["textHmac"]


def test_whoever_has_the_dossier_checks_the_words_without_our_key(hub: Hub, clock: FixedClock) -> None:
    dossier = dossier_of(hub, silent_order(hub, clock))
    sent = {}
    for entry in dossier["record"]["entries"]:
        if entry["kind"] == SENT:
            content = json.loads(entry["content"])
            sent[content["message"]] = content["textHmac"]
    assert sent
    for one in dossier["attempts"]:
        words = f"{one['subject']}\n\n{one['text']}"
        # As `howToCheck` says it.
        assert hmac.new(one["textKey"].encode(), words.encode(), hashlib.sha256).hexdigest() == sent[one["id"]]
    verdict = check_document(dossier)
    assert (verdict.is_sound, verdict.texts) == (True, len(sent))
    dossier["attempts"][0]["textKey"] = "0" * 64
    assert check_document(dossier).changed_texts == (dossier["attempts"][0]["id"],)


def test_with_the_words_the_keys_are_erased_and_the_record_still_verifies(hub: Hub, clock: FixedClock) -> None:
    order = silent_order(hub, clock, citizen_email="an.geheim@home.example.org", citizen_phone="+32470123456")
    keys = [one["textKey"] for one in dossier_of(hub, order)["attempts"]]
    assert all(len(key) == 64 for key in keys)
    erase(hub, "an.geheim@home.example.org", force=True)
    after = dossier_of(hub, order)
    assert check_document(after).is_sound
    # That they are gone is said by an entry: without it, it could have been anybody's hand.
    last = after["record"]["entries"][-1]
    assert last["kind"] == WORDS_ERASED
    assert {one["id"] for one in after["attempts"]} <= set(json.loads(last["content"])["messages"])
    assert {(one["text"], one["textKey"]) for one in after["attempts"]} == {("", "")}
    for key in keys:
        assert key not in json.dumps(after)


def test_words_of_a_record_from_before_the_keys_are_still_checked(hub: Hub, clock: FixedClock) -> None:
    dossier = dossier_of(hub, silent_order(hub, clock))
    first = dossier["attempts"][0]
    words = f"{first['subject']}\n\n{first['text']}"
    for entry in dossier["record"]["entries"]:
        content = json.loads(entry["content"])
        if entry["kind"] == SENT and content["message"] == first["id"]:
            del content["textHmac"]
            entry["content"] = json.dumps({**content, "textSha256": hashlib.sha256(words.encode()).hexdigest()})
    del first["textKey"]
    assert check_document(dossier).changed_texts == ()
    first["text"] += "."
    assert check_document(dossier).changed_texts == (first["id"],)
