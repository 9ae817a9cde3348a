"""Subscribers are called: signed, at least once, in order for each work order, and given up with a reason."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import select, update

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.db.tables import callback_delivery, event_subscription, outbox_event
from hub.jobs import RememberedQueue
from hub.settings import Settings
from infra.hosts.rooms import JOBS, SUBSCRIPTIONS, TIMERS
from ingest.api.callbacks import (
    DELIVER_TASK,
    KEPT,
    LONGEST_SILENCE,
    MOST_TRIES,
    call_subscribers,
    deliver_callbacks,
    forget_old_deliveries,
    list_subscribers,
    share_events,
)
from ingest.api.clients import list_clients, revoke_client
from ingest.api.subscriptions import MOST_SUBSCRIPTIONS
from tests.ingest.api.conftest import APPOINTMENTS, ORDERS, OTHER_UTILITY, Program, a_program
from tests.ingest.tmf697 import problems


@dataclass
class Subscriber:
    """A utility's own server: it keeps what it was sent and answers as the test says (the last answer stays)."""

    address: str = ""
    answers: list[int] = field(default_factory=lambda: [204])
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[Any]:
        return [json.loads(body) for _, body in self.calls]

    def states(self, name: str) -> list[str]:
        """What was heard of one order, in the order in which it came."""
        heard = [one["event"]["workOrder"] for one in self.events]
        return [one["status"] for one in heard if one["externalId"] == name]


def serve(subscriber: Subscriber) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            subscriber.calls.append((dict(self.headers), body))
            status = subscriber.answers.pop(0) if len(subscriber.answers) > 1 else subscriber.answers[0]
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", subscriber.address + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    subscriber.address = f"http://127.0.0.1:{server.server_port}/in?x=1"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    made = Subscriber()
    server = serve(made)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub(database_url: str, clock: FixedClock, jobs: RememberedQueue, tmp_path: Path) -> Iterator[Hub]:
    """As everywhere, but callbacks may stay on this machine."""
    settings = Settings(database_url=SecretStr(database_url), state_dir=tmp_path, private_callbacks=True)
    built = build_hub(settings, SUBSCRIPTIONS, clock=clock, jobs=jobs)
    yield built
    built.close()


@dataclass
class Worker:
    """Does what the worker's loops do, when the test says so."""

    hub: Hub
    clock: FixedClock
    jobs: RememberedQueue

    def run(self) -> int:
        """Share what happened and call who is due; returns how many runs there were."""
        share_events(self.hub, self.clock.now())
        call_subscribers(self.hub, self.clock.now())
        mine = [arguments for task, arguments in self.jobs.jobs if task == DELIVER_TASK]
        self.jobs.jobs.clear()
        for arguments in mine:
            deliver_callbacks(self.hub, **arguments)
        return len(mine)


@pytest.fixture
def worker(hub: Hub, clock: FixedClock, jobs: RememberedQueue) -> Worker:
    return Worker(hub, clock, jobs)


def register(program: Program, subscriber: Subscriber, api: str = ORDERS, query: str = "") -> Any:
    answer = program.post(f"{api}/hub", {"callback": subscriber.address, "query": query})
    assert answer.status_code == 201, answer.text
    return answer.json()


def deliveries(hub: Hub) -> list[Any]:
    with hub.reading() as connection:
        return list(connection.execute(select(callback_delivery).order_by(callback_delivery.c.seq)))


def test_the_worker_knows_the_timers_and_the_job() -> None:
    assert JOBS[DELIVER_TASK] is deliver_callbacks
    assert (TIMERS["share_events"], TIMERS["call_subscribers"]) == (share_events, call_subscribers)


