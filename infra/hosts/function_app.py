"""The same handlers as Azure Functions (Python v2 model): the bus, the timers, the jobs and the web app.

Only this file imports `azure.functions`. A function that returns completes its message, one that raises abandons it: it
comes again, and after the queue's last delivery it goes to the dead letters. Python functions cannot dead-letter a message
themselves, so what can never be read is put into the quarantine by our own verb, and then completed.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC
from typing import List  # noqa: UP035 - see receive_orders

import azure.functions as func

from hub.logs import adopt_handlers
from hub.messaging.service_bus import DeadLetter, ReceivedMessage, Retry, ServiceBusPublisher
from hub.settings import Settings
from infra.hosts.function_hub import FunctionFront, LazyHub
from infra.hosts.rooms import TIMERS, Timer
from infra.hosts.running import read_settings
from infra.hosts.timers import run_timer
from infra.hosts.waiting_jobs import run_waiting_jobs
from ingest.quarantine.collecting import collect_dead_letter
from ingest.relay import relay_outbox
from ingest.service import receive_messages

CONNECTION = "DOORSTEP_SERVICE_BUS"
"""The app setting with the namespace's connection string, for the triggers as for our own client."""
_DEAD_LETTERS = "/$DeadLetterQueue"
_log = logging.getLogger(__name__)


def create_function_app(settings: Settings) -> func.AsgiFunctionApp:
    """Every function by `settings`, over a hub that is built at the first call. Without a bus there are timers and pages only."""
    lazy = LazyHub(settings)
    # Who may do what the app itself decides, page by page; a function key would only stand before citizens.
    made = func.AsgiFunctionApp(FunctionFront(lazy), http_auth_level=func.AuthLevel.ANONYMOUS, function_name="web")
    every = f"*/{settings.functions_every_seconds} * * * * *"
    for name, timer in TIMERS.items():
        _add_timer(made, f"timer_{name}", every, _timer_run(lazy, name, timer))
    _add_jobs(made, every, lazy)
    if settings.service_bus is not None:
        _add_orders(made, lazy)
        _add_dead_letters(made, lazy)
        _add_relay(made, every, lazy)
    return made


def received(message: func.ServiceBusMessage) -> ReceivedMessage:
    """The host's message as the worker's own client would have given it."""
    enqueued_at = message.enqueued_time_utc
    if enqueued_at is not None:
        # The host writes UTC, with or without saying so.
        enqueued_at = enqueued_at.replace(tzinfo=UTC) if enqueued_at.tzinfo is None else enqueued_at.astimezone(UTC)
    return ReceivedMessage(
        body=message.get_body(),
        message_id=message.message_id or "",
        subject=message.subject or message.label,
        correlation_id=message.correlation_id,
        content_type=message.content_type,
        properties=dict(message.application_properties or message.user_properties or {}),
        sequence_number=message.sequence_number or 0,
        # The host counts this delivery too.
        delivery_count=max((message.delivery_count or 1) - 1, 0),
        enqueued_at=enqueued_at,
        dead_letter_reason=message.dead_letter_reason,
        dead_letter_description=message.dead_letter_error_description,
    )


def _take_in(lazy: LazyHub, messages: Sequence[func.ServiceBusMessage]) -> None:
    """Receive the messages of one call; raises when one must come again, and then all do: those that are done are known."""
    hub, mine = lazy.hub(), [received(one) for one in messages]
    answers = receive_messages(hub, mine)
    for message, answer in zip(mine, answers, strict=True):
        if isinstance(answer, DeadLetter):
            letter = replace(message, dead_letter_reason=answer.reason, dead_letter_description=answer.description)
            collect_dead_letter(hub, letter)
    for answer in answers:
        if isinstance(answer, Retry):
            raise answer.error


def _add_orders(made: func.AsgiFunctionApp, lazy: LazyHub) -> None:
    """The orders queue: several messages at a time or one, and by sessions when the queue has them."""
    settings = lazy.settings
    trigger = made.service_bus_queue_trigger
    if settings.functions_batch:

        @made.function_name("receive_orders")
        @trigger(
            arg_name="messages",
            connection=CONNECTION,
            queue_name=settings.orders_queue,
            data_type=func.DataType.BINARY,
            is_sessions_enabled=settings.orders_sessions,
            cardinality=func.Cardinality.MANY,
        )
        # The host's indexing refuses the built-in list in an annotation.
        def receive_orders(messages: List[func.ServiceBusMessage]) -> None:  # noqa: UP006
            _take_in(lazy, messages)
    else:

        @made.function_name("receive_order")
        @trigger(
            arg_name="message",
            connection=CONNECTION,
            queue_name=settings.orders_queue,
            data_type=func.DataType.BINARY,
            is_sessions_enabled=settings.orders_sessions,
            cardinality=func.Cardinality.ONE,
        )
        def receive_order(message: func.ServiceBusMessage) -> None:
            _take_in(lazy, [message])


def _add_dead_letters(made: func.AsgiFunctionApp, lazy: LazyHub) -> None:
    """What the bus itself gave up on goes into the quarantine, so that there is one place to look."""

    @made.function_name("collect_dead_letter")
    @made.service_bus_queue_trigger(
        arg_name="message",
        connection=CONNECTION,
        queue_name=lazy.settings.orders_queue + _DEAD_LETTERS,
        data_type=func.DataType.BINARY,
        cardinality=func.Cardinality.ONE,
    )
    def collect(message: func.ServiceBusMessage) -> None:
        collect_dead_letter(lazy.hub(), received(message))


def _add_timer(made: func.AsgiFunctionApp, name: str, every: str, run: Callable[[], None]) -> None:
    @made.function_name(name)
    @made.timer_trigger(arg_name="timer", schedule=every, run_on_startup=False, use_monitor=False)
    def call(timer: func.TimerRequest) -> None:
        run()


def _timer_run(lazy: LazyHub, name: str, timer: Timer) -> Callable[[], None]:
    def run() -> None:
        hub = lazy.hub()
        now = hub.clock.now()
        # A timer does a bounded part each time; in the worker too it is called until nothing is due.
        for _ in range(_MOST_TURNS):
            if not run_timer(hub, name, timer, now):
                return

    return run


_MOST_TURNS = 20


def _add_jobs(made: func.AsgiFunctionApp, every: str, lazy: LazyHub) -> None:
    @made.function_name("run_jobs")
    @made.timer_trigger(arg_name="timer", schedule=every, run_on_startup=False, use_monitor=False)
    async def run_jobs(timer: func.TimerRequest) -> None:
        await run_waiting_jobs(lazy.hub())


def _add_relay(made: func.AsgiFunctionApp, every: str, lazy: LazyHub) -> None:
    @made.function_name("relay_outbox")
    @made.timer_trigger(arg_name="timer", schedule=every, run_on_startup=False, use_monitor=False)
    async def relay(timer: func.TimerRequest) -> None:
        hub = lazy.hub()
        secret = hub.settings.service_bus
        address = "" if secret is None else secret.get_secret_value()
        async with ServiceBusPublisher(address, hub.settings.events_topic) as publisher:
            if sent := await relay_outbox(hub, publisher.publish):
                _log.info("%s events were handed to the bus.", sent)


def function_app() -> func.AsgiFunctionApp:
    """The functions by this process's settings; raises ConfigurationError."""
    settings = read_settings()
    adopt_handlers(settings.log_format)
    return create_function_app(settings)
