"""What a mail server's enhanced status code says (RFC 3463, and the registry RFC 5248 keeps)."""

import re

_CODE = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_NO_SUCH_MAILBOX = frozenset({(1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)})
"""No such mailbox, no such host, not an address, moved away, no mail at all there (null MX), mailbox disabled."""


def enhanced_code(text: str) -> tuple[int, int, int] | None:
    """The first code such as 5.1.1 in `text`."""
    found = _CODE.search(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def is_bad_mailbox(text: str) -> bool:
    """Whether the reply says that nothing can ever arrive at this address, rather than that we or the message are unwelcome."""
    code = enhanced_code(text)
    return code is not None and code[0] == 5 and code[1:] in _NO_SUCH_MAILBOX
