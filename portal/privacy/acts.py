"""The record of exports, erasures and retention runs: who, when, why and how much; never about whom. It only grows."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import insert, select

from hub.db.privacy_tables import privacy_act
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError
from hub.domain.events import Actor
from hub.typed import one_line

LONGEST_REASON = 300
_SHORTEST_REASON = 5
_PERSONAL = re.compile(r"@|\d(?:[ ./()-]?\d){5,}")


class PrivacyAct(StrEnum):
    """What was done."""

    EXPORT = "export"
    ERASE = "erase"
    RETAIN = "retain"


class ReasonRefusedError(DoorstepError):
    """The reason is missing, too long, or holds what must not be kept for ever."""

    code = "reason-refused"

    def __init__(self, why: str) -> None:
        super().__init__(f"Say why in a few words, at most {LONGEST_REASON} characters: {why}.")


@dataclass(frozen=True)
class ActLine:
    """One act; `counts` are rows by table, and `orders`."""

    at: datetime
    act: PrivacyAct
    actor_kind: str
    actor_name: str
    reason: str
    counts: Mapping[str, int]


def check_reason(reason: str, names: Iterable[str] = ()) -> str:
    """The reason on one line; raises ReasonRefusedError when it is none, or when it names the person."""
    said = " ".join(one_line(reason).split())
    if len(said) < _SHORTEST_REASON:
        raise ReasonRefusedError("it is kept with the act")
    if len(said) > LONGEST_REASON or not said.isprintable():
        raise ReasonRefusedError("this is not a short line of text")
    words = {word for name in names for word in re.findall(r"[^\W\d_]{3,}", name.lower())}
    if _PERSONAL.search(said) or words & set(re.findall(r"[^\W\d_]{3,}", said.lower())):
        raise ReasonRefusedError("without names, addresses or numbers, because it is kept for ever")
    return said


def note_act(work: UnitOfWork, act: PrivacyAct, by: Actor, reason: str, counts: Mapping[str, int]) -> int:
    """Write an act down, in the transaction of what it tells; returns its number."""
    row = {
        "at": work.now,
        "act": act.value,
        "actor_kind": by.kind.value,
        "actor_name": by.name,
        "reason": reason,
        "counts": dict(counts),
    }
    return int(work.connection.execute(insert(privacy_act).values(row).returning(privacy_act.c.seq)).scalar_one())


def list_acts(work: UnitOfWork, *, limit: int = 50) -> tuple[ActLine, ...]:
    """The newest acts first."""
    found = work.connection.execute(select(privacy_act).order_by(privacy_act.c.seq.desc()).limit(limit))
    return tuple(
        ActLine(row.at, PrivacyAct(row.act), row.actor_kind, row.actor_name, row.reason, row.counts) for row in found
    )
