"""Whoever waits is told so wherever waiting is offered, and saying what suits leads back to where that was asked."""

from datetime import date
from html import unescape

import pytest

from hub.bootstrap import Hub
from portal.waitlist.service import ask_for_earlier, stop_waiting
from tests.portal.chooser import Citizen

OFFERED = ("Tell me when it can be earlier", "Put me on the waiting list")
CHANGE = "Change or stop waiting"


def says(citizen: Citizen, step: str) -> str:
    return unescape(citizen.get(step).text)


def test_whoever_waits_is_told_so_and_until_when_where_waiting_was_offered(hub: Hub, citizen: Citizen) -> None:
    citizen.book()
    for step in ("", "/move"):
        assert OFFERED[0] in says(citizen, step)
        assert "on the waiting list" not in says(citizen, step)
    ask_for_earlier(hub, citizen.token, date(2026, 5, 20))
    for step in ("", "/move"):
        page = says(citizen, step)
        assert "You are on the waiting list for a place on or before 20 May 2026." in page
        assert f'href="/a/{citizen.token}/earlier?lang=en">{CHANGE}</a>' in page
        assert not any(one in page for one in OFFERED)
    ask_for_earlier(hub, citizen.token)
    assert "You are on the waiting list. We write to you" in says(citizen, "")
    stop_waiting(hub, citizen.token)
    for step in ("", "/move"):
        assert OFFERED[0] in says(citizen, step)
        assert CHANGE not in says(citizen, step)


def test_whoever_waits_for_a_first_time_is_told_so_beside_the_free_times(hub: Hub, citizen: Citizen) -> None:
    assert OFFERED[1] in says(citizen, "")
    ask_for_earlier(hub, citizen.token)
    assert CHANGE in says(citizen, "")
    assert OFFERED[1] not in says(citizen, "")


@pytest.mark.parametrize("lang", ["nl", "fr", "de", "en"])
def test_saying_what_suits_leads_back_to_the_waiting_list_it_was_asked_on(citizen: Citizen, lang: str) -> None:
    citizen.book()
    here = f"/a/{citizen.token}/preferences?lang={lang}&from=earlier"
    assert f'href="{here}"' in says(citizen, f"/earlier?lang={lang}")
    form = says(citizen, f"/preferences?lang={lang}&from=earlier")
    assert f'action="{here}"' in form
    assert f'class="govuk-back-link" href="/a/{citizen.token}/earlier?lang={lang}"' in form
    assert f'href="/a/{citizen.token}/preferences?lang=fr&from=earlier"' in form, "another language keeps the way back"
    saved = citizen.client.post(here, data={"weekday": "monday"}, follow_redirects=False)
    assert saved.headers["location"] == f"/a/{citizen.token}/earlier?lang={lang}&note=wishes"
    notice = {"nl": "bewaard", "fr": "enregistré", "de": "gespeichert", "en": "is saved"}[lang]
    assert notice in unescape(citizen.client.get(saved.headers["location"]).text)


def test_wrong_dates_keep_the_way_back(citizen: Citizen) -> None:
    citizen.book()
    wrong = citizen.post("/preferences?lang=en&from=earlier", away_from="2026-05-20", away_until="2026-05-10")
    assert wrong.status_code == 422
    assert f'action="/a/{citizen.token}/preferences?lang=en&from=earlier"' in unescape(wrong.text)


@pytest.mark.parametrize(
    "hostile",
    [
        "https://evil.example",
        "//evil.example",
        "/earlier",
        "move",
        "EARLIER",
        "earlier\r\nX: y",
        "\x00",
        '"><b>',
        "x" * 5000,
    ],
)
def test_no_address_can_lead_anywhere_else(citizen: Citizen, hostile: str) -> None:
    citizen.book()
    page = citizen.get("/preferences", params={"from": hostile, "lang": "en"})
    assert page.status_code == 200
    assert "from=" not in page.text
    assert hostile not in page.text or hostile in {"/earlier", "move"}
    address = f"/a/{citizen.token}/preferences"
    answer = citizen.client.post(
        address, params={"from": hostile, "lang": "en"}, data={"clear": "1"}, follow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/a/{citizen.token}/move?lang=en&note=wishes"
