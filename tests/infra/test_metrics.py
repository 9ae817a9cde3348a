"""What Prometheus reads: true figures, over restarts too, for whoever may see them."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import event, insert, text

from hub.bootstrap import Hub, build_hub
from hub.clock import FixedClock
from hub.db import tables
from hub.domain.events import SYSTEM
from hub.metrics import PROCESS, LatestLags, note_import_lag
from hub.settings import Settings
from infra.hosts.metrics import exposition, read_figures
from infra.hosts.monitoring import monitored, monitoring_app
from infra.hosts.rooms import SUBSCRIPTIONS
from infra.hosts.running import PortTakenError
from infra.hosts.web import create_app
from ingest.service import receive_message
from tests.ingest.messages import a_message, an_event, an_order
from tests.samples import a_work_order


def read(exposed: bytes | str) -> dict[str, float]:
    """Every sample by its name and labels, as Prometheus' own parser reads it."""
    words = exposed.decode() if isinstance(exposed, bytes) else exposed
    return {
        sample.name + "".join(f"|{key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(words)
        for sample in family.samples
    }


def with_settings(hub: Hub, **changes: Any) -> Hub:
    return replace(hub, settings=hub.settings.model_copy(update=changes))


def test_messages_count_by_what_became_of_them_and_a_redelivery_counts_once(hub: Hub) -> None:
    order = an_order()
    good, again, broken = a_message(an_event(order)), a_message(an_event(order)), a_message(b"{broken")
    for message in (good, good, again, broken, broken):
        receive_message(hub, message)
    found = read(exposition(hub))
    assert found["doorstep_messages_total|outcome=imported"] == 1
    assert found["doorstep_messages_total|outcome=duplicate"] == 1
    assert found["doorstep_messages_total|outcome=dead-lettered"] == 1
    assert found["doorstep_messages_total|outcome=stale"] == 0  # told before the first one comes
    assert found["doorstep_messages_received_total"] == 3
    assert found["doorstep_database_up"] == 1


def test_each_process_counts_its_own_deliveries_and_lags(hub: Hub, clock: FixedClock) -> None:
    before = read(exposition(hub))
    message = a_message(an_event(time=(clock.now() - timedelta(seconds=42)).isoformat()))
    receive_message(hub, message)
    after = read(exposition(hub))

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0.0)

    assert grown("doorstep_deliveries_total|settlement=completed") == 1
    assert grown("doorstep_import_lag_seconds_count") == 1
    assert grown("doorstep_import_lag_seconds_sum") == pytest.approx(42)
    assert grown("doorstep_import_lag_seconds_bucket|le=60.0") == 1
    assert grown("doorstep_import_lag_seconds_bucket|le=30.0") == 0


def test_p95_is_the_lag_that_95_of_100_kept() -> None:
    lags = LatestLags()
    assert lags.p95() is None
    for second in range(1, 101):
        lags.note(second)
    assert lags.p95() == 95
    for _ in range(1000):
        lags.note(3)
    assert lags.p95() == 3  # the oldest are forgotten


def test_a_clock_behind_the_senders_is_no_negative_lag() -> None:
    def total() -> float:
        return PROCESS.get_sample_value("doorstep_import_lag_seconds_sum") or 0.0

    before = total()
    note_import_lag(-5)
    assert total() == before


def test_the_outbox_the_jobs_the_quarantine_and_the_workers(hub: Hub, clock: FixedClock) -> None:
    empty = read_figures(hub)
    assert (empty.outbox_backlog, empty.outbox_lag, empty.quarantined, empty.workers) == (0, 0.0, 0, 0)
    receive_message(hub, a_message(an_event()))
    waiting = read_figures(hub).outbox_backlog
    assert waiting >= 1
    clock.advance(timedelta(seconds=90))
    assert read_figures(hub).outbox_lag == 90
    with hub.engine.begin() as connection:
        beats = [
            {"worker": name, "caught_up_to": clock.now(), "beat_at": clock.now() - timedelta(seconds=age)}
            for name, age in (("alive", 2), ("gone", 600))
        ]
        connection.execute(insert(tables.worker_beat), beats)
        connection.execute(
            text("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'something')")
        )
        connection.execute(text("UPDATE outbox_event SET sent_at = now()"))
    figures = read_figures(hub)
    assert (figures.workers, figures.outbox_backlog, figures.outbox_lag) == (1, 0, 0.0)
    assert figures.jobs == {"todo": 1, "doing": 0, "failed": 0}
    refused = an_order(
        requestedCompletionDate="2026-01-05T17:00:00+01:00", requestedStartDate="2026-01-04T08:00:00+01:00"
    )
    receive_message(hub, a_message(an_event(refused)))
    assert read_figures(hub).quarantined == 1


