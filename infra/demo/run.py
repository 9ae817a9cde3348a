"""The demo: everything on one machine, with a sample week, in one command.

It owns the embedded PostgreSQL, starts broker, web and worker as processes of their own, loads the sample week once, and
waits for Ctrl-C. What was done in it stays until `doorstep demo --reset`.
"""

import logging
import shlex
import shutil
import signal
import socket
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from pydantic import SecretStr

from hub.bootstrap import Hub
from hub.clock import ShiftedClock
from hub.domain.errors import ConfigurationError
from hub.settings import Settings
from infra.demo.week import SampleWeek, load_sample_week, next_monday, say_addresses
from infra.hosts.processes import HostDiedError, HostProcess, Hosts
from infra.hosts.running import listening_socket, read_settings, running_hub, state_dir, with_database
from infra.local.server import connection_string

_BROKER_PORT = 5672
_LOADED = "sample-week.loaded"
_ENVIRONMENT = "environment"


@dataclass
class _Steps:
    """Tells each step with how long it took."""

    began: float

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        typer.echo(f"  {what} …")
        yield
        typer.echo(f"  {what}: done in {time.monotonic() - start:.1f} s")


def run_demo(port: int, *, open_browser: bool = False) -> None:
    """Start everything, load the sample week if there is none, print the addresses, wait for Ctrl-C; raises PortTakenError."""
    wished = read_settings()
    listening_socket("127.0.0.1", port, "choose another port: make demo PORT=8090").close()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    logging.getLogger("infra.hosts").setLevel(logging.WARNING)
    steps = _Steps(time.monotonic())
    typer.echo("Doorstep demo")
    folder = _demo_folder(wished)
    database = with_database(wished.model_copy(update={"state_dir": folder}))
    with steps.step("Starting the database"):
        settings = _demo_settings(database.__enter__(), folder, port)
    if settings.shifted_clock is not None and not settings.shifted_clock.exists():
        # The worker begins when the sample week does: a clock that went back later would leave its first messages uncounted.
        ShiftedClock(settings.shifted_clock).shift_to(SampleWeek(next_monday()).orders_arrive)
    try:
        with running_hub(settings) as hub, Hosts(_hosts(settings, folder, port)) as hosts:
            with steps.step("Starting broker, web and worker"):
                _wait_for_port(_port_of(settings), hosts)
                hosts.wait_for_address(hosts.processes[1], f"{settings.public_url}/health/ready")
            _load_once(hub, folder, steps, ended)
            if not ended.is_set():
                typer.echo(f"  Ready after {time.monotonic() - steps.began:.1f} s")
                say_addresses(hub, _write_environment(settings, folder))
                if open_browser:
                    webbrowser.open(f"{settings.public_url}/demo/outbox")
                ended.wait()
            typer.echo("\nStopping; what you did is kept. `make demo-reset` forgets it.")
    finally:
        (folder / _ENVIRONMENT).unlink(missing_ok=True)
        database.__exit__(None, None, None)
        typer.echo("Everything is stopped, the database too.")


def forget_demo() -> None:
    """Remove the demo's data; raises ConfigurationError when it still runs or lies in a database of the user's own."""
    wished = read_settings()
    if wished.database_url is not None:
        message = "DATABASE_URL names a database of yours, which is never removed here. Unset it to forget the demo's own data."
        raise ConfigurationError(message)
    folder = _demo_folder(wished)
    if _is_owned(folder):
        message = "The demo still runs. Stop it with Ctrl-C first. If it was killed, start it once more with `make demo`, then stop it."
        raise ConfigurationError(message)
    shutil.rmtree(folder, ignore_errors=True)
    typer.echo("The demo's data is forgotten.")


def _is_owned(folder: Path) -> bool:
    pid_file = folder / "postgres" / "postmaster.pid"
    return pid_file.exists()


def _demo_folder(settings: Settings) -> Path:
    folder = state_dir(settings) / "demo"
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    return folder


def _demo_settings(settings: Settings, folder: Path, port: int) -> Settings:
    return settings.model_copy(
        update={
            "demo": True,
            "state_dir": folder,
            "port": port,
            "public_url": f"http://127.0.0.1:{port}",
            "service_bus": SecretStr(connection_string("127.0.0.1", _free_port(_BROKER_PORT))),
            "shifted_clock": folder / "clock-shift",
        }
    )


def _free_port(wished: int) -> int:
    for port in (wished, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as listener:
                return int(listener.getsockname()[1])
        except OSError:
            continue
    message = "No port is free on 127.0.0.1."
    raise ConfigurationError(message)


def _port_of(settings: Settings) -> int:
    bus = settings.service_bus.get_secret_value() if settings.service_bus else ""
    return int(bus.partition("sb://")[2].partition(";")[0].rstrip("/").rpartition(":")[2])


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables by which a process gets the same `settings`."""
    changed = settings.model_dump(exclude_defaults=True)
    variables = {}
    for name, value in changed.items():
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        variables["DATABASE_URL" if name == "database_url" else f"DOORSTEP_{name.upper()}"] = text
    return variables


def _write_environment(settings: Settings, folder: Path) -> Path:
    """A file to source in another shell, so that the commands there speak to this demo; it goes when the demo stops."""
    file = folder / _ENVIRONMENT
    file.touch(mode=0o600)
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment_of(settings).items())]
    file.write_text("".join(lines), encoding="utf-8")
    return file


def _hosts(settings: Settings, folder: Path, port: int) -> list[HostProcess]:
    # The demo's logs are read by a person.
    environment = {**environment_of(settings), "DOORSTEP_LOG_FORMAT": "text"}
    logs = folder / "logs"
    broker = ["broker", "--port", str(_port_of(settings)), "--state", str(folder / "broker")]
    return [
        HostProcess("broker", broker, environment, logs / "broker.log"),
        HostProcess("web", ["web", "--port", str(port)], environment, logs / "web.log"),
        HostProcess("worker", ["worker"], environment, logs / "worker.log"),
    ]


def _wait_for_port(port: int, hosts: Hosts, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    broker = hosts.processes[0]
    message = f"The broker did not start. The end of its log {broker.log}:\n{broker.last_words()}"
    raise HostDiedError(message)


def _load_once(hub: Hub, folder: Path, steps: _Steps, ended: threading.Event) -> None:
    marker = folder / _LOADED
    if marker.exists():
        typer.echo("  The sample week is there from last time.")
        return
    with steps.step("Loading a sample week"):
        load_sample_week(hub, SampleWeek(monday=next_monday()), ended)
    if not ended.is_set():
        marker.touch()
