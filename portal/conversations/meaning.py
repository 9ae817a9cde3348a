"""What a short answer means, in four languages: yes, a number of the list, or something a person must read.

Only answers that are nothing but a yes or a number are understood as one. A word that is not known here, and so every
condition, question and doubt, leaves the text to a person.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hub.domain.conversations import Meaning

LONGEST_COMMAND = 40
"""A text longer than this says more than yes or a number."""
_ASKS = re.compile(r"\?|^(is|ist|est) (het|dat|das|it|that|ca|ce)\b")
_NO_FOR_NUMBER = re.compile(r"\bno[.°]? ?(?=\d)")
_MORE_THAN_A_DIGIT = re.compile(r"[<>=~€$£%+*/-] ?\d|\d ?[€$£%+*/]|(?<!\w)[:;]\d")
"""A heart (<3), a smile (:3), a price, a fraction: a digit in these chooses nothing."""
_ONE_WITH_ACCENT = re.compile(r"\b(?:éé|eé|ée)n\b")
"""Dutch writes the number with accents, and the article without."""
_WRONG_NUMBER = re.compile(
    r"\b((verkeerde?|foute?|foutieve?|foutief|fout|niet (het|mijn) juiste?) (telefoon ?)?(nummer|persoon)|(mauvais|faux) (numero|correspondant)"
    r"|(pas|erreur) (le bon |de )numero|(falsche|verkehrte) (telefon)?nummer|falsch verbunden|wrong (number|person))\b"
)
_CALL_ME = re.compile(
    r"\b(bel (me|mij|ons|eens|terug)|terugbellen|opbellen|(me|mij) (terug)?bellen|rappele[zr]?|appele[zr] moi"
    r"|(ruf|rufen) (sie )?(mich|uns)|(zu)?ruckruf|call me|call back|phone me|ring me)\b"
)
_SIGN = re.compile(r"[^\W_]+|[\U0001f44d\U0001f44c\u2705\u2714\U0001f197\U0001f44e\u274c]")
_SKIN = re.compile("[\U0001f3fb-\U0001f3ff]")


@dataclass(frozen=True)
class _Vocabulary:
    yes: frozenset[str]
    no: frozenset[str]
    fillers: frozenset[str]
    thanks: re.Pattern[str]
    number: re.Pattern[str]
    number_words: Mapping[str, int]


@cache
def _vocabulary() -> _Vocabulary:
    read = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))
    words = {name: frozenset(read[name].split()) for name in ("yes", "no", "fillers")}
    number = read["number"]
    return _Vocabulary(
        **words,
        thanks=re.compile(rf"\b{_one_of(read['thanks'])}\b"),
        number=re.compile(_number_pattern(number)),
        number_words=number["words"],
    )


def _one_of(phrases: Iterable[str]) -> str:
    return f"(?:{'|'.join(re.escape(one) for one in sorted(phrases, key=len, reverse=True))})"


def _number_pattern(number: Mapping[str, Sequence[str]]) -> str:
    """A number alone or behind its name, with nothing before and behind it but what the vocabulary allows there."""
    named = f"(?:(?:{_one_of(number['articles'])} )?{_one_of(number['names'])} )"
    doubtful = {*number["pronouns"], *number["after_names"]}
    clear = _one_of(set(number["words"]) - doubtful)
    polite = _one_of(number["courtesies"])
    before = _one_of([*number["courtesies"], *number["agreement"]])
    behind = _one_of([*number["courtesies"], *number["agreement"], *number["praise"]])
    chosen = rf"{named}?(?:\d|{clear})|{named}{_one_of(doubtful)}"
    return (
        rf"(?:{before} )*(?P<clear>{chosen})(?: {behind})*"
        rf"|(?:{polite} )*(?P<pronoun>{_one_of(number['pronouns'])})(?: {polite})*"
    )


@dataclass(frozen=True)
class Understood:
    """What a text was taken for; `number` is set when it is a NUMBER."""

    meaning: Meaning
    number: int | None = None


def understand(text: str) -> Understood:
    """What `text` means, whatever its case, accents, punctuation and decoration."""
    plain, known = _plain(text), _vocabulary()
    words = _SIGN.findall(plain)
    if _WRONG_NUMBER.search(plain):
        return Understood(Meaning.WRONG_NUMBER)
    if _CALL_ME.search(plain):
        return Understood(Meaning.CALL_ME)
    if not words or len(plain) > LONGEST_COMMAND:
        return Understood(Meaning.NO if words and words[0] in known.no else Meaning.OTHER)
    # "No" comes before everything, but "no 3" is a number in French and English.
    words = _SIGN.findall(_NO_FOR_NUMBER.sub("nr ", plain))
    if words[0] in known.no:
        return Understood(Meaning.NO)
    if _ASKS.search(plain):
        return Understood(Meaning.OTHER)
    numbered = None if _MORE_THAN_A_DIGIT.search(plain) else _number_of(words, known)
    if numbered is not None:
        return Understood(Meaning.NUMBER, numbered)
    words = _SIGN.findall(known.thanks.sub(" ", " ".join(words)))
    if any(word in known.yes for word in words) and all(word in known.yes | known.fillers for word in words):
        return Understood(Meaning.YES)
    return Understood(Meaning.OTHER)


def _plain(text: str) -> str:
    """Small letters without accents; keycaps and other forms of digits as digits; no skin colour and no apostrophes."""
    numbers = _ONE_WITH_ACCENT.sub("1", unicodedata.normalize("NFKC", text).casefold())
    apart = unicodedata.normalize("NFKD", numbers)
    bare = "".join(sign for sign in apart if not unicodedata.combining(sign) and sign not in "\u20e3\ufe0f\u200d'’`")
    return " ".join(_SKIN.sub("", bare).casefold().replace("ß", "ss").split())


def _number_of(words: list[str], known: _Vocabulary) -> int | None:
    """The one number that is named, when nothing else is said but pleasantries."""
    found = known.number.fullmatch(" ".join(words))
    if found is None:
        return None
    named = (found["clear"] or found["pronoun"]).split()[-1]
    return known.number_words[named] if named in known.number_words else int(named)