def test_a_restart_forgets_no_message(hub: Hub) -> None:
    receive_message(hub, a_message(an_event()))
    restarted = build_hub(hub.settings, SUBSCRIPTIONS, clock=hub.clock)
    assert read(exposition(restarted))["doorstep_messages_total|outcome=imported"] == 1
    restarted.close()


def test_a_look_asks_few_questions_however_much_there_is(hub: Hub) -> None:
    asked = list[str]()
    event.listen(hub.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    exposition(hub)
    assert len([one for one in asked if one.startswith("SELECT")]) <= 10


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Hub]:
    """A hub whose database is away."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    built = build_hub(
        Settings(database_url=SecretStr(f"postgresql://me:secret-word@{address}/doorstep"), state_dir=tmp_path),
        SUBSCRIPTIONS,
    )
    yield built
    built.close()


def test_without_a_database_the_process_still_tells_its_own_figures(nowhere: Hub) -> None:
    found = read(exposition(nowhere))
    assert found["doorstep_database_up"] == 0
    assert "doorstep_import_lag_seconds_count" in found
    assert "doorstep_outbox_backlog" not in found


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"X-Forwarded-For": "127.0.0.1"}])
def test_the_web_host_has_no_metrics_until_a_token_is_set(hub: Hub, headers: dict[str, str]) -> None:
    answer = TestClient(create_app(hub)).get("/metrics", headers=headers)
    assert answer.status_code == 404
    assert "doorstep_" not in answer.text.replace("DOORSTEP_METRICS_TOKEN", "")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Bearer", 401),
        ("Basic let-me-in", 401),
        ("Bearer l\u00e9t-me-in", 401),
        ("Bearer let-me-in", 200),
        ("bearer let-me-in", 200),
    ],
)
def test_the_token_opens_them(hub: Hub, header: str | None, status: int) -> None:
    client = TestClient(create_app(with_settings(hub, metrics_token=SecretStr("let-me-in"))))
    answer = client.get("/metrics", headers={"Authorization": header.encode()} if header else {})
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["content-type"].startswith("text/plain")
        assert "doorstep_database_up" in read(answer.text)
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "let-me-in" not in answer.text


@pytest.mark.parametrize(
    ("host", "token", "given", "status"),
    [
        ("127.0.0.1", "", "", 200),
        ("localhost", "", "", 200),
        ("::1", "", "", 200),
        ("192.0.2.1", "", "", 404),
        ("monitoring.example", "", "", 404),
        ("192.0.2.1", "word", "", 401),
        ("192.0.2.1", "word", "word", 200),
        ("127.0.0.1", "word", "", 401),
    ],
)
def test_a_workers_port_is_open_to_its_own_machine_only(
    hub: Hub, host: str, token: str, given: str, status: int
) -> None:
    app = monitoring_app(with_settings(hub, metrics_host=host, metrics_token=SecretStr(token)))
    headers = {"Authorization": f"Bearer {given}"} if given else {}
    assert TestClient(app).get("/metrics", headers=headers).status_code == status


def test_a_worker_serves_figures_and_health_beside_its_work(hub: Hub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mine = with_settings(hub, metrics_port=port)
    with monitored(mine) as served:
        assert served == port
        base = f"http://127.0.0.1:{port}"
        assert "doorstep_database_up" in read(httpx.get(f"{base}/metrics", timeout=10).text)
        assert httpx.get(f"{base}/health/alive", timeout=10).json() == {"status": "alive"}
        assert httpx.get(f"{base}/health/ready", timeout=10).json()["status"] == "ready"
        with pytest.raises(PortTakenError, match="DOORSTEP_METRICS_PORT"), monitored(mine):
            pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base}/health/alive", timeout=10)
    with monitored(hub) as nothing:
        assert nothing == 0


def test_no_figure_names_a_person_or_an_order(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        order = work.create_work_order(a_work_order(external_id=f"WO-{uuid4()}"), by=SYSTEM)
        work.commit()
    exposed = exposition(hub).decode()
    for secret in (order.citizen_name, order.citizen_email, order.external_id, str(order.id), order.utility):
        assert secret not in exposed
