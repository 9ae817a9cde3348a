"""Citizens ask for a visit: the address is proven first, staff decide once, the order comes in like any other, and nothing is kept for ever."""

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import read_entries
from hub.db import portal_tables, tables
from hub.domain.citizen_requests import CitizenRequest, RequestStatus
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.errors import DoorstepError
from hub.domain.events import Actor, ActorKind
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.staff import Role
from hub.jobs import RememberedQueue
from hub.notifications.ports import Message, SendingFailedError
from infra.hosts.rooms import JOBS
from infra.hosts.web import create_app
from ingest.events import CREATED_TYPE, STATE_CHANGED_TYPE
from portal.requests import service
from portal.requests.form import clean_form, faults_of
from portal.requests.handlers import forget_requests
from portal.requests.messages import retry_request_messages
from portal.requests.records import request_messages, requests
from portal.requests.service import (
    LONGEST_REASON,
    PER_ADDRESS,
    NotWaitingError,
    ReasonMissingError,
    ReasonTooLongError,
    SubmitRequest,
    accept_request,
    decline_request,
    list_requests,
    submit_request,
)
from tests.web.staff_browser import a_browser, signed_in_browser, who_is_signed_in

DISPATCHER = Actor(ActorKind.STAFF, "somebody")
FORM = {
    "work_type": "repair",
    "name": "Els Wouters",
    "email": "els@citizen.example",
    "phone": "",
    "street": "Lindestraat 12",
    "postcode": "9000",
    "town": "Gent",
    "notes": "No light in the hall.",
    "consent": "yes",
}
LINK = re.compile(r"http://[^/]+(/request/confirm/[\w-]{43})")


def work_off(hub: Hub, jobs: RememberedQueue) -> None:
    """What the worker would do with the jobs that wait."""
    waiting, jobs.jobs = jobs.jobs, []
    for name, arguments in waiting:
        JOBS[name](hub, **arguments)


def mails(hub: Hub) -> list[tuple[str, str, str]]:
    message = tables.recorded_message.c
    with hub.reading() as connection:
        found = connection.execute(select(message.recipient, message.subject, message.body).order_by(message.seq)).all()
    return [(row.recipient, row.subject, row.body) for row in found]


def the_request(hub: Hub) -> CitizenRequest:
    with hub.unit_of_work() as work:
        (found,) = requests(work).list_where()
    return found


def ask(client: TestClient, lang: str = "en", **changes: str) -> Any:
    return client.post(f"/request?lang={lang}", data={**FORM, **changes})


def link_of(hub: Hub) -> str:
    found = LINK.search(mails(hub)[-1][2])
    assert found is not None
    return found.group(1)


def confirmed(hub: Hub, client: TestClient, jobs: RememberedQueue) -> CitizenRequest:
    ask(client)
    work_off(hub, jobs)
    client.post(link_of(hub))
    return the_request(hub)


