"""A geocoder for tests: answers what it was told to, and remembers what it was asked."""

from collections.abc import Mapping

from hub.domain.places import PlaceQuality
from ingest.places.port import Address, Finding, GeocoderUnavailableError


class RecordingGeocoder:
    """Knows `answers` by street; `is_away` makes it as silent as a server that is down."""

    name = "recording"

    def __init__(self, answers: Mapping[str, Finding] | None = None, *, is_remote: bool = True) -> None:
        self.answers = dict(answers or {})
        self.asked: list[Address] = []
        self.is_remote = is_remote
        self.is_away = False

    def find(self, address: Address) -> Finding:
        """The answer for the address's street; unknown when there is none."""
        self.asked.append(address)
        if self.is_away:
            raise GeocoderUnavailableError("The geocoder does not answer.")
        return self.answers.get(
            address.street, Finding(PlaceQuality.UNKNOWN, None, "The geocoder does not know the address.")
        )
