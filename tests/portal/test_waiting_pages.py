"""Whoever waits is told so wherever waiting is offered, and saying what suits leads back to where that was asked."""

import re
from datetime import date
from html import unescape

import pytest

from hub.bootstrap import Hub
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action
from portal.queries import find_booking
from portal.waitlist.service import ask_for_earlier, find_waiting, stop_waiting
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


@pytest.mark.parametrize("typed", [" 2026-05-08 ", "2026-05-08\u200b", "\u00a02026-05-08\t"])
def test_a_date_is_read_without_what_stands_around_it(hub: Hub, citizen: Citizen, typed: str) -> None:
    citizen.book(3)
    assert "Noted." in citizen.post("/earlier", until=typed).text
    waiting = find_waiting(hub, find_booking(hub, citizen.token))
    assert waiting is not None
    assert waiting.entry.until == date(2026, 5, 8)


@pytest.mark.parametrize("typed", ["2028-05-08", "2026-13-40", "8 mei", '"><b>'])
def test_a_date_that_is_not_right_comes_back_as_it_was_typed(hub: Hub, citizen: Citizen, typed: str) -> None:
    citizen.book(3)
    ask_for_earlier(hub, citizen.token, date(2026, 5, 20))
    answer = citizen.post("/earlier", until=f" {typed}")
    assert answer.status_code == 422
    page = unescape(answer.text)
    assert '<a href="#until">That date is not right.' in page
    [field] = re.findall(r'<input[^>]* id="until".*', page)
    assert f'value="{typed}"' in field
    assert 'aria-invalid="true"' in field
    assert "<b>" not in answer.text
    shown = says(citizen, "/earlier")
    assert 'value="2026-05-20"' in shown, "the one that was right stays"
    assert "aria-invalid" not in shown


def test_a_wrong_date_opens_no_waiting_list_that_is_closed(hub: Hub, citizen: Citizen) -> None:
    with hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(citizen.order.id), Action.CANCEL, by=SYSTEM)
        work.commit()
    answer = citizen.post("/earlier", until="nonsense")
    assert (answer.status_code, answer.url.path) == (200, f"/a/{citizen.token}")


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
