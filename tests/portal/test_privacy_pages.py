"""The page and the commands for people's rights over their data: who may, what is asked, what is said."""

import re
import zipfile
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.bootstrap import Hub
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.staff import Role
from infra.hosts.cli import app
from tests.portal.filled_tables import PERSON
from tests.samples import a_work_order
from tests.web.staff_browser import a_browser, signed_in_browser, who_is_signed_in

ADDRESS = "/console/privacy"
EMAIL = "an.geheim@home.example"
HOSTILE = '"><script>alert(1)</script>@x.example'


def an_order(hub: Hub, status: WorkOrderStatus = WorkOrderStatus.COMPLETED) -> None:
    with hub.unit_of_work() as work:
        work.work_orders.add(a_work_order(status=status, external_id="SU-7", **PERSON))
        work.commit()


def citizens(hub: Hub) -> list[str]:
    with hub.unit_of_work() as work:
        return [one.citizen_name for one in work.work_orders.list_where()]


def test_only_administrators_and_only_by_their_own_forms(hub: Hub) -> None:
    an_order(hub)
    assert a_browser(hub).get(ADDRESS).status_code == HTTPStatus.SEE_OTHER
    form = {"who": EMAIL, "reason": "asked in writing", "sure": "yes"}
    for role in (Role.DISPATCHER, Role.OPERATIONS, Role.ANALYST):
        browser = signed_in_browser(hub, role, name=role.value)
        csrf = who_is_signed_in(hub, browser).csrf_token
        assert browser.get(ADDRESS).status_code == HTTPStatus.FORBIDDEN
        for verb in ("find", "export", "erase"):
            answer = browser.post(f"{ADDRESS}/{verb}", data={**form, "csrf_token": csrf})
            assert answer.status_code == HTTPStatus.FORBIDDEN
    browser = signed_in_browser(hub, Role.ADMINISTRATOR, name="Ada Admin")
    for verb in ("find", "export", "erase"):
        assert (
            browser.post(f"{ADDRESS}/{verb}", data={**form, "csrf_token": "forged"}).status_code == HTTPStatus.FORBIDDEN
        )
        assert browser.get(f"{ADDRESS}/{verb}").status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    assert citizens(hub) == ["An Geheim"]


def test_an_administrator_finds_hands_out_and_erases(hub: Hub) -> None:
    an_order(hub)
    browser = signed_in_browser(hub, Role.ADMINISTRATOR, name="Ada Admin")
    form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "who": EMAIL.upper()}
    found = browser.post(f"{ADDRESS}/find", data=form)
    assert found.status_code == HTTPStatus.OK
    assert "1 order, 1 rows in 1 tables" in found.text
    assert "SU-7" in found.text

    archive = browser.post(f"{ADDRESS}/export", data={**form, "reason": "asked in writing"})
    assert archive.headers["content-disposition"] == 'attachment; filename="personal-data.zip"'
    assert archive.headers["cache-control"] == "private, no-store"
    with zipfile.ZipFile(BytesIO(archive.content)) as opened:
        assert b"An Geheim" in opened.read("tables/work_order.json")

    for lacking, said in (
        ({"reason": "asked in writing"}, "sure"),
        ({"sure": "yes"}, "Say why"),
        ({"sure": "yes", "reason": "for An Geheim"}, "without names"),
    ):
        refused = browser.post(f"{ADDRESS}/erase", data={**form, **lacking})
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert said in refused.text
        assert citizens(hub) == ["An Geheim"]
    done = browser.post(f"{ADDRESS}/erase", data={**form, "sure": "yes", "reason": "asked in writing"})
    assert "1 rows in 1 tables were emptied or deleted" in done.text
    assert "Ada Admin" in done.text
    assert "asked in writing" in done.text
    assert "geheim" not in done.text.lower()
    assert citizens(hub) == [""]


def test_while_work_goes_on_it_takes_one_more_word(hub: Hub) -> None:
    an_order(hub, WorkOrderStatus.CONTACTING)
    browser = signed_in_browser(hub, Role.ADMINISTRATOR, name="Ada Admin")
    form = {
        "csrf_token": who_is_signed_in(hub, browser).csrf_token,
        "who": EMAIL,
        "reason": "asked in writing",
        "sure": "yes",
    }
    refused = browser.post(f"{ADDRESS}/erase", data=form)
    assert "These orders are open: SU-7 (contacting)." in refused.text
    assert 'name="force"' in refused.text
    assert citizens(hub) == ["An Geheim"]
    assert "(forced)" in browser.post(f"{ADDRESS}/erase", data={**form, "force": "yes"}).text
    assert citizens(hub) == [""]


