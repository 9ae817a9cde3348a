"""The memory of one worker over many messages: it must not grow with them."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hub.messaging.service_bus import OutgoingMessage
from infra.chaos.options import START, ChaosOptions
from infra.chaos.progress import Progress
from infra.chaos.stream import as_bytes
from infra.chaos.traffic import Listener, Sender
from infra.chaos.world import built_world
from ingest.change_schemas import UPDATE_TYPE
from ingest.sample.orders import OrderDraw
from ingest.sample.technicians import served_territories

_LOOK_SECONDS = 0.5
_OF_EACH = 4
"""Messages about an order: its create, the same again, an update, and an older update that comes late."""


@dataclass(frozen=True)
class Sample:
    """The worker's resident memory when it had settled `messages`."""

    messages: int
    mebibytes: float


def watch_memory(messages: int, seed: int, minutes: float, show: Callable[[int], None]) -> list[Sample]:
    """Let a worker take in `messages`; returns its memory at intervals. Ends after `minutes` with what there is."""
    stream = list(_stream(messages, seed))
    with built_world(ChaosOptions(orders=10, kills=0, workers=1, minutes=minutes)) as world:
        settings, progress = world.hub.settings, Progress(world.hub)

        def taken() -> int:
            # The second copy of a create leaves no row of its own.
            return progress.counts.settled * _OF_EACH // (_OF_EACH - 1)

        sender = Sender(world.bus, settings.orders_queue, stream, taken)
        listener = Listener(world.bus, settings.events_topic, settings.utility_subscription)
        samples: list[Sample] = []
        deadline = time.monotonic() + 60 * minutes
        try:
            listener.start()
            sender.start()
            while time.monotonic() < deadline and taken() < len(stream):
                time.sleep(_LOOK_SECONDS)
                progress.look()
                show(taken())
                pid = world.workers[0].process.pid
                if pid is not None and taken():
                    samples.append(Sample(taken(), _resident(pid)))
        finally:
            sender.stop()
            listener.stop()
        return samples


def at_shares(samples: list[Sample], shares: tuple[float, ...]) -> list[tuple[int, float]]:
    """The median memory, in MiB, around each share of the messages, and how many messages that are."""
    last = samples[-1].messages
    found = []
    for share in shares:
        near = [one.mebibytes for one in samples if abs(one.messages - share * last) <= 0.05 * last]
        found.append((round(share * last), median(near)) if near else (round(share * last), float("nan")))
    return found


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _stream(messages: int, seed: int) -> Iterator[OutgoingMessage]:
    """Orders without a citizen, so that it is messages that are measured and not invitations."""
    draw = OrderDraw(random.Random(f"memory/{seed}"), START.date(), served_territories(12))
    for number in range(messages // _OF_EACH):
        order = draw.order(number, "cabinet_repair")
        create = as_bytes({**draw.event(order, number), "sequence": "1"})
        yield OutgoingMessage(body=create, message_id=f"{number}-1")
        yield OutgoingMessage(body=create, message_id=f"{number}-1")
        for revision in (3, 2):
            change = {"externalId": order["externalId"], "description": f"Changed in revision {revision}."}
            event = {**draw.event(change, number), "type": UPDATE_TYPE, "sequence": str(revision)}
            yield OutgoingMessage(body=as_bytes(event), message_id=f"{number}-{revision}")
