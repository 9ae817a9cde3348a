"""Calls a subscriber's address, and nothing it could be tricked into calling.

The address is resolved when it is called, every answer must be a public one, and the connection goes to the very address that
was checked: a name that points elsewhere a moment later gains nothing. Redirects are not followed, answers are not read.
"""

import hashlib
import hmac
import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from hub.domain.errors import DoorstepError

CONNECT_SECONDS = 5.0
CALL_SECONDS = 15.0
"""How long a call may take in all, once the name is resolved."""
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_SHARED_PREFIXES = tuple(
    ipaddress.ip_network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)
"""Addresses of IPv6 that lead to an IPv4 address inside them."""
_UNSAFE_PORTS = frozenset(
    {0, 22, 23, 25, 53, 110, 143, 465, 587, 993, 995, 2375, 3306, 5432, 5672, 6379, 9200, 11211, 27017}
)


class CallbackRefusedError(DoorstepError):
    """The address is none that we call; the sentence says why."""

    code = "callback-refused"


class CallFailedError(DoorstepError):
    """The call did not succeed. `reachable` tells an answer that was no success from no answer at all."""

    code = "call-failed"

    def __init__(self, sentence: str, *, reachable: bool) -> None:
        super().__init__(sentence)
        self.reachable = reachable


@dataclass(frozen=True)
class Signed:
    """A body and the headers that prove who sent it."""

    body: bytes
    headers: Mapping[str, str]


def check_address(callback: str, *, private: bool = False) -> SplitResult:
    """The parts of an address that may be called; raises CallbackRefusedError. Nothing is looked up yet.

    `private` also lets plain HTTP and addresses of this network through: for tests and installations on one network.
    """
    try:
        parts = urlsplit(callback)
        port = parts.port
    except ValueError as error:
        raise CallbackRefusedError("The callback is no address that can be called.") from error
    if not callback.isascii() or not callback.isprintable() or " " in callback or parts.hostname is None:
        raise CallbackRefusedError("The callback must be an address such as https://hooks.utility.example/doorstep.")
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise CallbackRefusedError("The callback must begin with https://.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise CallbackRefusedError("The callback must have no user, password or fragment; calls are signed instead.")
    literal = _literal(parts.hostname)
    if literal is None and not _HOST.fullmatch(parts.hostname):
        raise CallbackRefusedError("The callback's host is no host name.")
    if port is not None and port in _UNSAFE_PORTS:
        raise CallbackRefusedError(f"Port {port} is not one that callbacks go to.")
    if not private:
        if parts.hostname == "localhost" or parts.hostname.endswith((".localhost", ".local", ".internal")):
            raise CallbackRefusedError("The callback's host is not a public one.")
        if literal is not None and not is_public(literal):
            raise CallbackRefusedError("The callback's host is not a public one.")
    return parts


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the address is on the public internet and names one machine; anything else is refused."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.is_site_local or any(address in network for network in _SHARED_PREFIXES):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def sign(secret: str, event_id: str, event_type: str, body: str, timestamp: int) -> Signed:
    """The body with its headers: HMAC-SHA256 over the timestamp, a full stop and the body, in hexadecimal."""
    content = body.encode()
    proof = hmac.new(secret.encode(), f"{timestamp}.".encode() + content, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Doorstep",
        "Doorstep-Event-Id": event_id,
        "Doorstep-Event-Type": event_type,
        "Doorstep-Timestamp": str(timestamp),
        "Doorstep-Signature": f"sha256={proof}",
    }
    return Signed(content, headers)


def call(callback: str, signed: Signed, *, private: bool = False, seconds: float = CALL_SECONDS) -> None:
    """POST `signed` to `callback`; returns when the answer is a success (2xx), within `seconds`.

    Raises CallFailedError when it is not, CallbackRefusedError when the address may not be called.
    """
    parts = check_address(callback, private=private)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _resolve(host, port, private=private)
    connection = _Pinned(host, port, address, secure=parts.scheme == "https")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # Timeouts of a socket begin anew with each byte: somebody who answers a byte at a time would keep us for ever.
    watchdog = Timer(seconds, connection.cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("POST", target, body=signed.body, headers=dict(signed.headers))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CallFailedError(_why(error), reachable=False) from error
    finally:
        watchdog.cancel()
        connection.close()
    if 300 <= status < 400:
        raise CallFailedError(f"The answer was {status}, which leads elsewhere; we do not follow.", reachable=True)
    if not 200 <= status < 300:
        raise CallFailedError(f"The answer was {status}.", reachable=True)


class _Pinned(http.client.HTTPConnection):
    """A connection to one checked address, which still asks for the host by its name."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS)
        self._address = address
        self._secure = secure

    def connect(self) -> None:
        """Connect to the checked address; over HTTPS the certificate must be the host's."""
        plain = socket.create_connection((self._address, self.port), CONNECT_SECONDS)
        self.sock = plain
        if self._secure:
            context = ssl.create_default_context()
            secured = context.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
            # Before the handshake, so that `cut` reaches it too.
            self.sock = secured
            secured.do_handshake()

    def cut(self) -> None:
        """End the call, from whatever thread."""
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


def _resolve(host: str, port: int, *, private: bool) -> str:
    """The address that will be called. All that the name stands for must be public: one that is not is a trap or a mistake."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CallFailedError("The host's name leads nowhere.", reachable=False) from error
    addresses = [str(one[4][0]) for one in found]
    if not addresses:
        raise CallFailedError("The host's name leads nowhere.", reachable=False)
    if not private and not all(is_public(ipaddress.ip_address(one.split("%")[0])) for one in addresses):
        raise CallbackRefusedError("The callback's host is not a public one.")
    return addresses[0]


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The certificate is not the host's, or nobody we trust signed it."
    if isinstance(error, TimeoutError):
        return "There was no answer in time."
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused."
    return f"The call broke off ({type(error).__name__})."
