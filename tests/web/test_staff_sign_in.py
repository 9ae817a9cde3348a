"""Signing in: who gets a session, who does not, how long it lasts and what it lets through."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from pwdlib import PasswordHash
from sqlalchemy import select, text

from hub.attempts import AttemptLimit
from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.errors import NotSignedInError, TooManyAttemptsError
from hub.domain.staff import Role
from hub.web import staff_accounts
from hub.web.late_forms import LONGEST_ONWARD, own_address
from hub.web.staff import STAFF_COOKIE, Staff, StaffWrite, require
from hub.web.staff_accounts import (
    OVER_ALL_ACCOUNTS,
    PER_ACCOUNT,
    PER_SENDER,
    SESSION_LENGTH,
    EmailTakenError,
    SignInRefusedError,
    StaffAccountInvalidError,
    StaffMember,
    create_staff,
    member_of_session,
    sign_in,
    sign_out,
)
from infra.hosts.web import create_app
from tests.web.staff_browser import PASSWORD, a_browser, who_is_signed_in

EMAIL = "dina@company.example"


@pytest.fixture
def dina(hub: Hub) -> None:
    """One dispatcher has an account."""
    create_staff(hub, " Dina@Company.example ", "Dina Dispatcher", PASSWORD, [Role.DISPATCHER])


@pytest.fixture
def app(hub: Hub) -> FastAPI:
    """The real app with one page for each rule."""
    app = create_app(hub)

    def read(staff: Staff) -> dict[str, str]:
        return {"name": staff.name}

    def write(staff: StaffWrite) -> dict[str, str]:
        return {"name": staff.name}

    def figures(staff: Annotated[StaffMember, Depends(require(Role.ANALYST, Role.OPERATIONS))]) -> dict[str, str]:
        return {"name": staff.name}

    app.add_api_route("/console/test-read", read)
    app.add_api_route("/console/test-write", write, methods=["POST"])
    app.add_api_route("/console/test-role", figures)
    return app


@pytest.fixture
def browser(app: FastAPI) -> Iterator[TestClient]:
    """A browser that shows where it is sent instead of going there."""
    with TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False) as client:
        yield client


def _enter(browser: TestClient, email: str = EMAIL, password: str = PASSWORD) -> int:
    answer = browser.post("/console/sign-in", data={"email": email, "password": password})
    return int(answer.status_code)


@pytest.mark.usefixtures("dina")
def test_the_right_password_opens_the_console_and_sign_out_closes_it(hub: Hub, browser: TestClient) -> None:
    assert _enter(browser, email=" DINA@company.example") == HTTPStatus.SEE_OTHER
    assert browser.get("/console/test-read").json() == {"name": "Dina Dispatcher"}
    token = browser.cookies[STAFF_COOKIE]
    member = who_is_signed_in(hub, browser)
    answer = browser.post("/console/sign-out", data={"csrf_token": member.csrf_token})
    assert answer.headers["location"] == "/console/sign-in"
    assert STAFF_COOKIE not in browser.cookies
    with pytest.raises(NotSignedInError):
        member_of_session(hub, token)


@pytest.mark.usefixtures("dina")
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_only_its_hash_is_stored(
    hub: Hub, browser: TestClient
) -> None:
    answer = browser.post("/console/sign-in", data={"email": EMAIL, "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/console" in cookie
    assert "secure" not in cookie
    token = browser.cookies[STAFF_COOKIE]
    with hub.reading() as connection:
        stored = connection.execute(select(tables.staff_session.c.token_hash)).scalar_one()
    assert stored == hashlib.sha256(token.encode()).hexdigest()
    assert len(token) >= 43


@pytest.mark.usefixtures("dina")
@pytest.mark.parametrize("behind_https", [{"secure_cookies": True}, {"public_url": "https://hub.example"}])
def test_behind_https_the_cookie_is_sent_over_https_only(hub: Hub, behind_https: dict[str, object]) -> None:
    object.__setattr__(hub, "settings", hub.settings.model_copy(update=behind_https))
    answer = a_browser(hub).post("/console/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert "; secure" in answer.headers["set-cookie"].lower()


@pytest.mark.usefixtures("dina")
@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "a wrong password"), ("nobody@company.example", PASSWORD), ("", ""), ("x\x00", "y")]
)
def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(
    browser: TestClient, email: str, password: str
) -> None:
    answer = browser.post("/console/sign-in", data={"email": email, "password": password})
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert "The e-mail address or the password is not right." in answer.text
    assert password not in answer.text or password in {"", "y"}
    assert "set-cookie" not in answer.headers


@pytest.mark.usefixtures("dina")
def test_an_unknown_account_costs_the_same_work(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    real = PasswordHash.recommended()

    class _Counting:
        def verify(self, password: str, hashed: str) -> bool:
            checked.append(hashed.rsplit("$", 2)[0])
            return real.verify(password, hashed)

        def hash(self, password: str) -> str:
            return real.hash(password)

    monkeypatch.setattr(staff_accounts, "_hasher", _Counting)
    staff_accounts._hash_of_nobody.cache_clear()
    for email in (EMAIL, "nobody@company.example"):
        with pytest.raises(SignInRefusedError):
            sign_in(hub, email, "wrong")
    assert len(checked) == 2
    assert checked[0] == checked[1], "the same algorithm with the same parameters"


@pytest.mark.usefixtures("dina")
def test_after_too_many_wrong_passwords_even_the_right_one_waits(
    hub: Hub, browser: TestClient, clock: FixedClock
) -> None:
    for _ in range(PER_ACCOUNT.count):
        assert _enter(browser, password="wrong") == HTTPStatus.UNAUTHORIZED
    assert _enter(browser) == HTTPStatus.TOO_MANY_REQUESTS
    clock.advance(PER_ACCOUNT.span + timedelta(seconds=1))
    assert _enter(browser) == HTTPStatus.SEE_OTHER
    with hub.reading() as connection:
        scopes = set(connection.execute(select(tables.failed_attempt.c.scope)).scalars())
    assert not any("dina" in scope for scope in scopes)


@pytest.mark.usefixtures("dina")
def test_a_stranger_who_guesses_shuts_out_neither_the_owner_nor_everybody(hub: Hub) -> None:
    def guess(email: str, sender: str) -> None:
        with pytest.raises(SignInRefusedError):
            sign_in(hub, email, "wrong", sender=sender)

    for _ in range(PER_ACCOUNT.count):
        guess(EMAIL, "198.51.100.7")
    with pytest.raises(TooManyAttemptsError):
        sign_in(hub, EMAIL, PASSWORD, sender="198.51.100.7")
    assert sign_in(hub, EMAIL, PASSWORD, sender="192.0.2.1")
    assert PER_SENDER.count < OVER_ALL_ACCOUNTS.count


def test_one_sender_does_not_guess_account_after_account(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_accounts, "PER_SENDER", AttemptLimit(3, timedelta(minutes=15)))
    for number in range(3):
        with pytest.raises(SignInRefusedError):
            sign_in(hub, f"guess{number}@company.example", "wrong", sender="198.51.100.7")
    with pytest.raises(TooManyAttemptsError):
        sign_in(hub, "guess9@company.example", "wrong", sender="198.51.100.7")
    with pytest.raises(SignInRefusedError):
        sign_in(hub, "guess9@company.example", "wrong", sender="192.0.2.1")


@pytest.mark.usefixtures("dina")
def test_many_senders_together_do_not_guess_one_account(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_accounts, "PER_ACCOUNT_FROM_ANYWHERE", AttemptLimit(3, timedelta(minutes=15)))
    for number in range(3):
        with pytest.raises(SignInRefusedError):
            sign_in(hub, EMAIL, "wrong", sender=f"198.51.100.{number}")
    with pytest.raises(TooManyAttemptsError):
        sign_in(hub, EMAIL, PASSWORD, sender="192.0.2.1")


def test_many_accounts_are_not_guessed_in_turn(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_accounts, "OVER_ALL_ACCOUNTS", AttemptLimit(3, timedelta(minutes=15)))
    for number in range(3):
        with pytest.raises(SignInRefusedError):
            sign_in(hub, f"guess{number}@company.example", "wrong")
    with pytest.raises(TooManyAttemptsError):
        sign_in(hub, "guess9@company.example", "wrong")


@pytest.mark.usefixtures("dina")
def test_many_guesses_at_once_do_not_slip_past_the_limit(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_accounts, "PER_ACCOUNT", AttemptLimit(3, timedelta(minutes=15)))

    def guess(_number: int) -> type[Exception]:
        with pytest.raises((SignInRefusedError, TooManyAttemptsError)) as refused:
            sign_in(hub, EMAIL, "wrong")
        return refused.type

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(8)))
    assert answers.count(SignInRefusedError) == 3


@pytest.mark.usefixtures("dina")
def test_a_session_ends_by_the_clock(hub: Hub, browser: TestClient, clock: FixedClock) -> None:
    _enter(browser)
    clock.advance(SESSION_LENGTH - timedelta(seconds=1))
    assert browser.get("/console/test-read").status_code == HTTPStatus.OK
    clock.advance(timedelta(seconds=1))
    answer = browser.get("/console/test-read?day=1")
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.headers["location"] == "/console/sign-in?onward=%2Fconsole%2Ftest-read%3Fday%3D1"
    assert _enter(browser) == HTTPStatus.SEE_OTHER
    with hub.reading() as connection:
        assert len(connection.execute(select(tables.staff_session)).all()) == 1, "the old session was swept out"


@pytest.mark.usefixtures("dina")
def test_signing_in_again_ends_the_session_before(hub: Hub, browser: TestClient) -> None:
    _enter(browser)
    first = browser.cookies[STAFF_COOKIE]
    _enter(browser)
    assert browser.cookies[STAFF_COOKIE] != first
    with pytest.raises(NotSignedInError):
        member_of_session(hub, first)


@pytest.mark.usefixtures("dina")
def test_a_closed_account_is_out_at_once(hub: Hub, browser: TestClient) -> None:
    _enter(browser)
    with hub.unit_of_work() as work:
        work.connection.execute(text("UPDATE staff_account SET active = false"))
        work.commit()
    assert browser.get("/console/test-read").status_code == HTTPStatus.SEE_OTHER
    assert _enter(browser) == HTTPStatus.UNAUTHORIZED


@pytest.mark.usefixtures("dina")
@pytest.mark.parametrize("form", [{}, {"csrf_token": ""}, {"csrf_token": "forged"}, {"csrf_token": "é"}])
def test_a_form_without_this_sessions_token_changes_nothing(browser: TestClient, form: dict[str, str]) -> None:
    _enter(browser)
    answer = browser.post("/console/test-write", data=form)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "Open its page and send it again" in answer.text


@pytest.mark.usefixtures("dina")
def test_a_form_with_this_sessions_token_goes_through(hub: Hub, browser: TestClient) -> None:
    _enter(browser)
    token = who_is_signed_in(hub, browser).csrf_token
    assert browser.post("/console/test-write", data={"csrf_token": token}).json() == {"name": "Dina Dispatcher"}


@pytest.mark.usefixtures("dina")
def test_a_role_opens_its_pages_only(hub: Hub, browser: TestClient) -> None:
    _enter(browser)
    refused = browser.get("/console/test-role")
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert "it takes the role analyst or operations" in refused.text
    create_staff(hub, "ana@company.example", "Ana Analyst", PASSWORD, [Role.ANALYST])
    _enter(browser, email="ana@company.example")
    assert browser.get("/console/test-role").json() == {"name": "Ana Analyst"}


def test_nobody_signed_in_is_sent_to_sign_in(browser: TestClient) -> None:
    assert browser.get("/console/test-read").headers["location"].startswith("/console/sign-in?onward=")
    assert browser.post("/console/test-write").headers["location"] == "/console/sign-in"
    browser.cookies.set(STAFF_COOKIE, "forged")
    assert browser.get("/console/test-read").status_code == HTTPStatus.SEE_OTHER


@pytest.mark.usefixtures("dina")
def test_after_signing_in_one_lands_on_the_page_one_wanted(browser: TestClient) -> None:
    form = {"email": EMAIL, "password": PASSWORD, "onward": "/console/board?day=2026-05-04"}
    assert browser.post("/console/sign-in", data=form).headers["location"] == "/console/board?day=2026-05-04"
    assert browser.get("/console/sign-in").headers["location"] == "/console"


@pytest.mark.usefixtures("dina")
def test_a_long_filter_comes_along_and_a_longer_one_is_dropped(browser: TestClient) -> None:
    asked = "/console/test-read?text=" + quote("é" * 200)
    form = browser.get(browser.get(asked).headers["location"]).text
    assert f'name="onward" value="{asked}"' in form
    entered = {"email": EMAIL, "password": PASSWORD}
    assert browser.post("/console/sign-in", data={**entered, "onward": asked}).headers["location"] == asked
    too_long = "/console/test-read?" + "a" * LONGEST_ONWARD
    assert browser.post("/console/sign-in", data={**entered, "onward": too_long}).headers["location"] == "/console"


@pytest.mark.usefixtures("dina")
def test_an_address_pasted_with_a_sign_nobody_sees_signs_in(browser: TestClient) -> None:
    assert _enter(browser, email=f"{EMAIL}\u200b") == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize(
    "wished",
    [
        "https://evil.example",
        "//evil.example",
        "/console.evil.example",
        "/console/../x",
        "/console/\\x",
        "/console/\n",
        "/console/sign-out",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(wished: str) -> None:
    assert own_address(wished) == "/console"


def test_ending_a_session_twice_is_no_error(hub: Hub) -> None:
    create_staff(hub, EMAIL, "Dina", PASSWORD, [Role.DISPATCHER])
    token = sign_in(hub, EMAIL, PASSWORD)
    sign_out(hub, token)
    sign_out(hub, token)


@pytest.mark.parametrize(
    ("email", "name", "password", "roles", "sentence"),
    [
        ("no-address", "Dina", PASSWORD, [Role.DISPATCHER], "not an e-mail address"),
        (EMAIL, " ", PASSWORD, [Role.DISPATCHER], "needs the person's name"),
        (EMAIL, "Dina", "short", [Role.DISPATCHER], "12 to 256 characters"),
        (EMAIL, "Dina", "x" * 257, [Role.DISPATCHER], "12 to 256 characters"),
        (EMAIL, "Dina", PASSWORD, [], "needs a role"),
    ],
)
def test_an_account_that_cannot_be_made_is_refused_with_a_sentence(
    hub: Hub, email: str, name: str, password: str, roles: list[Role], sentence: str
) -> None:
    with pytest.raises(StaffAccountInvalidError, match=sentence):
        create_staff(hub, email, name, password, roles)


@pytest.mark.usefixtures("dina")
def test_one_address_has_one_account_and_its_password_is_argon2(hub: Hub) -> None:
    with pytest.raises(EmailTakenError):
        create_staff(hub, EMAIL.upper(), "Other", PASSWORD, [Role.ANALYST])
    with hub.reading() as connection:
        stored = connection.execute(select(tables.staff_account.c.password_hash)).scalar_one()
    assert stored.startswith("$argon2id$")


def test_what_is_typed_comes_back_escaped(browser: TestClient) -> None:
    answer = browser.post("/console/sign-in", data={"email": '"><script>alert(1)</script>', "password": "x"})
    assert "<script>alert" not in answer.text
