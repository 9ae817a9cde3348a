"""Claims-based security: the client puts a token for an entity before it attaches a link to it.

The token is a shared access signature: an HMAC-SHA256 of the resource and an expiry by the shared key.
"""

import base64
import hmac
import time
from collections.abc import Callable
from urllib.parse import parse_qs, quote_plus

from proton import Message

from infra.local.requests import Answer, application_property

ADDRESS = "$cbs"
STATUS_KEYS = ("status-code", "status-description")
_PREFIX = "SharedAccessSignature "


def token_checker(key: str, now: Callable[[], float] = time.time) -> Callable[[Message], Answer]:
    """The `$cbs` node of a namespace whose shared access key is `key`."""

    def put_token(request: Message) -> Answer:
        operation = application_property(request, "operation")
        if operation != "put-token":
            return Answer(400, f"The operation {operation} is unknown here; put-token is the only one.")
        if _is_signed(str(request.body), key, now()):
            return Answer(202, "Accepted")
        return Answer(
            401,
            "The shared access signature does not fit this broker's key or has expired."
            " Copy the connection string the broker printed.",
            "amqp:unauthorized-access",
        )

    return put_token


def _is_signed(token: str, key: str, now: float) -> bool:
    if not token.startswith(_PREFIX):
        return False
    fields = {name: values[0] for name, values in parse_qs(token.removeprefix(_PREFIX)).items()}
    resource, expiry, signature = (fields.get(name, "") for name in ("sr", "se", "sig"))
    signed = hmac.digest(key.encode(), f"{quote_plus(resource)}\n{expiry}".encode(), "sha256")
    fits = hmac.compare_digest(base64.b64encode(signed), signature.encode())
    return fits and expiry.isdigit() and int(expiry) > now
