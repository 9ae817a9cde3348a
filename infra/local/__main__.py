"""`python -m infra.local`: the broker as a process of its own; prints the connection string when it is ready."""

import argparse
import sys
from pathlib import Path

from hub.domain.errors import DoorstepError
from infra.local.config import DEFAULT_CONFIG
from infra.local.server import run_broker


def main() -> int:
    """Run the broker as the command line says; 1 with a sentence on stderr when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description="The local Service Bus broker.")
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="the emulator's config.json")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5672, help="0 takes a free one")
    parser.add_argument("--state", type=Path, help="folder that keeps the messages; without it they live in memory")
    options = parser.parse_args()
    try:
        run_broker(options.config, options.host, options.port, options.state, lambda text: print(text, flush=True))
    except DoorstepError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
