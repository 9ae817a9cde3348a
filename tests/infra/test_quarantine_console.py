"""The quarantine's pages and commands: who may, what is shown, and that everything is escaped."""

import json
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
from infra.console.quarantine import edited_body, readable
from infra.hosts.cli import app
from ingest.quarantine.records import Act, Quarantined, QuarantineStatus
from ingest.quarantine.service import QuarantineFilter, list_quarantined, show_quarantined
from ingest.service import receive_message
from tests.ingest.messages import a_message, an_event, spoiled
from tests.ingest.reading import orders
from tests.web.staff_browser import a_browser, signed_in_browser, who_is_signed_in

HOSTILE = '</textarea><script>alert("x")</script>'
ADDRESS = "/console/quarantine"


def refuse(hub: Hub, number: str = "WO-1", **changes: Any) -> Quarantined:
    """A refused order in quarantine."""
    order = {**spoiled("workOrderItem.0.work.place.0.postcode", "5000"), "externalId": number, **changes}
    receive_message(hub, a_message(an_event(order)))
    return next(one for one in list_quarantined(hub, QuarantineFilter()).messages if one.external_id == number)


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
    assert readable(b"\xff\x00not text") == "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}not text"
    assert readable(b"[" * 100_000).startswith("[[[")
    assert readable(b'"\\ud800"') == '"?"'
