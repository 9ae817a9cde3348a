"""The envelope: what goes in comes out, and what is no CloudEvent is refused with a sentence."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.messaging.envelope import MalformedEnvelope, new_envelope, parse_envelope

LEAST: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/utility", "type": "work-order.received"}

texts = st.text(st.characters(exclude_categories=["C"]), min_size=1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["C"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["C"])), inner),
    max_leaves=10,
)


@given(
    event_id=texts,
    source=texts,
    event_type=texts,
    subject=st.none() | texts,
    data=json_values,
    time=st.datetimes(timezones=st.just(UTC)),
    extensions=st.dictionaries(
        st.from_regex(r"x[a-z0-9]{1,19}", fullmatch=True), texts | st.integers(-(2**31), 2**31) | st.booleans()
    ),
)
def test_an_event_survives_the_wire(
    event_id: str,
    source: str,
    event_type: str,
    subject: str | None,
    data: Any,
    time: datetime,
    extensions: dict[str, Any],
) -> None:
    sent = new_envelope(
        event_id=event_id, source=source, event_type=event_type, time=time, data=data, subject=subject, **extensions
    )
    got = parse_envelope(sent.to_json())
    assert got == sent
    assert got.extensions == extensions
    assert json.loads(sent.to_json())["specversion"] == "1.0"


def test_what_is_not_there_is_left_out_and_times_go_out_in_utc() -> None:
    local = datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2)))
    sent = new_envelope(event_id="1", source="/s", event_type="t", time=local, data={"a": None})
    written = json.loads(sent.to_json())
    assert written["time"] == "2026-03-29T01:30:00Z"
    assert "subject" not in written
    assert "data_base64" not in written


def test_binary_data_is_decoded() -> None:
    body = json.dumps({**LEAST, "datacontenttype": "image/png", "data_base64": "AAEC"}).encode()
    assert parse_envelope(body).data_base64 == b"\x00\x01\x02"
    assert json.loads(parse_envelope(body).to_json())["data_base64"] == "AAEC"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<order/>", "The message is not JSON in UTF-8"),
        (b"", "The message is not JSON in UTF-8"),
        (b'{"id": "\xff"}', "The message is not JSON in UTF-8"),
        (b'{"data": NaN}', "The message is not JSON in UTF-8"),
        (b'{"data":' + b"[" * 100_000, "The message is not JSON in UTF-8"),
        (b"[1, 2]", "but not an object"),
        (b'{"id": "WO-1", "state": "acknowledged"}', "it has no specversion"),
        (json.dumps({**LEAST, "data": "a\x00b"}).encode(), "NUL character"),
    ],
)
def test_bytes_that_are_no_event_are_refused(body: bytes, sentence: str) -> None:
    with pytest.raises(MalformedEnvelope, match=sentence) as refusal:
        parse_envelope(body)
    assert refusal.value.reason == str(refusal.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": None}, "The attribute 'id' is missing."),
        ({"type": ""}, "The attribute 'type' is wrong: string should have at least 1 character."),
        ({"specversion": "0.3"}, "The attribute 'specversion' is wrong: input should be '1.0'."),
        ({"time": "yesterday"}, "The attribute 'time' is wrong"),
        ({"time": "2026-05-04T09:00:00"}, "The attribute 'time' is wrong: input should have timezone info."),
        ({"Traceparent": "x"}, "'Traceparent' may have only lower-case letters and digits"),
        ({"nested": {"a": 1}}, "'nested' must be a text, a whole number or true or false"),
        ({"subject": "a\nb"}, "'subject' holds control characters"),
        ({"data": 1, "data_base64": "AAEC"}, "carries data or data_base64, not both"),
    ],
)
def test_an_event_that_breaks_the_specification_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MalformedEnvelope, match=sentence):
        parse_envelope(json.dumps({**LEAST, **change}).encode())


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(MalformedEnvelope) as refusal:
        parse_envelope(b'{"specversion": "1.0"}')
    assert refusal.value.reason == (
        "The attribute 'id' is missing. The attribute 'source' is missing. The attribute 'type' is missing."
    )


def test_a_nul_that_is_only_spelled_out_is_no_nul() -> None:
    body = json.dumps({**LEAST, "data": r"the sequence \u0000"}).encode()
    assert parse_envelope(body).data == r"the sequence \u0000"
