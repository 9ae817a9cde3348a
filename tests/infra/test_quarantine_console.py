"""The quarantine's pages and commands: who may, what is shown, and that everything is escaped."""

import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from hub.bootstrap import Hub
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.staff import Role
from infra.console.attention import what_needs_attention
from infra.console.quarantine import MOST_SENT, PAGE_LENGTH, edited_body, readable
from infra.hosts.cli import app
from ingest.quarantine.records import Act, Quarantined, QuarantineStatus
from ingest.quarantine.service import (
    LONGEST_BODY,
    QuarantineFilter,
    list_quarantined,
    show_quarantined,
)
from ingest.service import receive_message
from tests.ingest.messages import a_message, an_event, spoiled
from tests.ingest.reading import orders
from tests.web.staff_browser import a_browser, signed_in_browser, who_is_signed_in

HOSTILE = '</textarea><script>alert("x")</script>'
ADDRESS = "/console/quarantine"
UNSEEN = "\u2800\u200b"
"""What shows nothing, and is no reason."""


def refuse(hub: Hub, number: str = "WO-1", **changes: Any) -> Quarantined:
    """A refused order in quarantine."""
    order = {**spoiled("workOrderItem.0.work.place.0.postcode", "5000"), "externalId": number, **changes}
    receive_message(hub, a_message(an_event(order)))
    return next(
        one for one in list_quarantined(hub, QuarantineFilter(text=number)).messages if one.external_id == number
    )


def refuse_a_long_one(hub: Hub) -> Quarantined:
    """One of 90 KB with many small parts; laid out line by line it is longer than the bus takes."""
    return refuse(hub, ofNoUse=[{"n": number % 10} for number in range(9_000)])


def ticked(page: str) -> set[str]:
    return set(re.findall(r'name="ids" value="([^"]+)" id="[^"]+" checked', page))


def status_of(hub: Hub, one: Quarantined) -> QuarantineStatus:
    return show_quarantined(hub, one.id).message.status


