"""No test leaves the machine unnoticed."""

import socket

import pytest


def test_an_address_elsewhere_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="tried to connect"):
        outside.connect(("192.0.2.1", 80))


def test_a_name_elsewhere_is_not_looked_up() -> None:
    with pytest.raises(RuntimeError, match=r"tried to look up doorstep\.example"):
        socket.getaddrinfo("doorstep.example", 443)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