def test_a_request_is_confirmed_accepted_and_becomes_an_order_like_any_other(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    assert "Confirm your address" in ask(client).text
    assert list_requests(hub, None) == [], "nobody sees it before its address is proven"
    work_off(hub, jobs)
    ((recipient, subject, _),) = mails(hub)
    assert (recipient, subject) == ("els@citizen.example", "Confirm your request: Repair")
    link = link_of(hub)
    for _ in range(2):
        assert "Is this request yours?" in client.get(link).text
        client.head(link)
    assert the_request(hub).status is RequestStatus.UNCONFIRMED, "looking changes nothing"
    for _ in range(2):
        assert "We have your request" in client.post(link).text
    (waiting,) = list_requests(hub, RequestStatus.WAITING)

    accept_request(hub, waiting.id, version=waiting.version, by=DISPATCHER)
    before = [job for job in jobs.jobs if job[0] == "ingest.take_order"]
    work_off(hub, jobs)
    for name, arguments in before:
        # A job may run twice.
        JOBS[name](hub, **arguments)
    with hub.unit_of_work() as work:
        (order,) = work.work_orders.list_where()
        entries = [entry.kind for entry in read_entries(work, order.id)]
    assert (order.utility, order.external_id) == (hub.settings.own_requests_source, waiting.reference)
    assert (order.citizen_email, order.street, order.language) == ("els@citizen.example", "Lindestraat 12", "en")
    assert order.status in {WorkOrderStatus.NEEDS_LOCATION, WorkOrderStatus.CONTACTING}
    assert "requested_by_citizen" in entries
    asked = the_request(hub)
    assert (asked.status, asked.work_order_id) == (RequestStatus.ORDERED, order.id)
    assert mails(hub)[1][1] == "Accepted: Repair"
    assert "We come" in client.get(link).text
    with hub.reading() as connection:
        outbox = tables.outbox_event.c
        told = connection.execute(select(outbox.type, outbox.subject, outbox.data).order_by(outbox.seq)).all()
    # The utility in whose name it is done hears of it once, and then of its steps, as of any order.
    first, *steps = told
    assert first.type == CREATED_TYPE
    assert {row.type for row in steps} <= {STATE_CHANGED_TYPE}
    for row in told:
        heard = row.data["event"]["workOrder"]
        assert row.subject == heard["externalId"] == waiting.reference
        assert heard["relatedParty"][0]["id"] == hub.settings.own_requests_source
        for personal in ("els@citizen.example", "Lindestraat"):
            assert personal not in str(row.data)


def test_a_request_is_declined_with_a_reason_the_citizen_reads(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    waiting = confirmed(hub, client, jobs)
    for nothing in ("  ", "\u200b\u2060", "\u2800", "\x00"):
        with pytest.raises(ReasonMissingError):
            decline_request(hub, waiting.id, version=waiting.version, reason=nothing, by=DISPATCHER)
    with pytest.raises(ReasonTooLongError, match=f"has {LONGEST_REASON + 1} signs"):
        decline_request(hub, waiting.id, version=waiting.version, reason="x" * (LONGEST_REASON + 1), by=DISPATCHER)
    declined = decline_request(
        hub, waiting.id, version=waiting.version, reason="Your landlord\x00 must ask.\r\nX: y", by=DISPATCHER
    )
    link = link_of(hub)
    work_off(hub, jobs)
    assert "Our reason: Your landlord must ask. X: y" in mails(hub)[-1][2]
    assert "Your landlord must ask." in client.get(link).text
    for verb in (accept_request, decline_request):
        more: dict[str, Any] = {"reason": "again"} if verb is decline_request else {}
        with pytest.raises(NotWaitingError):
            verb(hub, declined.id, version=declined.version, by=DISPATCHER, **more)


def test_two_dispatchers_decide_once(hub: Hub, client: TestClient, jobs: RememberedQueue) -> None:
    waiting = confirmed(hub, client, jobs)

    def decide(number: int) -> str:
        try:
            if number % 2:
                accept_request(hub, waiting.id, version=waiting.version, by=DISPATCHER)
                return "accepted"
            decline_request(hub, waiting.id, version=waiting.version, reason="no", by=DISPATCHER)
        except DoorstepError:
            return "refused"
        return "declined"

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(decide, range(6)))
    assert answers.count("refused") == 5


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"work_type": "cabinet_repair"}, "work_type"),
        ({"work_type": "nonsense"}, "work_type"),
        ({"name": " \x00 "}, "name"),
        ({"street": "12"}, "street"),
        ({"postcode": "1000"}, "postcode"),
        ({"postcode": "٩٠٠٠x"}, "postcode"),
        ({"town": ""}, "town"),
        ({"email": "els@"}, "email"),
        ({"email": "Els <els@citizen.example>"}, "email"),
        ({"email": "els@citizen.example\r\nBcc: all@citizen.example"}, "email"),
        ({"email": "", "phone": ""}, "email"),
        ({"phone": "12"}, "phone"),
        ({"consent": ""}, "consent"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_kept(
    hub: Hub, client: TestClient, jobs: RememberedQueue, changes: dict[str, str], fault: str
) -> None:
    assert list(faults_of(clean_form({**FORM, **changes}), hub.catalogue)) == [fault]
    answer = ask(client, **changes)
    assert answer.status_code == 422
    assert f'href="#{fault}"' in answer.text
    assert "<title>Error: Ask for a visit" in answer.text
    with hub.unit_of_work() as work:
        assert requests(work).list_where() == []
    assert jobs.jobs == []


@pytest.mark.parametrize("lang", ["nl", "fr", "de", "en"])
@pytest.mark.parametrize("contact", [{"email": "victim@elsewhere.example"}, {"email": "", "phone": "0470 12 34 56"}])
def test_no_word_of_a_stranger_goes_to_an_address_that_nobody_proved(
    hub: Hub, client: TestClient, jobs: RememberedQueue, lang: str, contact: dict[str, str]
) -> None:
    spam = "You won 500 euro: https://evil.example/win"
    ask(client, lang, name=spam, street=spam, town=spam, notes=spam, **contact)
    work_off(hub, jobs)
    ((recipient, subject, body),) = mails(hub)
    assert recipient in {"victim@elsewhere.example", "+32470123456"}
    assert LINK.search(body)
    for word in ("evil.example", "500 euro", "{", "You won"):
        assert word not in f"{subject} {body}"


def test_a_proven_address_is_written_to_by_name(hub: Hub, client: TestClient, jobs: RememberedQueue) -> None:
    waiting = confirmed(hub, client, jobs)
    assert "Els Wouters" not in mails(hub)[0][2]
    decline_request(hub, waiting.id, version=waiting.version, reason="Not ours.", by=DISPATCHER)
    work_off(hub, jobs)
    assert mails(hub)[1][2].startswith("Dear Els Wouters,\n")


@pytest.mark.parametrize(
    ("phone", "alone", "beside_email"),
    [
        ("0470 12 34 56", "", ""),
        ("+31 6 12345678", "", ""),
        ("+352 621 123 456", "", ""),
        ("09 224 00 00", "fault_mobile", ""),
        ("0900 12 345", "fault_phone", "fault_phone"),
        ("070 12 34 56", "fault_phone", "fault_phone"),
        ("+1 900 555 1234", "fault_phone", "fault_phone"),
        ("+1 212 555 2368", "fault_phone", "fault_phone"),
        ("+881 6 1234 5678", "fault_phone", "fault_phone"),
        ("+882 16 1234 5678", "fault_phone", "fault_phone"),
        ("+33 899 70 01 23", "fault_phone", "fault_phone"),
        ("+262 692 12 34 56", "fault_phone", "fault_phone"),
        ("112", "fault_phone", "fault_phone"),
        ("0470 12", "fault_phone", "fault_phone"),
    ],
)
def test_a_number_is_one_of_a_person_near_us(hub: Hub, phone: str, alone: str, beside_email: str) -> None:
    for email, fault in (("", alone), ("els@citizen.example", beside_email)):
        found = faults_of(clean_form({**FORM, "email": email, "phone": phone}), hub.catalogue)
        assert found == ({"phone": fault} if fault else {})


def test_many_at_once_are_sent_no_more_to_one_address(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each takes so long that all of them have looked before the first has counted.
    monkeypatch.setattr(service, "_may_write_to", slowly(service._may_write_to))
    submitted = SubmitRequest(clean_form(FORM), "en", "192.0.2.7")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: submit_request(hub, replace(submitted, sender=f"192.0.2.{number}")), range(6)))
    with hub.unit_of_work() as work:
        assert len(requests(work).list_where()) == PER_ADDRESS.count


