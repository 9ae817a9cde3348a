"""A form that comes after its sign-in ended, or another began: nothing is done, and nobody loses what was written."""

import logging
import re
from datetime import timedelta
from html import unescape
from http import HTTPStatus
from typing import Any

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.web.staff_accounts import SESSION_LENGTH
from tests.web.staff_browser import a_browser, signed_in_browser, who_is_signed_in

ID = "5f0c8f0e-6a3f-4a55-9a53-0d7f4f3d2c11"
ANSWER = f"/console/inbox/{ID}/answer"
CONVERSATION = f"/console/inbox/{ID}"
ADDRESS = "http://127.0.0.1:8080"
WORDS = 'Dear Mr Peeters,\n"our" colleague <b>rings</b> first.'


def _late(browser: TestClient, path: str = ANSWER, *, came_from: str = CONVERSATION, **form: Any) -> Any:
    headers = {"Referer": f"{ADDRESS}{came_from}"} if came_from else {}
    return browser.post(path, data={"csrf_token": "of-an-earlier-sign-in", "version": "3", **form}, headers=headers)


def _written(page: str) -> dict[str, str]:
    """The texts that the page gives back, by label. A browser takes the first line break of each for the page's own."""
    found = re.findall(
        r'<label for="(written-\d+)">([^<]*)</label>\s*<textarea id="\1"[^>]* readonly[^>]*>\n([^<]*)<', page
    )
    return {unescape(label): unescape(text) for _, label, text in found}


def _links(page: str) -> list[str]:
    main = page.partition("<main")[2]
    return [unescape(one) for one in re.findall(r'href="([^"]+)"', main)]


def test_after_twelve_hours_the_words_come_back_beside_the_way_to_sign_in(hub: Hub, clock: FixedClock) -> None:
    browser = signed_in_browser(hub)
    clock.advance(SESSION_LENGTH + timedelta(seconds=1))
    answer = _late(browser, came_from=f"{CONVERSATION}?page=2", text=WORDS)
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert "Your sign-in has ended, so nothing was changed." in answer.text
    assert _written(answer.text) == {"Text": WORDS}
    assert "<b>rings" not in answer.text
    (sign_in,) = _links(answer.text)
    assert sign_in == f"/console/sign-in?onward=%2Fconsole%2Finbox%2F{ID}%3Fpage%3D2"
    assert 'target="_blank" rel="noopener">Sign in (opens in a new tab)<' in answer.text, "the words stay in this one"
    assert f'name="onward" value="{CONVERSATION}?page=2"' in browser.get(sign_in).text
    assert answer.headers["cache-control"] == "no-store"


def test_after_a_sign_in_in_another_tab_the_words_come_back_and_the_form_is_one_step_away(hub: Hub) -> None:
    answer = _late(signed_in_browser(hub), text=WORDS)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "This form is from an earlier sign-in, so nothing was changed." in answer.text
    assert _written(answer.text) == {"Text": WORDS}
    assert _links(answer.text) == [CONVERSATION]


def test_only_what_somebody_wrote_is_given_back(hub: Hub) -> None:
    secret = "a-secret-that-is-longer-than-a-word"
    form = {"csrf_token": secret, "password": secret, "new code": secret, "order": ID, "territory": "West Vlaanderen"}
    form |= {
        "until": "2026-05-05T10:00:00+02:00",
        "team": "north",
        "empty": "   ",
        "onward": "/console/board?day=2026-05-04",
    }
    answer = _late(a_browser(hub), **form, note="too ill", who="x" * 21, latitude="51.05")
    assert _written(answer.text) == {"Note": "too ill", "Who": "x" * 21}
    assert secret not in answer.text
    assert ID not in answer.text.replace(f"inbox%2F{ID}", "")


def test_a_reason_behind_a_whole_page_of_ids_is_given_back(hub: Hub) -> None:
    answer = _late(a_browser(hub), "/console/quarantine/discard", ids=[ID] * 100, reason="sent twice")
    assert _written(answer.text) == {"Reason": "sent twice"}


