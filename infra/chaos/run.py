"""A run: the world is built, the utility sends and listens, kills fall, everything comes to rest, and the ledger is made."""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hub.bootstrap import Hub
from hub.messaging.service_bus import receive_dead_letters
from hub.notifications.service import UNKNOWN_AFTER
from infra.chaos.killing import KINDS, Killer, draw_kills
from infra.chaos.ledger import audit, read_found
from infra.chaos.options import ChaosOptions
from infra.chaos.progress import Progress
from infra.chaos.stream import End, Stream, draw_stream
from infra.chaos.traffic import Listener, Sender, queue_is_empty
from infra.chaos.world import World, built_world
from infra.interrupts import sigterm_as_interrupt

_LOOK_SECONDS = 0.05
_CALM_SECONDS = 3.0
"""So long nothing may be left to do before a run counts as over: what comes again after a lock ends comes within that and the lock."""
_SHIFT_SECONDS = 10.0
"""So long the workers get to settle what a moved clock makes due, before it is moved again."""
_HEAR_SECONDS = 60.0

type Show = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """The figures of a run, and a sentence for each rule that was broken."""

    figures: dict[str, int | float | str]
    violations: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether a rule was broken."""
        return bool(self.violations)

    def as_json(self) -> dict[str, object]:
        """One JSON object."""
        return {**self.figures, "violations": list(self.violations)}


def run_chaos(
    options: ChaosOptions, show: Show = lambda _: None, *, disturb: Callable[[Hub], None] = lambda _: None
) -> Outcome:
    """Run, account for everything, and take all down again, also when it fails or is interrupted.

    `show` is told how far the run is, a line a second at most. `disturb` may change the database before the workers start.
    Raises ChaosStuckError when the world cannot be built.
    """
    began = time.monotonic()
    stream = draw_stream(options)
    with sigterm_as_interrupt(), built_world(options, disturb) as world:
        return _Run(options, stream, world, show, began).outcome()


class _Run:
    """One run under way."""

    def __init__(self, options: ChaosOptions, stream: Stream, world: World, show: Show, began: float) -> None:
        self._options, self._stream, self._world, self._show, self._began = options, stream, world, show, began
        settings = world.hub.settings
        self._progress = Progress(world.hub)
        self._sender = Sender(world.bus, settings.orders_queue, stream.messages, lambda: self._progress.counts.settled)
        self._listener = Listener(world.bus, settings.events_topic, settings.utility_subscription)
        self._killer = Killer(world, draw_kills(options.kills, options.seed), _work(stream))
        self._shown = 0.0
        self._shifted = -_SHIFT_SECONDS
        self._deadline = began + 60 * options.minutes
        self._is_late = False

    def outcome(self) -> Outcome:
        """Carry it out; returns the account."""
        try:
            self._listener.start()
            self._sender.start()
            self._work()
            seconds = time.monotonic() - self._began
            self._hear_the_rest()
        finally:
            self._sender.stop()
            self._listener.stop()
        queue = self._world.hub.settings.orders_queue
        letters = {one.message_id: one.dead_letter_reason or "" for one in receive_dead_letters(self._world.bus, queue)}
        with self._world.hub.snapshot() as work:
            found = read_found(work.connection, self._listener.heard, letters)
        ledger = audit(self._stream, found)
        if self._is_late:
            ledger.violations.append(f"After {self._options.minutes:g} minutes this was left: {self._progress.left}.")
        if not self._killer.is_done:
            ledger.violations.append(
                f"Only {len(self._killer.done)} of {self._options.kills} kills found their moment."
            )
        return Outcome({**ledger.figures, **self._own_figures(seconds)}, tuple(ledger.violations))

    def _work(self) -> None:
        """Until everything is sent, killed and settled, or the time is over."""
        calm_since: float | None = None
        while calm_since is None or time.monotonic() - calm_since < _CALM_SECONDS:
            time.sleep(_LOOK_SECONDS)
            counts = self._progress.look()
            self._killer.look(counts.done)
            self._tell()
            if time.monotonic() > self._deadline:
                self._is_late = True
                return
            if not (self._sender.is_done and self._killer.is_done and self._is_at_rest()):
                calm_since = None
            elif calm_since is None:
                calm_since = time.monotonic()

    def _is_at_rest(self) -> bool:
        if not self._progress.is_quiet():
            if self._progress.left.startswith("undelivered") and time.monotonic() - self._shifted > _SHIFT_SECONDS:
                # Only messages whose sender died are left: whether they went, nobody will know. By the hub's rule that takes minutes;
                # moved on more often than the workers look, the clock would reach the citizens' reminders.
                self._world.clock.shift_to(self._world.hub.clock.now() + UNKNOWN_AFTER + timedelta(seconds=5))
                self._shifted = time.monotonic()
            return False
        if not queue_is_empty(self._world.bus, self._world.hub.settings.orders_queue):
            self._progress.left = "messages in the queue"
            return False
        return True

    def _hear_the_rest(self) -> None:
        """What the hub has handed over, the utility still has to read."""
        until = time.monotonic() + _HEAR_SECONDS
        while len(self._listener.ids) < self._progress.look().told and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)

    def _tell(self) -> None:
        if time.monotonic() - self._shown < 1.0:
            return
        self._shown = time.monotonic()
        counts = self._progress.counts
        self._show(
            f"{self._sender.sent:,} of {len(self._stream.messages):,} messages sent, {counts.settled:,} settled, "
            f"{counts.invited:,} citizens invited, {len(self._listener.ids):,} events heard, "
            f"{len(self._killer.done)} of {self._options.kills} killed"
        )

    def _restarts(self) -> dict[str, int]:
        """How often each kind of process came back."""
        world = self._world
        return {
            "worker": sum(one.restarts for one in world.workers),
            "broker": world.broker.restarts,
            "database": world.database.restarts,
        }

    def _own_figures(self, seconds: float) -> dict[str, int | float | str]:
        killed = Counter(self._killer.done)
        restarts = self._restarts()
        return {
            "seed": self._options.seed,
            "kills": len(self._killer.done),
            **{f"kills_{kind}": killed[kind] for kind in KINDS},
            **{f"restarts_{kind}": restarts[kind] for kind in KINDS},
            "chunks_sent_again": self._sender.repeated,
            "guarded": int(self._options.guarded),
            "seconds": round(seconds, 1),
            "load": round(os.getloadavg()[0], 1),
        }


def _work(stream: Stream) -> int:
    """About how much there is to count: inbox rows, events for the utility, invitations."""
    open_cases = [case for case in stream.cases if case.end is End.OPEN]
    invitations = sum(case.needs_citizen for case in open_cases)
    return stream.distinct + 2 * len(open_cases) + invitations
