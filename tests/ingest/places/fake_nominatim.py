"""A server that speaks as Nominatim's search service does, for the contract test: on loopback, with answers by street."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


def a_hit(**changes: Any) -> dict[str, Any]:
    """A house in Ghent as Nominatim tells it with `format=jsonv2&addressdetails=1`."""
    hit = {
        "place_id": 1,
        "licence": "Data © OpenStreetMap contributors, ODbL 1.0",
        "osm_type": "way",
        "osm_id": 1,
        "lat": "51.0501234",
        "lon": "3.7212345",
        "category": "building",
        "type": "yes",
        "place_rank": 30,
        "importance": 0.0001,
        "addresstype": "building",
        "name": "",
        "display_name": "12, Lindestraat, Gent",
        "address": {
            "house_number": "12",
            "road": "Lindestraat",
            "city": "Gent",
            "postcode": "9000",
            "country_code": "be",
        },
        "boundingbox": ["51.0500", "51.0502", "3.7211", "3.7213"],
    }
    return {**hit, **changes}


class FakeNominatim:
    """What it was asked, and what it says: `answers` by street, `raw` for everything, `status` and `delay_seconds` for trouble."""

    def __init__(self) -> None:
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.raw: bytes | None = None
        self.status = 200
        self.delay_seconds = 0.0
        self.asked: list[dict[str, str]] = []
        self.agents: list[str] = []
        self.url = ""


@contextmanager
def fake_nominatim() -> Iterator[FakeNominatim]:
    """The server, running on a port of its own."""
    fake = FakeNominatim()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            fake.asked.append(asked)
            fake.agents.append(self.headers["User-Agent"])
            time.sleep(fake.delay_seconds)
            known = fake.answers.get(asked.get("street", ""), [])
            body = fake.raw if fake.raw is not None else json.dumps(known).encode()
            # Who gives up waiting does not hear the answer.
            with suppress(BrokenPipeError, ConnectionResetError):
                self._answer(parts.path, body)

        def _answer(self, path: str, body: bytes) -> None:
            self.send_response(fake.status if path == "/search" else 404)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
