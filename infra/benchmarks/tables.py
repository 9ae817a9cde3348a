"""Tables of results, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as Drawn

BEST = "*"
"""Marks the best engine of a row."""


@dataclass(frozen=True)
class Table:
    """A title, headings, rows of text, and notes below."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def draw(self, console: Console) -> None:
        """Print it; numbers stand to the right."""
        drawn = Drawn(title=self.title, title_justify="left", title_style="bold")
        for at, heading in enumerate(self.headings):
            drawn.add_column(heading, justify="left" if at == 0 else "right", no_wrap=at == 0)
        for row in self.rows:
            drawn.add_row(*row)
        console.print(drawn)
        for note in self.notes:
            console.print(f"  {note}", highlight=False, markup=False)
        console.print()

    def markdown(self) -> str:
        """The same as Markdown."""
        lines = [f"### {self.title}", "", _row(self.headings), _row(["---"] + ["---:"] * (len(self.headings) - 1))]
        lines += map(_row, self.rows)
        return "\n".join([*lines, "", *(f"{note}\n" for note in self.notes)])


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands apart; a dash for none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def with_best(values: Sequence[float | None], digits: int = 0) -> list[str]:
    """Numbers of one row; the smallest, if there are two or more to compare, is marked."""
    there = [round(value, digits) for value in values if value is not None]
    least = min(there) if len(there) > 1 else None
    return [
        number(value, digits) + (f" {BEST}" if value is not None and round(value, digits) == least else "")
        for value in values
    ]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
