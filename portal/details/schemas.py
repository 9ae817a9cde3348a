"""What citizens' forms may hold: text of a bounded length."""

import re
from dataclasses import dataclass

from hub.typed import one_line, some_lines

MOST_CODE = 60
MOST_LINE = 200
MOST_NOTE = 500
MOST_NAME = 80


@dataclass(frozen=True)
class AccessForm:
    """How to get in, as it came from the form."""

    gate_code: str = ""
    dog: str = ""
    parking: str = ""
    note: str = ""

    def tidied(self) -> "AccessForm":
        """The same without unseen signs and cut to length: one line each, but for the note."""
        return AccessForm(
            gate_code=one_line(self.gate_code, MOST_CODE),
            dog=one_line(self.dog, MOST_LINE),
            parking=one_line(self.parking, MOST_LINE),
            note=some_lines(self.note, MOST_NOTE),
        )


def shown_name(name: str) -> str:
    """What a file is called on pages: the last part of what its sender called it; never the name of anything of ours."""
    last = re.split(r"[/\\]", name)[-1]
    return one_line(last, MOST_NAME).strip(". ") or "file"
