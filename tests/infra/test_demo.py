"""The demo, as a newcomer meets it: it says where everything is, another shell's commands reach it, Ctrl-C ends it all."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.demo.week import PASSWORD, STAFF

_READY_SECONDS = 240
_COMMAND_SECONDS = 120
_DOORSTEP = f"{shlex.quote(sys.executable)} -m infra.hosts"


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder for the demo's state that an account other than root's can enter."""
    with tempfile.TemporaryDirectory(prefix="doorstep-demo-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _wait_until_ready(demo: "subprocess.Popen[bytes]", log: Path) -> str:
    until = time.monotonic() + _READY_SECONDS
    while "Ctrl-C stops everything" not in (said := log.read_text(encoding="utf-8")):
        assert demo.poll() is None, said
        assert time.monotonic() < until, said
        time.sleep(0.2)
    return said


def _in_another_shell(source: str, command: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DOORSTEP_", "DATABASE_"))}
    answer = subprocess.run(
        ["/bin/sh", "-c", f"{source} && {_DOORSTEP} {command}"],
        env=clean,
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def _every_list_holds_something(base: str) -> None:
    """What a newcomer sees in the lists of those who wait for a dispatcher."""
    with httpx.Client(base_url=base, follow_redirects=True, timeout=30) as desk:
        form = {"email": STAFF[0][0], "password": PASSWORD}
        assert desk.post("/console/sign-in", data=form).is_success
        inbox = desk.get("/console/inbox").text
        assert inbox.count('class="thread thread--open"') >= 4
        assert "Call back from " in inbox
        held = desk.get("/console/held").text
        assert held.count("<td>no contact</td>") >= 2
        assert "<td>customer care</td>" in held
        assert "3 requests." in desk.get("/console/requests").text
        assert "3 orders wait." in desk.get("/console/locations").text
        outbox = desk.get("/demo/outbox").text
        assert re.search(r'action="/demo/outbox/\d+/answer"', outbox)


@pytest.mark.timeout(900)
def test_the_demo_can_be_used_as_it_says_and_ends_with_ctrl_c(database_url: str, state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    log = state / "demo.log"
    environment = {"DOORSTEP_STATE_DIR": str(state)}
    if "DATABASE_URL" in os.environ:
        environment["DATABASE_URL"] = database_url
    embedded = state / "demo" / "postgres"
    with log.open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "infra.hosts", "demo", "--port", str(port)],
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        said = _wait_until_ready(demo, log)
        assert (embedded / "postmaster.pid").exists() != ("DATABASE_URL" in os.environ)
        addresses = re.findall(rf"http://127\.0\.0\.1:{port}/\S+", said)
        assert len(addresses) == 6
        for address in addresses:
            assert httpx.get(address, follow_redirects=True).is_success, address
        _every_list_holds_something(f"http://127.0.0.1:{port}")
        source = re.search(r"^ +Command line +(\. .*)$", said, re.MULTILINE)
        assert source is not None, said
        assert "SU-" in _in_another_shell(source[1], "utility receive")
        assert "planning" in _in_another_shell(source[1], "plan days --seconds 0.5")
        assert "Nobody works in nowhere" in _in_another_shell(source[1], "plan days --territory nowhere")
    finally:
        demo.send_signal(signal.SIGINT)
        code = demo.wait(_COMMAND_SECONDS)
    assert code == 0
    assert not (state / "demo" / "environment").exists()
    assert not (embedded / "postmaster.pid").exists(), "the embedded PostgreSQL ends with the demo"
    with pytest.raises(httpx.ConnectError):
        httpx.get(addresses[0])


def test_make_demo_takes_a_port() -> None:
    root = Path(__file__).resolve().parents[2]
    planned = subprocess.run(
        ["make", "--dry-run", "demo", "PORT=8123"], cwd=root, capture_output=True, text=True, timeout=10, check=True
    ).stdout
    assert "doorstep demo --port 8123" in planned
