"""The port to whoever knows where addresses lie. Adapters: `nominatim`, `postal_codes`, `recording`."""

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Protocol

from hub.domain.errors import DoorstepError, ErrorKind
from hub.domain.places import Place, PlaceQuality


class GeocoderUnavailableError(DoorstepError):
    """The geocoder does not answer, or not now; the question can be asked again later."""

    kind = ErrorKind.UNAVAILABLE
    code = "geocoder-unavailable"


@dataclass(frozen=True)
class Address:
    """What is looked for; `country` is ISO 3166-1 (two letters), `street` holds the house number too."""

    street: str
    postcode: str
    town: str
    country: str

    def digest(self) -> str:
        """What names the address in a cache without telling it: however it is spaced, cased or accented."""
        parts = (self.country, self.postcode, self.town, self.street)
        plain = (unicodedata.normalize("NFKD", part).encode("ascii", "ignore").decode() for part in parts)
        return hashlib.sha256("\n".join(" ".join(part.lower().split()) for part in plain).encode()).hexdigest()


@dataclass(frozen=True)
class Finding:
    """What a geocoder says: EXACT (the house) or APPROXIMATE (the street, the town) with its point, or UNKNOWN without one.

    `note` is a sentence for the dispatcher who has to decide; it is empty when the finding is exact.
    """

    quality: PlaceQuality
    place: Place | None = None
    note: str = ""


class Geocoder(Protocol):
    """Somebody who knows addresses."""

    @property
    def name(self) -> str:
        """What its answers are remembered under; another map or another server is another name."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether a question costs somebody else's time: such answers are remembered, and the pace is kept."""
        ...

    def find(self, address: Address) -> Finding:
        """Where the address lies; raises GeocoderUnavailableError."""
        ...
