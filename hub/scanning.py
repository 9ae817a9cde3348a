"""Whether a file that a stranger sent holds a virus: a port, and ClamAV's `clamd` behind it.

    scanner = make_scanner(settings)
    scanned_by = scanner.scan(content)      # raises VirusFoundError or ScannerUnavailableError

Without a scanner files are kept unscanned, and staff see that. With one that does not answer nothing is kept.
"""

import socket
import struct
from typing import Protocol
from urllib.parse import urlsplit

from hub.domain.errors import ConfigurationError, DoorstepError, ErrorKind
from hub.settings import Settings

_PIECE = 64 * 1024
_LONGEST_WAIT_SECONDS = 20.0
_LONGEST_ANSWER = 4096


class VirusFoundError(DoorstepError):
    """The scanner found something; the file was not kept. `name` is the scanner's word for it."""

    kind = ErrorKind.INVALID
    code = "virus-found"

    def __init__(self, name: str) -> None:
        super().__init__("Our virus scanner found something in this file, so it was not kept. Send another one.")
        self.name = name


class ScannerUnavailableError(DoorstepError):
    """The scanner does not answer or could not finish; the file was not kept."""

    kind = ErrorKind.UNAVAILABLE
    code = "scanner-unavailable"

    def __init__(self) -> None:
        super().__init__(
            "Files cannot be checked for viruses just now, so none is kept. Please try again in some minutes."
        )


class Scanner(Protocol):
    """Looks into a file."""

    def scan(self, content: bytes) -> str:
        """The scanner's name when it found nothing, empty when nobody looked.

        Raises VirusFoundError or ScannerUnavailableError.
        """
        ...


class NoScanner:
    """Looks into nothing and says so."""

    def scan(self, content: bytes) -> str:
        """Always empty: nobody looked."""
        return ""


class ClamdScanner:
    """Asks a `clamd` by its INSTREAM command (clamd(8)): pieces with a 4-byte length before each, an empty one at the end."""

    def __init__(self, address: str, *, timeout_seconds: float = _LONGEST_WAIT_SECONDS) -> None:
        """`address` is `tcp://host:port` or `unix:///path/of/the/socket`; raises ConfigurationError for anything else."""
        parts = urlsplit(address)
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme == "unix" and parts.path:
            self._where: str | tuple[str, int] = parts.path
        elif parts.scheme == "tcp" and parts.hostname and port:
            self._where = (parts.hostname, port)
        else:
            raise ConfigurationError(
                f"DOORSTEP_SCANNER is {address!r}. Give clamd's address as tcp://host:3310 or unix:///run/clamav/clamd.ctl."
            )
        self._timeout = timeout_seconds

    def scan(self, content: bytes) -> str:
        """`clamd` when it found nothing; raises VirusFoundError or ScannerUnavailableError."""
        try:
            with self._connect() as line:
                line.sendall(b"zINSTREAM\0")
                for start in range(0, len(content), _PIECE):
                    piece = content[start : start + _PIECE]
                    line.sendall(struct.pack(">I", len(piece)) + piece)
                line.sendall(struct.pack(">I", 0))
                answer = _read_answer(line)
        except OSError as error:
            raise ScannerUnavailableError from error
        if answer == "stream: OK":
            return "clamd"
        if answer.startswith("stream: ") and answer.endswith(" FOUND"):
            raise VirusFoundError(answer.removeprefix("stream: ").removesuffix(" FOUND"))
        # For instance "INSTREAM size limit exceeded. ERROR": nobody has looked at all of it.
        raise ScannerUnavailableError

    def _connect(self) -> socket.socket:
        if isinstance(self._where, tuple):
            return socket.create_connection(self._where, timeout=self._timeout)
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(self._timeout)
        try:
            line.connect(self._where)
        except OSError:
            line.close()
            raise
        return line


def make_scanner(settings: Settings) -> Scanner:
    """The scanner by `settings`; raises ConfigurationError."""
    return ClamdScanner(settings.scanner) if settings.scanner else NoScanner()


def _read_answer(line: socket.socket) -> str:
    """One answer, which ends with a zero byte or the connection."""
    came = b""
    while not came.endswith(b"\0") and len(came) < _LONGEST_ANSWER:
        piece = line.recv(_LONGEST_ANSWER)
        if not piece:
            break
        came += piece
    return came.rstrip(b"\0").decode("utf-8", "replace")