class TestPages:
    @pytest.mark.parametrize("path", [ADDRESS, f"{ADDRESS}/{UUID(int=1)}"])
    def test_only_who_sees_orders_sees_them(self, hub: Hub, path: str) -> None:
        assert a_browser(hub).get(path).headers["location"].startswith("/console/sign-in")
        assert signed_in_browser(hub, Role.ANALYST).get(path).status_code == HTTPStatus.FORBIDDEN
        for role in (Role.DISPATCHER, Role.OPERATIONS, Role.ADMINISTRATOR):
            answer = signed_in_browser(hub, role, name=role.value).get(path)
            assert answer.status_code == (HTTPStatus.OK if path == ADDRESS else HTTPStatus.NOT_FOUND)

    def test_a_form_of_somebody_elses_page_changes_nothing(self, hub: Hub) -> None:
        one = refuse(hub)
        browser = signed_in_browser(hub, Role.OPERATIONS)
        for path, data in (
            (f"{ADDRESS}/replay", {"ids": str(one.id)}),
            (f"{ADDRESS}/discard", {"ids": str(one.id), "reason": "x"}),
            (f"{ADDRESS}/{one.id}", {"version": "1", "body": "{}", "act": "save"}),
        ):
            assert browser.post(path, data={**data, "csrf_token": "forged"}).status_code == HTTPStatus.FORBIDDEN
        assert [act.act for act in show_quarantined(hub, one.id).acts] == [Act.ARRIVED]

    def test_everything_in_them_is_escaped(self, hub: Hub) -> None:
        one = refuse(hub, HOSTILE[:90], description=HOSTILE)
        browser = signed_in_browser(hub, Role.OPERATIONS)
        for path in (ADDRESS, f"{ADDRESS}/{one.id}"):
            text = browser.get(path).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;" in text

    def test_a_message_is_corrected_and_taken_in(self, hub: Hub) -> None:
        one = refuse(hub)
        browser = signed_in_browser(hub, Role.OPERATIONS)
        page = browser.get(f"{ADDRESS}/{one.id}").text
        assert "Postal code 5000 lies outside every territory we serve." in page
        assert "multipart" not in page, "late forms are given back only when they are sent in the plain way"
        token = who_is_signed_in(hub, browser).csrf_token
        text = readable(show_quarantined(hub, one.id).body).replace("5000", "9000").replace("\n", "\r\n")
        data = {"csrf_token": token, "version": "1", "body": text, "reason": "mistyped", "act": "replay"}
        answer = browser.post(f"{ADDRESS}/{one.id}", data=data)
        assert (answer.status_code, "It was taken in." in answer.text) == (HTTPStatus.OK, True)
        assert "Dina Dispatcher" in answer.text, "the history names who did it"
        assert status_of(hub, one) is QuarantineStatus.REPLAYED
        [order] = orders(hub)
        assert (order.postcode, order.status) == ("9000", WorkOrderStatus.CONTACTING)

    def test_what_cannot_be_read_stays_in_the_form_with_the_reason(self, hub: Hub) -> None:
        one = refuse(hub)
        browser = signed_in_browser(hub, Role.OPERATIONS)
        token = who_is_signed_in(hub, browser).csrf_token
        data = {"csrf_token": token, "version": "1", "body": '{"specversion": "1.0"', "act": "save"}
        answer = browser.post(f"{ADDRESS}/{one.id}", data=data)
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "The message is not JSON in UTF-8" in answer.text
        assert "{&#34;specversion&#34;: &#34;1.0&#34;" in answer.text

    def test_a_refused_correction_comes_back_with_its_reason(self, hub: Hub) -> None:
        one = refuse(hub)
        browser = signed_in_browser(hub, Role.OPERATIONS)
        token = who_is_signed_in(hub, browser).csrf_token
        good = readable(show_quarantined(hub, one.id).body).replace("5000", "9000")
        data = {"csrf_token": token, "version": "1", "body": good, "reason": '"mistyped"', "act": "save"}
        for wrong in ({"body": "{"}, {"version": "0"}):
            answer = browser.post(f"{ADDRESS}/{one.id}", data={**data, **wrong})
            assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
            assert 'id="why" name="reason" value="&#34;mistyped&#34;"' in answer.text
        saved = browser.post(f"{ADDRESS}/{one.id}", data=data)
        assert 'id="why" name="reason" value=""' in saved.text, "it stands in the history now"

    def test_what_a_colleague_corrected_meanwhile_is_shown_beside_what_was_typed(self, hub: Hub) -> None:
        one = refuse(hub)
        browser = signed_in_browser(hub, Role.OPERATIONS)
        before = readable(show_quarantined(hub, one.id).body)
        data = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "version": str(one.version), "act": "save"}
        first = browser.post(f"{ADDRESS}/{one.id}", data={**data, "body": before.replace("5000", "9000")})
        assert "As somebody else left it" not in first.text
        page = browser.post(f"{ADDRESS}/{one.id}", data={**data, "body": before.replace("5000", "8000")}).text
        mine, _, theirs = page.partition("As somebody else left it meanwhile")
        assert "8000" in mine
        assert "9000" in theirs

    def test_a_correction_of_what_was_seen_to_meanwhile_is_shown_apart(self, hub: Hub) -> None:
        one = refuse(hub)
        browser = signed_in_browser(hub, Role.OPERATIONS)
        data = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "ids": str(one.id), "reason": "of no use"}
        browser.post(f"{ADDRESS}/discard", data=data)
        data |= {"version": "1", "body": "<my words>", "reason": "mistyped", "act": "save"}
        page = browser.post(f"{ADDRESS}/{one.id}", data=data).text
        _, _, lost = page.partition("What you typed, which was not saved")
        assert "&lt;my words&gt;" in lost
        assert "mistyped" in lost
        assert "What it held is erased." in page

    def test_a_long_message_is_corrected_and_taken_in_on_its_page(self, hub: Hub) -> None:
        one = refuse_a_long_one(hub)
        browser = signed_in_browser(hub, Role.OPERATIONS)
        page = browser.get(f"{ADDRESS}/{one.id}").text
        assert 'enctype="multipart/form-data"' in page
        shown = readable(show_quarantined(hub, one.id).body).replace("\n", "\r\n")
        assert len(shown.replace("\r", "")) > LONGEST_BODY
        form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "version": "1", "act": "replay"}
        unchanged = browser.post(f"{ADDRESS}/{one.id}", data={**form, "body": shown})
        assert "Postal code 5000 lies outside every territory" in unchanged.text
        assert Act.CORRECTED not in {act.act for act in show_quarantined(hub, one.id).acts}
        # As a browser sends it: in parts.
        parts = {name: (None, value) for name, value in {**form, "body": shown.replace("5000", "9000")}.items()}
        answer = browser.post(f"{ADDRESS}/{one.id}", files=parts)
        assert (answer.status_code, "It was taken in." in answer.text) == (HTTPStatus.OK, True)
        assert [order.postcode for order in orders(hub)] == ["9000"]

    def test_what_is_too_long_even_without_layout_is_given_back(self, hub: Hub) -> None:
        one = refuse(hub)
        browser = signed_in_browser(hub, Role.OPERATIONS)
        token = who_is_signed_in(hub, browser).csrf_token
        body = json.dumps({"words": "x" * LONGEST_BODY})
        data = {"csrf_token": token, "version": "1", "body": body, "reason": "longer", "act": "save"}
        answer = browser.post(f"{ADDRESS}/{one.id}", data=data)
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert f"The message has {len(body) - 1} bytes; the bus takes {LONGEST_BODY} at most." in answer.text
        assert "x" * LONGEST_BODY in answer.text
        assert 'name="reason" value="longer"' in answer.text
        endless = {name: (None, value) for name, value in {**data, "body": "x" * MOST_SENT}.items()}
        assert browser.post(f"{ADDRESS}/{one.id}", files=endless).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert [act.act for act in show_quarantined(hub, one.id).acts] == [Act.ARRIVED]

    def test_what_lacks_a_word_or_a_box_comes_back_as_it_was(self, hub: Hub) -> None:
        first, second = refuse(hub, "WO-1"), refuse(hub, "WO-2")
        refuse(hub, "ELSE-1")
        browser = signed_in_browser(hub, Role.DISPATCHER)
        shown = {"status": "any", "cause": "refused order", "text": "WO-", "page": "1"}
        sent = {**shown, "csrf_token": who_is_signed_in(hub, browser).csrf_token}
        page = browser.get(ADDRESS, params=shown).text
        for name, value in shown.items():
            assert f'<input type="hidden" name="{name}" value="{value}">' in page, "the form says where it stood"
        ids = [str(first.id), str(second.id)]
        answer = browser.post(f"{ADDRESS}/discard", data={**sent, "ids": ids, "reason": UNSEEN})
        assert "Say why the message is discarded" in answer.text
        assert ticked(answer.text) == set(ids)
        answers = [answer]
        for path in ("discard", "replay"):
            unticked = browser.post(f"{ADDRESS}/{path}", data={**sent, "reason": 'of "no" use'})
            answers.append(unticked)
            assert "Choose at least one message first." in unticked.text
            assert 'name="reason" value="of &#34;no&#34; use"' in unticked.text
            assert ticked(unticked.text) == set()
        answers.append(browser.post(f"{ADDRESS}/discard", data={**sent, "ids": ids[:1], "reason": "of no\u200b use"}))
        assert show_quarantined(hub, first.id).acts[-1].reason == "of no use"
        for each in answers:
            assert 'name="text" value="WO-" maxlength' in each.text
            assert '<option value="refused order" selected>' in each.text
            assert "ELSE-1" not in each.text

    def test_an_emptied_page_leads_back_to_the_last_one(self, hub: Hub) -> None:
        all_of_them = [refuse(hub, f"WO-{number}") for number in range(PAGE_LENGTH + 1)]
        browser = signed_in_browser(hub, Role.DISPATCHER)
        token = who_is_signed_in(hub, browser).csrf_token
        # They came in the same instant, so the list is by id.
        last = max(all_of_them, key=lambda one: one.id)
        data = {"csrf_token": token, "ids": str(last.id), "reason": "", "page": "2"}
        assert ticked(browser.post(f"{ADDRESS}/discard", data=data).text) == {str(last.id)}
        done = browser.post(f"{ADDRESS}/discard", data={**data, "reason": "of no use"})
        assert f"{PAGE_LENGTH} messages." in done.text
        assert done.text.count('name="ids"') == PAGE_LENGTH

    def test_many_are_replayed_and_discarded_by_their_boxes(self, hub: Hub) -> None:
        kept, gone = refuse(hub, "WO-1"), refuse(hub, "WO-2")
        browser = signed_in_browser(hub, Role.DISPATCHER)
        token = who_is_signed_in(hub, browser).csrf_token
        ids = [str(kept.id), str(gone.id)]
        answer = browser.post(f"{ADDRESS}/replay", data={"csrf_token": token, "ids": ids})
        assert "0 taken in, 2 not:" in answer.text
        answer = browser.post(f"{ADDRESS}/discard", data={"csrf_token": token, "ids": ids[1:], "reason": ""})
        assert (answer.status_code, "Say why the message is discarded" in answer.text) == (422, True)
        data = {"csrf_token": token, "ids": ids[1:], "reason": "of no use"}
        assert "1 message was discarded." in browser.post(f"{ADDRESS}/discard", data=data).text
        assert (status_of(hub, kept), status_of(hub, gone)) == (
            QuarantineStatus.WAITING,
            QuarantineStatus.DISCARDED,
        )
        assert "What it held is erased." in browser.get(f"{ADDRESS}/{gone.id}").text
        assert "Choose at least one" in browser.post(f"{ADDRESS}/replay", data={"csrf_token": token}).text

    def test_the_first_page_leads_there(self, hub: Hub) -> None:
        refuse(hub)
        now = hub.clock.now()
        with hub.reading() as connection:
            matters = what_needs_attention(connection, hub.catalogue, now, (now, now)).matters
        assert [(one.count, one.address) for one in matters if "quarantine" in one.what] == [(1, ADDRESS)]


