"""The words of a dossier on paper, in four languages."""

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.notifications.texts import known_language
from hub.texts import load_texts

FOLDER = Path(__file__).with_name("texts")


@dataclass(frozen=True)
class EntryInWords:
    """What an entry says: a sentence (its bare kind when nobody wrote one), and whatever of its content is not in the sentence."""

    sentence: str
    details: tuple[tuple[str, str], ...]


class Wording:
    """The words of one language; one we do not write is English."""

    def __init__(self, language: str) -> None:
        self.language = known_language(language)
        self._texts = load_texts(FOLDER, self.language)

    def page(self, key: str, **values: object) -> str:
        """A word of the page; raises KeyError for an unknown key or a missing value."""
        return self._texts[f"page.{key}"].format_map(values)

    def outcome(self, reason: str, counts: Mapping[str, int]) -> tuple[str, str, str]:
        """Three sentences: why the order is on hold, and the counts of messages and of visits, which are never added up."""
        values = {
            "messages": counts["messages"],
            "delivered": counts["messagesDelivered"],
            "undelivered": counts["messagesUndelivered"],
            "failed": counts["messagesFailed"],
            "visits": counts["failedVisits"],
            "without_access": counts["visitsWithoutAccess"],
            "refused": counts["visitsRefused"],
        }
        stated = self._texts.get(f"outcomes.{reason or 'none'}", reason)
        messages, visits = (self._texts[f"outcomes.{counted}"] for counted in ("messages", "visits"))
        return stated.format_map(values), messages.format_map(values), visits.format_map(values)

    def value(self, code: object) -> str:
        """A word of ours in this language, or the word itself when it has no other."""
        return self._texts.get(f"values.{code}", str(code).replace("_", " "))

    def entry(self, kind: str, content: str) -> EntryInWords:
        """An entry of the record. What nobody wrote a sentence for is shown as it is, and nothing is left out."""
        found = _read(content)
        sentence = self._texts.get(f"kinds.{kind}")
        used: set[str] = set()
        if sentence is not None:
            used = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
            if not used <= found.keys():
                sentence, used = None, set()
        if sentence is not None:
            sentence = sentence.format_map({name: self.value(found[name]) for name in used})
        details = [
            (name, value) for name, value in sorted(found.items()) if name not in used and value not in (None, "")
        ]
        return EntryInWords(sentence or kind, tuple((name, _plain(value)) for name, value in details))


def _read(content: str) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {"content": content}
    return found if isinstance(found, dict) else {"content": content}


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