def test_a_subscriber_hears_its_orders_in_order_and_can_check_who_calls(
    program: Program, stranger: Program, subscriber: Subscriber, worker: Worker, hub: Hub
) -> None:
    made = register(program, subscriber)
    assert len(made["secret"]) >= 43
    program.order(externalId="WO-1")
    stranger.order(externalId="WO-2")
    worker.run()
    assert subscriber.states("WO-1") == ["received", "contacting"]
    assert subscriber.states("WO-2") == []
    for headers, body in subscriber.calls:
        stamp = headers["Doorstep-Timestamp"]
        proof = hmac.new(made["secret"].encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        assert headers["Doorstep-Signature"] == f"sha256={proof}"
        assert int(stamp) == int(hub.clock.now().timestamp())
        event = json.loads(body)
        assert headers["Doorstep-Event-Id"] == event["eventId"]
        assert headers["Doorstep-Event-Type"] == event["eventType"] == "WorkOrderStateChangeEvent"
        assert problems("WorkOrderStateChangeEvent", event) == []
    assert worker.run() == 0
    assert len(subscriber.calls) == 2
    with hub.reading() as connection:
        assert connection.scalars(select(outbox_event.c.seq).where(outbox_event.c.shared_at.is_(None))).all() == []


def test_what_happened_before_the_subscription_is_not_told(
    program: Program, subscriber: Subscriber, worker: Worker, clock: FixedClock
) -> None:
    program.order(externalId="WO-1")
    clock.advance(timedelta(seconds=1))
    register(program, subscriber)
    assert worker.run() == 0
    assert subscriber.calls == []


def test_a_failure_is_tried_again_later_and_holds_up_only_its_order(
    program: Program, subscriber: Subscriber, worker: Worker, clock: FixedClock
) -> None:
    register(program, subscriber)
    program.order(externalId="WO-1")
    program.order(externalId="WO-2")
    subscriber.answers = [500, 204]
    worker.run()
    # The first event of WO-1 failed, so its second waits too; WO-2 is not held up.
    assert [one["event"]["workOrder"]["externalId"] for one in subscriber.events] == ["WO-1", "WO-2", "WO-2"]
    worker.run()
    assert len(subscriber.calls) == 3
    clock.advance(timedelta(seconds=10))
    worker.run()
    assert subscriber.states("WO-1") == ["received", "received", "contacting"]
    first, again = (
        one["eventId"]
        for one in subscriber.events
        if one["event"]["workOrder"]["status"] == "received" and one["event"]["workOrder"]["externalId"] == "WO-1"
    )
    assert first == again


def test_an_event_nobody_takes_is_dead_with_the_reason_and_the_next_one_goes_on(
    program: Program, subscriber: Subscriber, worker: Worker, clock: FixedClock, hub: Hub
) -> None:
    register(program, subscriber)
    program.order(externalId="WO-1")
    subscriber.answers = [400] * MOST_TRIES + [204]
    for _ in range(MOST_TRIES):
        worker.run()
        clock.advance(timedelta(hours=6))
    worker.run()
    dead, good = deliveries(hub)
    assert (dead.tries, dead.problem, dead.dead_at is not None) == (MOST_TRIES, "The answer was 400.", True)
    assert (good.delivered_at is not None, good.problem) == (True, "")
    assert subscriber.states("WO-1") == ["received"] * MOST_TRIES + ["contacting"]


def test_a_redirect_is_not_followed(program: Program, subscriber: Subscriber, worker: Worker, hub: Hub) -> None:
    register(program, subscriber)
    program.order()
    subscriber.answers = [307]
    worker.run()
    assert len(subscriber.calls) == 1
    assert deliveries(hub)[0].problem == "The answer was 307, which leads elsewhere; we do not follow."


def test_an_address_that_is_away_costs_the_event_no_try_and_gets_pauses_that_grow(
    program: Program, worker: Worker, clock: FixedClock, hub: Hub
) -> None:
    away = Subscriber()
    server = serve(away)
    register(program, away)
    server.shutdown()
    server.server_close()
    program.order()
    program.order()
    worker.run()
    assert {one.tries for one in deliveries(hub)} == {0}
    assert sorted(one.problem for one in deliveries(hub)) == ["", "", "", "The connection was refused."]
    clock.advance(timedelta(seconds=9))
    assert worker.run() == 0
    clock.advance(timedelta(seconds=1))
    assert worker.run() == 1
    clock.advance(timedelta(seconds=19))
    assert worker.run() == 0


def test_a_subscription_whose_address_is_away_for_days_ends(
    program: Program, subscriber: Subscriber, worker: Worker, clock: FixedClock, hub: Hub
) -> None:
    made = register(program, subscriber)
    with hub.engine.begin() as connection:
        connection.execute(update(event_subscription).values(callback="http://127.0.0.1:9/"))
    program.order()
    worker.run()
    clock.advance(LONGEST_SILENCE)
    worker.run()
    assert {one.problem for one in deliveries(hub)} == {"The address took nothing for 3 days."}
    assert all(one.dead_at for one in deliveries(hub))
    assert a_program(hub, program.client).delete(f"{ORDERS}/hub/{made['id']}").status_code == 404


def test_a_run_that_died_is_taken_up_again_and_one_claim_makes_one_run(
    program: Program, subscriber: Subscriber, worker: Worker, clock: FixedClock, hub: Hub, jobs: RememberedQueue
) -> None:
    register(program, subscriber)
    program.order()
    share_events(hub, clock.now())
    assert call_subscribers(hub, clock.now()) == 1
    [lost] = [arguments for task, arguments in jobs.jobs if task == DELIVER_TASK]
    # The worker was killed with the job; nobody else takes the subscription while the claim lasts.
    assert call_subscribers(hub, clock.now()) == 0
    clock.advance(timedelta(minutes=5))
    assert call_subscribers(hub, clock.now()) == 1
    deliver_callbacks(hub, **lost)
    assert subscriber.calls == []
    fresh = [arguments for task, arguments in jobs.jobs if task == DELIVER_TASK][-1]
    deliver_callbacks(hub, **fresh)
    deliver_callbacks(hub, **fresh)
    assert len(subscriber.calls) == 2


def test_a_crash_after_the_call_sends_the_same_event_again(
    program: Program,
    subscriber: Subscriber,
    worker: Worker,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(program, subscriber)
    program.order()

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr("ingest.api.callbacks._note", die)
    with pytest.raises(Killed):
        worker.run()
    monkeypatch.undo()
    clock.advance(timedelta(minutes=6))
    worker.run()
    ids = [one["eventId"] for one in subscriber.events]
    assert (len(ids), ids[0]) == (3, ids[1])


def test_two_workers_share_each_event_once(
    program: Program, subscriber: Subscriber, hub: Hub, clock: FixedClock
) -> None:
    register(program, subscriber)
    for _ in range(5):
        program.order()
    together = threading.Barrier(4)
    given: list[int] = []

    def share() -> None:
        together.wait(10)
        given.append(share_events(hub, clock.now()))

    threads = [threading.Thread(target=share) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    given.append(share_events(hub, clock.now()))
    assert sum(given) == len(deliveries(hub)) == 10


def test_unregistered_is_called_no_more(program: Program, subscriber: Subscriber, worker: Worker, hub: Hub) -> None:
    made = register(program, subscriber)
    program.order()
    share_events(hub, hub.clock.now())
    assert program.delete(f"{ORDERS}/hub/{made['id']}").status_code == 204
    assert program.delete(f"{ORDERS}/hub/{made['id']}").status_code == 404
    program.order()
    assert worker.run() == 0
    assert subscriber.calls == []
    assert {one.problem for one in deliveries(hub)} == {"unregistered by the utility"}


def test_a_revoked_clients_address_is_called_no_more(
    program: Program, subscriber: Subscriber, worker: Worker, hub: Hub
) -> None:
    register(program, subscriber)
    program.order()
    share_events(hub, hub.clock.now())
    [client] = list_clients(hub)
    revoke_client(hub, client.id)
    assert worker.run() == 0
    assert subscriber.calls == []
    [listed] = list_subscribers(hub)
    assert (listed.end_reason, listed.waiting, listed.dead) == ("the client was revoked", 0, 2)
    assert (listed.host, listed.problem) == (subscriber.address.split("/")[2], "the client was revoked")


def test_a_query_chooses_events_and_what_it_cannot_say_is_refused(
    program: Program, subscriber: Subscriber, worker: Worker
) -> None:
    register(program, subscriber, query="eventType=WorkOrderEscalatedEvent")
    program.order()
    worker.run()
    assert subscriber.calls == []
    for query in ("eventType=Nothing", "state=held", "eventType=", "eventType=AppointmentCreateEvent"):
        answer = program.post(f"{ORDERS}/hub", {"callback": subscriber.address, "query": query})
        assert (answer.status_code, "'query' can only be" in answer.json()["reason"]) == (400, True)


def test_subscriptions_are_bounded(program: Program, subscriber: Subscriber) -> None:
    for _ in range(MOST_SUBSCRIPTIONS):
        register(program, subscriber)
    refused = program.post(f"{ORDERS}/hub", {"callback": subscriber.address})
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-subscriptions")
    register(program, subscriber, APPOINTMENTS)


@pytest.mark.usefixtures("roster")
def test_appointments_are_told_with_one_id_through_all_moves(
    program: Program, subscriber: Subscriber, worker: Worker, hub: Hub, client: TestClient
) -> None:
    register(program, subscriber, APPOINTMENTS)
    elsewhere = a_program(hub, client, OTHER_UTILITY)
    order = program.order()
    first, second, *_ = program.free(order)
    made = program.book(order, first).json()
    path = f"{APPOINTMENTS}/appointment/{made['id']}"
    program.patch(path, {"validFor": second})
    program.delete(path)
    others = elsewhere.order()
    elsewhere.book(others, elsewhere.free(others)[0])
    worker.run()
    told = [
        (one["eventType"], one["event"]["appointment"]["status"], one["event"]["appointment"]["validFor"])
        for one in subscriber.events
    ]
    assert told == [
        ("AppointmentCreateEvent", "confirmed", first),
        ("AppointmentAttributeValueChangeEvent", "confirmed", second),
        ("AppointmentStateChangeEvent", "cancelled", second),
    ]
    assert {one["event"]["appointment"]["id"] for one in subscriber.events} == {made["id"]}
    assert "An Peeters" not in "".join(body.decode() for _, body in subscriber.calls)


def test_old_deliveries_are_forgotten_but_not_those_that_wait(
    program: Program, subscriber: Subscriber, worker: Worker, clock: FixedClock, hub: Hub
) -> None:
    register(program, subscriber)
    program.order()
    worker.run()
    subscriber.answers = [500]
    program.order()
    worker.run()
    assert forget_old_deliveries(hub, clock.now() + KEPT) == 0
    assert forget_old_deliveries(hub, clock.now() + KEPT + timedelta(seconds=1)) == 2
    assert len(deliveries(hub)) == 2
