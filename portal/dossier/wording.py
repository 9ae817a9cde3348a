"""The words of a dossier on paper, in four languages."""

import json
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("texts")
LANGUAGES = ("nl", "fr", "de", "en")


@dataclass(frozen=True)
class EntryInWords:
    """What an entry says: a sentence (its bare kind when nobody wrote one), and whatever of its content is not in the sentence."""

    sentence: str
    details: tuple[tuple[str, str], ...]


class Wording:
    """The words of one language; one we do not write is English."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._texts = load_texts(self.language)

    def page(self, key: str, **values: object) -> str:
        """A word of the page; raises KeyError for an unknown key or a missing value."""
        return self._texts["page"][key].format_map(values)

    def outcome(self, reason: str, counts: Mapping[str, int]) -> tuple[str, str, str]:
        """Three sentences: why the order is on hold, and the counts of messages and of visits, which are never added up."""
        outcomes = self._texts["outcomes"]
        values = {
            "messages": counts["messages"],
            "delivered": counts["messagesDelivered"],
            "undelivered": counts["messagesUndelivered"],
            "failed": counts["messagesFailed"],
            "visits": counts["failedVisits"],
            "without_access": counts["visitsWithoutAccess"],
            "refused": counts["visitsRefused"],
        }
        stated = outcomes.get(reason or "none", reason)
        return stated.format_map(values), outcomes["messages"].format_map(values), outcomes["visits"].format_map(values)

    def value(self, code: object) -> str:
        """A word of ours in this language, or the word itself when it has no other."""
        return self._texts["values"].get(str(code), str(code).replace("_", " "))

    def entry(self, kind: str, content: str) -> EntryInWords:
        """An entry of the record. What nobody wrote a sentence for is shown as it is, and nothing is left out."""
        found = _read(content)
        sentence = self._texts["kinds"].get(kind)
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


@cache
def load_texts(language: str) -> Mapping[str, Mapping[str, str]]:
    """Every text of `language`, by part and key."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def _read(content: str) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {"content": content}
    return found if isinstance(found, dict) else {"content": content}


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
