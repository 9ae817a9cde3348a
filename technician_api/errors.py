"""What can go wrong for a technician, each with a sentence the phone shows as it is."""

from hub.domain.errors import DoorstepError, ErrorKind


class EnrolmentCodeWrongError(DoorstepError):
    """No such code was handed out."""

    kind = ErrorKind.UNAUTHENTICATED
    code = "enrolment-code-wrong"

    def __init__(self) -> None:
        super().__init__("This code is not right. Check its eight characters and type it again.")


class EnrolmentCodeSpentError(DoorstepError):
    """The code was right, but its day is over or a phone was enrolled with it."""

    kind = ErrorKind.GONE
    code = "enrolment-code-spent"

    def __init__(self) -> None:
        super().__init__("This code was used or is too old. Ask your dispatcher for a new one.")


class KeyReusedError(DoorstepError):
    """The Idempotency-Key stands for another request already."""

    kind = ErrorKind.INVALID
    code = "idempotency-key-reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was sent before with something else. Send a new key with each new request."
        )


class OccurredAtError(DoorstepError):
    """The phone's time for a step cannot be right."""

    kind = ErrorKind.INVALID
    code = "occurred-at-not-plausible"


class DoorCodeWrongError(DoorstepError):
    """The code is not the one that the citizen of this visit can show today."""

    kind = ErrorKind.INVALID
    code = "door-code-wrong"

    def __init__(self) -> None:
        super().__init__("This is not today's door code of this visit. Scan it again, or go on without it.")


class NotOnTheWayError(DoorstepError):
    """A place was sent, or a door code, at a time at which nobody may ask for it."""

    kind = ErrorKind.CONFLICT
    code = "not-on-the-way"


class ReportTooEarlyError(DoorstepError):
    """A report or a photo of a visit that has not been arrived at."""

    kind = ErrorKind.CONFLICT
    code = "not-on-site-yet"

    def __init__(self, status: str) -> None:
        super().__init__(f"The visit is {status}. Tell us first that you arrived, then add reports and photos.")
        self.status = status
