"""A new link goes to the contact on file; nobody learns from the answer, or from its cost, whether an order exists."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import read_entries
from hub.domain.contact import LinkPurpose
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action
from hub.domain.work_orders import WorkOrder
from hub.jobs import RememberedQueue
from hub.notifications.links import make_link
from infra.hosts.rooms import JOBS
from infra.hosts.web import create_app
from tests.portal.test_ladder import messages_of, receive


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    with TestClient(create_app(hub), base_url="http://127.0.0.1:8080") as made:
        yield made


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
        "hostile": ask(client, "' OR 1=1 --", "\x00"),
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


def test_an_empty_form_is_asked_again_and_looking_changes_nothing(
    hub: Hub, client: TestClient, jobs: RememberedQueue
) -> None:
    assert "Give the reference and the postal code." in ask(client, " ")
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


def test_the_form_says_nothing_of_what_was_typed(client: TestClient) -> None:
    evil = '"><script>alert(1)</script>'
    assert "alert(1)" not in ask(client, evil, evil)
    answer = client.post(
        "/new-link?lang=en&onward=https://evil.example",
        data={"reference": "x", "postcode": "y"},
        headers={"Host": "evil.example"},
        follow_redirects=False,
    )
    assert answer.headers["location"] == "/new-link/sent?lang=en"
