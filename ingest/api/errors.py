"""What the API refuses, in sentences of its own; `hub.web.errors` turns them into TM Forum's Error."""

from hub.domain.errors import DoorstepError, ErrorKind


class BodyInvalidError(DoorstepError):
    """The body cannot be used; the sentence names the place."""

    code = "body-invalid"


class OrderUnknownError(DoorstepError):
    """The body names a work order that there is none of, or that is another utility's.

    TM Forum knows no 404 where the address is right and what the body names is not.
    """

    code = "work-order-unknown"

    def __init__(self) -> None:
        super().__init__("There is no such work order. Name one of your own by its id or its externalId.")


class ParameterInvalidError(DoorstepError):
    """A query parameter cannot be used; the sentence names it and what would be right."""

    code = "parameter-invalid"


class OrderExistsError(DoorstepError):
    """There is an order with this external id, made by another request."""

    kind = ErrorKind.CONFLICT
    code = "order-exists"

    def __init__(self) -> None:
        super().__init__("There is a work order with this externalId already. Change it with PATCH.")


class KeyReusedError(DoorstepError):
    """The Idempotency-Key, or the externalId that stands for it, came before with another body."""

    kind = ErrorKind.CONFLICT
    code = "idempotency-key-reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was sent before with something else. Send every new request with a new key."
        )


class ChangeRefusedError(DoorstepError):
    """The order is too far for this change; the sentence says why."""

    kind = ErrorKind.CONFLICT
    code = "change-refused"


class AppointmentExistsError(DoorstepError):
    """The work order has an appointment at another time."""

    kind = ErrorKind.CONFLICT
    code = "appointment-exists"

    def __init__(self) -> None:
        super().__init__("The work order has an appointment at another time already. Move it with PATCH.")


class TooManySubscriptionsError(DoorstepError):
    """The utility has as many subscriptions as it may have."""

    kind = ErrorKind.CONFLICT
    code = "too-many-subscriptions"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"There are {most} subscriptions already, which is the most. Unregister one that is not needed."
        )
