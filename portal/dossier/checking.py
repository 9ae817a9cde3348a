"""Whether a dossier is as it was written. Needs no database and nothing else of ours: a utility can do the same in ten lines."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.domain.errors import DoorstepError
from hub.notifications.entries import SENT, text_hmac, words_of
from portal.dossier.comparing import compare_attempts, content_of
from portal.dossier.document import SCHEMA, SEALED, statement_hash

LONGEST_FILE = 50 * 1024 * 1024
MOST_SHOWN = 10
"""How many contradictions are said one by one."""
_KEYED, _PLAIN = "textHmac", "textSha256"
"""How an entry proves the words of its message; the first entries of all did it without a key, and no entry is ever written anew."""
_PARTS = ("at", "kind", "content", "hash")


class DossierUnreadableError(DoorstepError):
    """The file is no dossier that can be checked."""

    code = "dossier-unreadable"

    def __init__(self, why: str) -> None:
        super().__init__(f"This is no dossier that can be checked: {why}.")


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    `fault` is the number of the first entry that is not as it was written, or that does not follow the one before; None: all are sound.
    `knows_head` says whether the hash that was given is the hash of one of the entries (None: none was given), `sealed_by` which entry
    holds the hash of the statement as it stands in the document (None: no entry does). `texts` is how many messages have words in the
    document that are those the record holds the hash of, `changed_texts` names the messages whose words are others. `contradictions`
    says in a sentence each where messages are stated otherwise than their entries say. `unsealed` is how many entries came after the last
    that sealed a statement: no head that was handed over stands for these.
    """

    entries: int
    head: str
    fault: int | None
    head_is_last: bool
    knows_head: bool | None
    sealed_by: int | None
    texts: int
    changed_texts: tuple[str, ...]
    contradictions: tuple[str, ...]
    unsealed: int

    @property
    def is_sound(self) -> bool:
        """Whether the record was neither changed nor cut short, and its messages are as it says, as far as can be told."""
        is_whole = self.fault is None and self.head_is_last and self.knows_head is not False
        return is_whole and not self.changed_texts and not self.contradictions


def read_document(content: bytes) -> Mapping[str, Any]:
    """The dossier in a file: by itself, or in the event of an escalation; raises DossierUnreadableError."""
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DossierUnreadableError("it is not JSON in UTF-8") from error
    for way in ((), ("dossier",), ("event", "dossier"), ("data", "event", "dossier")):
        inner = _inside(found, way)
        if isinstance(inner, dict) and inner.get("schema") == SCHEMA:
            return inner
    raise DossierUnreadableError(f"there is nothing in it with the schema {SCHEMA}")


def check_document(document: Mapping[str, Any], head: str = "") -> Verdict:
    """Check the chain of entries, and that it leads to `head` when one is given; raises DossierUnreadableError."""
    entries = _entries(document)
    previous, fault, hashes = "", None, list[str]()
    for number, entry in enumerate(entries, start=1):
        framed = json.dumps([number, entry["at"], entry["kind"], entry["content"], previous], ensure_ascii=False)
        previous = hashlib.sha256(framed.encode("utf-8", "surrogatepass")).hexdigest()
        hashes.append(previous)
        if fault is None and (entry["number"] != number or entry["hash"] != previous):
            fault = number
    wanted = head.strip().lower()
    texts, changed = _compare_texts(document, entries)
    return Verdict(
        entries=len(entries),
        head=previous,
        fault=fault,
        head_is_last=document["record"].get("headHash") == previous,
        knows_head=wanted in hashes if wanted else None,
        sealed_by=_sealed_by(document, entries),
        texts=texts,
        changed_texts=changed,
        contradictions=compare_attempts(document, entries),
        unsealed=_unsealed(entries),
    )


