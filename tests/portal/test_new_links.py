"""A new link goes to the contact on file; nobody learns from the answer, or from its cost, whether an order exists."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import ColumnElement, event, select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import read_entries
from hub.db.tables import joined_reference, work_order
from hub.domain.contact import LinkPurpose, NotificationStatus
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.references import joined
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.links import make_link
from hub.notifications.service import deliver_notification
from infra.hosts.rooms import JOBS
from tests.portal.test_ladder import messages_of, receive


def work_off(hub: Hub, jobs: RememberedQueue) -> None:
    waiting, jobs.jobs = jobs.jobs, []
    for name, arguments in waiting:
        JOBS[name](hub, **arguments)


def new_links(hub: Hub, order: WorkOrder) -> int:
    return [one.kind for one in messages_of(hub, order)].count("new_link")


def ask(client: TestClient, reference: str, postcode: str = "9000") -> str:
    answer = client.post("/new-link?lang=en", data={"reference": reference, "postcode": postcode})
    return f"{answer.status_code} {answer.url.path} {answer.text}"


def test_the_answer_is_the_same_whether_an_order_exists_or_not(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    order = receive(hub)
    asked = {
        "right": ask(client, order.external_id),
        "other postcode": ask(client, order.external_id, "9001"),
        "unknown": ask(client, "WO-NOTHING"),
        "hostile": ask(client, "' OR 1=1 --", "90\x0000"),
    }
    assert len(set(asked.values())) == 1
    assert "If we know this order, a new link is on its way" in asked["right"]
    work_off(hub, jobs)
    assert new_links(hub, order) == 1
    with hub.unit_of_work() as work:
        assert "new_link_asked" in [entry.kind for entry in read_entries(work, order.id)]


def test_the_request_costs_the_same_questions_either_way(hub: Hub, client: TestClient) -> None:
    order = receive(hub)
    asked: list[str] = []
    event.listen(hub.engine, "before_cursor_execute", lambda *rest: asked.append(re.sub(r"\s+", " ", rest[2])))
    ask(client, order.external_id)
    known = list(asked)
    asked.clear()
    ask(client, "WO-NOTHING")
    assert asked == known
    assert not any("work_order" in one for one in known), "it looks at no order at all"


def test_however_it_is_typed_the_reference_is_found_and_old_links_keep_working(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    order = receive(hub, language="en")
    with hub.unit_of_work() as work:
        phone = make_link(work, order.id, LinkPurpose.BOOKING)
        work.commit()
    spaced = f" {order.external_id[:2].lower()} {order.external_id[2:].upper()} "
    ask(client, spaced, " 9000 ")
    work_off(hub, jobs)
    assert new_links(hub, order) == 1
    work_off(hub, jobs)
    assert client.get(f"/a/{phone}").status_code == 200, "the link on the other device still opens"


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        (("WO-2026/0017", "2440"), ("WO-2026/0017", "B-2440")),
        (("WO-2026/0017", "2440"), ("wo 2026 0017", "b2440")),
        (("WO 2026 0017", "B-2440"), ("WO-2026-0017", "2440")),
        (("WO.2026.0017", "2440"), ("wo20260017", " BE 2440 ")),
        (("WO20260017", "1234 AB"), ("WO\u20112026\u20130017", "1234ab")),
        (("WO_20260017", "1234AB"), ("WO\u00a020260017", "NL-1234 ab")),
        (("DE-1", "DE-10115"), ("de1", "10115")),
    ],
)
def test_a_dash_a_space_and_a_country_make_no_difference(
    hub: Hub, client: TestClient, jobs: RememberedQueue, kept: tuple[str, str], typed: tuple[str, str]
) -> None:
    order = receive(hub)
    with hub.unit_of_work() as work:
        present = work.work_orders.get(order.id)
        work.work_orders.swap(present, replace(present, external_id=kept[0], postcode=kept[1]))
        work.commit()
    ask(client, *typed)
    work_off(hub, jobs)
    assert new_links(hub, order) == 1


@pytest.mark.parametrize(
    "typed",
    [
        ("WO-20260018", "2440"),
        ("WO-20260017", "2441"),
        ("WO-20260017", "440"),
        ("0017", "2440"),
        ("-", "2440"),
        ("%", "2440"),
    ],
)
def test_another_reference_or_place_is_still_another_one(
    hub: Hub, client: TestClient, jobs: RememberedQueue, typed: tuple[str, str]
) -> None:
    order = receive(hub)
    with hub.unit_of_work() as work:
        present = work.work_orders.get(order.id)
        work.work_orders.swap(present, replace(present, external_id="WO-2026-0017", postcode="2440"))
        work.commit()
    ask(client, *typed)
    work_off(hub, jobs)
    assert new_links(hub, order) == 0


@pytest.mark.parametrize(
    "question",
    [joined_reference == joined("WO 2026/0017"), joined_reference.startswith(joined("wo-2026"), autoescape=True)],
    ids=["a whole one", "a beginning"],
)
def test_an_index_knows_a_reference_however_it_is_written(hub: Hub, question: ColumnElement[bool]) -> None:
    asked = select(work_order.c.id).where(question).compile(hub.engine, compile_kwargs={"literal_binds": True})
    with hub.engine.connect() as connection:
        # Few rows are read faster without any index; what is asked is whether one can be used.
        connection.exec_driver_sql("SET enable_seqscan = off")
        plan = " ".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {asked}"))
    assert "ix_work_order_reference" in plan
    assert "Index Cond" in plan


def test_an_order_that_is_over_hides_no_open_one_of_the_same_reference(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    over, still_open = receive(hub), receive(hub)
    with hub.unit_of_work() as work:
        ended, other = (work.work_orders.get(one.id) for one in (over, still_open))
        completed = replace(ended, external_id="WO-2026-0017", postcode="2440", status=WorkOrderStatus.COMPLETED)
        work.work_orders.swap(ended, completed)
        work.work_orders.swap(other, replace(other, external_id="WO20260017", postcode="2440"))
        work.commit()
    ask(client, "WO-2026-0017", "2440")
    work_off(hub, jobs)
    assert (new_links(hub, over), new_links(hub, still_open)) == (0, 1)


def test_a_reference_written_in_many_ways_has_the_tries_of_one(hub: Hub, client: TestClient) -> None:
    ways = ["WO-2026-17", "WO 2026 17", "wo202617", "WO.2026.17", "WO/2026/17", "WO_2026_17"]
    assert [ask(client, way)[:3] for way in ways] == ["200"] * 5 + ["429"]


def test_an_order_that_is_over_or_has_no_address_is_sent_nothing(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    over, silent = receive(hub), receive(hub, citizen_email="", citizen_phone="")
    with hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(over.id), Action.CANCEL, by=SYSTEM)
        work.commit()
    for order in (over, silent):
        ask(client, order.external_id)
    work_off(hub, jobs)
    assert [new_links(hub, order) for order in (over, silent)] == [0, 0]


def test_nobody_can_tease_a_citizen_or_try_references_one_after_the_other(
    hub: Hub, client: TestClient, jobs: RememberedQueue, clock: FixedClock
) -> None:
    order = receive(hub)
    answers = [ask(client, order.external_id)[:3] for _ in range(7)]
    assert answers == ["200"] * 5 + ["429"] * 2
    work_off(hub, jobs)
    assert new_links(hub, order) == 3, "three a day are enough"
    others = [ask(client, f"WO-{number}")[:3] for number in range(7)]
    assert others == ["200"] * 5 + ["429"] * 2, "ten from one sender"
    clock.advance(timedelta(minutes=16))
    assert ask(client, "WO-1").startswith("200")


@pytest.mark.parametrize(
    ("changes", "goes_at_night"), [({}, True), ({"citizen_email": ""}, False)], ids=["by e-mail", "by SMS"]
)
def test_nobody_is_woken_by_whoever_knows_a_reference(
    hub: Hub, client: TestClient, jobs: RememberedQueue, clock: FixedClock, changes: dict[str, str], goes_at_night: bool
) -> None:
    order = receive(hub, **changes)
    clock.set(datetime(2026, 5, 6, 1, 0, tzinfo=UTC))
    ask(client, order.external_id)
    work_off(hub, jobs)
    for at in (clock.now(), datetime(2026, 5, 6, 10, 0, tzinfo=UTC)):
        clock.set(at)
        [link] = [one for one in messages_of(hub, order) if one.kind == "new_link"]
        deliver_notification(hub, notification_id=str(link.id))
        [link] = [one for one in messages_of(hub, order) if one.kind == "new_link"]
        assert (link.status is NotificationStatus.SENT) is (goes_at_night or at.hour == 10)


def test_an_empty_form_is_asked_again_and_looking_changes_nothing(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    assert "Give the reference and the postal code." in ask(client, " ")
    assert "Give the reference" not in client.get("/new-link?lang=en&note=missing").text
    for address in ("/new-link", "/new-link/sent"):
        assert client.get(address).status_code == 200
        client.head(address)
    assert jobs.jobs == []


@pytest.mark.parametrize(("lang", "title"), [("nl", "Vraag een nieuwe link"), ("fr", "Demandez un nouveau lien")])
def test_a_wrong_or_old_link_offers_the_form(client: TestClient, lang: str, title: str) -> None:
    answer = client.get(f"/a/{'A' * 43}?lang={lang}")
    assert answer.status_code == 404
    assert title in answer.text
    assert 'action="/new-link?lang=' in answer.text
    assert "A" * 43 not in answer.text, "the token is not repeated"


@pytest.mark.parametrize("blank", ["", " ", "\x00", "\u200b", "\u3164", "\u202e"])
@pytest.mark.parametrize(
    ("left", "empty", "kept"), [("reference", "postcode", "WO-2026/17"), ("postcode", "reference", "B-9000")]
)
def test_what_was_typed_comes_back_beside_what_is_missing(
    client: TestClient, jobs: RememberedQueue, blank: str, left: str, empty: str, kept: str
) -> None:
    answer = client.post("/new-link?lang=en", data={left: f"\u200b{kept} ", empty: blank})
    assert answer.status_code == 422
    assert "<title>Error: Ask for a new link" in answer.text
    assert f'<a href="#{empty}">Give the reference and the postal code.</a>' in answer.text
    fields = {name: tag for tag, name in re.findall(r'(<input[^>]* name="(\w+)"[^>]*>)', answer.text)}
    assert f'value="{kept}"' in fields[left]
    assert "aria-invalid" not in fields[left]
    assert 'value=""' in fields[empty]
    assert 'aria-invalid="true"' in fields[empty]
    assert jobs.jobs == []


def test_whoever_has_to_wait_need_not_type_it_again(hub: Hub, client: TestClient) -> None:
    order = receive(hub)
    for reference in (order.external_id, "WO-NOTHING"):
        answers = [ask(client, reference, "B-9000") for _ in range(6)]
        assert [one[:3] for one in answers] == ["200"] * 5 + ["429"]
        assert "Too many requests came in. Wait a quarter of an hour and try again." in answers[-1]
        assert f'name="reference" value="{reference}"' in answers[-1]
        assert 'name="postcode" value="B-9000"' in answers[-1]


def test_a_form_that_comes_back_holds_text_and_nothing_else(client: TestClient) -> None:
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    page = ask(client, evil, " ")
    assert "<script>alert" not in page
    assert f'value="{evil}"' in unescape(page)


def test_where_a_form_that_is_taken_leads_says_nothing_of_what_was_typed(client: TestClient) -> None:
    evil = '"><script>alert(1)</script>'
    assert "alert(1)" not in ask(client, evil, evil)
    answer = client.post(
        "/new-link?lang=en&onward=https://evil.example",
        data={"reference": "x", "postcode": "y"},
        headers={"Host": "evil.example"},
        follow_redirects=False,
    )
    assert answer.headers["location"] == "/new-link/sent?lang=en"
