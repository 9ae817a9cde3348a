"""Road times of an OSRM server: a real one, which must agree with the roads in this process, and a false one that misbehaves."""

from __future__ import annotations

import http.server
import importlib.util
import json
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.domain.errors import ConfigurationError
from hub.domain.places import Place
from scheduling.travel.model import UNREACHABLE, TravelUnavailableError, legs
from scheduling.travel.osrm import RoadTravel
from scheduling.travel.remote import RemoteRoads
from tests.scheduling.travel.small_map import ISLAND, MAINLAND, SEA, YARD

A, B = Place(50.0, 10.0), Place(50.01, 10.01)
START_SECONDS = 60


@contextmanager
def osrm_server(data: Path, *options: str) -> Iterator[str]:
    """OSRM's own server on the roads in `data`, on a free port."""
    found = importlib.util.find_spec("osrm")
    assert found is not None
    assert found.origin is not None
    program = Path(found.origin).parent / "bin" / "osrm-routed"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(program), "--ip", "127.0.0.1", "--port", str(port), "--algorithm", "MLD", *options, str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_until_open(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_until_open(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until, "the OSRM server did not start"
            time.sleep(0.05)
        else:
            return


def test_local_and_remote_give_the_same_answers(town: RoadTravel) -> None:
    rng = random.Random(5)
    places = [MAINLAND.corner(rng.randrange(40), rng.randrange(40)) for _ in range(70)]
    places += [Place(50.0 + rng.random() * 0.08, 10.0 + rng.random() * 0.12) for _ in range(50)]
    places += [*YARD, SEA, ISLAND.corner(4, 4), Place(90.0, 0.0)]
    with osrm_server(town.data.base) as url:
        remote = RemoteRoads(url)
        table = remote.matrix(places, places)
        assert (table == town.matrix(places, places)).all()
        assert (table >= UNREACHABLE).any()
        assert (remote.matrix(YARD, YARD) == town.matrix(YARD, YARD)).all()
        assert legs(remote, places) == legs(town, places)
        assert remote.metres_to_road(places) == pytest.approx(town.metres_to_road(places), abs=0.1)
        assert remote.name == f"osrm car at {url}, roads within 1000 m"


def test_a_server_that_looks_within_a_radius_only_still_names_what_is_far(town: RoadTravel) -> None:
    places = [MAINLAND.corner(5, 5), SEA, MAINLAND.corner(9, 9), MAINLAND.corner(20, 3)]
    with osrm_server(town.data.base, "--default-radius", "500") as url:
        assert (RemoteRoads(url).matrix(places, places) == town.matrix(places, places)).all()


def test_a_server_that_allows_smaller_tables_is_a_sentence(town: RoadTravel) -> None:
    places = [MAINLAND.corner(at, at) for at in range(20)]
    with osrm_server(town.data.base, "--max-table-size", "10") as url:
        with pytest.raises(TravelUnavailableError, match="allows no tables of 100; set the table size"):
            RemoteRoads(url).matrix(places, places)
        assert (RemoteRoads(url, table_size=10).matrix(places, places) == town.matrix(places, places)).all()


type Answer = tuple[int, bytes]


@contextmanager
def false_server(answer: Callable[[int], Answer | None]) -> Iterator[tuple[str, list[str]]]:
    """Answers the n-th question as told (None: hangs up), and remembers what was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            told = answer(len(asked) - 1)
            if told is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(told[0])
            self.send_header("Content-Length", str(len(told[1])))
            self.end_headers()
            self.wfile.write(told[1])

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def table(rows: Any, sources: int = 1, destinations: int = 1, **end: Any) -> Answer:
    where = {"location": [10.0, 50.0], "distance": 3.0} | end
    body = {"code": "Ok", "durations": rows, "sources": [where] * sources, "destinations": [where] * destinations}
    return 200, json.dumps(body).encode()


ANCHOR = table([[0.0]] * 16, sources=16)


def test_it_asks_again_after_a_failure_and_waits_longer_each_time() -> None:
    waits: list[float] = []
    script: list[Answer | None] = [(503, b"busy"), None, ANCHOR, (429, b""), table([[61.4]])]
    with false_server(lambda at: script[at]) as (url, asked):
        assert RemoteRoads(url, sleep=waits.append).matrix([A], [B])[0, 0] == 61
    assert len(asked) == 5
    assert waits == [0.2, 1.0, 0.2]
    assert asked[-1].startswith("/table/v1/car/10.000000,50.000000;10.010000,50.010000;10.000000,50.000000?sources=0&")


def test_it_gives_up_after_three_attempts() -> None:
    waits: list[float] = []
    with (
        false_server(lambda at: (502, b"")) as (url, asked),
        pytest.raises(TravelUnavailableError, match=f"server at {url} answered 502, three times"),
    ):
        RemoteRoads(url, sleep=waits.append).matrix([A], [B])
    assert len(asked) == 3
    assert waits == [0.2, 1.0]


def _impatient(port: int) -> RemoteRoads:
    return RemoteRoads(f"http://127.0.0.1:{port}", timeout_seconds=0.2, sleep=lambda _: None)


def test_a_server_that_is_not_there_or_too_slow_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(TravelUnavailableError, match=r"did not answer .ConnectError., three times"):
        _impatient(port).matrix([A], [B])
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(TravelUnavailableError, match=r"did not answer .ReadTimeout., three times"),
    ):
        _impatient(silent.getsockname()[1]).matrix([A], [B])


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>welcome</html>"),
        (200, b"[]"),
        (200, b"{}"),
        (404, b'{"message": "no route"}'),
        (400, b'{"code": "InvalidQuery", "message": "Query string malformed"}'),
        (200, b'{"code": "Ok"}'),
        table([]),
        table([[1.0, 2.0]]),
        table([[1.0]], destinations=2),
        table([["soon"]]),
        table([[-5.0]]),
        table(None),
        table([[1.0]], location=[]),
    ],
)
def test_an_answer_that_is_no_table_is_an_error_and_never_a_time(answer: Answer) -> None:
    with (
        false_server(lambda at: answer if at else ANCHOR) as (url, _),
        pytest.raises(TravelUnavailableError, match="The OSRM server at"),
    ):
        RemoteRoads(url).matrix([A], [B])


def test_null_is_unreachable_and_a_missing_distance_is_measured() -> None:
    with false_server(lambda at: table([[None]]) if at else ANCHOR) as (url, _):
        assert RemoteRoads(url).matrix([A], [B])[0, 0] == UNREACHABLE
    body = {"code": "Ok", "durations": [[7.0]], "sources": [{"location": [10.0, 50.0]}]}
    near = json.dumps(body | {"destinations": [{"location": [10.01, 50.011]}]}).encode()
    far = json.dumps(body | {"destinations": [{"location": [10.01, 50.03]}]}).encode()
    for text, expected in ((near, 7), (far, UNREACHABLE)):
        with false_server(lambda at, text=text: (200, text) if at else ANCHOR) as (url, _):  # type: ignore[misc]
            assert RemoteRoads(url).matrix([A], [B])[0, 0] == expected


@pytest.mark.parametrize("url", ["", "localhost:5000", "ftp://host", "http://"])
def test_an_address_that_is_none_is_a_sentence(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must begin with http"):
        RemoteRoads(url)


def test_the_name_keeps_the_password_of_the_address_to_itself() -> None:
    assert RemoteRoads("https://me:secret@roads.example:8443/osrm/").name == (
        "osrm car at https://roads.example:8443/osrm, roads within 1000 m"
    )
