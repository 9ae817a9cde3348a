"""The citizen is asked once, answers without JavaScript, and the last answer counts."""

import re
import threading
from datetime import timedelta
from html import unescape

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from feedback import survey_routes
from feedback.schemas import MOST_COMMENT, SurveyForm, read_form
from feedback.service import answer_survey, invite_to_survey
from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.contact import LinkPurpose
from hub.domain.errors import LinkExpiredError, LinkInvalidError
from hub.domain.events import SYSTEM
from hub.domain.field_records import SurveyAnswer
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.jobs import RememberedQueue
from hub.notifications.links import make_link
from hub.notifications.service import deliver_notification
from hub.web.language import accepted_language
from tests.feedback.conftest import Asked
from tests.samples import a_work_order

GOOD = {"rating": "4", "nps": "9", "comment": "Very friendly."}


def answers(hub: Hub) -> list[SurveyAnswer]:
    with hub.unit_of_work() as work:
        return work.survey_answers.list_where()


def test_completion_asks_the_citizen(hub: Hub, jobs: RememberedQueue) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.IN_PROGRESS))
        work.advance_work_order(order, Action.COMPLETE, by=SYSTEM)
        work.commit()
    with hub.unit_of_work() as work:
        asked = work.notifications.list_where(tables.notification.c.kind == "survey")
    assert [(one.recipient, one.language) for one in asked] == [("an.peeters@citizen.example", "nl")]
    assert ("deliver_notification", {"notification_id": str(asked[0].id)}) in jobs.jobs


def test_the_link_in_the_message_opens_the_survey(hub: Hub, client: TestClient, jobs: RememberedQueue) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.COMPLETED, language="en"))
        invite_to_survey(work, order.id)
        work.commit()
    deliver_notification(hub, **jobs.jobs[-1][1])
    with hub.reading() as connection:
        message = connection.execute(select(tables.recorded_message.c.body)).scalar_one()
    link = re.search(r"https?://[^/]+(/survey/\S+)", message)
    assert link
    assert "How did it go?" in client.get(link.group(1)).text


@pytest.mark.parametrize(
    "changes", [{"work_type": "cabinet_repair"}, {"citizen_email": "", "citizen_phone": ""}, {"work_type": "gone"}]
)
def test_nobody_is_asked_where_there_is_nobody_to_ask(hub: Hub, changes: dict[str, str]) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.COMPLETED, **changes))
        invite_to_survey(work, order.id)
        assert work.notifications.list_where() == []


def test_the_form_is_in_the_citizens_language_and_another_can_be_chosen(client: TestClient, asked: Asked) -> None:
    page = client.get(asked.address)
    assert page.status_code == 200
    assert '<html lang="nl"' in page.text
    assert "Plaatsing digitale meter" in page.text
    german = client.get(f"{asked.address}?lang=de").text
    assert '<html lang="de"' in german
    assert "Zählerwechsel" in german
    assert '<html lang="nl"' in client.get(f"{asked.address}?lang=xx").text


def test_the_form_works_without_scripts_and_groups_its_choices(client: TestClient, asked: Asked) -> None:
    page = client.get(f"{asked.address}?lang=en").text
    assert "<script" not in page
    assert page.count("<fieldset") == page.count("<legend") == 2
    radios = re.findall(r'<input[^>]*type="radio"[^>]*>', page)
    assert len(radios) == 5 + 11 + 1
    assert not any("checked" in radio for radio in radios)
    assert all(f'for="{re.search(r"id=.([^ ]+?).(?: |>)", radio).group(1)}"' in page for radio in radios)  # type: ignore[union-attr]


def test_looking_changes_nothing(hub: Hub, client: TestClient, asked: Asked) -> None:
    for _ in range(3):
        client.get(asked.address)
        client.head(asked.address)
    assert answers(hub) == []


def test_an_answer_is_kept_and_thanked_for(hub: Hub, client: TestClient, asked: Asked, clock: FixedClock) -> None:
    page = client.post(f"{asked.address}?lang=en", data=GOOD)
    assert page.status_code == 200
    assert [one.status_code for one in page.history] == [303]
    assert "Thank you" in page.text
    assert "Your answer: Satisfied" in page.text
    assert answers(hub) == [SurveyAnswer(asked.order.id, 4, 9, "Very friendly.", clock.now())]


def test_sending_twice_keeps_one_answer(hub: Hub, client: TestClient, asked: Asked) -> None:
    for _ in range(2):
        assert "Thank you" in client.post(f"{asked.address}?lang=en", data=GOOD).text
    assert len(answers(hub)) == 1
    with hub.reading() as connection:
        event = tables.status_event.c
        told = connection.execute(select(event.data).where(event.name == "survey.answered")).scalars().all()
    assert told == [{"rating": 4, "nps": 9}], "the second time changed nothing, and the comment is not in the history"


