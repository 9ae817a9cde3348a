"""Where a play stands: a bar on a terminal, a plain line a simulated day otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from infra.play.options import ZONE


class Show(Protocol):
    """Told where the play stands."""

    def __call__(self, now: datetime, settled: int) -> None:
        """It is `now`, and `settled` orders have come to an end."""
        ...


@contextmanager
def showing_play(console: Console, orders: int) -> Iterator[Show]:
    """A function to tell the play's progress to."""
    if not console.is_terminal:
        yield _plain(console, orders)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("orders settled")
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("Day 0", total=orders)

        def show(now: datetime, settled: int) -> None:
            bar.update(task, completed=settled, description=f"{now.astimezone(ZONE):%a %d %b %H:%M %Z}")

        yield show


def _plain(console: Console, orders: int) -> Show:
    told = ""

    def show(now: datetime, settled: int) -> None:
        nonlocal told
        day = f"{now.astimezone(ZONE):%a %d %b}"
        if day != told:
            told = day
            console.print(f"{day}: {settled} of {orders} orders settled", highlight=False)

    return show
