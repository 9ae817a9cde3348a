"""The command that runs the local Service Bus broker."""

from pathlib import Path

import typer

from infra.local.config import DEFAULT_CONFIG
from infra.local.server import run_broker


def serve_broker(host: str, port: int, config: Path | None, state: Path | None) -> None:
    """Serve until SIGINT or SIGTERM; prints the connection string as the first line once clients can connect."""
    run_broker(config or DEFAULT_CONFIG, host, port, state, typer.echo)
