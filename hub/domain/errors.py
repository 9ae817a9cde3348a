"""What can go wrong, in the product's own words.

Every error carries a `kind` (which family of answer a host gives: not found, conflict …), a stable `code`
(what a program can match on) and a sentence for people. No error knows HTTP: `hub.web.errors` maps kinds to status codes.
"""

from enum import StrEnum


class ErrorKind(StrEnum):
    """The family an error belongs to."""

    INVALID = "invalid"
    NOT_FOUND = "not found"
    CONFLICT = "conflict"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    UNAVAILABLE = "unavailable"
    TOO_MANY = "too many"


class DoorstepError(Exception):
    """The base of every error this product raises on purpose; `str()` gives the sentence."""

    kind: ErrorKind = ErrorKind.INVALID
    code: str = "invalid"


class NotFoundError(DoorstepError):
    """Something asked for by id or token does not exist, or is not the asker's to see."""

    kind = ErrorKind.NOT_FOUND
    code = "not-found"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")
        self.what = what


class StaleVersionError(DoorstepError):
    """Somebody else changed the record first; nothing was written."""

    kind = ErrorKind.CONFLICT
    code = "stale-version"

    def __init__(self, what: str) -> None:
        super().__init__(f"The {what} was changed by somebody else in the meantime. Reload it and try again.")
        self.what = what


class TransitionRefusedError(DoorstepError):
    """The lifecycle table has no such step from the present status."""

    kind = ErrorKind.CONFLICT
    code = "transition-refused"

    def __init__(self, entity: str, status: str, action: str) -> None:
        super().__init__(f"A {entity.replace('_', ' ')} that is {status} cannot {action}.")
        self.entity, self.status, self.action = entity, status, action


class SlotTakenError(DoorstepError):
    """The slot was free when it was offered; at the re-check under lock it no longer fits."""

    kind = ErrorKind.CONFLICT
    code = "slot-taken"

    def __init__(self) -> None:
        super().__init__("That time has just been taken by somebody else. Please choose another one.")


class SlotPastError(DoorstepError):
    """The slot lies in the past or too soon for a technician to be sent."""

    kind = ErrorKind.CONFLICT
    code = "slot-past"

    def __init__(self) -> None:
        super().__init__("That time can no longer be booked. Please choose a later one.")


class HoldExpiredError(DoorstepError):
    """The lease on a held slot ran out before it was confirmed."""

    kind = ErrorKind.GONE
    code = "hold-expired"

    def __init__(self) -> None:
        super().__init__("We kept this time for you for some minutes, but it was not confirmed. Please choose again.")


class LinkInvalidError(DoorstepError):
    """The token is unknown: mistyped, cut off by a mail program, or forged."""

    kind = ErrorKind.NOT_FOUND
    code = "link-invalid"

    def __init__(self) -> None:
        super().__init__("This link is not complete. Open it again from the message we sent you.")


class LinkExpiredError(DoorstepError):
    """The token was right once, but its time or its order is over."""

    kind = ErrorKind.GONE
    code = "link-expired"

    def __init__(self) -> None:
        super().__init__("This link is no longer valid. A newer message from us has a newer link.")


class LinkRestsError(LinkExpiredError):
    """The order behind the link is on hold since its citizen died or moved away; `reference` is what its utility knows it by."""

    code = "link-rests"

    def __init__(self, reference: str) -> None:
        super().__init__()
        self.args = (f"The visit of order {reference} is put off; its utility answers questions about it.",)
        self.reference = reference


class NotSignedInError(DoorstepError):
    """No valid credential came with the request."""

    kind = ErrorKind.UNAUTHENTICATED
    code = "not-signed-in"

    def __init__(self, sentence: str = "Please sign in first.") -> None:
        super().__init__(sentence)


class NotAllowedError(DoorstepError):
    """The credential is valid but its role does not cover this."""

    kind = ErrorKind.FORBIDDEN
    code = "not-allowed"

    def __init__(self, sentence: str = "Your role does not cover this.") -> None:
        super().__init__(sentence)


class TooManyAttemptsError(DoorstepError):
    """A rate limit was reached."""

    kind = ErrorKind.TOO_MANY
    code = "too-many-attempts"

    def __init__(self) -> None:
        super().__init__("Too many attempts. Wait some minutes and try again.")


class DatabaseUnavailableError(DoorstepError):
    """The database does not answer; nothing was written."""

    kind = ErrorKind.UNAVAILABLE
    code = "database-unavailable"

    def __init__(self, where: str) -> None:
        super().__init__(f"The database at {where} does not answer. Check that it runs and that DATABASE_URL is right.")


class ConfigurationError(DoorstepError):
    """A setting or a configuration file is wrong; the sentence names it and what would be right."""

    code = "configuration"
