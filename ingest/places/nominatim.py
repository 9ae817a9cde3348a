"""A Nominatim server, by its search service (https://nominatim.org/release-docs/latest/api/Search/)."""

import math
import re
import threading
from typing import Any
from urllib.parse import urlsplit

import httpx

from hub.domain.errors import ConfigurationError
from hub.domain.places import Place, PlaceQuality
from ingest.countries import find_country
from ingest.places.port import Address, Finding, GeocoderUnavailableError

_MOST_BYTES = 200_000
_NUMBER = re.compile(r"\b(\d{1,5}\s?[A-Za-z]?)\b")
_BOX = re.compile(r"(?:\s|/)(?:bus|bte|boîte|boite|box|apt|app)\b.*|/.*", re.IGNORECASE)
"""Which door behind the house's number: the map knows houses."""


class Nominatim:
    """The server at `url`, asked as `agent`. A question is given up after `timeout_seconds`; nothing is asked twice here.

    An answer is EXACT only when the server knows the very house: its number is ours and its postal code is no other one.
    """

    is_remote = True

    def __init__(self, url: str, *, agent: str, timeout_seconds: float = 10.0) -> None:
        """Raises ConfigurationError for a wrong address or an empty agent, which public servers refuse."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(
                "DOORSTEP_GEOCODER_URL must begin with http:// or https:// and name a host, for instance http://localhost:8088."
            )
        if not agent.strip() or not agent.isascii() or not agent.isprintable():
            raise ConfigurationError(
                "DOORSTEP_GEOCODER_AGENT must say who asks, with a way to reach you, for instance 'acme-doorstep (ops@acme.example)'."
            )
        port = f":{parts.port}" if parts.port else ""
        # Without a user's name and password, if the address has them: the name is stored and told.
        self.name = f"nominatim {parts.scheme}://{parts.hostname}{port}{parts.path.rstrip('/')}"
        self._url, self._agent, self._timeout = url.rstrip("/"), agent, timeout_seconds
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None

    def find(self, address: Address) -> Finding:
        """The best match of the structured query; raises GeocoderUnavailableError."""
        wanted = {
            "street": address.street,
            "postalcode": address.postcode,
            "city": address.town,
            "countrycodes": address.country.lower(),
            "format": "jsonv2",
            "addressdetails": "1",
            "limit": "1",
        }
        answer = self._ask(wanted)
        if not isinstance(answer, list):
            raise self._failure("answered, but not as Nominatim does")
        if not answer:
            return Finding(PlaceQuality.UNKNOWN, None, "The geocoder does not know the address.")
        try:
            return _read(address, answer[0])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._failure("answered, but not as Nominatim does") from error

    def _ask(self, wanted: dict[str, str]) -> Any:
        try:
            with self._open().stream("GET", f"{self._url}/search", params=wanted) as response:
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise self._failure("answered with too much")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._failure(f"did not answer ({type(error).__name__})") from error
        if response.status_code != httpx.codes.OK:
            raise self._failure(f"answered {response.status_code}")
        try:
            return httpx.Response(200, content=body).json()
        except (ValueError, RecursionError) as error:
            raise self._failure("answered, but not in JSON") from error

    def _failure(self, what: str) -> GeocoderUnavailableError:
        return GeocoderUnavailableError(f"The geocoder {self.name.removeprefix('nominatim ')} {what}.")

    def _open(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                headers = {"User-Agent": self._agent, "Accept": "application/json"}
                self._client = httpx.Client(timeout=self._timeout, headers=headers, follow_redirects=False)
            return self._client


def _read(address: Address, best: dict[str, Any]) -> Finding:
    latitude, longitude = float(best["lat"]), float(best["lon"])
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        raise ValueError("no point")
    place = Place(latitude, longitude)
    country = find_country(address.country)
    if country is not None and not country.contains(latitude, longitude):
        return Finding(PlaceQuality.UNKNOWN, None, f"What the geocoder found does not lie in {country.name}.")
    details = best.get("address") or {}
    number, postcode = _plain(details.get("house_number")), _plain(details.get("postcode"))
    if not number or number != _house_number(address.street):
        return Finding(PlaceQuality.APPROXIMATE, place, "The geocoder knows the street or the town, but not the house.")
    if postcode and postcode != _plain(address.postcode):
        return Finding(PlaceQuality.APPROXIMATE, place, "The geocoder knows such a house, but in another postal code.")
    return Finding(PlaceQuality.EXACT, place)


def _house_number(street: str) -> str:
    """The last number before any box number: a street's own name may hold one, as in `Avenue du 11 Novembre 5`."""
    found = _NUMBER.findall(_BOX.sub("", street))
    return _plain(found[-1]) if found else ""


def _plain(value: Any) -> str:
    return "".join(str(value or "").split()).upper()
