"""References and postal codes as people write them: what stands between their parts makes no difference."""

JOINTS = " \u00a0\u202f-\u2010\u2011\u2012\u2013\u2014._/"
"""What people write between the parts of a reference or a postal code, each in their own way: spaces, dashes, dots, strokes.

Part of an index: whoever changes it writes a migration.
"""


def joined(text: str) -> str:
    """`text` in capitals and without what joins its parts; the same for every way of writing one reference."""
    return text.upper().translate(dict.fromkeys(map(ord, JOINTS)))
