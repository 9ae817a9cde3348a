"""Made-up citizens who cannot be real: numbers kept for fiction, e-mail addresses that nobody can register."""

import random
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

FICTION_PREFIX = "+3363998"
"""+33 6 39 98 xx xx: the French regulator (Arcep) keeps these ten thousand mobile numbers for fiction; Belgium keeps none."""
EMAIL_DOMAIN = "citizen.example"
"""RFC 2606 keeps `.example` from ever being registered."""

_FIRST: Mapping[str, tuple[str, ...]] = {
    "nl": ("An", "Jan", "Lotte", "Wim", "Els", "Koen", "Sofie", "Bart", "Ilse", "Tom", "Nele", "Jef", "Griet", "Dries"),
    "fr": ("Amélie", "Benoît", "Chloé", "Damien", "Élise", "François", "Hélène", "Julien", "Manon", "Olivier"),
    "de": ("Anke", "Bernd", "Claudia", "Dieter", "Jürgen", "Karin", "Lars", "Monika", "Sabine", "Uwe"),
    "en": ("Alice", "Ben", "Carol", "Dan", "Emma", "Frank", "Grace", "Harry", "Priya", "Sam"),
}
_LAST: Mapping[str, tuple[str, ...]] = {
    "nl": ("Peeters", "Janssens", "Maes", "Jacobs", "Mertens", "Willems", "Claes", "Goossens", "Wouters", "De Smet",
           "Van Damme", "De Clercq", "Vermeulen", "Van den Broeck"),
    "fr": ("Lambert", "Dupont", "Martin", "Dubois", "Leroy", "Simon", "Laurent", "Renard", "Gérard", "Lefèvre"),
    "de": ("Müller", "Schmitz", "Krämer", "Weber", "Becker", "Hoffmann", "Schäfer", "Koch", "Bauer", "Richter"),
    "en": ("Smith", "Jones", "Taylor", "Brown", "Wilson", "Evans", "Khan", "Walker", "Patel", "Green"),
}  # fmt: skip
_LANGUAGE_SHARES: Mapping[str, int] = {"nl": 84, "fr": 9, "de": 2, "en": 5}


@dataclass(frozen=True)
class SampleCitizen:
    """Somebody made up. E-mail and phone may be empty, never both."""

    name: str
    language: str
    email: str
    phone: str


def draw_citizen(luck: random.Random, number: int) -> SampleCitizen:
    """A citizen; `number` keeps the e-mail addresses apart. Phone numbers repeat after ten thousand."""
    language = luck.choices(list(_LANGUAGE_SHARES), weights=list(_LANGUAGE_SHARES.values()))[0]
    name = f"{luck.choice(_FIRST[language])} {luck.choice(_LAST[language])}"
    email = f"{_plain(name)}.{number}@{EMAIL_DOMAIN}"
    phone = f"{FICTION_PREFIX}{number % 10_000:04d}"
    # Most utilities have both; some know only one.
    reach = luck.choices(("both", "email", "phone"), weights=(72, 12, 16))[0]
    return SampleCitizen(name, language, "" if reach == "phone" else email, "" if reach == "email" else phone)


def technician_name(luck: random.Random, taken: set[str]) -> str:
    """A name that no technician has yet."""
    choices = [f"{first} {last}" for first in _FIRST["nl"] for last in _LAST["nl"]]
    free = [name for name in choices if name not in taken]
    name = luck.choice(free) if free else f"{luck.choice(choices)} {len(taken) + 1}"
    taken.add(name)
    return name


def _plain(name: str) -> str:
    """The name as the first part of an e-mail address: lower-case ASCII with dots."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]+", ".", letters)
