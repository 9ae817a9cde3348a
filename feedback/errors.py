"""What can go wrong with an answer."""

from hub.domain.errors import DoorstepError, ErrorKind


class SurveyClosedError(DoorstepError):
    """The first answer is older than the time in which it may be changed."""

    kind = ErrorKind.GONE
    code = "survey-closed"

    def __init__(self) -> None:
        super().__init__("Your answer can no longer be changed.")


class PeriodError(DoorstepError):
    """The days that were chosen make no period."""

    code = "period"