def slowly[**P, R](act: Callable[P, R]) -> Callable[P, R]:
    def acted(*args: P.args, **kwargs: P.kwargs) -> R:
        done = act(*args, **kwargs)
        time.sleep(0.05)
        return done

    return acted


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", {"nl": "Vul de postcode", "fr": "Indiquez le code", "de": "Geben Sie die", "en": "Type the postal code"}),
        ("  ", {"en": "Type the postal code of the address, for example 2000."}),
        ("Gent", {"nl": "Dit is geen postcode", "fr": "pas un code postal", "de": "keine Postleitzahl", "en": "2000."}),
        ("9²00", {"en": "This is not a postal code. Type its figures only, for example 2000."}),
        ("٩٠٠٠", {"en": "This is not a postal code."}),
        ("90000", {"en": "This is not a postal code."}),
        ("900", {"en": "This is not a postal code."}),
        ("1234 AB", {"en": "This is not a postal code."}),
        ("1000", {"nl": "Op deze postcode komen wij niet.", "en": "We do not come to this postal code."}),
    ],
)
def test_a_postal_code_that_cannot_be_is_answered_with_what_to_type(
    client: TestClient, typed: str, said: dict[str, str]
) -> None:
    for lang, sentence in said.items():
        answer = ask(client, lang, postcode=typed)
        assert answer.status_code == 422
        beside = re.search(r'id="postcode-fault">([^<]*)<', answer.text)
        assert beside is not None
        assert sentence in unescape(beside[1])
        assert 'aria-describedby="postcode-fault" aria-invalid="true"' in answer.text


