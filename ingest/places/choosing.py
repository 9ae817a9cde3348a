"""The geocoder by the installation's settings."""

from functools import lru_cache

from hub.domain.places import PlaceQuality
from hub.settings import Settings
from ingest.places.nominatim import Nominatim
from ingest.places.port import Address, Finding, Geocoder
from ingest.places.postal_codes import load_postal_codes


class Nobody:
    """No geocoder: every address without coordinates waits for a dispatcher."""

    name = "none"
    is_remote = False

    def find(self, address: Address) -> Finding:
        """Unknown."""
        return Finding(PlaceQuality.UNKNOWN, None, "Nobody was asked where the address lies.")


def geocoder_of(settings: Settings) -> Geocoder:
    """Who is asked; raises ConfigurationError when a setting is wrong."""
    if settings.geocoder == "nominatim":
        return _nominatim(
            settings.geocoder_url.get_secret_value(), settings.geocoder_agent, settings.geocoder_timeout_seconds
        )
    return load_postal_codes(settings.postal_codes) if settings.geocoder == "postal-codes" else Nobody()


@lru_cache(maxsize=4)
def _nominatim(url: str, agent: str, timeout_seconds: float) -> Nominatim:
    # One for the life of the process: it keeps its connection.
    return Nominatim(url, agent=agent, timeout_seconds=timeout_seconds)
