"""A stand-in for Twilio that keeps state: it takes messages and calls over HTTP, and posts signed callbacks as Twilio does.

What it does with a number is set beforehand (`behave`); whatever it took stays in `taken`, also when its answer never arrived.
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator

ACCOUNT = "AC" + "0" * 32
TOKEN = "not-a-real-token"
OUR_NUMBER = "+32460000000"
Post = Callable[[str, Mapping[str, str], Mapping[str, str]], Any]
"""Posts a form with headers to an address and returns the response."""


@dataclass
class Taken:
    """One message or call the stand-in took."""

    sid: str
    form: Mapping[str, str]
    is_call: bool
    said: list[str] = field(default_factory=list)


class FakeTwilio(ThreadingHTTPServer):
    """Listens on loopback. `behave[number]` is a list of what to do with the next requests for it: `refuse 21614`, `429`, `500`,
    `500 taken`, `silent` (takes it, hangs up), `hang` (takes it, never answers), `early` (calls back before it answers); without one it takes it and answers.
    """

    daemon_threads = True

    def __init__(self, post: Post | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.post = post
        self.behave: dict[str, list[str]] = {}
        self.taken: list[Taken] = []
        self.opted_out: set[str] = set()
        self.silence_ends = threading.Event()
        self._numbers = count(1)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def take(self, form: Mapping[str, str], *, is_call: bool) -> Taken:
        """Keep a message or call under a SID of its own."""
        one = Taken(f"{'CA' if is_call else 'SM'}{next(self._numbers):032x}", form, is_call)
        self.taken.append(one)
        return one

    def call_back(self, one: Taken, word: str, **more: str) -> Any:
        """Tell the hub what became of a message or call; returns its response."""
        one.said.append(word)
        own = (
            {"CallSid": one.sid, "CallStatus": word} if one.is_call else {"MessageSid": one.sid, "MessageStatus": word}
        )
        form = {
            "AccountSid": ACCOUNT,
            "To": one.form["To"],
            "From": OUR_NUMBER,
            "ApiVersion": "2010-04-01",
            **own,
            **more,
        }
        return self.tell(one.form["StatusCallback"], form)

    def tell(self, address: str, form: Mapping[str, str]) -> Any:
        """Post `form` to `address` of the hub, signed for it."""
        assert self.post is not None
        return self.post(address, form, {"X-Twilio-Signature": sign(address, form)})

    def text(self, address: str, sender: str, words: str, *, sid: str = "") -> Any:
        """Somebody sends us a text; STOP and START are heeded by the stand-in too, as by Twilio."""
        known = words.strip().upper()
        if known in {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"}:
            self.opted_out.add(sender)
        if known in {"START", "YES", "UNSTOP"}:
            self.opted_out.discard(sender)
        form = {
            "MessageSid": sid or f"SM{next(self._numbers):032x}",
            "AccountSid": ACCOUNT,
            "From": sender,
            "To": OUR_NUMBER,
            "Body": words,
            "NumMedia": "0",
        }
        return self.tell(address, form)


def sign(address: str, form: Mapping[str, str], token: str = TOKEN) -> str:
    """Twilio's signature of a form posted to `address`."""
    return str(RequestValidator(token).compute_signature(address, dict(form)))


class _Conversation(BaseHTTPRequestHandler):
    server: FakeTwilio

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        expected = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if self.headers["Authorization"] != f"Basic {expected}":
            self._answer(401, {"code": 20003, "message": "Authenticate"})
            return
        number = form.get("To", "")
        planned = self.server.behave.get(number, [])
        self._carry_out(form, planned.pop(0) if planned else "")

    def _carry_out(self, form: Mapping[str, str], plan: str) -> None:
        is_call = self.path.endswith("/Calls.json")
        if not is_call and form["To"] in self.server.opted_out:
            self._answer(400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient"})
        elif plan.startswith("refuse"):
            self._answer(400, {"code": int(plan.split()[1]), "message": f"no {form['To']}"})
        elif plan == "429":
            self._answer(429, {"code": 20429, "message": "Too Many Requests"}, {"Retry-After": "120"})
        elif plan == "500":
            self._answer(500, {"code": 20500, "message": "Internal Server Error"})
        else:
            self._accept(self.server.take(form, is_call=is_call), plan)

    def _accept(self, one: Taken, plan: str) -> None:
        if plan in {"silent", "hang"}:
            if plan == "hang":
                self.server.silence_ends.wait(60)
            return
        if plan == "500 taken":
            self._answer(500, {"code": 20500, "message": "Internal Server Error"})
            return
        if plan == "early":
            self.server.call_back(one, "delivered")
        self._answer(201, {"sid": one.sid, "status": "queued", "to": one.form["To"]})

    def _answer(self, status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        return


class LocalTwilio(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """Sends the SDK's requests to a server of ours on `port`, and remembers what it answered."""

    def __init__(self, port: int, *, timeout: float = 5) -> None:
        super().__init__(timeout=timeout)
        self._port = port
        self.answers: list[tuple[int, str]] = []

    def request(self, method: str, url: str, *rest: Any, **options: Any) -> Any:
        local = url.replace("https://api.twilio.com", f"http://127.0.0.1:{self._port}")
        response = super().request(method, local, *rest, **options)
        self.answers.append((response.status_code, response.text))
        return response
