"""What can go wrong when a citizen adds to an order."""

from hub.domain.errors import DoorstepError, ErrorKind


class DetailsClosedError(DoorstepError):
    """The order is over, so nothing can be added or changed any more."""

    kind = ErrorKind.CONFLICT
    code = "details-closed"

    def __init__(self) -> None:
        super().__init__("This job is over, so nothing can be changed here any more.")


class FileRefusedError(DoorstepError):
    """A file was not kept. `reason` is one of `REASONS`; the pages say it in the citizen's language."""

    kind = ErrorKind.INVALID
    code = "file-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This file was not kept: {reason.replace('_', ' ')}.")
        self.reason = reason


REASONS = (
    "empty",
    "kind",
    "large",
    "pixels",
    "damaged",
    "locked",
    "active",
    "virus",
    "many",
    "often",
    "busy",
    "away",
)
"""Why a file was not kept: each is a sentence `refused_…` in every language."""
