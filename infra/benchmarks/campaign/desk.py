"""One citizen at the desk: sees offers, holds one, confirms, moves, cancels; by the product's own verbs, in any process."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from multiprocessing import get_context
from typing import Any

from hub.bootstrap import Hub, build_hub
from hub.domain.errors import DoorstepError, HoldExpiredError, SlotPastError, SlotTakenError, TransitionRefusedError
from hub.domain.events import CITIZEN
from hub.domain.ids import AppointmentId, WorkOrderId
from hub.settings import Settings
from infra.benchmarks.campaign.people import Wish
from infra.hosts.rooms import SUBSCRIPTIONS
from scheduling.service import SlotOffer, cancel_appointment, confirm_appointment, hold_slot, offer_slots

_TRIES = 6


class Errand(StrEnum):
    """What the citizen came for."""

    BOOK = "book"
    HOLD_ONLY = "hold and leave"
    CONFIRM_LATE = "confirm what was held long ago"
    MOVE = "move"
    CANCEL = "cancel"


class End(StrEnum):
    """How it ended."""

    AGREED = "agreed"
    HELD = "held"
    NOTHING_OFFERED = "nothing offered"
    NOTHING_SUITS = "nothing offered that suits"
    ALWAYS_TAKEN = "taken each time"
    EXPIRED = "expired"
    REFUSED = "refused"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Call:
    """One citizen's errand; `held` is the appointment to confirm late."""

    order_id: WorkOrderId
    errand: Errand
    wish: Wish
    days: tuple[date, ...]
    held: AppointmentId | None = None


@dataclass(frozen=True)
class Answer:
    """What became of it: the window the citizen was promised or holds, how far it is from the wish, and what it took.

    Times are wall seconds of each call; `taken` counts slots that somebody else got first.
    """

    call: Call
    end: End
    appointment: AppointmentId | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    distance: int | None = None
    taken: int = 0
    offer_seconds: list[float] = field(default_factory=list)
    hold_seconds: list[float] = field(default_factory=list)
    confirm_seconds: list[float] = field(default_factory=list)


def serve(hub: Hub, call: Call) -> Answer:
    """Do the errand; an error that no citizen should see is raised."""
    answer = Answer(call, End.REFUSED)
    try:
        match call.errand:
            case Errand.CANCEL:
                cancel_appointment(hub, call.order_id, by=CITIZEN, reason="the citizen cancelled")
                return replace(answer, end=End.CANCELLED)
            case Errand.CONFIRM_LATE:
                assert call.held is not None
                return _confirm(hub, replace(answer, appointment=call.held))
            case _:
                return _choose(hub, answer)
    except TransitionRefusedError:
        return answer


def _choose(hub: Hub, answer: Answer) -> Answer:
    """Look at the offers, take the nearest to the wish; when somebody was faster, the next, and look again."""
    call = answer.call
    offers: list[SlotOffer] = []
    for attempt in range(_TRIES):
        if not attempt % 3:
            offers = list(_timed(answer.offer_seconds, lambda: offer_slots(hub, call.order_id)).offers)
        if not offers:
            return replace(answer, end=End.NOTHING_OFFERED if not attempt else End.ALWAYS_TAKEN)
        # Of equally near ones the one that is ranked first.
        best = min(offers, key=lambda one: call.wish.distance(one.starts_at, call.days))
        distance = call.wish.distance(best.starts_at, call.days)
        if distance > call.wish.patience:
            return replace(answer, end=End.NOTHING_SUITS)
        try:
            held = _timed(answer.hold_seconds, lambda at=best: _hold(hub, call, at))  # type: ignore[misc]
        except (SlotTakenError, SlotPastError):
            answer = replace(answer, taken=answer.taken + 1)
            offers.remove(best)
            continue
        known = replace(answer, appointment=held.id, starts_at=held.starts_at, ends_at=held.ends_at, distance=distance)
        return replace(known, end=End.HELD) if call.errand is Errand.HOLD_ONLY else _confirm(hub, known)
    return replace(answer, end=End.ALWAYS_TAKEN)


def _hold(hub: Hub, call: Call, offer: SlotOffer) -> Any:
    return hold_slot(hub, call.order_id, offer.starts_at, offer.ends_at, by=CITIZEN)


def _confirm(hub: Hub, answer: Answer) -> Answer:
    assert answer.appointment is not None
    identity = answer.appointment
    try:
        made = _timed(
            answer.confirm_seconds, lambda: confirm_appointment(hub, answer.call.order_id, identity, by=CITIZEN)
        )
    except HoldExpiredError:
        return replace(answer, end=End.EXPIRED, starts_at=None, ends_at=None)
    return replace(answer, end=End.AGREED, starts_at=made.starts_at, ends_at=made.ends_at)


def _timed[T](into: list[float], act: Callable[[], T]) -> T:
    began = time.perf_counter()
    try:
        return act()
    finally:
        into.append(time.perf_counter() - began)


class Crowd:
    """Serves many calls at once: in processes of their own, each with its own connections, or in threads of this one."""

    def __init__(self, hub: Hub, processes: int, *, threads: int = 4) -> None:
        self._hub = hub
        self._own = processes == 0
        self._pool: Executor = (
            ThreadPoolExecutor(threads)
            if self._own
            else ProcessPoolExecutor(
                processes, mp_context=get_context("spawn"), initializer=_begin, initargs=(hub.settings,)
            )
        )

    def submit[T](self, act: Callable[..., T], *arguments: Any) -> Future[T]:
        """Call `act(hub, *arguments)` somewhere; what it takes and gives must be picklable."""
        if self._own:
            return self._pool.submit(act, self._hub, *arguments)
        return self._pool.submit(_elsewhere, act, arguments)

    def close(self) -> None:
        """Wait for what runs, give the processes back."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Process:
    """What a process of the crowd works with."""

    hub: Hub | None = None


def _begin(settings: Settings) -> None:
    _Process.hub = build_hub(settings, SUBSCRIPTIONS)


def _elsewhere[T](act: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    if _Process.hub is None:
        raise CampaignError("A process of the campaign has no hub. Start the campaign again.")
    return act(_Process.hub, *arguments)


class CampaignError(DoorstepError):
    """The campaign cannot go on; the sentence says why."""

    code = "campaign"