@pytest.mark.parametrize("typed", ["B-9000", "b9000", "BE 9000", " 9000 ", "9 000"])
def test_a_postal_code_is_taken_as_people_write_it(hub: Hub, client: TestClient, typed: str) -> None:
    assert ask(client, postcode=typed).status_code == 200
    assert the_request(hub).postcode == "9000"


@pytest.mark.parametrize("lang", ["nl", "fr", "de", "en"])
def test_every_field_is_shown_back_as_text(client: TestClient, lang: str) -> None:
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    answer = ask(client, lang, name=evil, street=evil, town=evil, notes=evil, email=evil, phone=evil, postcode=evil)
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert evil in unescape(answer.text)
    assert "49" not in re.sub(r"v=\w+", "", answer.text)


def test_staff_see_text_and_decide_on_the_page(hub: Hub, client: TestClient, jobs: RememberedQueue) -> None:
    evil = "<img src=x onerror=alert(1)>"
    ask(client, name=evil, street=f"{evil} 1", town=evil, notes=evil)
    work_off(hub, jobs)
    client.post(link_of(hub))
    waiting = the_request(hub)
    browser = signed_in_browser(hub)
    address = f"/console/requests/{waiting.id}"
    assert "citizen asks for a visit and waits for a decision" in browser.get("/console").text
    for page in (browser.get("/console/requests"), browser.get(address)):
        assert page.status_code == 200
        assert "<img src=x" not in page.text
        assert evil in unescape(page.text)
    form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "version": str(waiting.version)}
    assert browser.post(f"{address}/accept", data={**form, "csrf_token": "x"}).status_code == 403
    without_reason = browser.post(f"{address}/decline", data=form)
    assert without_reason.status_code == 422
    assert "Say why" in without_reason.text
    stale = browser.post(f"{address}/accept", data={**form, "version": "1"})
    assert "was changed by somebody else" in stale.text
    assert browser.post(f"{address}/accept", data=form).status_code == 303
    twice = browser.post(f"{address}/accept", data=form)
    assert "only one that waits can be accepted" in twice.text
    assert "by Dina Dispatcher" in browser.get(address).text
    # Who was second keeps the words, though the form is gone.
    late = browser.post(f"{address}/decline", data={**form, "reason": f"Not ours. {evil}"})
    assert late.status_code == 422
    assert f"You had written: Not ours. {evil}" in words_of(late.text)
    assert "<img src=x" not in late.text
    assert 'name="reason"' not in late.text
    assert "You had written" not in browser.get(address).text


def words_of(page: str) -> str:
    """What a page says, tags taken out."""
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", page).split()))


def test_a_reason_of_many_lines_is_taken_and_one_too_long_comes_back(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    waiting = confirmed(hub, client, jobs)
    browser = signed_in_browser(hub)
    address = f"/console/requests/{waiting.id}/decline"
    form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "version": str(waiting.version)}
    too_long = browser.post(address, data={**form, "reason": "word\r\n" * 101})
    assert too_long.status_code == 422
    assert "The reason has 504 signs and may have 500; make it shorter." in too_long.text
    assert too_long.text.count("word\r\n") == 101
    # As long as the field allows: the browser counts each line's end once and sends it as two signs.
    assert browser.post(address, data={**form, "reason": "word\r\n" * 100}).status_code == 303
    assert the_request(hub).reason == " ".join(["word"] * 100)


