"""A bar on the terminal while a search runs: how much of its time is gone, and the best it has found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_EVERY_SECONDS = 0.1
_BEST = TextColumn("{task.fields[best]}", markup=False)


@contextmanager
def showing_search(what: str, seconds: float) -> Iterator[Callable[[str], None]]:
    """Show a bar that fills in `seconds`, on standard error; gives a function that sets the words beside it.

    Where standard error is no terminal it says nothing.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda words: None
        return
    ended = Event()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), _BEST)
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=seconds, best="")

        def fill() -> None:
            while not ended.wait(_EVERY_SECONDS):
                bar.advance(task, _EVERY_SECONDS)

        filling = Thread(target=fill, daemon=True)
        filling.start()
        try:
            yield lambda words: bar.update(task, best=words)
        finally:
            ended.set()
            filling.join()
            bar.update(task, completed=seconds)
