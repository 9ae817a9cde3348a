"""What every page and API answer has in common."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from jinja2 import UndefinedError
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError

from hub.bootstrap import Hub
from hub.domain.errors import SlotTakenError, TooManyAttemptsError
from hub.web.pages import Pages
from infra.hosts.web import create_app, page_folders


class _Body(BaseModel):
    number: int


@pytest.fixture
def app(hub: Hub) -> FastAPI:
    """The real app with three routes that go wrong."""
    app = create_app(hub)

    def taken() -> None:
        raise SlotTakenError

    def broken() -> None:
        message = "secret detail"
        raise RuntimeError(message)

    def write(body: _Body) -> dict[str, int]:
        return {"number": body.number}

    def too_large() -> None:
        raise HTTPException(413)

    def too_often() -> None:
        raise TooManyAttemptsError

    def no_records() -> None:
        raise OperationalError("SELECT 1", {}, Exception())

    app.add_api_route("/too-large", too_large)
    app.add_api_route("/too-often", too_often)
    app.add_api_route("/no-records", no_records)
    app.add_api_route("/broken", broken)
    app.add_api_route("/console/broken", broken)
    app.add_api_route("/api/taken", taken)
    app.add_api_route("/taken", taken)
    app.add_api_route("/api/broken", broken)
    app.add_api_route("/api/write", write, methods=["POST"])
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A browser that sees the error pages rather than the exceptions."""
    with TestClient(app, base_url="http://127.0.0.1:8080", raise_server_exceptions=False) as client:
        yield client


def test_a_named_error_is_a_problem_for_programs_and_a_sentence_for_people(client: TestClient) -> None:
    answer = client.get("/api/taken")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:doorstep:problem:slot-taken"
    page = client.get("/taken")
    assert page.status_code == 409
    assert "That time has just been taken by somebody else." in page.text
    assert 'lang="en"' in page.text


def test_an_unexpected_error_gives_a_reference_and_no_detail(client: TestClient) -> None:
    answer = client.get("/api/broken")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "reference" in answer.json()["detail"]


def test_wrong_input_names_the_place_but_not_the_value(client: TestClient) -> None:
    answer = client.post("/api/write", json={"number": "hostile-value"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "number"
    assert "hostile-value" not in answer.text


def test_nothing_at_an_address_is_said_politely(client: TestClient) -> None:
    assert "There is nothing at this address." in client.get("/no-such-page").text
    assert client.get("/api/no-such").json()["status"] == 404


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/no-such-page", 404, {"nl": "Hier is niets", "fr": "Il n&#39;y a rien ici", "de": "Hier ist nichts"}),
        ("/too-large", 413, {"nl": "Te groot", "fr": "Trop volumineux", "de": "Zu groß"}),
        ("/too-often", 429, {"nl": "Te veel pogingen", "fr": "Trop d&#39;essais", "de": "Zu viele Versuche"}),
        ("/broken", 500, {"nl": "Onze referentie is", "fr": "Notre référence est", "de": "Unsere Referenz ist"}),
        ("/no-records", 503, {"nl": "bij onze gegevens", "fr": "accès à nos données", "de": "an unsere Daten"}),
    ],
)
def test_an_error_is_said_to_citizens_in_their_browsers_language(
    client: TestClient, address: str, status: int, said: dict[str, str]
) -> None:
    for language, sentence in said.items():
        for page in (
            client.get(address, headers={"Accept-Language": f"es,{language}-BE;q=0.9,en;q=0.5"}),
            client.get(f"{address}?lang={language}", headers={"Accept-Language": "en"}),
        ):
            assert page.status_code == status
            assert f'<html lang="{language}"' in page.text
            assert sentence in page.text
            assert page.headers["cache-control"] == "no-store"
            assert "secret detail" not in page.text
    assert '<html lang="en"' in client.get(f"{address}?lang=xx").text


def test_staff_and_programs_read_of_errors_in_english(client: TestClient) -> None:
    dutch = {"Accept-Language": "nl"}
    assert '<html lang="en"' in client.get("/console/broken", headers=dutch).text
    assert client.get("/api/taken", headers=dutch).json()["detail"].startswith("That time has just been taken")


def test_a_wrong_method_hears_the_right_ones_and_an_unreadable_body_a_sentence(client: TestClient) -> None:
    assert client.request("TRACE", "/api/write").headers["allow"] == "POST"
    answer = client.post("/api/write", content=b"\xff{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:doorstep:problem:bad-request")
    assert "cannot be read" in answer.json()["detail"]


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    for path in ("/health/alive", "/no-such-page", "/api/broken", "/static/hub/mark.svg"):
        headers = client.get(path).headers
        assert "unsafe" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_write_from_another_site_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/api/write", json={"number": 1}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:doorstep:problem:cross-site-write")


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://127.0.0.1:8080"}, {"Sec-Fetch-Site": "same-origin"}])
def test_a_write_from_the_same_site_or_a_program_goes_through(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/api/write", json={"number": 1}, headers=headers).json() == {"number": 1}


def test_ready_tells_that_the_database_answers(client: TestClient) -> None:
    told = client.get("/health/ready").json()
    assert (told["status"], told["database"]) == ("ready", "answers")


def test_static_files_are_kept_by_browsers_under_their_hash(client: TestClient) -> None:
    templates, static = page_folders()
    address = Pages(templates, static).static("hub/mark.svg")
    assert "immutable" in client.get(address).headers["cache-control"]


def test_a_template_prints_no_missing_name_and_escapes_every_value(tmp_path: Path) -> None:
    (tmp_path / "missing.html").write_text("{{ nobody }}")
    (tmp_path / "hostile.html").write_text("{{ name }}")
    (tmp_path / "macro.html").write_text(
        '{% from "govuk_frontend_jinja/components/radios/macro.html" import govukRadios %}'
        '{{ govukRadios({"name": "slot", "items": [{"value": "1", "text": name}]}) }}'
    )
    pages = Pages([tmp_path], {})
    with pytest.raises(UndefinedError):
        pages.render("missing.html")
    for template in ("hostile.html", "macro.html"):
        body = bytes(pages.render(template, name="<script>alert(1)</script>").body)
        assert b"<script>" not in body
        assert b"&lt;script&gt;" in body
