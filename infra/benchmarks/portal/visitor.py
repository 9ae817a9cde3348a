"""Citizens as a program: a small HTTP client that costs little beside the server it measures, and what citizens do with it."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from urllib.parse import quote

_SLOT = re.compile(r'name="slot"[^>]*value="([0-9T:Z/-]+)"|value="([0-9T:Z/-]+)"[^>]*name="slot"')
_APPOINTMENT = re.compile(r'name="appointment" value="([0-9a-f-]{36})"')
_LIMIT_SECONDS = 600.0
_PAGES_ON_A_CONNECTION = 10
_TRIES = 4
"""How often a citizen chooses again after somebody else was faster."""


class NotServedError(Exception):
    """The site answered with something a citizen could not go on from."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `seconds` from the first byte sent to the last one read."""

    status: int
    location: str
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        """The page's text."""
        return (gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body).decode()


class Connection:
    """One connection that is kept: HTTP/1.1 with lengths or chunks, and nothing else that a browser knows."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, method: str, path: str, form: str = "") -> Answer:
        """Send one request and read its answer to the end."""
        began = time.perf_counter()
        body = form.encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n"
        if body:
            head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(f"{head}\r\n".encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(_fields(lines[1:]))
        content = await self._content(headers)
        return Answer(int(lines[0].split()[1]), headers.get("location", ""), content, time.perf_counter() - began)

    async def _content(self, headers: dict[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return await self._reader.readexactly(int(headers.get("content-length", "0")))
        parts = list[bytes]()
        while size := int(await self._reader.readline(), 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readline()
        await self._reader.readline()
        return b"".join(parts)


def _fields(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            yield name.lower(), value.strip()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """A connection to the site on this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


@dataclass
class Looks:
    """What came of many looks at pages: how long each took, and all together, in seconds."""

    each: list[float] = field(default_factory=list)
    seconds: float = 0.0
    page_bytes: int = 0

    @property
    def rate(self) -> float:
        """Pages a second."""
        return len(self.each) / self.seconds


def look(port: int, paths: Sequence[str], connections: int) -> Looks:
    """Get every page of `paths` once, over so many connections at a time; raises NotServedError for an answer that is no page."""
    looks, waiting = Looks(), iter(paths)

    async def one() -> None:
        # Not one connection for all: whoever accepts it would answer all of them, and the other processes none.
        while some := list(islice(waiting, _PAGES_ON_A_CONNECTION)):
            async with connected(port) as site:
                for path in some:
                    answer = await site.ask("GET", path)
                    if answer.status != HTTPStatus.OK:
                        raise NotServedError(f"GET answered {answer.status}")
                    looks.each.append(answer.seconds)
                    looks.page_bytes = len(answer.body)

    looks.seconds = _run_many(one, connections)
    return looks


@dataclass
class Bookings:
    """What came of citizens who booked: seconds of the step "keep this time", of "confirm", and of both together."""

    holds: list[float] = field(default_factory=list)
    confirms: list[float] = field(default_factory=list)
    both: list[float] = field(default_factory=list)
    beaten: int = 0
    without_times: int = 0
    seconds: float = 0.0


def book(port: int, tokens: Sequence[str], connections: int, seed: int) -> Bookings:
    """Let the citizens of these links book, over so many connections at a time: look, choose, keep, confirm."""
    found, waiting, luck = Bookings(), iter(tokens), random.Random(f"portal/{seed}")

    async def one() -> None:
        for token in waiting:
            async with connected(port) as site:
                await _book_one(site, f"/a/{token}", luck, found)

    found.seconds = _run_many(one, connections)
    return found


async def _book_one(site: Connection, page: str, luck: random.Random, found: Bookings) -> None:
    for _ in range(_TRIES):
        slots = slot_values((await site.ask("GET", page)).text)
        if not slots:
            found.without_times += 1
            return
        kept = await site.ask("POST", f"{page}/hold", f"slot={quote(luck.choice(slots), safe='')}")
        if not kept.location.partition("?")[0].endswith("/confirm"):
            found.beaten += 1
            continue
        appointment = appointment_of((await site.ask("GET", kept.location)).text)
        if appointment is None:
            raise NotServedError("the page that asks for confirmation has no button")
        done = await site.ask("POST", f"{page}/confirm", f"appointment={appointment}")
        if "note=confirmed" not in done.location:
            raise NotServedError(f"the confirmation led to {done.status} {done.location.partition('?')[2]}")
        found.holds.append(kept.seconds)
        found.confirms.append(done.seconds)
        found.both.append(kept.seconds + done.seconds)
        return


def slot_values(page: str) -> list[str]:
    """The times that can be chosen on a page, in its order."""
    return list(dict.fromkeys(one or other for one, other in _SLOT.findall(page)))


def appointment_of(page: str) -> str | None:
    """What the button of the page that asks for confirmation sends, or None for any other page."""
    found = _APPOINTMENT.search(page)
    return found[1] if found else None


def _run_many(one: Callable[[], Coroutine[object, object, None]], connections: int) -> float:
    """Run so many at once until all are through; returns the seconds it took."""

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(one())

    began = time.perf_counter()
    asyncio.run(asyncio.wait_for(together(), _LIMIT_SECONDS))
    return time.perf_counter() - began