def test_only_who_sees_orders_sees_requests_and_only_proven_ones(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    ask(client)
    unproven = the_request(hub)
    assert a_browser(hub).get("/console/requests").status_code == 303
    assert signed_in_browser(hub, Role.ANALYST, name="Ann").get("/console/requests").status_code == 403
    browser = signed_in_browser(hub)
    assert unproven.reference not in browser.get("/console/requests?status=any").text
    assert unproven.reference not in browser.get("/console/requests?status=unconfirmed").text
    assert browser.get(f"/console/requests/{unproven.id}").status_code == 404


def test_links_are_made_from_the_public_address_whatever_host_was_asked(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    client.post("/request?lang=en", data=FORM, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    work_off(hub, jobs)
    assert "evil.example" not in mails(hub)[-1][2]
    assert hub.settings.public_url in mails(hub)[-1][2]


def test_another_site_cannot_post_any_of_it(hub: Hub, client: TestClient, jobs: RememberedQueue) -> None:
    ask(client)
    work_off(hub, jobs)
    link = link_of(hub)
    for address in ("/request", link, "/new-link"):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert client.post(address, data=FORM, headers=headers).status_code == 403
    assert the_request(hub).status is RequestStatus.UNCONFIRMED


def test_an_answer_leads_nowhere_else(client: TestClient) -> None:
    answer = client.post("/request?lang=//evil&onward=https://evil.example", data=FORM, follow_redirects=False)
    assert answer.headers["location"] == "/request/sent?lang=en"


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 42, "%00", "ä" * 43])
def test_a_guessed_link_opens_nothing(client: TestClient, token: str) -> None:
    for answer in (client.get(f"/request/confirm/{token}"), client.post(f"/request/confirm/{token}")):
        assert answer.status_code == 404
        assert "This link is not complete" in answer.text


def test_one_sender_is_slowed_down_and_one_address_is_not_flooded(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    answers = [ask(client).status_code for _ in range(12)]
    assert answers == [200] * 10 + [429] * 2
    work_off(hub, jobs)
    assert len(mails(hub)) == 3, "the answers were the same, but the mailbox got three"


def test_all_senders_together_are_bounded(hub: Hub, client: TestClient) -> None:
    with hub.unit_of_work() as work:
        row = {"scope": "request", "at": work.now}
        work.connection.execute(tables.failed_attempt.insert(), [row] * 300)
        work.commit()
    answer = ask(client)
    assert answer.status_code == 429
    assert "Too many requests came in." in answer.text


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("nl", "Die van u is niet verstuurd."),
        ("fr", "La vôtre n'a pas été envoyée."),
        ("de", "Ihre wurde nicht gesendet."),
        ("en", "Yours was not sent."),
    ],
)
def test_whoever_is_slowed_down_keeps_what_was_typed(
    hub: Hub, client: TestClient, clock: FixedClock, lang: str, sentence: str
) -> None:
    with hub.unit_of_work() as work:
        row = {"scope": "request", "at": work.now}
        work.connection.execute(tables.failed_attempt.insert(), [row] * 300)
        work.commit()
    notes = "The lamp <above> the door. " * 30
    answer = ask(client, lang, notes=notes, phone="0470 12 34 56")
    assert answer.status_code == 429
    page = unescape(answer.text)
    assert page.index(sentence) < page.index("<form")
    for field in ("name", "email", "street", "postcode", "town"):
        assert f'name="{field}" value="{FORM[field]}"' in page
    assert 'name="phone" value="0470 12 34 56"' in page
    assert f">{notes.strip()}</textarea>" in page
    assert '<option value="repair" selected>' in page
    assert 'name="consent" value="yes" checked' in page
    clock.advance(timedelta(hours=1))
    assert ask(client, lang, notes=notes).url.path == "/request/sent", "the sentence says when it works again"


