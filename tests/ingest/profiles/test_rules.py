"""What a profile's rules make of values: codes, units, zones, defaults; and that every problem is told with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.domain.errors import ConfigurationError
from ingest.profiles.problems import UnmappableMessageError
from tests.ingest.profiles.documents import AN_ORDER, a_profile, json_profile, mapped, order_of


def body(**changes: Any) -> bytes:
    return json.dumps({**AN_ORDER, **changes}).encode()


def problems(profile: Any, document: bytes) -> list[str]:
    with pytest.raises(UnmappableMessageError) as refused:
        mapped(profile, document)
    return [str(problem) for problem in refused.value.problems]


def test_the_least_an_order_can_be(tmp_path: Path) -> None:
    order = order_of(mapped(json_profile(tmp_path), body()))
    assert order["externalId"] == "T-1"
    [item] = order["workOrderItem"]
    assert item["work"] == {
        "workSpecification": {"id": "meter_swap"},
        "place": [
            {
                "@type": "GeographicAddress",
                "role": "installation address",
                "streetName": "Veldstraat 901",
                "postcode": "9000",
                "city": "Gent",
                "country": "BE",
            }
        ],
    }


def test_codes_are_translated_and_unknown_ones_refused_with_those_known(tmp_path: Path) -> None:
    profile = json_profile(
        tmp_path, work_type='{ path = "type", codes = { MTR = "meter_swap", FIB = "fibre_survey" } }'
    )
    assert (
        order_of(mapped(profile, body(type="FIB")))["workOrderItem"][0]["work"]["workSpecification"]["id"]
        == "fibre_survey"
    )
    assert problems(profile, body(type="XYZ")) == ["type is 'XYZ', which the profile does not know; known are MTR, FIB"]


def test_all_other_codes_can_have_one_meaning(tmp_path: Path) -> None:
    profile = json_profile(tmp_path, priority='{ path = "p", codes = { A = "0" }, other = "3" }')
    assert order_of(mapped(profile, body(p="whatever")))["priority"] == "3"
    assert order_of(mapped(profile, body(p="A")))["priority"] == "0"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-07-01T09:30:00", "2026-07-01T09:30:00+02:00"),
        ("2026-12-01T09:30:00", "2026-12-01T09:30:00+01:00"),
        ("2026-12-01T09:30:00Z", "2026-12-01T09:30:00+00:00"),
        ("2026-12-01T09:30:00+05:30", "2026-12-01T09:30:00+05:30"),
        ("2026-12-01", "2026-12-01T17:00:00+01:00"),
    ],
)
def test_a_time_without_an_offset_is_wall_time_of_the_zone(tmp_path: Path, text: str, instant: str) -> None:
    profile = json_profile(tmp_path, due_at='{ path = "due", at = "17:00" }')
    assert order_of(mapped(profile, body(due=text)))["requestedCompletionDate"] == instant


@pytest.mark.parametrize(
    ("choice", "instant"), [("earlier", "2026-10-25T02:30:00+02:00"), ("later", "2026-10-25T02:30:00+01:00")]
)
def test_the_hour_that_comes_twice_is_chosen_and_said(tmp_path: Path, choice: str, instant: str) -> None:
    profile = json_profile(tmp_path, due_at=f'{{ path = "due", repeated_hour = "{choice}" }}')
    found = mapped(profile, body(due="2026-10-25T02:30:00"))
    assert order_of(found)["requestedCompletionDate"] == instant
    assert found.remarks == (f"due_at: 2026-10-25 02:30 comes twice in Europe/Brussels; the {choice} one was taken.",)


def test_the_hour_that_comes_twice_can_be_refused_and_an_offset_settles_it(tmp_path: Path) -> None:
    profile = json_profile(tmp_path, due_at='{ path = "due", repeated_hour = "refuse" }')
    assert problems(profile, body(due="2026-10-25T02:30:00")) == [
        "due is 2026-10-25 02:30, which comes twice in Europe/Brussels; send it with its offset"
    ]
    assert order_of(mapped(profile, body(due="2026-10-25T02:30:00+01:00")))["requestedCompletionDate"].endswith(
        "+01:00"
    )


def test_the_hour_that_is_left_out_is_refused_or_moved_on(tmp_path: Path) -> None:
    strict = json_profile(tmp_path, due_at='"due"')
    assert problems(strict, body(due="2026-03-29T02:30:00")) == [
        "due is 2026-03-29 02:30, which does not exist in Europe/Brussels: the clocks are set on; send it with its offset"
    ]
    lenient = json_profile(tmp_path, due_at='{ path = "due", skipped_hour = "later" }')
    found = mapped(lenient, body(due="2026-03-29T02:30:00"))
    assert order_of(found)["requestedCompletionDate"] == "2026-03-29T03:30:00+02:00"
    assert found.remarks == ("due_at: 2026-03-29 02:30 does not exist in Europe/Brussels; 03:30 was taken.",)


def test_a_limit_in_hours_counts_from_the_start_across_the_change_of_clocks(tmp_path: Path) -> None:
    profile = json_profile(tmp_path, not_before='"from"', due_at='{ path = "h", unit = "hours", after = "not_before" }')
    order = order_of(mapped(profile, body(**{"from": "2026-10-24T12:00:00", "h": 48})))
    # The night between has an hour more, so 48 hours end an hour earlier by the clock.
    assert order["requestedCompletionDate"] == "2026-10-26T11:00:00+01:00"


@pytest.mark.parametrize(
    ("rule", "value", "note"),
    [
        ('{ path = "n", unit = "km", to = "m", label = "Cable" }', 0.125, "Cable: 125 m"),
        ('{ path = "n", unit = "km", to = "m", decimal = "," }', "1,5", "1500 m"),
        ('{ path = "n", unit = "minutes", to = "hours" }', "90", "1.5 hours"),
        ('{ path = "n", unit = "days", to = "hours" }', 2, "48 hours"),
        ('{ path = "n", unit = "cm" }', "40", "40 cm"),
    ],
)
def test_units_are_turned_into_one_another(tmp_path: Path, rule: str, value: Any, note: str) -> None:
    assert order_of(mapped(json_profile(tmp_path, notes=rule), body(n=value)))["note"] == [{"text": note}]


def test_coordinates_in_other_units_and_out_of_range(tmp_path: Path) -> None:
    micro = '{{ path = "{0}", unit = "microdegrees" }}'
    profile = json_profile(tmp_path, latitude=micro.format("y"), longitude=micro.format("x"))
    place = order_of(mapped(profile, body(y=51054300, x="3717400")))["workOrderItem"][0]["work"]["place"][0]
    assert place["geographicLocation"]["geoJson"]["coordinates"] == pytest.approx([3.7174, 51.0543])
    assert problems(profile, body(y=151054300, x=3717400)) == [
        "y is 151.054, but a latitude lies between -90 and 90 degrees"
    ]
    assert problems(profile, body(y=51054300)) == ["The coordinates are half: latitude and longitude go together"]


def test_phone_numbers_are_those_of_the_rules_country_and_kept_for_the_import_when_impossible(tmp_path: Path) -> None:
    fields = {"citizen_name": '"who"', "phone": '{ path = ["p", "q"], country = "NL" }'}
    profile = json_profile(tmp_path, **fields)
    party = order_of(mapped(profile, body(who="An", p="06 12345678", q="12")))["workOrderItem"][0]["work"][
        "relatedParty"
    ][0]
    assert [one["characteristic"]["phoneNumber"] for one in party["contactMedium"]] == ["+31612345678", "12"]


def test_whoever_can_be_reached_has_a_name(tmp_path: Path) -> None:
    profile = json_profile(tmp_path, citizen_name='"who"', email='"mail"')
    assert problems(profile, body(mail="an@citizen.example")) == ["who is missing: create needs citizen_name"]


def test_every_problem_is_told_and_none_twice(tmp_path: Path) -> None:
    profile = json_profile(
        tmp_path,
        priority='{ path = "p" }',
        due_at='{ path = "due", required = true }',
        not_before='{ path = "from" }',
    )
    document = body(zip="????", p="9", city="x" * 201, street={"name": "Veldstraat"}, **{"from": "soon"})
    assert problems(profile, document) == [
        "p is '9'; a priority is 0 (first) to 4 (last), give it codes",
        "from is 'soon', which is no time such as 2026-05-04T08:00:00+02:00",
        "street must be one value, not an object or a list",
        "zip is not a postal code",
        "city is longer than 200 characters",
        "due is missing: create needs due_at",
    ]


@pytest.mark.parametrize(
    ("word", "kind"),
    [("N", "create.v1"), ("W", "attributeValueChange.v1"), ("A", "cancel.v1"), ("S", "close.v1")],
)
def test_states_become_kinds_of_messages(tmp_path: Path, word: str, kind: str) -> None:
    codes = 'kind = { path = "s", codes = { N = "create", W = "update", A = "cancel", S = "close" } }'
    assert mapped(json_profile(tmp_path, codes), body(s=word)).event["type"] == f"org.tmforum.workOrder.{kind}"


def test_an_end_is_heard_whatever_else_stands_in_it(tmp_path: Path) -> None:
    profile = json_profile(tmp_path, 'kind = { path = "s", codes = { A = "cancel" } }', reason='"why"')
    found = mapped(profile, json.dumps({"id": "T-1", "s": "A", "zip": "????", "type": 7, "why": "moved away"}).encode())
    assert order_of(found) == {"externalId": "T-1", "cancellationReason": "moved away"}


def test_an_update_says_only_what_changes_but_no_half_address(tmp_path: Path) -> None:
    profile = json_profile(tmp_path, 'kind = { value = "update" }', due_at='"due"')
    found = order_of(mapped(profile, json.dumps({"id": "T-1", "due": "2026-06-01T10:00:00"}).encode()))
    assert found["requestedCompletionDate"] == "2026-06-01T10:00:00+02:00"
    assert found["workOrderItem"] == [{"id": "1", "action": "modify", "work": {}}]
    assert problems(profile, json.dumps({"id": "T-1", "zip": "9000"}).encode()) == [
        "street is missing: update needs street",
        "city is missing: update needs city",
    ]


def test_id_time_and_revision_come_from_the_message(tmp_path: Path) -> None:
    profile = json_profile(tmp_path, 'id = "m"\ntime = "t"\nrevision = "r"\ncorrelation = "c"')
    event = mapped(profile, body(m="M-1", t="2026-05-04T08:00:00", r=7, c="batch")).event
    assert (event["id"], event["time"], event["sequence"], event["correlationid"]) == (
        "M-1",
        "2026-05-04T06:00:00Z",
        "7",
        "batch",
    )
    assert event["source"] == "urn:utility:test"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("[profile]\nname = 'x'", ["'profile.title' is missing", "'profile.source' is missing", "'fields' is missing"]),
        ("nonsense", ["cannot be read"]),
        (
            '[profile]\nname="x"\ntitle="x"\nformat="json"\nsource="urn:x"\nzone="Mars/Olympus"\ncountry="FR"\n[fields]\nexternal_id="a ["\nsky="b"\n',
            [
                "'profile.zone': 'Mars/Olympus' is no time zone",
                "'profile.country': 'FR' is no country we work in",
                "'fields.sky' is no field",
                "'fields.external_id.path': 'a [' is no JMESPath expression",
                "'fields.work_type' is missing",
            ],
        ),
        (
            (
                '[profile]\nname="x"\ntitle="x"\nformat="xml"\nsource="urn:x"\nzone="UTC"\n[xml]\norders="//a["\n[fields]\n'
                'external_id="q:id"\nwork_type={value="x", unit="km"}\nstreet={}\npostcode={path="p", value="v"}\ncity="c"\ndue_at={path="d", after="time"}\nlatitude="l"\n'
            ),
            [
                "'xml.orders' is no XPath expression",
                "'fields.external_id.path': 'q:id' is no XPath expression: Undefined namespace prefix",
                "'fields.work_type' has a 'unit', which only notes, coordinates and instants with 'after' have",
                "'fields.street' needs a 'path' or a 'value'",
                "'fields.postcode' has both a 'path' and a 'value'",
                "'fields.due_at' has 'after', so it needs a 'unit'",
                "'fields.latitude' and 'fields.longitude' go together",
            ],
        ),
        (
            (
                '[profile]\nname="x"\ntitle="x"\nformat="csv"\nsource="urn:x"\nzone="UTC"\n[csv]\nencoding="klingon"\n[message]\nkind={value="explode"}\n[fields]\n'
                'external_id="a"\nwork_type={path="b", colour="red"}\nstreet="c"\npostcode="d"\ncity="e"\n'
            ),
            ["'fields.work_type", "colour"],
        ),
        (
            (
                '[profile]\nname="x"\ntitle="x"\nformat="csv"\nsource="urn:x"\nzone="UTC"\n[fields]\nexternal_id="a"\nwork_type="b"\n'
                'street="c"\npostcode="d"\ncity="e"\nnot_before={path="f", format="%d-%d-%Y"}\ndue_at={path="g", format=["%d/%m/%Y", "%Q"]}\n'
            ),
            [
                "'fields.not_before' has the format '%d-%d-%Y', which cannot",
                "'fields.due_at' has the format '%Q', which",
            ],
        ),
        (
            '[profile]\nname="x"\ntitle="x"\nformat="json"\nsource="urn:x y"\nzone="UTC"\n[fields]\n',
            ["'profile.source'"],
        ),
        (
            (
                '[profile]\nname="x"\ntitle="x"\nformat="csv"\nsource="urn:x"\nzone="UTC"\n[csv]\nencoding="klingon"\n[message]\nkind={value="explode"}\n[fields]\n'
                'external_id="a"\nwork_type="b"\nstreet="c"\npostcode="d"\ncity="e"\nnotes={path="n", unit="km", to="hours"}\n'
            ),
            [
                "'csv.encoding': 'klingon' is no encoding we can read",
                "'message.kind' makes 'explode'; a message is one of cancel, close, create, update",
                "'fields.notes' cannot turn 'km' into 'hours'",
            ],
        ),
    ],
)
def test_a_wrong_profile_is_said_with_file_and_key(tmp_path: Path, text: str, sentences: list[str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        a_profile(tmp_path, text)
    assert str(tmp_path) in str(refused.value)
    for sentence in sentences:
        assert sentence in str(refused.value)
