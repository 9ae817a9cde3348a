"""Plays Azure's functions host to the folder named on the command line: indexes its functions and calls some, by the real worker runtime.

A program of its own, for the runtime keeps one app a process. Prints what it saw as one JSON object.
"""

import asyncio
import io
import json
import logging
import sys
from types import SimpleNamespace
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from azure_functions_runtime import handle_event, start_threadpool_executor, worker_init_request
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.native_invocation import invocation_request_native


class _Said(SimpleNamespace):
    """Stands for any message of the host's protocol: keeps what it was made of."""


class _Binding(_Said):
    out, inout, undefined = 1, 2, 0


class _Result(_Said):
    Failure, Success = 0, 1


_PROTOCOL = SimpleNamespace(
    BindingInfo=_Binding,
    StatusResult=_Result,
    RpcFunctionMetadata=_Said,
    WorkerInitResponse=_Said,
    WorkerMetadata=_Said,
    RpcException=_Said,
)


async def index(folder: str) -> list[Any]:
    """What the host learns at its start."""
    start = SimpleNamespace(capabilities={}, function_app_directory=folder)
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=start), properties={"host": "127.0.0.1", "protos": _PROTOCOL}
    )
    answer = await worker_init_request(request)
    if answer.result.status != _Result.Success:
        raise SystemExit(f"not indexed: {answer.result.exception}")
    return handle_event._metadata_result or []


async def call(name: str, inputs: list[tuple[str, Datum]], metadata: dict[str, Datum] | None = None) -> dict[str, Any]:
    """Invoke a function as the host does."""
    function_id = str(uuid5(NAMESPACE_OID, name))
    ok, returned, _, problem, _ = await invocation_request_native(name, function_id, inputs, metadata or {})
    return {"ok": ok, "problem": problem, "returned": None if returned is None else _shown(returned)}


def _shown(datum: Datum) -> Any:
    if datum.type == "http":
        return {"status": datum.value["status_code"].value, "body": datum.value["body"].value.decode()}
    return str(datum.value)


def orders(bodies: list[bytes]) -> tuple[list[tuple[str, Datum]], dict[str, Datum]]:
    """A batch as the host hands it over: bodies in one list, each property in a list of its own."""
    many = range(len(bodies))
    metadata = {
        "UserPropertiesArray": Datum(json.dumps([{} for _ in many]), "json"),
        "MessageIdArray": Datum(json.dumps([f"m-{n}" for n in many]), "json"),
        "DeliveryCountArray": Datum(json.dumps([1 for _ in many]), "json"),
        "EnqueuedTimeUtcArray": Datum(json.dumps(["2026-05-04T06:00:00Z" for _ in many]), "json"),
    }
    return [("messages", Datum(SimpleNamespace(bytes=bodies), "collection_bytes"))], metadata


def request(path: str) -> list[tuple[str, Datum]]:
    """A GET as the host hands it over."""
    text = {name: Datum(value, "string") for name, value in (("method", "GET"), ("url", f"https://localhost{path}"))}
    headers = {"x-forwarded-for": Datum("198.51.100.7, 203.0.113.9:4711", "string")}
    nothing: dict[str, Datum] = {}
    values = {**text, "headers": headers, "body": Datum(b"", "bytes"), "params": nothing, "query": nothing}
    return [("req", Datum(values, "http"))]


async def main(folder: str, bodies: list[bytes]) -> None:
    """Index, call, tell."""
    start_threadpool_executor()
    log = io.StringIO()
    # The host's own handler, which is there before any function.
    logging.getLogger().addHandler(logging.StreamHandler(log))
    logging.getLogger().setLevel(logging.INFO)
    found = await index(folder)
    import hub

    tick = Datum(json.dumps({"Schedule": {}, "ScheduleStatus": None, "IsPastDue": False}), "json")
    told = {
        "functions": {one.name: [json.loads(binding) for binding in one.raw_bindings] for one in found},
        "hub": hub.__file__,
        "orders": await call("receive_orders", *orders(bodies)),
        "timer": await call("timer_tally_inbox", [("timer", tick)]),
        "jobs": await call("run_jobs", [("timer", tick)]),
        "relay": await call("relay_outbox", [("timer", tick)]),
        "ready": await call("web", request("/health/ready")),
    }
    told["log"] = log.getvalue().splitlines()
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], [bytes.fromhex(line) for line in sys.stdin.read().split()]))
