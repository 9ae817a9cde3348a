"""The log's lines: whose work they belong to, in both styles, and without anybody's address."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError

from hub.logs import (
    JsonLines,
    LogFormat,
    TextLines,
    configure_logging,
    correlated,
    current_correlation_id,
    in_one_line,
    usable_id,
)


def line(style: logging.Formatter, message: str, error: BaseException | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error is not None else None
    return style.format(logging.LogRecord("hub.somewhere", logging.WARNING, "file.py", 1, message, None, info))


def as_json(message: str, error: BaseException | None = None) -> dict[str, str]:
    written = line(JsonLines(), message, error)
    assert "\n" not in written
    found = json.loads(written)
    assert isinstance(found, dict)
    return found


def test_a_line_carries_the_id_of_the_work_it_was_written_in() -> None:
    with correlated("utility-42"):
        with correlated("inner"):
            assert as_json("one")["correlation_id"] == "inner"
        assert as_json("two")["correlation_id"] == "utility-42"
        assert "[utility-42] three" in line(TextLines(), "three")
    assert "correlation_id" not in as_json("four")


def test_work_without_an_id_of_its_own_keeps_the_one_around_it() -> None:
    with correlated("outer"), correlated(""):
        assert current_correlation_id() == "outer"


def test_threads_that_asyncio_starts_inherit_it_and_others_do_not_mix_it_up() -> None:
    async def work(name: str) -> str:
        with correlated(name):
            await asyncio.sleep(0)
            return await asyncio.to_thread(current_correlation_id)

    async def both() -> list[str]:
        return list(await asyncio.gather(work("a"), work("b")))

    assert asyncio.run(both()) == ["a", "b"]
    assert current_correlation_id() == ""


@pytest.mark.parametrize(
    "secret", ["an.peeters@citizen.example", "+32470000001", "an+tag@mail.citizen.example", "+4915123456789"]
)
def test_addresses_are_masked_wherever_they_stand(secret: str) -> None:
    try:
        raise ConnectionError(f"550 no such user {secret}")  # noqa: TRY301 - the trace is what is looked at
    except ConnectionError as error:
        for style in (JsonLines(), TextLines()):
            with correlated(f"id-{secret}"):
                written = line(style, f"Sending to <{secret}> failed", error)
            assert secret not in written
            assert "…" in written or "\\u2026" in written


def test_what_is_no_address_stays() -> None:
    assert as_json("2 + 3 = 5 @ noon, +12 more")["message"] == "2 + 3 = 5 @ noon, +12 more"


class _Person(BaseModel):
    name: str
    age: int


def test_a_trace_says_what_was_wrong_but_not_what_was_sent() -> None:
    sent = {"name": "An Peeters", "age": "Lindestraat 12"}
    with pytest.raises(ValidationError) as caught:
        _Person.model_validate(sent)
    assert "Lindestraat" in str(caught.value)
    found = as_json("wrong", caught.value)
    assert found["error"] == "ValidationError"
    assert "age: int_parsing" in found["trace"]
    assert "Lindestraat" not in found["trace"]
    assert "Lindestraat" not in line(TextLines(), "wrong", caught.value)


def test_causes_are_told_and_circles_end() -> None:
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    trace = as_json("both", first)["trace"]
    assert trace.index("second") < trace.index("first")


def test_nobody_can_write_lines_of_their_own() -> None:
    assert line(TextLines(), "order X\n2026-05-04 INFO forged").count("\n") == 0
    assert as_json("order X\nforged")["message"] == "order X\nforged"


@pytest.mark.parametrize("bad", ["", "x" * 201, "two\nlines", "\x1b[31m", 7, None])
def test_what_is_no_id_is_refused(bad: object) -> None:
    assert usable_id(bad) is None


def test_ids_of_utilities_are_taken() -> None:
    assert usable_id("urn:order/4711 é") == "urn:order/4711 é"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back after the test."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("style", "is_host", "stream", "is_json"),
    [
        ("auto", True, io.StringIO, True),
        ("auto", True, _Terminal, False),
        ("auto", False, io.StringIO, False),
        ("json", False, _Terminal, True),
        ("text", True, io.StringIO, False),
    ],
)
def test_machines_read_json_and_people_read_text(
    root: logging.Logger, style: LogFormat, is_host: bool, stream: type[io.StringIO], is_json: bool
) -> None:
    target = stream()
    configure_logging(style, target, is_host=is_host)
    logging.getLogger("hub.somewhere").info("Hello.")
    logging.getLogger("azure.servicebus").info("connecting with a key")
    assert len(root.handlers) == 1
    written = target.getvalue()
    assert written.count("\n") == 1
    assert written.startswith("{") is is_json
    assert "Hello." in written


@pytest.mark.parametrize(
    ("given", "shown"),
    [("WO-1", "WO-1"), ("a\nb\x00c", "a?b?c"), ("half \ud800", "half ?"), ("x" * 300, "x" * 200), ("é 漢", "é 漢")],
)
def test_a_name_from_outside_is_one_line_that_can_be_written(given: str, shown: str) -> None:
    assert in_one_line(given) == shown
    shown.encode()
