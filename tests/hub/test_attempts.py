"""What is counted is counted of many at once too, and from where a request comes cannot be made up with an IPv6 network."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.domain.errors import TooManyAttemptsError
from hub.web.requests import sender_address


def test_many_at_once_get_no_more_than_one_after_the_other(hub: Hub) -> None:
    limit = AttemptLimit(3, timedelta(minutes=15))

    def attempt(_: int) -> bool:
        with hub.unit_of_work() as work:
            try:
                refuse_when_too_many(work, "door:1", limit)
            except TooManyAttemptsError:
                return False
            # Long enough for the others to have asked too.
            time.sleep(0.05)
            count_failure(work, "door:1")
            work.commit()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(8))) == limit.count


@pytest.mark.parametrize(
    ("speaker", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a socket", "a socket"),
    ],
)
def test_a_sender_is_an_address_or_the_network_of_one_household(speaker: str, counted: str) -> None:
    app = FastAPI()

    def sender(request: Request) -> str:
        return sender_address(request)

    app.add_api_route("/sender", sender)
    with TestClient(app, client=(speaker, 4711)) as client:
        assert client.get("/sender").json() == counted
