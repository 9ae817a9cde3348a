"""Which profile reads a message, and each shipped sample all the way to an imported order."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.bootstrap import Hub
from hub.domain.errors import ConfigurationError
from hub.domain.lifecycle import WorkOrderStatus
from hub.messaging.envelope import CONTENT_TYPE
from hub.messaging.service_bus import Complete, DeadLetter
from ingest.profiles.problems import UnmappableMessageError
from ingest.profiles.reading import SHIPPED, Profiles, load_profiles, read_message
from ingest.service import receive_message
from tests.ingest.messages import a_message, an_event
from tests.ingest.profiles.documents import AN_ORDER, BEGIN, JSON_FIELDS, SAMPLE_OF, a_letter, sample, shipped
from tests.ingest.reading import orders, outcomes


def own(folder: Path, match: str, name: str = "test") -> Profiles:
    """The installation's profiles, one more each time."""
    folder.mkdir(exist_ok=True)
    fields = "\n".join(f"{field} = {rule}" for field, rule in JSON_FIELDS.items())
    text = BEGIN.format(form="json").replace('"test"', f'"{name}"', 1) + f"[match]\n{match}\n[fields]\n{fields}\n"
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return load_profiles(folder)


def data(message: Any) -> Any:
    return json.loads(message.body)["data"]


def test_a_canonical_event_passes_untouched(tmp_path: Path) -> None:
    profiles = own(tmp_path, 'sources = ["urn:utility:other"]\ncontent_types = ["application/json"]')
    for content_type in (CONTENT_TYPE, "application/json", None):
        message = a_letter(json.dumps(an_event()).encode(), content_type)
        assert read_message(profiles, message) is message


@pytest.mark.parametrize("body", [b"", b"\xff", b"[1]", b"{", b'{"specversion": 3}', b'"specversion"'])
def test_what_nobody_claims_is_left_to_the_reader_of_events(tmp_path: Path, body: bytes) -> None:
    profiles = own(tmp_path, 'sources = ["urn:utility:other"]')
    message = a_letter(body, CONTENT_TYPE)
    assert read_message(profiles, message) is message


def test_the_property_names_the_profile() -> None:
    message = read_message(shipped(), a_letter(sample("tmf697-json"), profile="tmf697-json"))
    assert data(message)["externalId"] == "TM-260504-17"
    assert message.content_type == CONTENT_TYPE
    assert "profile" not in message.properties
    with pytest.raises(UnmappableMessageError, match="no such profile: 'nobody'; known are csv-folder"):
        read_message(shipped(), a_letter(b"{}", profile="nobody"))


def test_the_content_type_finds_an_own_profile_but_never_a_shipped_one(tmp_path: Path) -> None:
    letter = a_letter(json.dumps(AN_ORDER).encode(), "Application/JSON; charset=utf-8")
    assert read_message(shipped(), letter) is letter
    profiles = own(tmp_path, 'content_types = ["application/json"]')
    assert data(read_message(profiles, letter))["externalId"] == "T-1"
    with pytest.raises(
        UnmappableMessageError, match=r"Several profiles read messages of type application/json \(more, test\)"
    ):
        read_message(own(tmp_path, 'content_types = ["application/json"]', "more"), letter)


def test_the_source_of_an_event_finds_a_profile_which_reads_its_data(tmp_path: Path) -> None:
    profiles = own(tmp_path, 'sources = ["urn:utility:odd"]')
    event = an_event(AN_ORDER, source="urn:utility:odd", type="com.odd.order", id="E-1")
    found = json.loads(read_message(profiles, a_letter(json.dumps(event).encode(), CONTENT_TYPE)).body)
    assert (found["id"], found["source"], found["time"]) == ("E-1", "urn:utility:test", "2026-05-04T06:00:00Z")
    assert found["data"]["externalId"] == "T-1"
    other = a_letter(json.dumps(an_event(AN_ORDER, source="urn:utility:even")).encode(), CONTENT_TYPE)
    assert read_message(profiles, other) is other


def test_what_was_mapped_once_is_not_mapped_again(tmp_path: Path) -> None:
    """Its source may be one that the profile claims: it came out of the quarantine."""
    profiles = own(tmp_path, 'sources = ["urn:utility:test"]')
    mapped = read_message(profiles, a_letter(json.dumps(AN_ORDER).encode(), profile="test"))
    assert read_message(profiles, mapped) is mapped