def in_words(verdict: Verdict) -> list[str]:
    """What the check found, in sentences."""
    if verdict.fault is not None:
        return [
            f"Entry {verdict.fault} of {verdict.entries} is not as it was written, or an entry before it was taken out."
        ]
    said = [f"All {verdict.entries} entries are as they were written, each linked to the one before."]
    if not verdict.head_is_last:
        said.append("But the head hash in the document is another one: entries were taken off its end.")
    if verdict.knows_head is False:
        said.append(
            "But none of them has the hash you named: this is another record, or it was cut short or written anew."
        )
    elif verdict.knows_head:
        said.append("The hash you named is one of theirs.")
    else:
        said.append(
            "Name the hash you were given earlier, to be sure that this is the same record and not one written anew."
        )
    if verdict.texts:
        said.append(f"The words of {verdict.texts} messages are those that were sent.")
    if verdict.changed_texts:
        said.append(
            f"But the words of these messages are not those that were sent: {', '.join(verdict.changed_texts)}."
        )
    if verdict.contradictions:
        shown, more = verdict.contradictions[:MOST_SHOWN], len(verdict.contradictions) - MOST_SHOWN
        others = f"; and {more} more" if more > 0 else ""
        said.append(f"But the document states otherwise than its entries: {'; '.join(shown)}{others}.")
    if verdict.sealed_by is not None:
        said.append(f"The rest of the document is what entry {verdict.sealed_by} sealed.")
    else:
        said.append(
            "The rest of the document was not sealed as it stands: it was written between two escalations, after one, or was changed."
        )
    if verdict.unsealed:
        said.append(
            f"{verdict.unsealed} of the entries are not sealed: no escalation handed over a head that stands for them."
        )
    return [*said, f"Head: {verdict.head or 'none, the record is empty'}"]


def _inside(found: object, way: Sequence[str]) -> object:
    for name in way:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _entries(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found = _inside(dict(document), ("record", "entries"))
    if not isinstance(found, list):
        raise DossierUnreadableError("record.entries is missing")
    for number, entry in enumerate(found, start=1):
        if not isinstance(entry, dict) or not isinstance(entry.get("number"), int):
            raise DossierUnreadableError(f"entry {number} is none")
        missing = next((part for part in _PARTS if not isinstance(entry.get(part), str)), None)
        if missing:
            raise DossierUnreadableError(f"entry {number} has no {missing}")
    return found


def _sealed_by(document: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> int | None:
    try:
        stated = statement_hash(document)
    except (ValueError, TypeError):
        return None
    for entry in reversed(entries):
        if entry["kind"] == SEALED:
            return entry["number"] if content_of(entry).get("sha256") == stated else None
    return None


def _unsealed(entries: Sequence[Mapping[str, Any]]) -> int:
    sealing = [number for number, entry in enumerate(entries, start=1) if entry["kind"] == SEALED]
    return len(entries) - (sealing[-1] if sealing else 0)


def _compare_texts(document: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> tuple[int, tuple[str, ...]]:
    """How many messages have the words whose hash was written down when they went out, and which ones have others."""
    sent = [content_of(entry) for entry in entries if entry["kind"] == SENT]
    hashes = {content.get("message"): content for content in sent}
    attempts = document.get("attempts")
    right, changed = 0, list[str]()
    for one in attempts if isinstance(attempts, list) else ():
        proof = hashes.get(one.get("id")) if isinstance(one, dict) else None
        if not proof or not one.get("text") or not proof.keys() & {_KEYED, _PLAIN}:
            continue
        words = words_of(str(one.get("subject", "")), str(one["text"]))
        if _has_written(words, str(one.get("textKey", "")), proof):
            right += 1
        else:
            changed.append(str(one["id"]))
    return right, tuple(changed)


def _has_written(words: str, key: str, proof: Mapping[str, Any]) -> bool:
    """Whether the entry that was written when the message went out is about these words."""
    if _KEYED in proof:
        return bool(text_hmac(key, words) == proof[_KEYED])
    return bool(hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest() == proof[_PLAIN])
