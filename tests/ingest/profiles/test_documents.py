"""The three formats with what may come: good files, places in errors, and hostile input, each answered at once with a sentence."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.profiles.csv_documents import CsvFormat, CsvRecord
from ingest.profiles.definition import Profile
from ingest.profiles.documents import UnreadableDocumentError
from ingest.profiles.json_documents import JsonFormat
from ingest.profiles.problems import UnmappableMessageError
from ingest.profiles.reading import map_message
from ingest.profiles.xml_documents import XmlFormat, parse_safely
from tests.ingest.profiles.documents import (
    AN_ORDER,
    BEGIN,
    SAMPLE_OF,
    a_letter,
    a_profile,
    json_profile,
    mapped,
    order_of,
    sample,
    shipped,
)

KB_256 = 256 * 1024
XML_FIELDS = """
[xml]
orders = "/order"
[fields]
external_id = "@id"
work_type = "type"
street = "street"
postcode = "zip"
city = "city"
"""
XML_ORDER = '<order id="T-1">\n<type>meter_swap</type>\n<street>{}</street>\n<zip>9000</zip><city>Gent</city></order>'


@pytest.fixture
def xml(tmp_path: Path) -> Profile:
    return a_profile(tmp_path, BEGIN.format(form="xml") + XML_FIELDS)


@pytest.fixture
def table(tmp_path: Path) -> Profile:
    fields = 'external_id="Id"\nwork_type="Work"\nstreet="Street"\npostcode="Zip"\ncity="City"\n'
    return a_profile(tmp_path, BEGIN.format(form="csv") + "[fields]\n" + fields)


def refused(profile: Profile, body: bytes) -> str:
    """What is said of a message that cannot be read; it must not take long to say."""
    begun = time.monotonic()
    with pytest.raises(UnmappableMessageError) as error:
        map_message(profile, a_letter(body))
    # The limit is a second; a busy machine gets some more, a bomb would take minutes.
    assert time.monotonic() - begun < 5
    return str(error.value)


BOMB = (
    "<!DOCTYPE x ["
    + "".join(f'<!ENTITY a{number} "{f"&a{number - 1};" * 10 if number else "boom"}">' for number in range(12))
    + "]>"
)


@pytest.mark.parametrize(
    "declaration",
    [
        BOMB,
        '<!DOCTYPE x [<!ENTITY a "' + "a" * 100_000 + '">]>',
        '<!DOCTYPE order SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1:9/steal">]>',
        '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x.dtd"> %a;]>',
    ],
    ids=["laughs", "quadratic", "external DTD", "local file", "over the network", "parameter entity"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_declarations_are_refused_in_any_encoding(xml: Profile, declaration: str, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n{declaration}\n' + XML_ORDER.format("&a;" * 1000)
    assert "Line 2 has a document type declaration, which is refused" in refused(xml, text.encode(encoding))


def test_an_entity_nobody_declared_is_no_xml(xml: Profile) -> None:
    assert "is not well-formed XML" in refused(xml, XML_ORDER.format("&a;").encode())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not well-formed XML"),
        (b"<a>" * 90_000, "is not well-formed XML"),
        (b"<order>" + b"<a>" * 40_000 + b"</a>" * 40_000 + b"</order>", "is not well-formed XML"),
        (b"<order" + b' a="1"' * 40_000 + b"/>", "is not well-formed XML"),
        (b"<order>\x00</order>", "is not well-formed XML"),
        (b"<order>\xff\xfe</order>", "is not utf-8"),
        (b'<?xml version="1.0" encoding="rot13"?><order/>', "which is not read here: send UTF-8"),
        (b'<?xml version="1.0" encoding="utf-7"?><order/>', "which is not read here: send UTF-8"),
        (b"\xff\xfeo", "is not utf-16"),
        (b"<other/>", "/order finds no order in the document"),
        (b"{}", "is not well-formed XML"),
    ],
)
def test_hostile_xml_is_a_sentence(xml: Profile, body: bytes, said: str) -> None:
    assert said in refused(xml, body)


def test_xml_of_256_kilobytes_is_read_in_time(xml: Profile) -> None:
    filler = "<line>x</line>" * (KB_256 // 14)
    body = XML_ORDER.format("Veldstraat").replace("</order>", f"<more>{filler}</more></order>").encode()
    begun = time.monotonic()
    assert order_of(mapped(xml, body))["externalId"] == "T-1"
    assert time.monotonic() - begun < 5


def test_xml_problems_name_the_path_and_the_line(xml: Profile) -> None:
    body = b'<?xml version="1.0"\n encoding="utf-8"?>\n' + XML_ORDER.format("<a/>").replace("9000", "????").encode()
    said = refused(xml, body)
    assert "street (order on line 3) must hold one value, not other elements" in said
    assert "zip (line 6) is not a postal code" in said


def test_xml_speaks_its_encodings(xml: Profile) -> None:
    for encoding in ("utf-8", "utf-16", "iso-8859-1", "windows-1252", "iso-8859-15"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>' + XML_ORDER.format("Beëindigde weg")
        place = order_of(mapped(xml, text.encode(encoding)))["workOrderItem"][0]["work"]["place"][0]
        assert place["streetName"] == "Beëindigde weg"


def test_the_parser_itself_fetches_and_expands_nothing() -> None:
    """Were the check for declarations gone, the parser would still not do it."""
    root = parse_safely(b"<a>x</a>")
    assert root.text == "x"
    with pytest.raises(UnreadableDocumentError):
        parse_safely(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
    # A comment or a processing instruction cannot hide a value's halves from a query.
    assert parse_safely(b"<a>x<!-- y -->z<?q?></a>").text == "xz"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not JSON in UTF-8"),
        (b"[" * 100_000, "is not JSON in UTF-8"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "is not JSON in UTF-8"),
        (json.dumps(AN_ORDER).encode("utf-16"), "is not JSON in UTF-8"),
        (b'{"id": "\xff"}', "is not JSON in UTF-8"),
        (b'{"id": NaN}', "is not JSON in UTF-8"),
        (b"[]", "holds no order"),
        (b"[{}, {}]", "holds several orders"),
        (b'"text"', "id is missing: create needs external_id"),
        (b'{"id": "a\\u0000b"}', "id holds control characters"),
        (b'{"id": ' + b"9" * 4_000 + b"}", "id is too large a number"),
        (b'{"id": 1e999}', "id must be a finite number"),
        (b'{"id": {"a": 1}}', "id must be one value"),
        (b'{"id": "' + b"x" * KB_256 + b'"}', "id is longer than 100 characters"),
    ],
)
def test_hostile_json_is_a_sentence(tmp_path: Path, body: bytes, said: str) -> None:
    assert said in refused(json_profile(tmp_path), body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Row 1 must name the columns, but the file is empty"),
        (b"Id,Id\n1,2\n", "Row 1 names the column 'Id' twice"),
        (b"Id,Work\n1,meter_swap\n", "row 1 has no column 'Street'"),
        (b"Id,Work,Street,Zip,City\n1,2\n", "row 2 has 2 columns, the header 5"),
        (b"Id,Work,Street,Zip,City\n1,2,\xff,4,5\n", "Line 2 is not utf-8"),
        (b'Id,Work,Street,Zip,City\n"1,2,3,4,5\n', "Row 2 cannot be read"),
        (b"Id,Work,Street,Zip,City\n1,2,3,????,5\n", "row 2, column 'Zip' is not a postal code"),
        (b"Id,Work,Street,Zip,City\n1,2,3\x00,9000,5\n", "row 2, column 'Street' holds control characters"),
        (b"Id,Work,Street,Zip,City\n" + b"," * KB_256 + b"\n", "holds no order"),
        (b"Id,Work,Street,Zip,City\n1,2," + b"x" * KB_256 + b",9000,5\n", "Row 2 cannot be read"),
        (b"Id,Work,Street,Zip,City\n1,2,3,9000,5\n2,2,3,9000,5\n", "holds several orders"),
    ],
)
def test_hostile_csv_is_a_sentence(table: Profile, body: bytes, said: str) -> None:
    assert said in refused(table, body)


def test_csv_counts_rows_as_a_spreadsheet_does(table: Profile) -> None:
    body = b'\xef\xbb\xbfId,Work,Street,Zip,City\r\n1,w,"Veld\r\nstraat",9000,Gent\r\n\r\n,,,,\r\n2,w,s,9000,Gent\r\n'
    records = [one for one in table.format.records(body) if isinstance(one, CsvRecord)]
    assert [one.number for one in records] == [2, 5]


@pytest.mark.parametrize("name", sorted(SAMPLE_OF))
def test_a_record_alone_is_the_same_order(name: str) -> None:
    profile = shipped().get(name)
    records = list(profile.format.records(sample(name)))
    for record in records:
        [alone] = profile.format.records(record.alone())
        for rule in profile.fields:
            for query in rule.queries:
                assert [one.value for one in alone.find(query)] == [one.value for one in record.find(query)]


def test_orders_that_share_a_document_are_cut_apart_with_what_is_around_them() -> None:
    form = XmlFormat("/all/part/order")
    query = form.compile("concat(../../head, ' ', ../of, ' ', @id)")
    body = b"<all><head>H</head><part><of>1</of><order id='a'/><order id='b'/></part><part><of>2</of><order id='c'/></part></all>"
    records = list(form.records(body))
    said = ["H 1 a", "H 1 b", "H 2 c"]
    assert [record.find(query)[0].value for record in records] == said
    alone = [list(form.records(record.alone())) for record in records]
    assert [[one.find(query)[0].value for one in several] for several in alone] == [[one] for one in said]
    inner = JsonFormat(("batch", "orders"))
    [first, second] = inner.records(b'{"batch": {"orders": [{"id": 1}, {"id": 2}], "of": "x"}}')
    assert first.place_of(inner.compile("id")) == "batch.orders[0].id"
    [again] = inner.records(second.alone())
    assert again.find(inner.compile("id"))[0].value == 2


def test_many_orders_in_a_file_do_not_take_the_square_of_the_time() -> None:
    form = XmlFormat("/all/order")
    body = b"<all><head/>" + b"<order><a>1</a></order>" * 20_000 + b"</all>"
    begun = time.monotonic()
    assert sum(len(record.alone()) > 0 for record in form.records(body)) == 20_000
    assert time.monotonic() - begun < 20


def test_every_shipped_format_is_tried() -> None:
    kinds: set[Any] = {type(one.format) for one in shipped().by_name.values()}
    assert kinds == {JsonFormat, XmlFormat, CsvFormat}
    assert all(path.exists() for path in SAMPLE_OF.values())
    assert set(SAMPLE_OF) == set(shipped().by_name)
