"""Files are looked into by a clamd when one is named; a clamd that cannot answer lets nothing through."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.domain.errors import ConfigurationError
from hub.scanning import ClamdScanner, NoScanner, ScannerUnavailableError, VirusFoundError, make_scanner
from hub.settings import Settings

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The harmless file every scanner reports, put together so that no scanner reports this one."""


def like_clamd(content: bytes) -> bytes:
    return b"stream: Win.Test.EICAR_HDB-1 FOUND\0" if EICAR in content else b"stream: OK\0"


def _read(line: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        piece = line.recv(count - len(got))
        if not piece:
            raise ConnectionError
        got += piece
    return got


def _serve(listener: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    line, _ = listener.accept()
    with line:
        line.settimeout(10)
        assert _read(line, 10) == b"zINSTREAM\0"
        content = b""
        while length := struct.unpack(">I", _read(line, 4))[0]:
            content += _read(line, length)
        line.sendall(answer(content))


@contextmanager
def a_clamd(answer: Callable[[bytes], bytes] = like_clamd, place: Path | None = None) -> Iterator[str]:
    """A server that speaks clamd's INSTREAM, for one file; gives its address."""
    if place is None:
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(place))
        listener.listen()
        address = f"unix://{place}"
    listener.settimeout(10)
    thread = threading.Thread(target=_serve, args=(listener, answer))
    thread.start()
    try:
        yield address
    finally:
        thread.join(10)
        listener.close()


def test_a_clean_file_names_its_scanner() -> None:
    with a_clamd() as address:
        assert ClamdScanner(address).scan(b"harmless" * 50_000) == "clamd"


def test_the_scanner_also_listens_at_a_socket_of_the_machine(tmp_path: Path) -> None:
    with a_clamd(place=tmp_path / "clamd.ctl") as address:
        assert ClamdScanner(address).scan(b"") == "clamd"


def test_a_virus_is_named_to_us_and_not_to_the_sender() -> None:
    with a_clamd() as address, pytest.raises(VirusFoundError) as found:
        ClamdScanner(address).scan(bytes(100_000) + EICAR)
    assert found.value.name == "Win.Test.EICAR_HDB-1"
    assert "EICAR" not in str(found.value)


@pytest.mark.parametrize(
    "answer", [b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK and more\0", b"\xff" * 5000]
)
def test_an_answer_that_says_nothing_clear_lets_nothing_through(answer: bytes) -> None:
    with a_clamd(lambda _: answer) as address, pytest.raises(ScannerUnavailableError):
        ClamdScanner(address).scan(b"harmless")


def test_a_scanner_that_is_away_lets_nothing_through(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for address in (f"tcp://127.0.0.1:{port}", f"unix://{tmp_path}/nobody"):
        with pytest.raises(ScannerUnavailableError):
            ClamdScanner(address).scan(b"harmless")


def test_a_scanner_that_never_answers_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        scanner = ClamdScanner(f"tcp://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.2)
        with pytest.raises(ScannerUnavailableError):
            scanner.scan(b"harmless")


def test_without_a_scanner_nobody_looked_and_that_is_said() -> None:
    scanner = make_scanner(Settings())
    assert isinstance(scanner, NoScanner)
    assert scanner.scan(EICAR) == ""
    assert isinstance(make_scanner(Settings(scanner="tcp://localhost:3310")), ClamdScanner)


@pytest.mark.parametrize("address", ["localhost:3310", "tcp://localhost", "tcp://localhost:x", "unix:", "http://x:1"])
def test_a_wrong_address_is_named(address: str) -> None:
    with pytest.raises(ConfigurationError, match="DOORSTEP_SCANNER"):
        make_scanner(Settings(scanner=address))