class TestCommands:
    @pytest.fixture
    def run(self, hub: Hub, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("DOORSTEP_STATE_DIR", str(tmp_path))
        runner = CliRunner()

        def run(*arguments: str, code: int = 0) -> str:
            answer = runner.invoke(app, ["ingest", "dead-letters", *arguments])
            assert answer.exit_code == code, (answer.output, answer.exception)
            return answer.stdout

        return run

    def test_list_show_correct_replay(self, hub: Hub, run: Any, tmp_path: Path) -> None:
        # The command runs by the machine's clock.
        one = refuse(hub, requestedCompletionDate="2090-05-29T17:00:00+02:00")
        assert "WO-1: Postal code 5000 lies outside" in run("list")
        [listed] = json.loads(run("list", "--json"))
        assert (listed["id"], listed["cause"]) == (str(one.id), "refused order")
        shown = json.loads(run("show", str(one.id), "--json"))
        assert [act["act"] for act in shown["acts"]] == ["arrived"]
        assert run("replay", str(one.id), code=1).startswith(f"{one.id}: Postal code 5000")
        file = tmp_path / "corrected.json"
        file.write_text(shown["body"].replace("5000", "9000"), encoding="utf-8")
        run("correct", str(one.id), str(file), "--reason", "mistyped")
        assert json.loads(run("replay", str(one.id), "--json")) == [
            {"id": str(one.id), "done": True, "sentence": "It was taken in."}
        ]
        acts = show_quarantined(hub, one.id).acts
        assert acts[-1].actor_name.endswith("at the command line")
        assert orders(hub)[0].postcode == "9000"

    def test_discard(self, hub: Hub, run: Any) -> None:
        one = refuse(hub)
        run("discard", str(one.id), code=2)
        assert run("discard", str(one.id), "--reason", "of no use") == "1 of 1 discarded.\n"
        assert "What it held is erased." in run("show", str(one.id))
        assert json.loads(run("list", "--json", "--status", "discarded"))[0]["id"] == str(one.id)


def test_a_body_is_laid_out_and_only_an_edit_counts_as_one() -> None:
    body = b'{"a": {"b": "caf\\u00e9"}}'
    assert readable(body) == '{\n  "a": {\n    "b": "café"\n  }\n}'
    assert edited_body(readable(body).replace("\n", "\r\n") + "\r\n", body) is None
    assert edited_body(readable(body).replace("café", "tea"), body) == b'{\n  "a": {\n    "b": "tea"\n  }\n}'
    lines = b"a;b\r\n1;2\r\n"
    assert edited_body(readable(lines), lines) is None, "a file with such line ends is not edited by being shown"
    assert readable(b"\xff\x00not text") == "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}not text"
    assert readable(b"[" * 100_000).startswith("[[[")
    assert readable(b'"\\ud800"') == '"?"'


def test_only_layout_is_taken_out_of_what_is_too_long() -> None:
    kept = r'"a \" b": "  two  ", "\\": [1.10, 1E2, -0.0]'
    typed = "{\n" + " " * LONGEST_BODY + kept + "\n}"
    assert edited_body(typed, b"{}") == ("{" + r'"a \" b":"  two  ","\\":[1.10,1E2,-0.0]' + "}").encode()
    assert edited_body(kept, b"{}") == kept.encode(), "what fits stays as it was typed"
    table = "a ;  b\n" * (LONGEST_BODY // 4)
    assert edited_body(table, b"{}") == table.encode(), "what is no JSON has no layout to lose"


def test_what_a_form_could_not_send_back_is_not_laid_out() -> None:
    deep = b"[" * 500 + b"1," * 2000 + b"1" + b"]" * 500
    assert readable(deep) == deep.decode()
    assert edited_body(readable(deep), deep) is None
