"""What a short answer means, in four languages: yes, a number of the list, or something a person must read.

Only answers that are nothing but a yes or a number are understood as one. A word that is not known here, and so every
condition, question and doubt, leaves the text to a person.
"""

import re
import unicodedata
from dataclasses import dataclass

from hub.domain.conversations import Meaning

LONGEST_COMMAND = 40
"""A text longer than this says more than yes or a number."""
_YES = frozenset("""
    ja jaa jaja jawel jazeker jep jup yep yup yes yeah y j o oui ouais si ok oke okay okee okej akkoord accoord accord
    daccord prima goed top perfect parfait super bien bon gut klar jo passt einverstanden bevestig bevestigd bevestigen
    confirm confirmed confirme confirmer bestatigt bestatige bestatigen sure fine great agreed zeker
    \U0001f44d \U0001f44c \u2705 \u2714 \U0001f197
    """.split())
_NO = frozenset("nee neen neenee non nein nope no nah geenszins nicht niet \U0001f44e \u274c".split())
_FILLERS = frozenset("""
    graag hoor dank dankje danke bedankt merci u je jullie wel dat is it that thats works sil vous te plait svp aub please
    alstublieft alsjeblieft thanks thank you bitte sehr dankeschon schon das ist in orde ordnung goed gut fine c est cest bien
    bon pour moi voor mij mich fur me for met mvg de d het le la the den der die dag bonjour hallo hello hi goedendag tres
    parfaitement avec plaisir
    """.split())
_NUMBER_NAMES = frozenset("""
    nr n numero nummer number num optie option keuze choix choice wahl tijdstip slot moment tijd
    """.split())
_ASKS = re.compile(r"\?|^(is|ist|est) (het|dat|das|it|that|ca|ce)\b")
_NO_FOR_NUMBER = re.compile(r"\bno\W*(?=\d)")
_NUMBER_WORDS = {
    "een": 1,
    "eentje": 1,
    "un": 1,
    "une": 1,
    "eins": 1,
    "one": 1,
    "twee": 2,
    "deux": 2,
    "zwei": 2,
    "two": 2,
    "drie": 3,
    "trois": 3,
    "drei": 3,
    "three": 3,
    "vier": 4,
    "quatre": 4,
    "four": 4,
    "vijf": 5,
    "cinq": 5,
    "funf": 5,
    "five": 5,
}
_WRONG_NUMBER = re.compile(
    r"\b((verkeerde?|foute?|foutieve?|fout|niet (het|mijn) juiste?) (telefoon ?)?(nummer|persoon)|(mauvais|faux) (numero|correspondant)"
    r"|(pas|erreur) (le bon |de )numero|(falsche|verkehrte) (telefon)?nummer|falsch verbunden|wrong (number|person))\b"
)
_CALL_ME = re.compile(
    r"\b(bel (me|mij|ons|eens|terug)|terugbellen|opbellen|(me|mij) (terug)?bellen|rappele[zr]?|appele[zr] moi"
    r"|(ruf|rufen) (sie )?(mich|uns)|(zu)?ruckruf|call me|call back|phone me|ring me)\b"
)
_SIGN = re.compile(r"[^\W_]+|[\U0001f44d\U0001f44c\u2705\u2714\U0001f197\U0001f44e\u274c]")
_SKIN = re.compile("[\U0001f3fb-\U0001f3ff]")


@dataclass(frozen=True)
class Understood:
    """What a text was taken for; `number` is set when it is a NUMBER."""

    meaning: Meaning
    number: int | None = None


def understand(text: str) -> Understood:
    """What `text` means, whatever its case, accents, punctuation and decoration."""
    plain = _plain(text)
    words = _SIGN.findall(plain)
    if _WRONG_NUMBER.search(plain):
        return Understood(Meaning.WRONG_NUMBER)
    if _CALL_ME.search(plain):
        return Understood(Meaning.CALL_ME)
    if not words or len(plain) > LONGEST_COMMAND:
        return Understood(Meaning.NO if words and words[0] in _NO else Meaning.OTHER)
    # "No" comes before everything, but "no 3" is a number in French and English.
    words = _SIGN.findall(_NO_FOR_NUMBER.sub("nr ", plain))
    if words[0] in _NO:
        return Understood(Meaning.NO)
    if _ASKS.search(plain):
        return Understood(Meaning.OTHER)
    numbered = _number_of(words)
    if numbered is not None:
        return Understood(Meaning.NUMBER, numbered)
    if any(word in _YES for word in words) and all(word in _YES or word in _FILLERS for word in words):
        return Understood(Meaning.YES)
    return Understood(Meaning.OTHER)


def _plain(text: str) -> str:
    """Small letters without accents; keycaps and other forms of digits as digits; no skin colour and no apostrophes."""
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(sign for sign in apart if not unicodedata.combining(sign) and sign not in "\u20e3\ufe0f\u200d'’`")
    return " ".join(_SKIN.sub("", bare).casefold().replace("ß", "ss").split())


def _number_of(words: list[str]) -> int | None:
    """The one number that is named, when nothing else is said but pleasantries."""
    numbers = [word for word in words if word.isdecimal() or word in _NUMBER_WORDS]
    others = [word for word in words if word not in numbers]
    if len(numbers) != 1 or not all(word in _YES or word in _FILLERS or word in _NUMBER_NAMES for word in others):
        return None
    (named,) = numbers
    if named in _NUMBER_WORDS:
        return _NUMBER_WORDS[named]
    return int(named) if len(named) == 1 else None
