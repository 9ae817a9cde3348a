"""Schemathesis asks what nobody thought of: our own document, and TM Forum's two, against the API with a real database.

Each operation gets a few requests that fit its description and a few that do not, the same ones every time. Ids are those of
things that exist as often as not. No answer is a server error, and each has the status and the shape its document tells.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.ingest.api.conftest import APPOINTMENTS, ORDERS, Program, entity
from tests.ingest.api.test_specification import NOT_OFFERED, document

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OURS = "/tmf-api/openapi.json"
BOUNDED = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def known(shared_program: Program) -> dict[str, str]:
    """Ids of things the program has, by the address they lie under."""
    order = shared_program.order()
    search = shared_program.post(f"{APPOINTMENTS}/searchTimeSlot", {"relatedEntity": [entity(order)]}).json()
    task = shared_program.post(f"{ORDERS}/cancelWorkOrder", {"workOrder": {"id": shared_program.order()["id"]}}).json()
    return {"workOrder": order["id"], "searchTimeSlot": search["id"], "cancelWorkOrder": task["id"]}


def ask(program: Program, known: dict[str, str], loaded: Any, most: int, prefix: str = "") -> Iterator[str]:
    """Put every operation of a document to the test; yields the operations that were asked."""
    for found in loaded.get_all_operations():
        operation = found.ok()
        path, method = operation.path, operation.method.upper()
        if (prefix, method, path) in NOT_OFFERED:
            continue
        _ask(program, known, operation, GenerationMode.POSITIVE, most)
        # Any text fits an id: where there is nothing else to send, no request is against the description.
        if method == "PATCH" or not path.endswith(("{id}", "{id}/dossier")):
            _ask(program, known, operation, GenerationMode.NEGATIVE, most)
        yield f"{method} {path}"


def _ask(program: Program, known: dict[str, str], operation: Any, mode: GenerationMode, most: int) -> None:
    turn = 0

    @seed(1)
    @settings(BOUNDED, max_examples=most)
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case: Any) -> None:
        nonlocal turn
        turn += 1
        thing = operation.path.split("/")[-2] if operation.path.endswith("{id}") else ""
        if turn % 2 and thing in known:
            case.path_parameters = {**case.path_parameters, "id": known[thing]}
        answer = case.call(headers={"Authorization": f"Bearer {program.token}"}, app=program.client.app)
        # TM Forum names one type for all answers of an API, but one without a body has none.
        empty = answer.status_code == HTTPStatus.NO_CONTENT
        case.validate_response(
            answer, checks=[one for one in CHECKS if one is not content_type_conformance or not empty]
        )

    each()


@pytest.mark.slow
def test_our_own_document_holds(shared_program: Program, known: dict[str, str]) -> None:
    loaded = schemathesis.openapi.from_asgi(OURS, shared_program.client.app)
    asked = list(ask(shared_program, known, loaded, 4))
    told = shared_program.client.get(OURS).json()["paths"]
    assert len(asked) == sum(len(verbs) for verbs in told.values()) == 23


@pytest.mark.slow
@pytest.mark.parametrize("api", [ORDERS, APPOINTMENTS])
def test_tm_forums_documents_hold(shared_program: Program, known: dict[str, str], api: str) -> None:
    loaded = schemathesis.openapi.from_dict(document(api))
    loaded.app = shared_program.client.app
    asked = list(ask(shared_program, known, loaded, 2, api))
    assert len(asked) == {ORDERS: 9, APPOINTMENTS: 11}[api]
