"""The dossier: what it states, that nothing in it can be changed without showing, and that everything in it has words."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import append_entry, read_entries
from hub.db import tables
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.events import SYSTEM
from hub.domain.ids import WorkOrderId
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.staff import Role
from hub.domain.work_orders import WorkOrder
from hub.notifications import entries as message_entries
from hub.notifications.ports import SendingFailedError
from hub.notifications.service import deliver_notification, request_notification
from hub.notifications.settling import Receipt, drop, settle_receipt, settle_refusal, settle_unclear
from hub.notifications.texts import LANGUAGES
from hub.texts import load_texts
from infra.hosts.cli import app
from ingest.api.scopes import Scope
from portal.contact import record as ladder_record
from portal.contact.service import run_due_contacts
from portal.conversations import entries as conversation_entries
from portal.dossier import paper
from portal.dossier.checking import DossierUnreadableError, check_document, in_words, read_document
from portal.dossier.document import SEALED, compile_dossier
from portal.dossier.paper import draw_dossier, own_check
from portal.dossier.wording import FOLDER, Wording
from tests.ingest.api.conftest import a_program
from tests.samples import a_work_order, staff_territory
from tests.web.staff_browser import a_browser, signed_in_browser

REPOSITORY = Path(__file__).resolve().parents[2]
HOSTILE = "<script>alert(1)</script>"


def deliver_all(hub: Hub) -> None:
    table = tables.notification.c
    with hub.unit_of_work() as work:
        queued = work.notifications.list_where(table.status == NotificationStatus.QUEUED)
    for one in queued:
        deliver_notification(hub, notification_id=str(one.id))


def silent_order(hub: Hub, clock: FixedClock, **changes: Any) -> WorkOrder:
    """An order whose citizen answered nothing for three weeks: it was handed back."""
    with hub.unit_of_work() as work:
        order = work.create_work_order(a_work_order(imported_at=work.now, **changes), by=SYSTEM)
        staff_territory(work)
        work.commit()
    for _ in range(21 * 6):
        run_due_contacts(hub, clock.now())
        deliver_all(hub)
        clock.advance(timedelta(hours=4))
    with hub.unit_of_work() as work:
        order = work.work_orders.get(order.id)
    assert order.status is WorkOrderStatus.ON_HOLD
    return order


def dossier_of(hub: Hub, order: WorkOrder) -> dict[str, Any]:
    with hub.snapshot() as work:
        return json.loads(json.dumps(compile_dossier(work, order)))  # type: ignore[no-any-return]


def handed_over(hub: Hub, order: WorkOrder) -> dict[str, Any]:
    """The dossier as the escalation carried it."""
    event = tables.status_event.c
    with hub.reading() as connection:
        found = connection.execute(
            tables.status_event.select().where(event.work_order_id == order.id, event.name == "work_order.escalated")
        ).one()
    return json.loads(json.dumps(found.data))  # type: ignore[no-any-return]


@pytest.fixture
def order(hub: Hub, clock: FixedClock) -> WorkOrder:
    return silent_order(hub, clock)


def test_the_escalation_carries_a_sound_record_that_seals_what_it_states(hub: Hub, order: WorkOrder) -> None:
    dossier = handed_over(hub, order)
    verdict = check_document(dossier, dossier["record"]["headHash"])
    assert verdict.is_sound
    assert verdict.fault is None
    assert verdict.sealed_by == verdict.entries
    assert verdict.texts == len(dossier["attempts"]) > 0
    assert dossier["reason"] == "no contact"
    assert dossier["outcome"]["messages"] == len(dossier["attempts"])
    assert dossier["outcome"]["failedVisits"] == 0


def test_a_later_dossier_still_leads_to_the_head_that_was_handed_over(hub: Hub, order: WorkOrder) -> None:
    head = handed_over(hub, order)["record"]["headHash"]
    with hub.unit_of_work() as work:
        append_entry(work, order.id, "note", {"text": "later"})
        work.commit()
    later = dossier_of(hub, order)
    verdict = check_document(later, head)
    assert verdict.is_sound
    assert verdict.knows_head
    assert verdict.head != head


def test_it_is_what_its_schema_says(hub: Hub, order: WorkOrder) -> None:
    schema = json.loads((REPOSITORY / "portal" / "dossier" / "schema.json").read_text(encoding="utf-8"))
    strict = json.loads(
        json.dumps(schema).replace('"type": "object"', '"type": "object", "additionalProperties": false')
    )
    for dossier in (handed_over(hub, order), dossier_of(hub, order)):
        jsonschema.Draft202012Validator(strict).validate(dossier)


@pytest.mark.parametrize("part", ["at", "kind", "content", "hash"])
def test_every_change_of_an_entry_shows(hub: Hub, order: WorkOrder, part: str) -> None:
    dossier = handed_over(hub, order)
    entry = dossier["record"]["entries"][2]
    # One digit more or less: a hash need not hold any digit that could be named here.
    another = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), entry[part], count=1)
    assert (another == entry[part]) == (part == "kind")
    entry[part] = "another" if part == "kind" else another
    verdict = check_document(dossier)
    assert verdict.fault == 3
    assert not verdict.is_sound
    assert "Entry 3" in in_words(verdict)[0]


def test_what_is_taken_out_put_in_cut_off_or_stated_otherwise_shows(hub: Hub, order: WorkOrder) -> None:
    sound = handed_over(hub, order)
    head = sound["record"]["headHash"]

    shorter = json.loads(json.dumps(sound))
    del shorter["record"]["entries"][1]
    assert check_document(shorter).fault == 2

    cut = json.loads(json.dumps(sound))
    last = cut["record"]["entries"].pop()
    assert not check_document(cut).is_sound
    cut["record"]["headHash"] = last["hash"] if not cut["record"]["entries"] else cut["record"]["entries"][-1]["hash"]
    assert check_document(cut).is_sound
    assert check_document(cut, head).knows_head is False

    other_words = json.loads(json.dumps(sound))
    other_words["attempts"][0]["text"] = "We rang the bell."
    assert check_document(other_words).changed_texts == (sound["attempts"][0]["id"],)

    other_count = json.loads(json.dumps(sound))
    other_count["outcome"]["messages"] += 1
    assert check_document(other_count).sealed_by is None


def tamper(hub: Hub, order: WorkOrder, *statements: str) -> None:
    """What somebody does who may do anything in the database: no trigger and no rule stops it."""
    with hub.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement), {"order": order.id})


DELIVERED = "UPDATE notification SET status = 'delivered', receipt = 'delivered', receipt_at = now() WHERE work_order_id = :order"


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ([DELIVERED], "is stated to be delivered, and its last entry is message.sent"),
        (
            [DELIVERED, "DELETE FROM status_event WHERE work_order_id = :order AND entity = 'notification'"],
            "is stated to be delivered",
        ),
        (["UPDATE notification SET body = '', subject = '' WHERE work_order_id = :order"], "has lost its words"),
        (["UPDATE notification SET provider_id = 'SM1' WHERE work_order_id = :order"], "is stated to be SM1"),
        (["UPDATE notification SET channel = 'letter' WHERE work_order_id = :order"], "has another channel"),
        (["DELETE FROM notification WHERE work_order_id = :order AND step = 1"], "of the record is missing"),
        (
            ["UPDATE notification SET id = gen_random_uuid() WHERE work_order_id = :order AND step = 1"],
            "is in no entry",
        ),
    ],
)
def test_what_is_changed_in_the_messages_themselves_contradicts_their_entries(
    hub: Hub, order: WorkOrder, statements: list[str], said: str
) -> None:
    head = handed_over(hub, order)["record"]["headHash"]
    before = check_document(dossier_of(hub, order), head)
    assert (before.is_sound, before.contradictions) == (True, ())
    tamper(hub, order, *statements)
    verdict = check_document(dossier_of(hub, order), head)
    assert verdict.fault is None, "the chain itself was not touched"
    assert not verdict.is_sound
    assert any(said in one for one in verdict.contradictions), verdict.contradictions
    assert any("states otherwise than its entries" in line for line in in_words(verdict))


def test_counts_that_are_not_those_of_the_messages_show(hub: Hub, order: WorkOrder) -> None:
    dossier = handed_over(hub, order)
    dossier["outcome"]["messagesDelivered"] += 1
    verdict = check_document(dossier)
    assert verdict.contradictions == ("messagesDelivered is stated to be 1, and its messages come to 0",)


def test_it_is_said_how_many_entries_no_head_that_was_handed_over_stands_for(hub: Hub, order: WorkOrder) -> None:
    assert check_document(handed_over(hub, order)).unsealed == 0
    before = check_document(dossier_of(hub, order)).unsealed
    with hub.unit_of_work() as work:
        append_entry(work, order.id, "note", {"text": "later"})
        work.commit()
    verdict = check_document(dossier_of(hub, order))
    assert (verdict.is_sound, verdict.unsealed) == (True, before + 1)
    assert any(f"{before + 1} of the entries are not sealed" in line for line in in_words(verdict))


def test_every_end_of_a_message_is_what_its_entries_say(hub: Hub, clock: FixedClock) -> None:
    """Delivered, not delivered, failed, dropped, unknown, waiting again after a late refusal: no contradiction where nobody lied."""
    with hub.unit_of_work() as work:
        order = work.create_work_order(a_work_order(imported_at=work.now, citizen_email=""), by=SYSTEM)
        work.commit()
    made = []
    for step in range(7):
        with hub.unit_of_work() as work:
            one = request_notification(work, order, kind="answer", channel=Channel.SMS, round=1, step=step)
            work.commit()
        assert one is not None
        made.append(one)
    for one, status in zip(made[:2], (NotificationStatus.DELIVERED, NotificationStatus.UNDELIVERED), strict=True):
        with hub.unit_of_work() as work:
            before = work.notifications.get(one.id, lock=True)
            work.notifications.swap(before, replace(before, status=NotificationStatus.SENDING, tries=1, body="Hello"))
            work.commit()
        settle_receipt(hub, Receipt(one.id, 1, "recording", "SM1", status, reason="gone"))
    for one in made[2:5]:
        with hub.unit_of_work() as work:
            before = work.notifications.get(one.id, lock=True)
            work.notifications.swap(before, replace(before, status=NotificationStatus.SENDING, tries=1, body="Hello"))
            work.commit()
    with hub.unit_of_work() as work:
        sending = [work.notifications.get(one.id) for one in made]
    settle_refusal(hub, sending[2], "recording", SendingFailedError("refused", retry=False))
    settle_unclear(hub, sending[3], "recording", "nobody knows")
    settle_unclear(hub, sending[4], "recording", "nobody knows")
    settle_refusal(hub, sending[4], "recording", SendingFailedError("refused", retry=True))
    with hub.unit_of_work() as work:
        drop(work, work.notifications.get(made[5].id, lock=True), "not true any more")
        work.commit()
    dossier = dossier_of(hub, order)
    statuses = [one["status"] for one in dossier["attempts"]]
    assert sorted(statuses) == ["delivered", "failed", "failed", "queued", "queued", "undelivered", "unknown"]
    assert check_document(dossier).contradictions == ()


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"schema": "urn:doorstep:dossier:1"}',
        b'{"schema": "urn:doorstep:dossier:1", "record": {"entries": [1]}}',
        b'{"schema": "urn:doorstep:dossier:1", "record": {"entries": [{"number": 1, "at": 5}]}}',
    ],
)
def test_what_is_no_dossier_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(DossierUnreadableError, match="This is no dossier that can be checked"):
        check_document(read_document(content))


def test_a_utility_checks_it_with_ten_lines_of_its_own(hub: Hub, order: WorkOrder, tmp_path: Path) -> None:
    program, file = tmp_path / "check.py", tmp_path / "dossier.json"
    program.write_text(own_check())
    dossier = handed_over(hub, order)
    file.write_text(json.dumps(dossier))
    run = [sys.executable, "-I", str(program), str(file)]
    said = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120).stdout
    assert dossier["record"]["headHash"] in said
    dossier["record"]["entries"][0]["content"] = "{}"
    file.write_text(json.dumps(dossier))
    refused = subprocess.run(run, capture_output=True, text=True, check=False, timeout=120)
    assert refused.returncode == 1
    assert "entry 1 is not as it was written" in refused.stderr


_IN_ANOTHER_LANGUAGE = """
const { createHash } = require("node:crypto");
const { record } = JSON.parse(require("node:fs").readFileSync(process.argv[2], "utf8"));
let before = "";
record.entries.forEach((entry, index) => {
  const parts = [index + 1, entry.at, entry.kind, entry.content, before].map((part) => JSON.stringify(part));
  before = createHash("sha256").update(`[${parts.join(", ")}]`).digest("hex");
  if (before !== entry.hash) { console.log(`entry ${index + 1}`); process.exit(1); }
});
console.log(before === record.headHash ? "sound" : "cut short");
"""


@pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not installed")
def test_the_recipe_does_not_depend_on_python(hub: Hub, order: WorkOrder, tmp_path: Path) -> None:
    with hub.unit_of_work() as work:
        append_entry(work, order.id, "note", {"text": 'été "quoted" \\ back \t tab \x01 \x7f \u2028 𝄞 </script>'})
        work.commit()
    program, file = tmp_path / "check.js", tmp_path / "dossier.json"
    program.write_text(_IN_ANOTHER_LANGUAGE)
    file.write_text(json.dumps(dossier_of(hub, order), ensure_ascii=False), encoding="utf-8")
    run = ["node", str(program), str(file)]
    said = subprocess.run(run, capture_output=True, text=True, check=False, timeout=120)
    assert said.stdout.strip() == "sound", said


def test_the_command_checks_a_file_without_a_database(hub: Hub, order: WorkOrder, tmp_path: Path) -> None:
    dossier = handed_over(hub, order)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"specversion": "1.0", "data": {"event": {"dossier": dossier}}}))
    run = CliRunner()
    sound = run.invoke(app, ["dossier", "verify", str(event), "--head", dossier["record"]["headHash"]])
    assert sound.exit_code == 0, sound.output
    assert "are as they were written" in sound.output
    assert run.invoke(app, ["dossier", "verify", str(event), "--head", "ab" * 32]).exit_code == 1
    dossier["record"]["entries"][0]["kind"] = "other"
    event.write_text(json.dumps(dossier))
    assert run.invoke(app, ["dossier", "verify", str(event)]).exit_code == 1
    with pytest.raises(Exception, match="cannot be read"):
        run.invoke(app, ["dossier", "verify", str(tmp_path / "none")], catch_exceptions=False)


def test_no_address_and_no_name_of_the_citizen_is_in_the_record(hub: Hub, clock: FixedClock) -> None:
    order = silent_order(
        hub,
        clock,
        citizen_name="Annelies Vandenbroucke",
        citizen_email="annelies@home.example",
        street="Geheimstraat 7",
    )
    with hub.unit_of_work() as work:
        chain = str(read_entries(work, order.id))
    for value in ("annelies", "vandenbroucke", "+32470000001", "geheimstraat"):
        assert value not in chain.lower()


class TestWords:
    def test_each_kind_of_entry_that_a_room_writes_has_words(self) -> None:
        kinds = {SEALED, *ladder_record.KINDS}
        for module in (message_entries, conversation_entries):
            kinds |= {value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}
        for file in (REPOSITORY / "portal").rglob("*.py"):
            kinds |= set(re.findall(r'append_entry\(\s*work,\s*[\w.]+,\s*"([^"]+)"', file.read_text(encoding="utf-8")))
        assert len(kinds) > 20
        assert {f"kinds.{kind}" for kind in kinds} - load_texts(FOLDER, "en").keys() == set()

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_the_three_outcomes_are_three_sentences_with_their_own_counts(self, language: str) -> None:
        counts = {
            "messages": 41,
            "messagesDelivered": 17,
            "messagesUndelivered": 13,
            "messagesFailed": 11,
            "failedVisits": 31,
            "visitsWithoutAccess": 23,
            "visitsRefused": 29,
        }
        stated = {
            reason: Wording(language).outcome(reason, counts) for reason in ("no contact", "no access", "refused")
        }
        assert len({one[0] for one in stated.values()}) == 3
        assert "41" in stated["no contact"][0]
        assert "23" not in stated["no contact"][0]
        assert "23" in stated["no access"][0]
        assert "41" not in stated["no access"][0]
        assert "29" in stated["refused"][0]
        for _, messages, visits in stated.values():
            assert all(number in messages for number in ("41", "17", "13", "11"))
            assert all(number in visits for number in ("31", "23", "29"))

    def test_what_nobody_wrote_words_for_is_shown_as_it_is(self) -> None:
        words = Wording("nl").entry("robot.danced", '{"steps":3,"where":"here","why":null}')
        assert words.sentence == "robot.danced"
        assert words.details == (("steps", "3"), ("where", "here"))
        assert Wording("nl").entry("message.sent", '{"a":1}').sentence == "message.sent"
        assert Wording("nl").entry("x", "no json").details == (("content", "no json"),)


class TestPdf:
    @pytest.fixture(scope="class")
    @classmethod
    def dossier(cls) -> dict[str, Any]:
        content = json.dumps({"text": HOSTILE})
        attempt = {"id": "a", "round": 1, "step": 0, "kind": "invitation", "channel": "sms", "recipient": "+32…01"}
        attempt |= {"requestedAt": "2026-03-29T00:30:00+00:00", "status": "sent", "receiptAt": None, "error": HOSTILE}
        attempt |= {"providerId": "SM1", "language": "nl", "subject": HOSTILE, "text": HOSTILE + "\nline two"}
        entries = [
            {
                "number": n,
                "at": "2026-05-04T07:00:00.000000+00:00",
                "kind": "note",
                "content": content,
                "hash": "ab" * 32,
            }
            for n in range(1, 60)
        ]
        return {
            "externalId": "SU-1",
            "utility": "urn:utility:sample",
            "workType": "meter_swap",
            "status": "on hold",
            "reason": "no access",
            "sentence": '<img src="file:///etc/passwd"><link rel="attachment" href="file:///etc/passwd">',
            "policy": "standard",
            "rounds": 1,
            "writtenAt": "2026-05-12T07:00:00+00:00",
            "outcome": {
                "messages": 1,
                "messagesDelivered": 0,
                "messagesUndelivered": 0,
                "messagesFailed": 0,
                "failedVisits": 2,
                "visitsWithoutAccess": 2,
                "visitsRefused": 0,
            },
            "attempts": [attempt],
            "failedVisits": [{"arrivedAt": None, "endedAt": "2026-05-04T07:00:00+00:00", "reason": "no access"}],
            "record": {"entries": entries, "headHash": "ab" * 32, "howToCheck": "Look."},
        }

    @pytest.fixture(scope="class")
    @classmethod
    def document(cls, dossier: dict[str, Any]) -> Any:
        pypdf = pytest.importorskip("pypdf")
        from io import BytesIO

        return pypdf.PdfReader(BytesIO(draw_dossier(dossier, language="nl", zone="Europe/Brussels")))

    def test_it_says_what_it_is_in_which_language_and_under_which_title(self, document: Any) -> None:
        root = document.trailer["/Root"]
        assert root["/MarkInfo"]["/Marked"]
        assert root["/Lang"] == "nl"
        assert root["/ViewerPreferences"]["/DisplayDocTitle"]
        assert document.metadata.title == "Dossier van order SU-1"
        told = root["/Metadata"].get_object().get_data().decode()
        assert 'pdfuaid:part="1"' in told
        assert "Dossier van order SU-1" in told

    def test_everything_on_its_pages_is_tagged_or_said_to_be_decoration(self, document: Any) -> None:
        parents = document.trailer["/Root"]["/StructTreeRoot"]["/ParentTree"].get_object()["/Nums"]
        tagged = {parents[at]: len(parents[at + 1].get_object()) for at in range(0, len(parents), 2)}
        assert len(document.pages) > 1
        for page in document.pages:
            assert page["/Tabs"] == "/S"
            depth, marked, shown = 0, set(), 0
            for operands, operator in page.get_contents().operations:
                if operator in {b"BDC", b"BMC"}:
                    depth += 1
                    if operator == b"BDC":
                        marked.add(int(operands[1]["/MCID"]))
                elif operator == b"EMC":
                    depth -= 1
                elif operator in {b"Tj", b"TJ", b"S", b"f", b"B", b"Do"}:
                    shown += 1
                    assert depth > 0, (operator, operands)
            assert shown
            assert marked == set(range(tagged[page["/StructParents"]]))

    def test_headings_lists_and_tables_are_what_they_are(self, document: Any) -> None:
        found: list[str] = []
        headers: list[Any] = []

        def walk(element: Any) -> None:
            element = element.get_object()
            if not isinstance(element, dict):
                return
            found.append(element.get("/S", ""))
            if element.get("/S") == "/TD":
                headers.append(element.get("/A", {}).get("/Headers"))
            kids = element.get("/K", [])
            for kid in kids if isinstance(kids, list) else [kids]:
                walk(kid)

        walk(document.trailer["/Root"]["/StructTreeRoot"]["/K"][0])
        assert found.count("/H1") == 1
        assert [one for one in found if one in {"/H1", "/H2", "/H3"}][:2] == ["/H1", "/H2"]
        assert {"/H2", "/H3", "/P", "/L", "/LI", "/Table", "/TR", "/TH", "/TD"} <= set(found)
        assert headers
        assert all(headers)
        titles = [one["/Title"] for one in document.outline if isinstance(one, dict)]
        assert titles == ["Dossier van order SU-1"]

    def test_what_people_wrote_is_text_and_opens_nothing(self, document: Any) -> None:
        text = "".join(page.extract_text() for page in document.pages)
        assert HOSTILE in text.replace("\n", "")
        assert "root:x:" not in text
        assert "/Names" not in document.trailer["/Root"]
        assert "29 mrt" in text.replace("\xa0", " ")
        assert "1:30" in text

    def test_a_long_record_is_drawn_in_part_and_says_so(
        self, dossier: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(paper, "MOST_ENTRIES", 10)
        page = paper.dossier_page(dossier, language="en", zone="UTC")
        assert "49 entries in the middle are left out" in page
        assert page.count('<span class="hash">') == 10


class TestWhoMayHaveIt:
    def test_a_utility_has_those_of_its_own_orders_only(self, hub: Hub, order: WorkOrder) -> None:
        client = a_browser(hub)
        own, other = a_program(hub, client, order.utility), a_program(hub, client, "urn:utility:other")
        address = f"/doorstep/v1/workOrder/{order.id}/dossier"
        answer = own.get(address)
        assert answer.status_code == HTTPStatus.OK
        assert answer.headers["cache-control"] == "no-store"
        assert check_document(read_document(answer.content)).is_sound
        for path in (address, f"{address}.pdf"):
            refused = other.get(path)
            missing = own.get(path.replace(str(order.id), str(WorkOrderId(order.id).int)))
            assert refused.status_code == missing.status_code == HTTPStatus.NOT_FOUND
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["detail"] == "There is no such work order."
            assert client.get(path).status_code == HTTPStatus.UNAUTHORIZED
            without = a_program(hub, client, order.utility, (Scope.READ_APPOINTMENTS,))
            assert without.get(path).status_code == HTTPStatus.FORBIDDEN

    def test_a_utility_gets_the_pdf_in_the_language_it_names(self, hub: Hub, order: WorkOrder) -> None:
        own = a_program(hub, a_browser(hub), order.utility)
        address = f"/doorstep/v1/workOrder/{order.id}/dossier.pdf"
        answer = own.get(f"{address}?lang=fr")
        assert answer.status_code == HTTPStatus.OK
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-1.7")
        assert own.get(f"{address}?lang=xx").status_code == HTTPStatus.UNPROCESSABLE_ENTITY

    def test_without_pango_the_json_goes_out_and_the_pdf_says_what_is_missing(
        self, hub: Hub, order: WorkOrder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def without() -> Any:
            raise paper.PaperUnavailableError

        monkeypatch.setattr(paper, "_weasyprint", without)
        own = a_program(hub, a_browser(hub), order.utility)
        address = f"/doorstep/v1/workOrder/{order.id}/dossier"
        assert own.get(address).status_code == HTTPStatus.OK
        answer = own.get(f"{address}.pdf")
        assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert "apt-get install libpango" in answer.json()["detail"]

    def test_staff_read_it_on_a_page_of_the_order_and_take_it_along(self, hub: Hub, order: WorkOrder) -> None:
        with hub.unit_of_work() as work:
            append_entry(work, order.id, HOSTILE, {"text": HOSTILE})
            work.commit()
        address = f"/console/orders/{order.id}/dossier"
        assert a_browser(hub).get(address).status_code == HTTPStatus.SEE_OTHER
        for path in (address, f"{address}.json", f"{address}.pdf"):
            analyst = signed_in_browser(hub, Role.ANALYST, name=f"A{len(path)} Nalyst")
            assert analyst.get(path).status_code == HTTPStatus.FORBIDDEN
        browser = signed_in_browser(hub, Role.DISPATCHER)
        page = browser.get(address).text
        assert HOSTILE not in page
        assert "Counted in messages" in page
        assert "entries are as they were written" in page
        assert f'href="{address}"' in browser.get(f"/console/orders/{order.id}").text
        assert check_document(read_document(browser.get(f"{address}.json").content)).is_sound
        pdf = browser.get(f"{address}.pdf?lang=de")
        assert pdf.headers["content-disposition"] == f'attachment; filename="dossier-{order.id}.pdf"'
        assert pdf.content.startswith(b"%PDF")