@pytest.mark.parametrize("unseen", ["\u200b", "\u00ad", "\u3164", "\u202e", " \u2060\ufeff"])
def test_signs_that_nobody_can_see_are_no_words(hub: Hub, client: TestClient, unseen: str) -> None:
    found = faults_of(clean_form({**FORM, "name": unseen, "town": unseen, "notes": unseen}), hub.catalogue)
    assert list(found) == ["name", "town"]
    assert clean_form({**FORM, "notes": unseen}).notes == ""


def test_what_is_pasted_with_signs_that_nobody_can_see_is_taken_without(hub: Hub, client: TestClient) -> None:
    pasted = {field: f"\u202a{FORM[field]}\u200b" for field in ("name", "email", "street", "postcode", "town")}
    assert ask(client, notes="One.\r\n\u200bTwo.", **pasted).url.path == "/request/sent"
    kept = the_request(hub)
    assert (kept.citizen_name, kept.citizen_email) == (FORM["name"], FORM["email"])
    assert (kept.street, kept.postcode, kept.town) == (FORM["street"], FORM["postcode"], FORM["town"])
    assert kept.notes == "One.\nTwo."


def test_what_nobody_confirms_is_deleted_and_what_was_decided_is_emptied(
    hub: Hub, client: TestClient, jobs: RememberedQueue, clock: FixedClock
) -> None:
    waiting = confirmed(hub, client, jobs)
    decline_request(hub, waiting.id, version=waiting.version, reason="no", by=DISPATCHER)
    ask(client, email="other@citizen.example")
    work_off(hub, jobs)
    unconfirmed = link_of(hub)
    clock.advance(timedelta(days=2))
    assert client.get(unconfirmed).status_code == 410
    assert forget_requests(hub, clock.now()) == 1
    clock.advance(timedelta(days=28))
    assert forget_requests(hub, clock.now()) == 1
    assert forget_requests(hub, clock.now()) == 0
    kept = the_request(hub)
    assert (kept.citizen_name, kept.citizen_email, kept.street, kept.notes) == ("", "", "", "")
    assert kept.erased_at == clock.now()


class Refusing:
    """A provider that refuses, or says nothing clear."""

    name = "refusing"

    def __init__(self, *answers: Exception | str) -> None:
        self.answers = list(answers)
        self.seen: list[Message] = []

    def send(self, message: Message) -> str:
        self.seen.append(message)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_refusal_that_may_pass_is_tried_again_and_an_unknown_outcome_never(
    hub: Hub, clock: FixedClock, jobs: RememberedQueue
) -> None:
    sender = Refusing(SendingFailedError("busy", retry=True), "id-1", OSError("cut"))
    other = replace(hub, senders={**hub.senders, Channel.EMAIL: sender})
    with TestClient(create_app(other), base_url="http://127.0.0.1:8080") as client:
        ask(client)
        work_off(other, jobs)
        clock.advance(timedelta(minutes=2))
        assert retry_request_messages(other, clock.now()) == 1
        work_off(other, jobs)
        ask(client, email="third@citizen.example")
        work_off(other, jobs)
        clock.advance(timedelta(hours=3))
        assert retry_request_messages(other, clock.now()) == 0
    with hub.unit_of_work() as work:
        states = sorted(one.status.value for one in request_messages(work).list_where())
    assert states == sorted([NotificationStatus.SENT.value, NotificationStatus.UNKNOWN.value])
    links = [LINK.search(one.body) for one in sender.seen[:2]]
    first, second = (one.group(1) for one in links if one is not None)
    assert first != second, "a token is made once and kept nowhere"
    token = second.rsplit("/", 1)[1]
    with hub.reading() as connection:
        kept = connection.execute(select(portal_tables.citizen_request)).mappings().all()
    assert token not in json.dumps([dict(row) for row in kept], default=str)


def test_by_telephone_alone_the_link_comes_as_an_sms(hub: Hub, client: TestClient, jobs: RememberedQueue) -> None:
    ask(client, email="", phone="0470 00 00 01", name="Els")
    work_off(hub, jobs)
    ((recipient, _, body),) = mails(hub)
    assert recipient == "+32470000001"
    assert len(body) <= 300
    assert link_of(hub) in body