def test_a_double_click_keeps_one_answer(hub: Hub, asked: Asked) -> None:
    gate, failures = threading.Barrier(4), list[Exception]()

    def send() -> None:
        gate.wait(10)
        try:
            answer_survey(hub, asked.token, SurveyForm(rating=5))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert [one.rating for one in answers(hub)] == [5]


def test_a_flood_is_refused(client: TestClient, hub: Hub, asked: Asked) -> None:
    assert client.post(asked.address, data={"rating": "5", "comment": "x" * 100_000}).status_code == 413
    assert answers(hub) == []


def test_the_last_answer_counts(hub: Hub, client: TestClient, asked: Asked, clock: FixedClock) -> None:
    first = clock.now()
    client.post(asked.address, data=GOOD)
    clock.advance(timedelta(days=13))
    form = client.get(f"{asked.address}?change=yes&lang=en").text
    assert re.search(r'value="4" checked', form)
    assert re.search(r'value="9" checked', form)
    assert "Very friendly." in form
    client.post(asked.address, data={"rating": "1", "nps": "", "comment": ""})
    assert answers(hub) == [SurveyAnswer(asked.order.id, 1, None, "", first)]


def test_another_language_keeps_the_answer_that_is_being_changed(client: TestClient, asked: Asked) -> None:
    client.post(asked.address, data=GOOD)
    form = client.get(f"{asked.address}?change=yes&lang=en").text
    [french] = re.findall(r'href="(\?[^"]*)" lang="fr"', form)
    again = client.get(f"{asked.address}{unescape(french)}").text
    assert '<html lang="fr"' in again
    assert re.search(r'value="4" checked', again)
    assert re.search(r'href="\?lang=fr" lang="fr"', client.get(f"{asked.address}?lang=en").text), (
        "the thanks stay the thanks"
    )


def test_after_14_days_it_stays(hub: Hub, client: TestClient, asked: Asked, clock: FixedClock) -> None:
    client.post(asked.address, data=GOOD)
    clock.advance(timedelta(days=14))
    page = client.post(f"{asked.address}?lang=en", data={"rating": "1"})
    assert (page.status_code, "can no longer be changed" in page.text) == (410, True)
    assert "can no longer be changed" in client.get(f"{asked.address}?change=yes&lang=en").text
    assert [one.rating for one in answers(hub)] == [4]


@pytest.mark.parametrize(
    ("lang", "title", "stays"),
    [
        ("nl", "Uw wijziging is niet bewaard", "Uw antwoord: Tevreden"),
        ("fr", "Votre modification n’a pas été enregistrée", "Votre réponse\u00a0: Satisfait"),
        ("de", "Ihre Änderung wurde nicht gespeichert", "Ihre Antwort: Zufrieden"),
        ("en", "Your change was not kept", "Your answer: Satisfied"),
    ],
)
def test_a_change_that_comes_too_late_is_not_thanked_for_and_its_words_are_shown(
    hub: Hub, client: TestClient, asked: Asked, clock: FixedClock, lang: str, title: str, stays: str
) -> None:
    client.post(asked.address, data=GOOD)
    clock.advance(timedelta(days=14))
    comment = "It leaks <again>.\r\nSince \u200bMonday."
    page = client.post(f"{asked.address}?lang={lang}", data={"rating": "1", "comment": comment})
    assert page.status_code == 410
    said = unescape(page.text)
    assert f'<h1 class="govuk-heading-l">{title}</h1>' in said
    assert stays in said
    assert "It leaks <again>.\nSince Monday." in said
    assert "<again>" not in page.text
    thanks = client.get(f"{asked.address}?lang={lang}")
    assert (thanks.status_code, title in unescape(thanks.text)) == (200, False), "looking is not too late"
    assert [(one.rating, one.comment) for one in answers(hub)] == [(4, GOOD["comment"])]


def test_a_form_that_is_not_right_is_not_asked_again_when_it_is_too_late(
    client: TestClient, asked: Asked, clock: FixedClock
) -> None:
    client.post(asked.address, data=GOOD)
    clock.advance(timedelta(days=14))
    page = client.post(f"{asked.address}?lang=en", data={"rating": "", "comment": "x" * 2001})
    assert (page.status_code, "x" * 2001 in page.text) == (410, True)


