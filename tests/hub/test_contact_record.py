"""The chain of contact entries: it grows in one line, and no change to it stays unseen."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from hub.bootstrap import Hub
from hub.contact_record import Entry, append_entry, first_fault, read_entries
from hub.db.record_tables import contact_entry
from hub.domain.ids import WorkOrderId
from tests.samples import a_work_order

pytestmark = pytest.mark.database


@pytest.fixture
def order(hub: Hub) -> WorkOrderId:
    with hub.unit_of_work() as work:
        found = work.work_orders.add(a_work_order())
        work.commit()
    return found.id


def _chain(hub: Hub, order: WorkOrderId) -> tuple[Entry, ...]:
    with hub.unit_of_work() as work:
        return read_entries(work, order)


def _filled(hub: Hub, order: WorkOrderId, count: int = 4) -> tuple[Entry, ...]:
    with hub.unit_of_work() as work:
        for number in range(count):
            append_entry(work, order, "note", {"text": f"été {number}", "number": number})
        work.commit()
    return _chain(hub, order)


def test_a_chain_as_it_was_written_is_sound(hub: Hub, order: WorkOrderId) -> None:
    entries = _filled(hub, order)
    assert [one.number for one in entries] == [1, 2, 3, 4]
    assert first_fault(entries) is None
    assert first_fault(()) is None


def test_whatever_is_changed_taken_out_put_in_or_swapped_shows(hub: Hub, order: WorkOrderId) -> None:
    one, two, three, four = _filled(hub, order)
    assert first_fault((one, replace(two, content=two.content.replace("1", "7")), three, four)) == 2
    assert first_fault((one, two, replace(three, kind="another"), four)) == 3
    assert first_fault((one, two, three, replace(four, at=one.at.replace(year=2020)))) == 4
    assert first_fault((one, three, four)) == 2
    assert first_fault((two, three, four)) == 1
    assert first_fault((one, three, two, four)) == 2
    assert first_fault((one, one, two)) == 2


def test_the_database_refuses_to_change_or_delete_an_entry(hub: Hub, order: WorkOrderId) -> None:
    _filled(hub, order)
    attempts = (
        update(contact_entry).values(kind="nothing"),
        delete(contact_entry),
        text("TRUNCATE contact_entry"),
    )
    for attempt in attempts:
        with hub.unit_of_work() as work, pytest.raises(DBAPIError, match="only grows"):
            work.connection.execute(attempt)
    assert first_fault(_chain(hub, order)) is None


def test_many_at_once_make_one_line(hub: Hub, order: WorkOrderId) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _filled(hub, order, 5), range(4)))
    entries = _chain(hub, order)
    assert [one.number for one in entries] == list(range(1, 21))
    assert first_fault(entries) is None


def test_only_json_is_taken(hub: Hub, order: WorkOrderId) -> None:
    with hub.unit_of_work() as work, pytest.raises(ValueError, match="JSON"):
        append_entry(work, order, "note", {"weight": float("nan")})


def test_no_whole_address_gets_into_the_chain_whoever_forgets_to_mask_it(hub: Hub, order: WorkOrderId) -> None:
    with hub.unit_of_work() as work:
        append_entry(
            work, order, "note", {"to": "an.peeters@citizen.example", "said": "call +32470000001 at 2026-05-04"}
        )
        work.commit()
    [entry] = _chain(hub, order)
    assert json.loads(entry.content) == {"to": "a…@citizen.example", "said": "call +32…01 at 2026-05-04"}
    assert first_fault([entry]) is None
