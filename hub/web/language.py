"""Which language a citizen's page is in."""

from hub.notifications.texts import LANGUAGES, known_language


def choose_language(asked: str | None, otherwise: str) -> str:
    """The language asked for in the address when it is one we speak, else `otherwise` (the order's), else English."""
    return asked if asked in LANGUAGES else known_language(otherwise)


def accepted_language(header: str) -> str:
    """The first language of an Accept-Language header that we speak; for pages that belong to no order."""
    for part in header.split(",")[:10]:
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return "en"
