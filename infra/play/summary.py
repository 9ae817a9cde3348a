"""The table a play ends with, in words for people."""

from rich.console import Console
from rich.table import Table

from infra.play.outcome import Outcome

_ROWS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Orders",
        (
            ("received", "different orders and broken messages received"),
            ("duplicates", "messages that came twice"),
            ("rejected", "rejected, the utility knows why"),
            ("dead_lettered", "dead-lettered with a reason"),
            ("completed", "completed"),
            ("on_hold", "handed back to the utility, on hold"),
            ("on_hold_no_contact", "… because nobody answered"),
            ("on_hold_no_access", "… because the technician could not get in twice"),
            ("on_hold_refused", "… because the citizen refused"),
            ("on_hold_unsafe", "… because the place was unsafe"),
            ("cancelled", "cancelled"),
            ("open", "still open, with a next step"),
            ("unaccounted", "unaccounted for"),
        ),
    ),
    (
        "Promises",
        (
            ("confirmed_appointments", "appointments confirmed"),
            ("promises_kept", "kept: arrived inside the window"),
            ("promises_given_back", "moved or cancelled by the citizen"),
            ("promises_missed_on_the_road", "missed on the road: an earlier job overran"),
            ("promises_ahead", "still ahead"),
            ("promises_broken", "broken by planning"),
            ("double_bookings", "double bookings"),
            ("booking_pages_without_a_time", "booking pages without a free time"),
        ),
    ),
    (
        "Messages",
        (
            ("contact_attempts", "contact attempts"),
            ("notifications_unknown", "messages of unknown outcome"),
            ("events_published", "events published"),
            ("utility_heard", "events heard by the utility"),
            ("out_of_order_events", "orders heard in the wrong order"),
            ("surveys", "surveys answered"),
            ("mean_rating", "mean rating (1 to 5)"),
        ),
    ),
    (
        "The play",
        (
            ("simulated_days", "simulated days"),
            ("wall_seconds", "seconds"),
            ("times_faster", "times faster than life"),
            ("http_requests", "HTTP requests"),
            ("http_errors", "HTTP errors (5xx or no answer)"),
            ("restarts", "processes started again"),
        ),
    ),
)


def print_summary(console: Console, outcome: Outcome) -> None:
    """Print the figures as a table, and below it each sentence about what went wrong."""
    table = Table(title="What became of everything", show_header=False, box=None, padding=(0, 1))
    table.add_column(justify="right", style="bold")
    table.add_column()
    for title, rows in _ROWS:
        table.add_section()
        table.add_row("", f"[bold underline]{title}[/]")
        for name, words in rows:
            table.add_row(_shown(outcome.figures.get(name)), words)
    console.print(table)
    for note in outcome.notes:
        console.print(note, markup=False)
    if outcome.failed:
        console.print("[bold red]The play failed.[/]")
        for sentence in outcome.violations:
            console.print(f"• {sentence}", markup=False)
    else:
        console.print("[bold green]Every order is accounted for, and every promise was kept or is explained.[/]")


def _shown(figure: float | str | None) -> str:
    if figure is None:
        return "–"
    if isinstance(figure, str):
        return figure
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:,.1f}"