def test_a_form_without_words_leads_straight_on(hub: Hub) -> None:
    away = _late(a_browser(hub))
    assert away.status_code == HTTPStatus.SEE_OTHER
    assert away.headers["location"] == f"/console/sign-in?onward=%2Fconsole%2Finbox%2F{ID}"
    stale = _late(signed_in_browser(hub))
    assert (stale.status_code, _links(stale.text)) == (HTTPStatus.FORBIDDEN, [CONVERSATION])
    assert "You had written" not in stale.text


def test_very_much_is_cut_and_says_so_and_what_is_short_is_whole(hub: Hub) -> None:
    page = _late(a_browser(hub), f"/console/quarantine/{ID}", body="word " * 20_000, reason="mistyped").text
    written = _written(page)
    assert written["Reason"] == "mistyped"
    assert len(written["Body (its beginning)"]) == 80_000 - len("mistyped")
    assert len(_written(_late(a_browser(hub), **{f"f{one}": "a word" for one in range(90)}).text)) <= 20


def test_one_short_word_of_a_note_is_given_back(hub: Hub) -> None:
    assert _written(_late(a_browser(hub), remark="Verhuisd", channel="email").text) == {"Remark": "Verhuisd"}


@pytest.mark.parametrize(
    ("path", "came_from", "leads_to"),
    [
        (ANSWER, "", CONVERSATION),
        ("/console/board/absence", "", "/console/board"),
        ("/console/quarantine/replay", "", "/console/quarantine"),
        ("/console/board/absence", "/console/board/absence", "/console/board"),
        ("/console/board/absence", "/console/board?day=2026-05-05", "/console/board?day=2026-05-05"),
        (ANSWER, "/a/some-citizens-link", CONVERSATION),
        (ANSWER, "/console/../elsewhere", "/console"),
        (ANSWER, "/console/sign-in", "/console"),
        (ANSWER, f"{CONVERSATION}?{'a' * 3000}", CONVERSATION),
        (ANSWER, f"/console/{'/' * 3000}", CONVERSATION),
        (ANSWER, f"/console/board/{'x/' * 900}", "/console/board"),
        ("/console/sign-out", "/console/board", "/console"),
    ],
)
def test_it_leads_to_the_page_of_the_form(hub: Hub, path: str, came_from: str, leads_to: str) -> None:
    answer = _late(signed_in_browser(hub), path, came_from=came_from)
    assert _links(answer.text) == [leads_to]


@pytest.mark.parametrize(
    "foreign", ["https://evil.example/console/board", "//evil.example/console/board", "http://[", "x"]
)
def test_it_leads_nowhere_else(hub: Hub, foreign: str) -> None:
    browser = signed_in_browser(hub)
    answer = browser.post(ANSWER, data={"text": WORDS}, headers={"Referer": foreign})
    assert _links(answer.text) == [CONVERSATION]


@pytest.mark.parametrize("header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_no_other_site_can_make_our_page_say_its_words(hub: Hub, header: dict[str, str]) -> None:
    answer = a_browser(hub).post(ANSWER, data={"text": "call this number"}, headers=header)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "call this number" not in answer.text


def test_files_and_bodies_without_end_are_not_given_back(hub: Hub) -> None:
    browser = a_browser(hub)
    answer = browser.post(ANSWER, data={"text": WORDS}, files={"file": ("a.txt", b"some words of a file")})
    assert (answer.status_code, answer.headers["location"][:24]) == (HTTPStatus.SEE_OTHER, "/console/sign-in?onward=")
    assert _late(browser, text="word " * 20_000).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_no_log_holds_the_words(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _late(a_browser(hub), text="Mr Peeters is away")
    _late(signed_in_browser(hub), text="Mr Peeters is away")
    assert "Peeters" not in caplog.text


def test_a_form_in_time_is_not_touched(hub: Hub) -> None:
    browser = signed_in_browser(hub)
    token = who_is_signed_in(hub, browser).csrf_token
    answer = browser.post(ANSWER, data={"csrf_token": token, "version": "3", "text": WORDS})
    assert answer.status_code == HTTPStatus.NOT_FOUND, "there is no such conversation, and the sign-in is not to blame"
