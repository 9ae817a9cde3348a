"""`python -m infra.chaos`: run, show how far it is, print a sentence and one JSON object."""

import argparse
import json
import logging
import sys
from pathlib import Path

from hub.domain.errors import DoorstepError
from infra.chaos.options import ChaosOptions
from infra.chaos.run import Outcome, run_chaos
from infra.chaos.unguarded import forget_what_is_unique


def main() -> int:
    """Run for a person; returns the exit code: 0 when nothing was lost or doubled, 1 when something was, 130 after Ctrl-C."""
    given = _arguments()
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    logging.getLogger("hub.messaging").setLevel(logging.CRITICAL)
    try:
        options = ChaosOptions(
            orders=given.orders,
            kills=given.kills,
            seed=given.seed,
            workers=given.workers,
            minutes=given.minutes,
            guarded=not given.without_inbox,
            keep=given.keep,
        )
        if given.without_inbox:
            outcome = run_chaos(options, _show, disturb=forget_what_is_unique)
        else:
            outcome = run_chaos(options, _show)
    except KeyboardInterrupt:
        print("\nStopped by you; nothing is left running.", file=sys.stderr)
        return 130
    except (DoorstepError, ValueError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    if sys.stderr.isatty():
        print(file=sys.stderr)
    written = json.dumps(outcome.as_json(), ensure_ascii=False)
    if given.json is not None:
        given.json.write_text(written + "\n", encoding="utf-8")
    print(written)
    print(_sentence(options, outcome), file=sys.stderr)
    for violation in outcome.violations:
        print(f"  {violation}", file=sys.stderr)
    return int(outcome.failed)


def _arguments() -> argparse.Namespace:
    usual = ChaosOptions()
    parser = argparse.ArgumentParser(prog="python -m infra.chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=usual.orders)
    parser.add_argument(
        "--kills", type=int, default=usual.kills, help="SIGKILLs of workers, broker and PostgreSQL in all"
    )
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--minutes", type=float, default=usual.minutes, help="after so long the run ends as failed")
    parser.add_argument("--without-inbox", action="store_true", help="workers that forget what they did: must fail")
    parser.add_argument("--json", type=Path, help="a file for the figures, beside standard output")
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and data behind")
    return parser.parse_args()


def _show(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def _sentence(options: ChaosOptions, outcome: Outcome) -> str:
    figures = outcome.figures
    doubled = sum(int(value) for name, value in figures.items() if name.startswith("doubled_"))
    return (
        f"{options.orders:,} orders, {figures['kills']} kills, {figures['seconds']:.0f} s: {figures['lost']} lost, {doubled} doubled, "
        f"{figures['events_missing']} of {figures['events']:,} events missing, {figures['events_disordered']} orders told in disorder."
    )


if __name__ == "__main__":
    sys.exit(main())
