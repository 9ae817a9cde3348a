"""What may be called, and what a caller can be tricked into."""

import ipaddress
import socket
import threading
import time
from typing import Any

import pytest

from ingest.api.calling import CallbackRefusedError, CallFailedError, call, check_address, is_public, sign

SIGNED = sign("secret", "id", "type", "{}", 1_777_000_000)


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.utility.example/in",
        "ftp://hooks.utility.example/in",
        "file:///etc/passwd",
        "https://",
        "https:///in",
        "hooks.utility.example",
        "https://user:secret@hooks.utility.example/in",
        "https://hooks.utility.example/in#part",
        "https://hooks.utility.example:5432/in",
        "https://hooks.utility.example:99999/in",
        "https://hooks.utility.example:x/in",
        "https://hooks.utility.example/a b",
        "https://hooks.utility.example/\r\nX: y",
        "https://hooks.utilité.example/in",
        "https://localhost/in",
        "https://db.localhost/in",
        "https://printer.local/in",
        "https://metadata.google.internal/in",
        "https://127.0.0.1/in",
        "https://10.0.0.1/in",
        "https://172.16.0.1/in",
        "https://192.168.1.1/in",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/in",
        "https://0.0.0.0/in",
        "https://224.0.0.1/in",
        "https://255.255.255.255/in",
        "https://[::1]/in",
        "https://[::]/in",
        "https://[fe80::1]/in",
        "https://[fc00::1]/in",
        "https://[ff02::1]/in",
        "https://[::ffff:127.0.0.1]/in",
        "https://[::ffff:10.0.0.1]/in",
        "https://[64:ff9b::7f00:1]/in",
        "https://[2002:7f00:1::]/in",
        "https://[::1",
        "https://host_name.example/in",
        "https://-x.example/in",
    ],
)
def test_an_address_that_is_not_public_https_is_refused(address: str) -> None:
    with pytest.raises(CallbackRefusedError):
        check_address(address)


@pytest.mark.parametrize(
    "address", ["https://hooks.utility.example/in?x=1", "https://hooks.utility.example:8443", "https://193.0.6.139/in"]
)
def test_a_public_https_address_is_fine(address: str) -> None:
    assert check_address(address).hostname


def test_odd_spellings_of_loopback_are_names_that_are_checked_when_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    # Resolvers understand 127.1, 0x7f.1 and 2130706433 as 127.0.0.1.
    resolve_to(monkeypatch, "127.0.0.1")
    for host in ("127.1", "0x7f.1", "2130706433", "hooks.utility.example"):
        with pytest.raises(CallbackRefusedError):
            call(f"https://{host}/in", SIGNED)


@pytest.mark.parametrize("trap", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:10.0.0.1"])
def test_one_private_address_among_those_of_a_name_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    resolve_to(monkeypatch, "193.0.6.139", trap)
    with pytest.raises(CallbackRefusedError):
        call("https://hooks.utility.example/in", SIGNED)


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that points to this machine a moment later gains nothing: it is asked for once."""
    asked = resolve_to(monkeypatch, "193.0.6.139")
    reached: list[Any] = []

    def connect(address: Any, timeout: float) -> Any:
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(CallFailedError, match="connection was refused"):
        call("https://hooks.utility.example/in", SIGNED)
    assert (reached, len(asked)) == ([("193.0.6.139", 443)], 1)


def test_a_name_that_leads_nowhere_is_a_failure_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(CallFailedError) as failed:
        call("https://hooks.utility.example/in", SIGNED)
    assert not failed.value.reachable


def test_somebody_who_answers_a_byte_at_a_time_does_not_keep_us() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                while not stop.wait(0.05):
                    connection.sendall(b"H")
            except OSError:
                return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    begun = time.monotonic()
    with pytest.raises(CallFailedError) as failed:
        call(f"http://127.0.0.1:{listener.getsockname()[1]}/", SIGNED, private=True, seconds=0.5)
    assert not failed.value.reachable
    # Without the bound this would go on for ever, so any bound shows it.
    assert time.monotonic() - begun < 60
    stop.set()
    thread.join(10)
    listener.close()


def test_a_certificate_that_is_not_the_hosts_is_refused(tmp_path: Any) -> None:
    """Over HTTPS the certificate counts, also on one's own network."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer_plainly() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    thread = threading.Thread(target=answer_plainly, daemon=True)
    thread.start()
    with pytest.raises(CallFailedError):
        call(f"https://127.0.0.1:{listener.getsockname()[1]}/", SIGNED, private=True)
    thread.join(10)
    listener.close()


def test_private_installations_may_call_their_own_network() -> None:
    assert check_address("http://127.0.0.1:8000/in", private=True).port == 8000
    with pytest.raises(CallbackRefusedError):
        check_address("gopher://127.0.0.1/in", private=True)


def test_public_addresses_are_those_of_one_machine_on_the_internet() -> None:
    public = ("193.0.6.139", "2001:67c:2e8:22::c100:68b")
    private = ("0.0.0.0", "192.0.2.1", "198.18.0.1", "240.0.0.1", "2001:db8::1", "2001::1", "::", "100::1", "fec0::1")  # noqa: S104
    assert all(is_public(ipaddress.ip_address(one)) for one in public)
    assert not any(is_public(ipaddress.ip_address(one)) for one in private)


def test_a_signature_covers_time_and_body() -> None:
    signatures = {
        sign(secret, "id", "type", body, timestamp).headers["Doorstep-Signature"]
        for secret in ("a", "b")
        for body in ("{}", "[]")
        for timestamp in (1, 2)
    }
    assert len(signatures) == 8


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name lead to `addresses`; returns the list of names that were asked for."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked
