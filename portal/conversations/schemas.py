"""What the providers' webhooks hand over, once they know that it is genuine, and what they give back."""

from dataclasses import dataclass

from hub.domain.ids import WorkOrderId


@dataclass(frozen=True)
class InboundSms:
    """A text that came in. `provider_id` is the provider's own name for it: the same one twice is the same message.

    `sender` and `recipient` are numbers with country code (`+32470000001`), or a name where the network gave one. `text` is
    whatever it was, of any length.
    """

    provider_id: str
    sender: str
    recipient: str
    text: str


@dataclass(frozen=True)
class CallBackAsked:
    """Somebody asked to be called back, by pressing a key or a button. `provider_id` names the request, once.

    `caller` is the number to call. `work_order_id` is the order it is about, when that is known for sure.
    """

    provider_id: str
    caller: str
    work_order_id: WorkOrderId | None = None


@dataclass(frozen=True)
class Reply:
    """What to answer a text with, in `language` (`nl`, `fr`, `de` or `en`): plain text, not escaped for anything."""

    text: str
    language: str
