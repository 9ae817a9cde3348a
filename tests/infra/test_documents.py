"""The descriptions for programs say what the code does, and are what their standards ask for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft7Validator, Draft202012Validator
from typer.testing import CliRunner

from hub.bootstrap import Hub
from hub.settings import Settings
from infra.hosts.cli import app
from infra.hosts.documents import OPENAPI, asyncapi, openapi
from infra.hosts.web import create_app
from ingest import events
from ingest.asyncapi import INCOMING, OUTGOING, VERSION
from ingest.examples import example_events
from ingest.messages import TYPES, read
from tests.ingest.messages import a_message

_SPECIFICATION = Path(__file__).parents[2] / "node_modules" / "@asyncapi" / "specs" / "schemas" / f"{VERSION}.json"


@pytest.fixture(scope="module")
def document() -> Any:
    # Through JSON, as a reader gets it.
    return json.loads(json.dumps(asyncapi(Settings(orders_queue="the-orders", events_topic="the-events"))))


def payload_schema(document: Any, name: str) -> Any:
    """The payload's schema with all it refers to, to validate against."""
    return {**document["components"]["messages"][name]["payload"], "components": document["components"]}


def test_it_is_asyncapi(document: Any) -> None:
    if not _SPECIFICATION.is_file():
        pytest.skip("the AsyncAPI specification comes with `make setup` (npm), which did not run here")
    specification = json.loads(_SPECIFICATION.read_text(encoding="utf-8"))
    found = [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
        for e in Draft7Validator(specification).iter_errors(document)
    ]
    assert found == []
    # The validator must be one that can refuse.
    broken = {**document, "operations": {"receiveOrders": {"action": "swallow"}}}
    assert not Draft7Validator(specification).is_valid(broken)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_reference_leads_somewhere(document: Any) -> None:
    for reference in set(references(document)):
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_it_names_all_that_is_understood_and_all_that_is_sent(document: Any) -> None:
    assert {one.event_type for one in INCOMING} == set(TYPES)
    sent = {value for name, value in vars(events).items() if name.endswith("_TYPE")}
    assert {one.event_type for one in OUTGOING} == sent
    assert document["channels"]["orders"]["address"] == "the-orders"
    assert document["channels"]["events"]["address"] == "the-events"
    assert set(example_events()) == {one.name for one in (*INCOMING, *OUTGOING)}


@pytest.mark.parametrize("name", sorted(example_events()))
def test_each_example_is_what_its_schema_says(document: Any, name: str) -> None:
    schema = payload_schema(document, name)
    Draft202012Validator.check_schema(schema)
    (example,) = document["components"]["messages"][name]["examples"]
    validator = Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(example["payload"])] == []
    assert not validator.is_valid({**example["payload"], "type": "org.example.other.v1"})
    assert not validator.is_valid({key: value for key, value in example["payload"].items() if key != "source"})


@pytest.mark.parametrize("incoming", INCOMING, ids=lambda one: one.name)
def test_each_incoming_example_is_read(incoming: Any) -> None:
    reading = read(a_message(example_events()[incoming.name]))
    assert reading.external_id == "WO-2026-004711"
    assert reading.correlation_id == "case-88012"


@pytest.mark.parametrize("outgoing", OUTGOING, ids=lambda one: one.name)
def test_each_outgoing_example_is_of_the_type_that_is_sent(outgoing: Any) -> None:
    data = example_events()[outgoing.name]["data"]
    assert outgoing.data.model_validate(data).to_data() == data


def test_the_schema_asks_for_what_the_reader_asks_for(document: Any) -> None:
    validator = Draft202012Validator(payload_schema(document, "createWorkOrder"))
    good = example_events()["createWorkOrder"]
    for path in (
        "workOrderItem",
        "workOrderItem.0.work.place.0.streetName",
        "workOrderItem.0.work.relatedParty.0.name",
    ):
        spoilt = json.loads(json.dumps(good))
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place = spoilt["data"]
        for part in way:
            place = place[part]
        del place[last]
        assert not validator.is_valid(spoilt), path


def test_it_is_served_and_printed_alike(hub: Hub) -> None:
    served = TestClient(create_app(hub)).get("/documents/asyncapi.json")
    assert served.status_code == 200
    assert served.json() == json.loads(json.dumps(asyncapi(hub.settings)))
    printed = CliRunner().invoke(app, ["documents", "asyncapi"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout)["channels"]["orders"]["address"] == "work-orders"


@pytest.mark.parametrize("interface", sorted(OPENAPI))
def test_the_interfaces_are_printed_as_they_are_served(hub: Hub, interface: str) -> None:
    served = TestClient(create_app(hub)).get(OPENAPI[interface])
    assert served.status_code == 200
    printed = CliRunner().invoke(app, ["documents", "openapi", interface])
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.stdout) == served.json() == openapi(interface)
    assert served.json()["openapi"].startswith("3.")


def test_an_interface_that_is_none_is_a_sentence() -> None:
    refused = CliRunner().invoke(app, ["documents", "openapi", "citizens"])
    assert refused.exit_code == 2
    assert "citizens" in refused.output
