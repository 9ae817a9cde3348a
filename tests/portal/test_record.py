"""What goes into the contact record: many chains at once, and notes without personal values."""

import pytest

from hub.bootstrap import Hub
from hub.contact_record import append_entries, append_entry, first_fault, read_entries
from portal.contact.record import KINDS, OPENED, without_personal_values
from tests.samples import a_work_order


def test_entries_of_many_orders_at_once_are_the_same_as_one_after_the_other(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        orders = [work.work_orders.add(a_work_order()).id for _ in range(4)]
        append_entry(work, orders[0], "earlier", {"n": 0})
        given = append_entries(work, OPENED, {one: {"n": number} for number, one in enumerate(orders)})
        assert append_entries(work, OPENED, {}) == {}
        work.commit()
    with hub.unit_of_work() as work:
        chains = {one: read_entries(work, one) for one in orders}
    assert [len(chain) for chain in chains.values()] == [2, 1, 1, 1]
    for order, chain in chains.items():
        assert first_fault(chain) is None
        assert chain[-1] == given[order]


@pytest.mark.parametrize(
    ("note", "kept"),
    [
        ("He said no.", "He said no."),
        ("Mrs Peeters said no", "Mrs P… said no"),
        ("PEETERS, peeters and Peetersson", "P…, P… and Peetersson"),
        ("write to an.peeters@citizen.example", "write to a…@citizen.example"),
        ("write to son@elsewhere.example", "write to s…@elsewhere.example"),
        ("call +32470000001", "call +32…01"),
        ("call 0470 00.00/01 or 09-123 45 67", "call …01 or …67"),
        ("from 2026-05-04 until 04/05/2026", "from 2026-05-04 until 04/05/2026"),
        ("at 14:30, house 12, 9000 Gent", "at 14:30, house 12, 9000 Gent"),
        ("  two \n lines\t", "two lines"),
    ],
)
def test_a_note_keeps_what_it_says_and_no_address(note: str, kept: str) -> None:
    assert without_personal_values(note, a_work_order(citizen_name="An Peeters")) == kept


def test_a_note_about_nobody_is_kept_as_it_is() -> None:
    order = a_work_order(citizen_name="", citizen_email="", citizen_phone="")
    assert without_personal_values("The fence is locked.", order) == "The fence is locked."


def test_the_kinds_are_named_once() -> None:
    assert len(set(KINDS)) == len(KINDS)
    assert all(kind.startswith("contact.") for kind in KINDS)
