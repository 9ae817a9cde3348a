"""Instants as the command line prints them."""

from datetime import UTC, datetime


def in_utc(instant: datetime) -> str:
    """`2026-05-04 07:05 UTC`: a command does not know in which zone its reader is, so it says in which one it speaks."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
