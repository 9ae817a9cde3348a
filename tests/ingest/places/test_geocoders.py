"""The geocoders: one contract for the server, the table and the fake; and what only the server can get wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.domain.errors import ConfigurationError
from hub.domain.places import Place, PlaceQuality
from hub.settings import Settings
from ingest.places.choosing import Nobody, geocoder_of
from ingest.places.nominatim import Nominatim
from ingest.places.port import Address, Finding, Geocoder, GeocoderUnavailableError
from ingest.places.postal_codes import SAMPLE, PostalCodes, load_postal_codes
from ingest.places.recording import RecordingGeocoder
from tests.ingest.places.fake_nominatim import FakeNominatim, a_hit, fake_nominatim

KNOWN = Address("Lindestraat 12", "9000", "Gent", "BE")
UNKNOWN = Address("Nergensstraat 1", "9999", "Nergens", "BE")
AGENT = "doorstep-tests (nobody@citizen.example)"


@pytest.fixture
def server() -> Iterator[FakeNominatim]:
    with fake_nominatim() as running:
        running.answers["Lindestraat 12"] = [a_hit()]
        yield running


@pytest.fixture(params=["nominatim", "postal codes", "recording"])
def geocoder(request: pytest.FixtureRequest, server: FakeNominatim) -> Geocoder:
    match request.param:
        case "nominatim":
            return Nominatim(server.url, agent=AGENT)
        case "postal codes":
            return load_postal_codes()
        case _:
            return RecordingGeocoder({"Lindestraat 12": Finding(PlaceQuality.EXACT, Place(51.05, 3.72))})


def test_a_known_address_has_a_point_and_an_unknown_one_has_none(geocoder: Geocoder) -> None:
    found, missed = geocoder.find(KNOWN), geocoder.find(UNKNOWN)
    assert found.quality in {PlaceQuality.EXACT, PlaceQuality.APPROXIMATE}
    assert found.place is not None
    assert abs(found.place.lat - 51.05) < 0.01
    assert bool(found.note) is (found.quality is not PlaceQuality.EXACT)
    assert (missed.quality, missed.place) == (PlaceQuality.UNKNOWN, None)
    assert missed.note.endswith(".")
    assert geocoder.find(KNOWN) == found
    assert geocoder.name


def test_the_server_is_asked_politely_and_in_parts(server: FakeNominatim) -> None:
    assert Nominatim(f"{server.url}/", agent=AGENT).find(KNOWN).quality is PlaceQuality.EXACT
    assert server.agents == [AGENT]
    assert server.asked == [
        {
            "street": "Lindestraat 12",
            "postalcode": "9000",
            "city": "Gent",
            "countrycodes": "be",
            "format": "jsonv2",
            "addressdetails": "1",
            "limit": "1",
        }
    ]


def _address(**changes: str) -> dict[str, str]:
    return {"house_number": "12", "road": "Lindestraat", "city": "Gent", "postcode": "9000", **changes}


@pytest.mark.parametrize(
    ("street", "hit", "quality"),
    [
        ("Lindestraat 12", a_hit(), PlaceQuality.EXACT),
        ("Lindestraat 12 bus 3", a_hit(), PlaceQuality.EXACT),
        ("Lindestraat 12/3", a_hit(), PlaceQuality.EXACT),
        ("Lindestraat 12a", a_hit(address=_address(house_number="12A")), PlaceQuality.EXACT),
        ("Lindestraat 12", a_hit(address=_address(house_number="14")), PlaceQuality.APPROXIMATE),
        ("Lindestraat 14 bus 12", a_hit(), PlaceQuality.APPROXIMATE),
        ("Avenue du 12 Novembre 5", a_hit(), PlaceQuality.APPROXIMATE),
        ("Lindestraat", a_hit(), PlaceQuality.APPROXIMATE),
        ("Lindestraat 12", a_hit(address={"road": "Lindestraat", "postcode": "9000"}), PlaceQuality.APPROXIMATE),
        ("Lindestraat 12", a_hit(address=_address(postcode="2000")), PlaceQuality.APPROXIMATE),
        ("Lindestraat 12", a_hit(address={"house_number": "12"}), PlaceQuality.EXACT),
        ("Lindestraat 12", a_hit(lat="40.7", lon="-74.0"), PlaceQuality.UNKNOWN),
    ],
)
def test_only_the_very_house_is_exact(server: FakeNominatim, street: str, hit: Any, quality: PlaceQuality) -> None:
    server.answers[street] = [hit]
    found = Nominatim(server.url, agent=AGENT).find(Address(street, "9000", "Gent", "BE"))
    assert found.quality is quality
    assert (found.place is None) is (quality is PlaceQuality.UNKNOWN)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<html>", "answered, but not in JSON"),
        (b"", "answered, but not in JSON"),
        (b"\xff", "answered, but not in JSON"),
        (b"{}", "answered, but not as Nominatim does"),
        (b"[3]", "answered, but not as Nominatim does"),
        (b"[{}]", "answered, but not as Nominatim does"),
        (json.dumps([a_hit(lat="north")]).encode(), "answered, but not as Nominatim does"),
        (json.dumps([a_hit(lat="99")]).encode(), "answered, but not as Nominatim does"),
        (json.dumps([a_hit(lat="nan")]).encode(), "answered, but not as Nominatim does"),
        (json.dumps([a_hit(address=[1])]).encode(), "answered, but not as Nominatim does"),
        (b"[" * 150_000, "answered, but not in JSON"),
        (b" " * 300_000, "answered with too much"),
    ],
)
def test_a_server_that_says_nonsense_counts_as_away(server: FakeNominatim, raw: bytes, said: str) -> None:
    server.raw = raw
    with pytest.raises(GeocoderUnavailableError, match=said):
        Nominatim(server.url, agent=AGENT).find(KNOWN)


@pytest.mark.parametrize("status", [301, 403, 429, 500, 503])
def test_a_server_that_refuses_counts_as_away(server: FakeNominatim, status: int) -> None:
    server.status = status
    with pytest.raises(GeocoderUnavailableError, match=f"answered {status}"):
        Nominatim(server.url, agent=AGENT).find(KNOWN)
    assert len(server.asked) == 1


def test_a_server_that_is_slow_or_down_counts_as_away(server: FakeNominatim) -> None:
    server.delay_seconds = 1.0
    with pytest.raises(GeocoderUnavailableError, match="ReadTimeout"):
        Nominatim(server.url, agent=AGENT, timeout_seconds=0.2).find(KNOWN)
    with pytest.raises(GeocoderUnavailableError, match="ConnectError"):
        Nominatim("http://127.0.0.1:1", agent=AGENT).find(KNOWN)


def test_its_name_and_its_errors_hold_no_password(server: FakeNominatim) -> None:
    port = server.url.rpartition(":")[2]
    geocoder = Nominatim(f"http://somebody:secret-word@127.0.0.1:{port}", agent=AGENT)
    server.status = 500
    with pytest.raises(GeocoderUnavailableError) as refused:
        geocoder.find(KNOWN)
    assert "secret-word" not in f"{refused.value} {geocoder.name}"


def test_settings_choose_and_wrong_ones_are_a_sentence(tmp_path: Path) -> None:
    assert isinstance(geocoder_of(Settings()), PostalCodes)
    assert isinstance(geocoder_of(Settings(geocoder="none")), Nobody)
    assert Nobody().find(KNOWN).place is None
    with pytest.raises(ConfigurationError, match="DOORSTEP_GEOCODER_URL must begin with http"):
        geocoder_of(Settings(geocoder="nominatim"))
    with pytest.raises(ConfigurationError, match="DOORSTEP_GEOCODER_AGENT must say who asks"):
        geocoder_of(Settings.model_validate({"geocoder": "nominatim", "geocoder_url": "http://localhost:1"}))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        geocoder_of(Settings(postal_codes=tmp_path / "nowhere.csv"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "need the columns country, postcode, town, latitude, longitude"),
        ("country,postcode,town,latitude,longitude\nBE,9000,Gent,north,3.7\n", "wrong in row 2"),
        ("country,postcode,town,latitude,longitude\nBE,9000,Gent,51,3\nBE,9001,Gent,151,3.7\n", "wrong in row 3"),
        ("country,postcode,town,latitude,longitude\nBE,9000\n", "wrong in row 2"),
    ],
)
def test_a_wrong_table_is_said_with_its_row(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load_postal_codes(path)


def test_towns_that_share_a_code_have_one_middle_and_codes_may_be_spaced(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("country,postcode,town,latitude,longitude\nNL,1234AB,A,52,4\nNL,1234 ab,B,53,5\n")
    table = load_postal_codes(path)
    assert table.find(Address("x", "1234 AB", "y", "nl")).place == Place(52.5, 4.5)
    assert table.find(Address("x", "1234 AB", "y", "BE")).place is None
    assert [town.name for town in table.towns_near(Place(53.1, 5), 1)] == ["B"]


def test_the_sample_table_knows_the_samples_towns() -> None:
    assert SAMPLE.read_text(encoding="utf-8").count("\n") == 36
    near = load_postal_codes().towns_near(Place(51.05, 3.72), 2)
    assert [town.name for town in near] == ["Gent", "Merelbeke"]


def test_an_address_is_one_however_it_is_written() -> None:
    one = Address("Beëindigde  weg 1", "9000", "GENT", "BE")
    assert one.digest() == Address("beeindigde weg 1", "9000", "Gent", "be").digest()
    assert one.digest() != Address("Beëindigde weg 2", "9000", "Gent", "BE").digest()
    assert "weg" not in one.digest()
