"""The web host in several processes: they answer on one port, one that dies is replaced, and nobody is left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from hub.bootstrap import Hub
from infra.hosts.processes import HostProcess
from tests.infra.test_intake import children

pytestmark = pytest.mark.slow


def until(is_so: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so after {seconds} seconds"
        time.sleep(0.1)


def serving(parent: int) -> set[int]:
    """The processes of uvicorn's supervisor; not Python's own that tracks what they share."""
    found = set()
    for one in children(parent):
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes():
                found.add(one)
    return found


def answers(address: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{address}/health/ready", timeout=5).is_success
    return False


@contextmanager
def web_host(hub: Hub, folder: Path) -> Iterator[tuple[HostProcess, str]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    assert hub.settings.database_url is not None
    environment = {
        "DATABASE_URL": hub.settings.database_url.get_secret_value(),
        "DOORSTEP_STATE_DIR": str(folder),
        "DOORSTEP_WEB_PROCESSES": "2",
    }
    host = HostProcess("web", ("web", "--port", str(port)), environment, folder / "web.log")
    host.start()
    try:
        yield host, f"http://127.0.0.1:{port}"
    finally:
        host.ask_to_stop()
        host.stop()


@pytest.fixture
def host(hub: Hub, tmp_path: Path) -> Iterator[tuple[HostProcess, str]]:
    """A web host of two processes that answer."""
    with web_host(hub, tmp_path) as (started, address):
        until(lambda: answers(address))
        yield started, address


def test_one_that_is_killed_is_replaced_and_the_site_answers(host: tuple[HostProcess, str]) -> None:
    started, address = host
    assert started.pid is not None
    parent = started.pid
    until(lambda: len(serving(parent)) == 2)
    first = serving(parent)
    for one in first:
        os.kill(one, signal.SIGKILL)
    until(lambda: len(serving(parent)) == 2 and not serving(parent) & first)
    until(lambda: answers(address))
    assert started.log.read_text().count("ended by itself (signal 9) and is started again as") == 2
    second = serving(parent)
    started.ask_to_stop()
    started.stop()
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in second), 20)


def test_a_host_that_is_killed_leaves_no_process_behind(host: tuple[HostProcess, str]) -> None:
    started, _ = host
    assert started.pid is not None
    until(lambda: len(serving(started.pid or 0)) == 2)
    left = serving(started.pid)
    os.kill(started.pid, signal.SIGKILL)
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in left), 30)


def test_an_interrupt_while_they_load_ends_all_at_once_and_quietly(hub: Hub, tmp_path: Path) -> None:
    with web_host(hub, tmp_path) as (started, _):
        pid = started.pid
        assert pid is not None
        until(lambda: len(serving(pid)) == 2)
        left = serving(pid)
        # As a terminal does: to everybody in the group, of which the host is the leader here.
        os.killpg(pid, signal.SIGINT)
        until(lambda: started.has_died, 30)
        assert not any(Path(f"/proc/{one}").exists() for one in left)
        said = started.log.read_text()
        assert "Traceback" not in said
        assert "started again" not in said


def test_an_interrupt_while_they_are_started_is_not_lost(tmp_path: Path) -> None:
    program = tmp_path / "interrupted.py"
    program.write_text("""if True:
        import logging, os, signal, socket, time
        from functools import partial
        from hub.settings import Settings
        from infra.hosts.web_processes import WebProcesses
        from infra.hosts.web_server import server_config
        from uvicorn.supervisors.multiprocess import Process
        if __name__ == "__main__":
            logging.basicConfig()
            start = Process.start
            def interrupted(self):
                start(self)
                os.killpg(0, signal.SIGINT)
            Process.start = interrupted
            config = server_config(partial(time.sleep, 600), Settings(), factory=True, workers=2)
            with socket.create_server(("127.0.0.1", 0)) as listener:
                WebProcesses(config, listener, "here").serve()
            print("ended")
    """)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(program)]
    done = subprocess.run(
        command, env=environment, start_new_session=True, capture_output=True, text=True, timeout=180, check=True
    )
    assert done.stdout == "ended\n"
    assert done.stderr == ""


def test_one_that_is_stopped_does_not_keep_the_others_from_ending(host: tuple[HostProcess, str]) -> None:
    started, _ = host
    assert started.pid is not None
    left = serving(started.pid)
    os.kill(min(left), signal.SIGSTOP)
    os.kill(started.pid, signal.SIGTERM)
    until(lambda: started.has_died, 30)
    assert not any(Path(f"/proc/{one}").exists() for one in left)


def test_processes_that_never_serve_are_not_started_for_ever() -> None:
    program = """if True:
        import logging, os, socket
        from functools import partial
        from hub.settings import Settings
        from infra.hosts.web_processes import WebProcesses, WebProcessesError
        from infra.hosts.web_server import server_config
        if __name__ == "__main__":
            logging.basicConfig()
            config = server_config(partial(os._exit, 7), Settings(), factory=True, workers=2)
            with socket.create_server(("127.0.0.1", 0)) as listener:
                try:
                    WebProcesses(config, listener, "here").serve()
                except WebProcessesError as error:
                    print(error)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=True)
    assert "end before they can" in done.stdout
    assert done.stderr.count("ended by itself (exit code 7)") == 6
