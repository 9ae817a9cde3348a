"""The statements in every footer: true of this installation's rules, in every language, and reached from each page."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from hub.bootstrap import Hub
from hub.domain.contact import LinkPurpose
from hub.notifications.links import make_link
from hub.texts import load_texts
from infra.hosts.web import create_app
from portal.privacy.retention import FILE
from portal.statements.routes import TEXTS
from tests.scheduling.citizens import TUESDAY, employ, invite

TITLES = {
    "/privacy": {"nl": "Uw gegevens", "fr": "Vos données", "de": "Ihre Daten", "en": "Your data"},
    "/accessibility": {
        "nl": "Toegankelijkheid",
        "fr": "Accessibilité",
        "de": "Barrierefreiheit",
        "en": "Accessibility",
    },
}


@pytest.mark.parametrize("lang", ["nl", "fr", "de", "en"])
@pytest.mark.parametrize("address", TITLES)
def test_each_statement_is_there_in_every_language_and_linked_in_the_footer(
    client: TestClient, address: str, lang: str
) -> None:
    page = client.get(f"{address}?lang={lang}")
    assert page.status_code == 200
    assert f'<h1 class="govuk-heading-l">{TITLES[address][lang]}</h1>' in page.text
    assert client.get(address, headers={"Accept-Language": lang}).text == page.text
    for other in ("/", "/new-link", "/nowhere", "/request", f"/a/{'A' * 43}"):
        shown = client.get(f"{other}?lang={lang}").text
        link = f'<a class="govuk-link" href="{address}?lang={lang}">{TITLES[address][lang]}</a>'
        assert link in shown[shown.index("<footer") :], other


def test_the_days_are_those_of_the_installations_own_rules(hub: Hub, tmp_path: Path) -> None:
    file = tmp_path / "retention.toml"
    rules = FILE.read_text(encoding="utf-8").replace("copies = 90", "copies = 0").replace("files = 365", "files = 77")
    rules = rules.replace("conversation = 180", "conversation = 12")
    file.write_text(rules, encoding="utf-8")
    stricter = replace(hub, settings=hub.settings.model_copy(update={"retention": file}))

    def said(of: Hub) -> dict[str, str]:
        with TestClient(create_app(of), base_url="http://127.0.0.1:8080") as client:
            page = unescape(client.get("/privacy?lang=en").text)
        return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))

    usual, strict = said(hub), said(stricter)
    assert list(usual.values()) == ["730 days", "730 days", "365 days", "365 days", "90 days", "180 days", "180 days"]
    assert (strict["Photos and documents"], list(strict.values())[4]) == ("77 days", "no longer than the work")
    assert strict["Messages that belong to no work"] == "12 days"


def test_the_pages_for_citizens_set_no_cookies_as_the_statement_says(client: TestClient, hub: Hub) -> None:
    employ(hub, [TUESDAY], "Jan Janssens")
    with hub.unit_of_work() as work:
        token = make_link(work, invite(hub, 1)[0], LinkPurpose.BOOKING)
        work.commit()
    mine = f"/a/{token}"
    known = ("/", "/privacy", "/accessibility", "/request", "/new-link", f"/a/{'A' * 43}", mine)
    pages = [client.get(one) for one in known]
    slot = re.findall(r'name="slot" value="([^"]+)"', pages[-1].text)[0]
    pages.append(client.post(f"{mine}/hold", data={"slot": slot}))
    appointment = re.findall(r'name="appointment" value="([^"]+)"', pages[-1].text)[0]
    pages.append(client.post(f"{mine}/confirm", data={"appointment": appointment}))
    assert "note=confirmed" in str(pages[-1].url)
    for page in pages:
        for answer in (*page.history, page):
            assert "set-cookie" not in answer.headers, answer.url


def test_no_word_is_left_over() -> None:
    code = (Path(__file__).parents[2] / "portal" / "statements" / "routes.py").read_text(encoding="utf-8")
    for key in load_texts(TEXTS, "en"):
        assert f'"{key}"' in code or key.startswith("kept_"), key