def test_without_a_name_of_its_own_a_message_is_named_by_transport_and_contents(tmp_path: Path) -> None:
    profiles = own(tmp_path, "")
    first, other = (json.dumps({**AN_ORDER, "id": one}).encode() for one in ("T-1", "T-2"))

    def name(body: bytes, message_id: str) -> str:
        letter = a_letter(body, profile="test")
        return str(
            json.loads(read_message(profiles, type(letter)(**{**_fields(letter), "message_id": message_id})).body)["id"]
        )

    assert name(first, "M") == name(first, "M")
    assert len({name(first, "M"), name(first, "N"), name(other, "M"), name(first, "")}) == 4
    assert len(name(first, "M" * 5000)) < 200


def _fields(letter: Any) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in letter.__dataclass_fields__}


def test_an_own_profile_replaces_a_shipped_one_and_names_are_unique(tmp_path: Path) -> None:
    profiles = own(tmp_path, "", "csv-folder")
    assert profiles.get("csv-folder").format_name == "json"
    (tmp_path / "again.toml").write_text((tmp_path / "csv-folder.toml").read_text())
    with pytest.raises(ConfigurationError, match="are both named 'csv-folder'"):
        load_profiles(tmp_path)
    with pytest.raises(ConfigurationError, match=r"DOORSTEP_PROFILES names .* which is no folder"):
        load_profiles(tmp_path / "nowhere")


def test_a_shipped_profile_copied_is_an_own_one(tmp_path: Path) -> None:
    """Onboarding a utility: a file, a sample and no code."""
    text = (SHIPPED / "iec61968-xml.toml").read_text(encoding="utf-8")
    (tmp_path / "north.toml").write_text(text.replace('"iec61968-xml"', '"north"').replace("cim-sample", "north"))
    message = read_message(load_profiles(tmp_path), a_letter(sample("iec61968-xml"), "text/xml"))
    assert json.loads(message.body)["source"] == "urn:utility:north"


@pytest.mark.parametrize("name", sorted(SAMPLE_OF))
def test_each_sample_becomes_orders(ingest_hub: Hub, name: str) -> None:
    profile = shipped().get(name)
    records = list(profile.format.records(sample(name)))
    for record in records:
        letter = a_letter(record.alone(), profile=name)
        assert receive_message(ingest_hub, letter) == Complete()
        assert receive_message(ingest_hub, letter) == Complete()
    found = orders(ingest_hub)
    assert len(found) == len(records)
    assert outcomes(ingest_hub) == {"imported": len(records)}
    expected = WorkOrderStatus.NEEDS_LOCATION if name == "csv-folder" else WorkOrderStatus.RECEIVED
    assert {order.status for order in found} == {expected}
    assert {order.utility for order in found} == {profile.source}


def test_the_xml_sample_field_by_field(ingest_hub: Hub) -> None:
    receive_message(ingest_hub, a_letter(sample("iec61968-xml"), profile="iec61968-xml"))
    [order] = orders(ingest_hub)
    assert (order.external_id, order.work_type, order.weight) == ("CIM-8801442", "meter_swap", 20)
    assert (order.street, order.postcode, order.town) == ("Kapelstraat 919", "2800", "Mechelen")
    assert (order.latitude, order.longitude) == (51.02344, 4.48012)
    assert (order.citizen_name, order.citizen_phone) == ("Youssef Janssens", "+33639981142")
    assert (order.citizen_email, order.language) == ("youssef.janssens@citizen.example", "fr")
    assert order.not_before is not None
    assert order.due_at is not None
    assert order.not_before.isoformat() == "2026-05-11T06:00:00+00:00"
    assert (order.due_at - order.not_before).days == 14
    assert order.notes.splitlines() == [
        "Exchange the mechanical meter for a digital one.",
        "Access: Meter in the cellar, key with the neighbour at 921",
        "The utility expects: 45 minutes",
    ]


def test_a_message_that_does_not_fit_is_dead_lettered_with_every_problem(ingest_hub: Hub) -> None:
    body = sample("iec61968-xml").replace(b"meterExchange", b"gasLeak").replace(b"2800", b"????")
    answer = receive_message(ingest_hub, a_letter(body, profile="iec61968-xml"))
    assert isinstance(answer, DeadLetter)
    assert "wo:Work/wo:kind (line 15) is 'gasLeak', which the profile does not know" in answer.description
    assert "wo:postalCode (line 27) is not a postal code" in answer.description
    assert orders(ingest_hub) == []
    assert outcomes(ingest_hub) == {"dead-lettered": 1}


def test_a_canonical_message_is_imported_as_before(ingest_hub: Hub) -> None:
    assert receive_message(ingest_hub, a_message(an_event())) == Complete()
    assert outcomes(ingest_hub) == {"imported": 1}
