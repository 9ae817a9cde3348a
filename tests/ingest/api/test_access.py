"""Who may call, with what, and what a token lets through."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.db.tables import utility_client, utility_token
from hub.domain.errors import NotFoundError
from ingest.api.clients import (
    PER_CLIENT,
    TOKEN_LENGTH,
    ClientInvalidError,
    add_client,
    client_of_token,
    forget_old_tokens,
    issue_token,
    list_clients,
    revoke_client,
)
from ingest.api.scopes import Scope
from tests.ingest.api.conftest import APPOINTMENTS, ORDERS, a_program
from tests.ingest.messages import UTILITY


def ask(client: TestClient, auth: tuple[str, str] | None = None, **form: str) -> Any:
    return client.post("/oauth/token", data={"grant_type": "client_credentials", **form}, auth=auth)


def test_a_secret_becomes_a_token_in_the_form_or_as_basic(hub: Hub, client: TestClient) -> None:
    listed, secret = add_client(hub, UTILITY, "orders", [Scope.READ_ORDERS, Scope.WRITE_ORDERS])
    for answer in (
        ask(client, client_id=listed.id, client_secret=secret),
        ask(client, auth=(listed.id, secret)),
        ask(client, auth=(listed.id, secret), scope="work-orders:read work-orders:write"),
    ):
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
        assert body["scope"] == "work-orders:read work-orders:write"
        assert answer.headers["cache-control"] == "no-store"
        assert client_of_token(hub, body["access_token"]).utility == UTILITY
    narrow = ask(client, auth=(listed.id, secret), scope="work-orders:read").json()
    assert client_of_token(hub, narrow["access_token"]).scopes == {Scope.READ_ORDERS}


def test_nothing_secret_is_kept(hub: Hub, client: TestClient) -> None:
    listed, secret = add_client(hub, UTILITY, "orders", [Scope.READ_ORDERS])
    token = ask(client, auth=(listed.id, secret)).json()["access_token"]
    with hub.reading() as connection:
        stored = str([*connection.execute(select(utility_client)), *connection.execute(select(utility_token))])
    assert secret not in stored
    assert token not in stored


def test_what_is_wrong_is_said_as_rfc_6749_has_it(hub: Hub, client: TestClient) -> None:
    listed, secret = add_client(hub, UTILITY, "orders", [Scope.READ_ORDERS])
    for answer, status, error in (
        (ask(client, auth=(listed.id, "wrong")), 401, "invalid_client"),
        (ask(client, auth=("nobody", secret)), 401, "invalid_client"),
        (ask(client, client_id="a\x00b", client_secret=secret), 401, "invalid_client"),
        (ask(client), 401, "invalid_client"),
        (ask(client, auth=(listed.id, secret), scope="everything"), 400, "invalid_scope"),
        (ask(client, auth=(listed.id, secret), grant_type="password"), 400, "unsupported_grant_type"),
        (client.post("/oauth/token", headers={"Authorization": "Basic ???"}), 400, "unsupported_grant_type"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert (answer.headers.get("www-authenticate", "").split(" ")[0] == "Basic") is (status == 401)
    broken = base64.b64encode(b"\xff\xfe").decode()
    for header in ("Basic ???", f"Basic {broken}", "Basic " + base64.b64encode(b"nocolon").decode()):
        answer = client.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": header}
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_guessing_is_slowed_down_and_shuts_nobody_else_out(hub: Hub, client: TestClient, clock: FixedClock) -> None:
    listed, secret = add_client(hub, UTILITY, "orders", [Scope.READ_ORDERS])
    statuses = [ask(client, auth=(listed.id, "wrong")).status_code for _ in range(PER_CLIENT.count + 1)]
    assert statuses == [401] * PER_CLIENT.count + [429]
    assert ask(client, auth=(listed.id, secret)).status_code == 429
    assert issue_token(hub, listed.id, secret, sender="192.0.2.7").token
    clock.advance(PER_CLIENT.span)
    assert ask(client, auth=(listed.id, secret)).status_code == 200


def test_a_token_ends_with_its_hour_and_with_its_client(hub: Hub, client: TestClient, clock: FixedClock) -> None:
    program = a_program(hub, client)
    clock.advance(TOKEN_LENGTH - timedelta(seconds=1))
    assert program.get(f"{ORDERS}/workOrder").status_code == 200
    clock.advance(timedelta(seconds=1))
    over = program.get(f"{ORDERS}/workOrder")
    assert (over.status_code, over.headers["www-authenticate"]) == (401, "Bearer")
    assert forget_old_tokens(hub, clock.now()) == 1
    fresh = a_program(hub, client)
    [_, listed] = list_clients(hub)
    revoke_client(hub, listed.id)
    revoke_client(hub, listed.id)
    assert fresh.get(f"{ORDERS}/workOrder").status_code == 401
    with pytest.raises(NotFoundError):
        revoke_client(hub, "uc-unknown")


def test_a_revoked_client_gets_no_token(hub: Hub, client: TestClient) -> None:
    listed, secret = add_client(hub, UTILITY, "orders", [Scope.READ_ORDERS])
    revoke_client(hub, listed.id)
    assert ask(client, auth=(listed.id, secret)).status_code == 401


def test_only_the_newest_tokens_of_a_client_live_on(hub: Hub, clock: FixedClock) -> None:
    listed, secret = add_client(hub, UTILITY, "orders", [Scope.READ_ORDERS])
    tokens = []
    for _ in range(55):
        tokens.append(issue_token(hub, listed.id, secret).token)
        clock.advance(timedelta(seconds=1))
    with hub.reading() as connection:
        assert len(connection.execute(select(utility_token)).all()) == 50
    assert client_of_token(hub, tokens[-1]).id == listed.id


@pytest.mark.parametrize(
    ("utility", "name", "scopes"),
    [
        ("", "n", [Scope.READ_ORDERS]),
        ("a b", "n", [Scope.READ_ORDERS]),
        ("u", " ", [Scope.READ_ORDERS]),
        ("u", "n", []),
    ],
)
def test_a_client_needs_a_utility_a_name_and_a_scope(hub: Hub, utility: str, name: str, scopes: list[Scope]) -> None:
    with pytest.raises(ClientInvalidError):
        add_client(hub, utility, name, scopes)


ROUTES = [
    ("GET", f"{ORDERS}/workOrder", Scope.READ_ORDERS),
    ("POST", f"{ORDERS}/workOrder", Scope.WRITE_ORDERS),
    ("GET", f"{ORDERS}/workOrder/x", Scope.READ_ORDERS),
    ("PATCH", f"{ORDERS}/workOrder/x", Scope.WRITE_ORDERS),
    ("DELETE", f"{ORDERS}/workOrder/x", Scope.WRITE_ORDERS),
    ("GET", f"{ORDERS}/cancelWorkOrder", Scope.READ_ORDERS),
    ("POST", f"{ORDERS}/cancelWorkOrder", Scope.WRITE_ORDERS),
    ("GET", f"{ORDERS}/cancelWorkOrder/x", Scope.READ_ORDERS),
    ("POST", f"{ORDERS}/hub", Scope.READ_ORDERS),
    ("DELETE", f"{ORDERS}/hub/x", Scope.READ_ORDERS),
    ("POST", f"{ORDERS}/listener/workOrderCreateEvent", Scope.READ_ORDERS),
    ("GET", f"{APPOINTMENTS}/appointment", Scope.READ_APPOINTMENTS),
    ("POST", f"{APPOINTMENTS}/appointment", Scope.WRITE_APPOINTMENTS),
    ("GET", f"{APPOINTMENTS}/appointment/x", Scope.READ_APPOINTMENTS),
    ("PATCH", f"{APPOINTMENTS}/appointment/x", Scope.WRITE_APPOINTMENTS),
    ("DELETE", f"{APPOINTMENTS}/appointment/x", Scope.WRITE_APPOINTMENTS),
    ("GET", f"{APPOINTMENTS}/searchTimeSlot", Scope.READ_APPOINTMENTS),
    ("POST", f"{APPOINTMENTS}/searchTimeSlot", Scope.WRITE_APPOINTMENTS),
    ("GET", f"{APPOINTMENTS}/searchTimeSlot/x", Scope.READ_APPOINTMENTS),
    ("PATCH", f"{APPOINTMENTS}/searchTimeSlot/x", Scope.WRITE_APPOINTMENTS),
    ("DELETE", f"{APPOINTMENTS}/searchTimeSlot/x", Scope.WRITE_APPOINTMENTS),
    ("POST", f"{APPOINTMENTS}/hub", Scope.READ_APPOINTMENTS),
    ("DELETE", f"{APPOINTMENTS}/hub/x", Scope.READ_APPOINTMENTS),
    ("POST", f"{APPOINTMENTS}/listener/appointmentCreateEvent", Scope.READ_APPOINTMENTS),
    ("GET", "/doorstep/v1/workOrder/x/dossier", Scope.READ_ORDERS),
    ("GET", "/doorstep/v1/workOrder/x/dossier.pdf", Scope.READ_ORDERS),
]


def test_every_route_needs_a_token_with_its_scope(hub: Hub, client: TestClient) -> None:
    everything = set(Scope)
    for method, path, _scope in ROUTES:
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
            refused = client.request(method, path, headers=headers)
            assert (refused.status_code, str(refused.json()["status"])) == (401, "401"), (method, path)
    for scope in Scope:
        lacking = a_program(hub, client, scopes=tuple(everything - {scope}))
        for method, path, needed in ROUTES:
            answer = lacking.send(method, path)
            assert (answer.status_code == 403) is (needed is scope), (method, path, scope, answer.text)
            said = answer.json()
            # What is TM Forum's speaks of a reason, what is ours of a detail (RFC 9457).
            assert needed is not scope or scope.value in said.get("reason", said.get("detail", ""))


def test_the_list_of_routes_is_complete(client: TestClient) -> None:
    told = client.get("/tmf-api/openapi.json").json()["paths"]
    documented = {(verb.upper(), path.replace("{id}", "x")) for path, verbs in told.items() for verb in verbs}
    assert documented - {("POST", "/oauth/token")} <= {(method, path) for method, path, _ in ROUTES}


def test_a_page_of_another_site_may_call_with_a_token_for_no_cookie_counts_here(hub: Hub, client: TestClient) -> None:
    program = a_program(hub, client)
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    answer = program.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": {"id": "x"}}, headers=foreign)
    assert (answer.status_code, answer.json()["code"]) == (400, "work-order-unknown")
    assert client.post(f"{ORDERS}/workOrder", json={}, headers=foreign).status_code == 401
    assert "set-cookie" not in answer.headers
