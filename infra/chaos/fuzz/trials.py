"""Hands spoilt messages to the import, and notes how each ended, how long it took, and what must not have happened."""

import asyncio
import json
import random
import secrets
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from hub.bootstrap import Hub
from hub.messaging.service_bus import Complete, DeadLetter, OutgoingMessage, ReceivedMessage
from infra.chaos.fuzz.hostile import documents
from infra.chaos.fuzz.mutations import spoil
from infra.chaos.fuzz.originals import Originals
from ingest.relay import relay_outbox
from ingest.service import receive_message, receive_messages

LIMIT_SECONDS = 1.0
"""Processor time one message may take."""
_TOGETHER = 10
_LONGEST_TEXT = 1024
"""What the bus takes beside a dead letter."""
_WARM_UP = 20
_SHOWN_BYTES = 120
_TABLES = ("work_order", "inbox_message", "outbox_event", "status_event", "early_message")

type Show = Callable[[int], None]


@dataclass
class Report:
    """How all messages ended. `faults` are sentences, one for each thing that must not be."""

    messages: int = 0
    done: int = 0
    dead_lettered: int = 0
    slowest_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, object]:
        """One JSON object."""
        return {
            "messages": self.messages,
            "done": self.done,
            "dead_lettered": self.dead_lettered,
            "slowest_seconds": round(self.slowest_seconds, 3),
            "outcomes": dict(sorted(self.outcomes.items())),
            "faults": self.faults,
        }


class Trials:
    """Tries messages one by one or several together, and collects the report."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.report = Report()

    def alone(self, message: ReceivedMessage) -> None:
        """Hand over one message."""
        began = time.process_time()
        try:
            answer = receive_message(self._hub, message)
        except Exception as error:  # noqa: BLE001 - any exception is what this looks for
            self._blame(message, f"raised {type(error).__name__}: {str(error)[:200]}")
            self.report.messages += 1
            return
        self._judge(message, answer, time.process_time() - began)

    def together(self, messages: Sequence[ReceivedMessage]) -> None:
        """Hand over several messages at once; the time of all counts for each of them."""
        began = time.process_time()
        try:
            answers = receive_messages(self._hub, messages)
        except Exception as error:  # noqa: BLE001 - any exception is what this looks for
            self._blame(messages[0], f"and those with it raised {type(error).__name__}: {str(error)[:200]}")
            self.report.messages += len(messages)
            return
        seconds = time.process_time() - began
        for message, answer in zip(messages, answers, strict=True):
            self._judge(message, answer, seconds)

    def _judge(self, message: ReceivedMessage, answer: object, seconds: float) -> None:
        report = self.report
        report.messages += 1
        report.slowest_seconds = max(report.slowest_seconds, seconds)
        if seconds > LIMIT_SECONDS:
            self._blame(message, f"took {seconds:.2f} s")
        if isinstance(answer, DeadLetter):
            report.dead_lettered += 1
            texts = (answer.reason, answer.description)
            if not all(texts) or any(len(one) > _LONGEST_TEXT or "\x00" in one or not _is_utf8(one) for one in texts):
                self._blame(message, f"has a reason that the bus does not take: {answer!r:.200}")
        elif isinstance(answer, Complete):
            report.done += 1
        else:
            self._blame(message, f"was not settled: {answer!r:.300}")

    def _blame(self, message: ReceivedMessage, what: str) -> None:
        shown = f"{message.body[:_SHOWN_BYTES]!r}{'…' if len(message.body) > _SHOWN_BYTES else ''}"
        self.report.faults.append(f"{message.message_id!r:.80} ({message.content_type!r:.60}, {shown}) {what}")


def run_seeded(hub: Hub, count: int, seed: int, show: Show = lambda _: None) -> Report:
    """`count` spoilt messages drawn by `seed`, and every hostile document; the same arguments try the same messages.

    At the end the events for the utility that came of it are made ready for the bus, and nothing may have been opened that a message named.
    """
    luck = random.Random(f"fuzz/{seed}")
    originals, trials = Originals(luck), Trials(hub)
    for _ in range(_WARM_UP):
        # What is loaded once is no message's fault.
        receive_message(hub, originals.draw())
    with _bait() as (secret_file, address, callers):
        hostile = [
            originals.message(one.body, one.content_type, one.properties or {})
            for one in documents(str(secret_file), address)
        ]
        waiting: list[ReceivedMessage] = []
        for number in range(count):
            is_document = number % 25 == 0
            message = luck.choice(hostile) if is_document and number >= 25 * len(hostile) else originals.draw()
            message = hostile[number // 25] if is_document and number < 25 * len(hostile) else spoil(luck, message)
            if luck.random() < 0.3:
                waiting.append(message)
            else:
                trials.alone(message)
            if len(waiting) == _TOGETHER:
                trials.together(waiting)
                waiting = []
            show(trials.report.messages)
        if waiting:
            trials.together(waiting)
        finish(hub, trials.report, secret_file.read_text(), callers)
    return trials.report


def finish(hub: Hub, report: Report, secret: str, callers: Sequence[str]) -> None:
    """What can only be seen at the end: leaks, calls to the outside, and events that cannot be told."""
    report.faults += [f"A message made us call {caller}." for caller in callers]
    with hub.reading() as connection:
        for table in _TABLES:
            query = text(f"SELECT count(*) FROM {table} AS one WHERE one::text LIKE :secret")  # noqa: S608 - names of ours
            if connection.scalar(query, {"secret": f"%{secret}%"}):
                report.faults.append(f"A file's content was read into {table}.")
        rows = connection.execute(text("SELECT outcome, count(*) AS number FROM inbox_message GROUP BY outcome"))
        report.outcomes.update({row.outcome: row.number for row in rows})
    try:
        asyncio.run(relay_outbox(hub, _take))
    except Exception as error:  # noqa: BLE001 - any exception is what this looks for
        report.faults.append(f"The events cannot be told: {type(error).__name__}: {str(error)[:200]}")


async def _take(messages: Sequence[OutgoingMessage]) -> None:
    for message in messages:
        json.loads(message.body)
        message.for_sdk()


@contextmanager
def _bait() -> Iterator[tuple[Path, str, list[str]]]:
    """A file with a secret, the address of a listener, and who called there."""
    callers: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="doorstep-fuzz-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        file = Path(folder) / "secret.txt"
        file.write_text(f"bait-{secrets.token_hex(16)}")

        def listen() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(1.0)
                    callers.append(repr(connection.recv(80)))

        threading.Thread(target=listen, name="bait", daemon=True).start()
        try:
            yield file, f"http://127.0.0.1:{listener.getsockname()[1]}", callers
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