def test_a_change_that_becomes_too_late_while_it_is_kept_is_answered_alike(
    client: TestClient, asked: Asked, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post(asked.address, data=GOOD)

    def just_too_late(hub: Hub, token: str, form: SurveyForm) -> SurveyAnswer:
        clock.advance(timedelta(days=14))
        return answer_survey(hub, token, form)

    monkeypatch.setattr(survey_routes, "answer_survey", just_too_late)
    page = client.post(f"{asked.address}?lang=en", data={"rating": "1", "comment": "Since Monday."})
    assert (page.status_code, "Since Monday." in page.text) == (410, True)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "Choose how satisfied you are."),
        ({"rating": "6"}, "Choose how satisfied you are."),
        ({"rating": "5; DROP TABLE"}, "Choose how satisfied you are."),
        ({"rating": "5", "nps": "11"}, "Choose a number from 0 to 10"),
        ({"rating": "5", "comment": "x" * 2001}, "Your text is too long."),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_filled_in(
    hub: Hub, client: TestClient, asked: Asked, form: dict[str, str], words: str
) -> None:
    page = client.post(f"{asked.address}?lang=en", data=form)
    assert page.status_code == 422
    assert page.text.count(words) == 2, "once in the summary and once at the question"
    assert "<title>Error: " in page.text
    assert form.get("comment", "") in page.text
    assert answers(hub) == []


def test_a_comment_is_text_and_nothing_else(hub: Hub, client: TestClient, asked: Asked) -> None:
    client.post(asked.address, data={"rating": "3", "comment": "</textarea><script>alert(1)</script>\x00 é 😀"})
    assert answers(hub)[0].comment.endswith("</script> é 😀")
    assert "<script" not in client.get(f"{asked.address}?change=yes").text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("\u200b\u3164\u00ad", ""),
        ("\u202eVery\u200b good.\ud83d\r\nThanks.", "Very good.\nThanks."),
        ("x" * 1998 + "\u200b" * 50 + "\r\ny", "x" * 1998 + "\ny"),
    ],
    ids=["unseen", "half a sign", "at most"],
)
def test_a_comment_is_kept_and_measured_without_what_nobody_sees(typed: str, kept: str) -> None:
    form, wrong = read_form("4", "9", typed)
    assert (form, wrong) == (SurveyForm(rating=4, nps=9, comment=kept), frozenset())
    assert form is not None
    assert form.comment == kept


def test_the_comments_field_takes_no_more_than_is_kept(client: TestClient, asked: Asked) -> None:
    [field] = re.findall(r"<textarea[^>]*>", client.get(asked.address).text)
    assert f'maxlength="{MOST_COMMENT}"' in field


@pytest.mark.parametrize("token", ["x" * 43, "short", "'--", "x" * 5000])
def test_a_mistyped_link_says_what_to_do(client: TestClient, token: str) -> None:
    page = client.get(f"/survey/{token}", headers={"Accept-Language": "fr-BE,fr;q=0.9,en;q=0.5"})
    assert page.status_code == 404
    assert "Ce lien n’est pas complet" in page.text


def test_an_expired_link_says_so(hub: Hub, client: TestClient, asked: Asked, clock: FixedClock) -> None:
    clock.advance(timedelta(days=31))
    for page in (client.get(f"{asked.address}?lang=en"), client.post(f"{asked.address}?lang=en", data=GOOD)):
        assert page.status_code == 410
        assert "It is too late to answer now." in page.text
    with pytest.raises(LinkExpiredError):
        answer_survey(hub, asked.token, SurveyForm(rating=5))
    assert answers(hub) == []


def test_a_booking_link_opens_no_survey(hub: Hub, client: TestClient, asked: Asked) -> None:
    with hub.unit_of_work() as work:
        token = make_link(work, asked.order.id, LinkPurpose.BOOKING)
        work.commit()
    assert client.get(f"/survey/{token}").status_code == 404
    with pytest.raises(LinkInvalidError):
        answer_survey(hub, token, SurveyForm(rating=5))


def test_the_page_tells_nobody_where_it_is(client: TestClient, asked: Asked) -> None:
    headers = client.get(asked.address).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] in {"no-referrer", "same-origin"}
    assert "noindex" in headers["x-robots-tag"]
    page = client.get(asked.address).text
    assert not any(secret in page for secret in ("Peeters", "an.peeters", "+3247", "Veldstraat"))


def test_another_site_cannot_answer(hub: Hub, client: TestClient, asked: Asked) -> None:
    headers = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post(asked.address, data=GOOD, headers=headers).status_code == 403
    assert answers(hub) == []


@pytest.mark.parametrize(
    ("header", "language"), [("de-AT,de;q=0.9", "de"), ("pt, nl;q=0.5", "nl"), ("", "en"), ("*", "en")]
)
def test_the_browsers_language(header: str, language: str) -> None:
    assert accepted_language(header) == language