def test_a_refused_act_gives_back_what_was_typed(hub: Hub) -> None:
    an_order(hub, WorkOrderStatus.CONTACTING)
    browser = signed_in_browser(hub, Role.ADMINISTRATOR, name="Ada Admin")
    form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "who": EMAIL}
    reason, force = 'asked in "writing"', 'name="force" value="yes" checked'
    given_back = 'id="{}-reason" name="reason" value="asked in &#34;writing&#34;'
    for lacking, forced in (
        ({"reason": reason}, False),
        ({"reason": reason, "force": "yes"}, True),
        ({"reason": reason, "sure": "yes"}, False),
        ({"reason": f"{reason} by An Geheim", "sure": "yes", "force": "yes"}, True),
    ):
        refused = browser.post(f"{ADDRESS}/erase", data={**form, **lacking})
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert given_back.format("erase") in refused.text
        assert 'id="export-reason" name="reason" value=""' in refused.text
        assert (force in refused.text) is forced
        assert 'name="sure" value="yes" required' in refused.text, "to be sure is asked anew"
    refused = browser.post(f"{ADDRESS}/export", data={**form, "reason": f"{reason} 0470 12 34 56"})
    assert given_back.format("export") in refused.text
    assert 'id="erase-reason" name="reason" value=""' in refused.text
    assert citizens(hub) == ["An Geheim"]


def test_signs_nobody_can_see_are_neither_a_reason_nor_part_of_an_address(hub: Hub) -> None:
    an_order(hub)
    browser = signed_in_browser(hub, Role.ADMINISTRATOR, name="Ada Admin")
    form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "who": f"{EMAIL}\u200b"}
    found = browser.post(f"{ADDRESS}/find", data=form)
    assert found.status_code == HTTPStatus.OK
    assert "SU-7" in found.text
    assert "\u200b" not in found.text
    for reason in ("\u2800" * 6, "a\u200bb\u200bc\u200b"):
        refused = browser.post(f"{ADDRESS}/export", data={**form, "reason": reason})
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "Say why" in refused.text


def test_what_is_typed_is_text(hub: Hub) -> None:
    browser = signed_in_browser(hub, Role.ADMINISTRATOR, name="Ada Admin")
    form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token}
    for who in (HOSTILE, "\x00", "x" * 300, "%"):
        answer = browser.post(f"{ADDRESS}/find", data={**form, "who": who})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "<script>alert" not in answer.text
    assert (
        browser.post(f"{ADDRESS}/find", data={**form, "who": "x" * 400}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    )


def test_the_commands_do_the_same(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    an_order(hub)
    url = hub.settings.database_url
    assert url is not None
    monkeypatch.setenv("DATABASE_URL", url.get_secret_value())
    monkeypatch.setenv("DOORSTEP_STATE_DIR", str(tmp_path))
    run, to = CliRunner(), tmp_path / "export.zip"
    found = run.invoke(app, ["privacy", "find", "--who", EMAIL])
    assert "SU-7  completed" in found.output
    done = run.invoke(app, ["privacy", "export", "--who", EMAIL, "--reason", "asked in writing", "--to", str(to)])
    assert done.exit_code == 0, done.output
    assert to.stat().st_mode & 0o777 == 0o600
    assert zipfile.is_zipfile(to)
    again = run.invoke(app, ["privacy", "export", "--who", EMAIL, "--reason", "asked in writing", "--to", str(to)])
    assert "exists already" in str(again.exception)
    asked = run.invoke(app, ["privacy", "erase"], input=f"{EMAIL}\nasked in writing\nn\n")
    assert asked.exit_code == 1
    assert citizens(hub) == ["An Geheim"]
    erased = run.invoke(app, ["privacy", "erase", "--yes"], input=f"{EMAIL}\nasked in writing\n")
    assert erased.exit_code == 0, erased.output
    assert citizens(hub) == [""]
    assert "Nothing is kept for too long" in run.invoke(app, ["privacy", "retain"]).output
    acts = run.invoke(app, ["privacy", "acts"]).output
    assert re.search(r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC  erase  ", acts, re.MULTILINE)
    assert "geheim" not in acts.lower()
