"""The sample feed: a seeded stream of a utility's messages, good and bad, with what must become of each.

Also the file such a feed travels in: one message a line, whole CloudEvents or deliberately broken ones.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from hub.domain.errors import DoorstepError
from hub.domain.technicians import Technician
from hub.messaging.service_bus import OutgoingMessage
from ingest.inbox import InboxOutcome
from ingest.sample.defects import DEFECTS
from ingest.sample.orders import OrderDraw, draw_work_types
from ingest.sample.technicians import draw_technicians, served_territories

_BAD_SHARE = 0.03
_FEWEST_FOR_A_MISTAKE = 10
_LONGEST_LINE = 1_000_000


class FeedError(DoorstepError):
    """A feed cannot be made or read; the sentence says why."""

    code = "feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMessage(OutgoingMessage):
    """One message of the sample, ready to send.

    `expected` is what must become of it, `mistake` what is wrong with it (empty when it is good), and `external_id` names the order
    in it (empty when no order can be read from it).
    """

    expected: InboxOutcome
    external_id: str
    mistake: str = ""


@dataclass(frozen=True)
class SampleFeed:
    """The messages in sending order, and the technicians who can do the work."""

    messages: tuple[FeedMessage, ...]
    technicians: tuple[Technician, ...]

    @property
    def expected(self) -> Mapping[InboxOutcome, int]:
        """How many messages must end in each way; every way is named."""
        counted = Counter(message.expected for message in self.messages)
        return {outcome: counted[outcome] for outcome in InboxOutcome}


def generate(orders: int, seed: int, start: date, technicians: int = 12) -> SampleFeed:
    """A feed of `orders` messages, about 3 % of them bad on purpose (none in a feed of fewer than ten).

    The same arguments make the same feed, byte for byte. Orders lie only in the territories the technicians work in:
    max(1, min(3, technicians // 4)) of them. Raises FeedError when a number is out of range.
    """
    if not 0 <= orders <= 1_000_000:
        raise FeedError(f"A feed has 0 to 1,000,000 orders, not {orders}.")
    if not 1 <= technicians <= 10_000:
        raise FeedError(f"A feed needs 1 to 10,000 technicians, not {technicians}.")
    luck = random.Random(f"{seed}/{orders}/{start}/{technicians}")
    draw = OrderDraw(luck, start, served_territories(technicians))
    return SampleFeed(_messages(draw, orders), draw_technicians(seed, technicians))


def write_feed(path: Path, feed: SampleFeed) -> int:
    """Write the feed to a file, one message a line, and return how many; raises FeedError."""
    try:
        path.write_bytes(b"".join(message.body + b"\n" for message in feed.messages))
    except OSError as error:
        raise FeedError(f"The feed cannot be written to {path}: {error.strerror}.") from error
    return len(feed.messages)


def read_feed(path: Path | None) -> Iterator[OutgoingMessage]:
    """The messages in a file of lines (None: on standard input), as they came: a broken line is sent broken, and the hub says what is wrong with it.

    Empty lines are skipped. A message's id is its event's, or else made from the line, so that sending a file twice repeats the ids.
    Raises FeedError when the file cannot be read, is no text, or a line is longer than the bus takes.
    """
    name = "standard input" if path is None else str(path)
    try:
        with nullcontext(sys.stdin.buffer) if path is None else path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE + 1), b""), start=1):
                if len(line) > _LONGEST_LINE:
                    raise FeedError(
                        f"Line {number} of {name} is longer than {_LONGEST_LINE:,} bytes. Send one event a line."
                    )
                if number == 1 and b"\x00" in line:
                    raise FeedError(f"{name} is no feed: it is no text. Give a file with one CloudEvent a line.")
                body = line.rstrip(b"\r\n")
                if body.strip():
                    yield OutgoingMessage(body=body, message_id=_message_id(body))
    except OSError as error:
        raise FeedError(f"The feed {name} cannot be read: {error.strerror}.") from error


def _messages(draw: OrderDraw, count: int) -> tuple[FeedMessage, ...]:
    luck = draw.luck
    bad = 0 if count < _FEWEST_FOR_A_MISTAKE else max(1, round(count * _BAD_SHARE))
    # Never the first message: a duplicate needs one to repeat.
    places = dict(zip(sorted(luck.sample(range(1, count), bad)), range(bad), strict=True)) if bad else {}
    types = draw_work_types(luck, count - bad)
    good: list[dict[str, Any]] = []
    made = []
    for number in range(count):
        if number not in places:
            order = draw.order(number, types[len(good)])
            good.append(order)
            made.append(_feed_message(_line(draw.event(order, number)), InboxOutcome.IMPORTED, order, ""))
            continue
        defect = DEFECTS[places[number] % len(DEFECTS)]
        repeats = defect.expected is InboxOutcome.DUPLICATE
        order = luck.choice(good) if repeats else draw.order(number, "meter_swap")
        made.append(_feed_message(defect.spoil(draw.event(order, number)), defect.expected, order, defect.name))
    return tuple(made)


def _feed_message(body: bytes, expected: InboxOutcome, order: Mapping[str, Any], mistake: str) -> FeedMessage:
    named = "" if expected is InboxOutcome.DEAD_LETTERED else str(order["externalId"])
    return FeedMessage(body=body, message_id=_message_id(body), expected=expected, external_id=named, mistake=mistake)


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _message_id(body: bytes) -> str:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    named = event.get("id") if isinstance(event, dict) else None
    usable = isinstance(named, str) and named.isprintable() and 0 < len(named) <= 128
    return str(named) if usable else str(uuid5(NAMESPACE_OID, body.decode("utf-8", "replace")))
