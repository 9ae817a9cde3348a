"""The utility of a play: sends its orders in batches over the first two days, some of them twice, as a bus at least once may."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hub.messaging.service_bus import send_batch
from infra.play.ledger import SentMessage
from infra.play.options import PlayOptions
from infra.play.world import World
from ingest.sample_feed import FeedMessage, SampleFeed

_TWICE_SHARE = 0.04
FIRST_DAY_HOURS = (8, 10, 12, 15)
"""Hours of the first day, by the wall clock, at which a batch of orders is sent."""
_SECOND_DAY_HOURS = (9, 13)


@dataclass
class Utility:
    """What was sent so far, as the ledger needs it."""

    world: World
    sent: list[SentMessage] = field(default_factory=list)
    has_just_sent: bool = False

    @property
    def distinct(self) -> int:
        """How many different messages were sent: each leaves one row in the hub's inbox."""
        return len({message.message_id for message in self.sent})

    def send(self, batch: Iterable[FeedMessage]) -> None:
        """Put `batch` on the queue; raises BusUnavailable."""
        messages = list(batch)
        known = {message.message_id for message in self.sent}
        for message in messages:
            twice = message.message_id in known
            known.add(message.message_id)
            expected = "duplicate" if twice else message.expected.value
            self.sent.append(SentMessage(message.message_id, message.external_id, expected))
        self.has_just_sent = True
        queue = self.world.hub.settings.orders_queue
        send_batch(self.world.bus, queue, messages)


def batches(options: PlayOptions, feed: SampleFeed) -> Iterator[tuple[datetime, list[FeedMessage]]]:
    """The feed in batches with the instant at which each is sent; every 25th message or so is sent a second time."""
    luck = random.Random(f"{options.seed}/bus")
    times = [options.local(options.start, hour) for hour in FIRST_DAY_HOURS]
    times += [options.local(options.start + timedelta(days=1), hour) for hour in _SECOND_DAY_HOURS]
    share = -(-len(feed.messages) // len(times))
    again: list[FeedMessage] = []
    for number, at in enumerate(times):
        batch = list(feed.messages[number * share : (number + 1) * share])
        doubled = [message for message in batch if luck.random() < _TWICE_SHARE]
        # Half of the doubles follow at once, the others with the next batch.
        now_again = [message for message in doubled if luck.random() < 0.5]
        whole = [*batch, *again, *now_again]
        again = [message for message in doubled if message not in now_again]
        if number == len(times) - 1:
            whole += again
        if whole:
            yield at, whole
