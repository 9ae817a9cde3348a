"""The API describes itself fully: who may call, what each write needs, and how errors look."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.technician_api.conftest import API


@pytest.fixture
def description(client: TestClient) -> Any:
    return client.get(f"{API}/openapi.json").json()


def operations(description: Any) -> list[tuple[str, str, Any]]:
    return [(path, verb, one) for path, verbs in description["paths"].items() for verb, one in verbs.items()]


def test_every_operation_says_what_it_does_and_how_it_fails(description: Any) -> None:
    listed = operations(description)
    assert len(listed) == 15
    for path, verb, operation in listed:
        assert operation["description"], (verb, path)
        problems = [code for code in operation["responses"] if not code.startswith("2")]
        assert "422" in problems, (verb, path)
        assert verb != "post" or {"400", "413"} <= set(problems), (verb, path)
        assert "401" in problems or (verb, path) == ("get", f"{API}/session")
        for code in problems:
            assert list(operation["responses"][code]["content"]) == ["application/problem+json"], (verb, path, code)


def test_every_post_requires_an_idempotency_key(description: Any) -> None:
    posts = [one for _path, verb, one in operations(description) if verb == "post"]
    assert len(posts) == 10
    for operation in posts:
        keys = [one for one in operation["parameters"] if one["name"] == "Idempotency-Key"]
        assert [one["required"] for one in keys] == [True]


def test_all_but_enrolling_needs_the_token_or_the_cookie(description: Any) -> None:
    schemes = description["components"]["securitySchemes"]
    assert (schemes["DeviceToken"]["scheme"], schemes["DeviceCookie"]["in"]) == ("bearer", "cookie")
    open_to_all = {(path, verb) for path, verb, one in operations(description) if not one.get("security")}
    assert open_to_all == {(f"{API}/enrol", "post"), (f"{API}/session", "post")}
