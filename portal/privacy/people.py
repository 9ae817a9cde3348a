"""Whose data: a person by one exact address, the orders that are theirs, and the rows in every table that belong to them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import phonenumbers
from sqlalchemy import ColumnElement, LargeBinary, and_, cast, false, func, or_, select, tuple_
from sqlalchemy import Text as SqlText

from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError
from hub.domain.work_orders import WorkOrder
from hub.notifications.addresses import normal_number
from hub.typed import one_line
from portal.privacy.registry import PersonalTable, personal_tables

COUNTRY = "BE"
"""Where a number without a country code is taken to be from."""
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,189}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST = 320
_SEPARATORS = r"[ ./()\-]"


class PersonUnreadableError(DoorstepError):
    """What was typed is neither an e-mail address nor a telephone number."""

    code = "person-unreadable"

    def __init__(self) -> None:
        super().__init__(
            "Type one whole e-mail address or telephone number; a name or a part of an address finds nobody."
        )


@dataclass(frozen=True)
class Person:
    """Somebody, by an e-mail address (in small letters) or a number (E.164): one of the two."""

    email: str = ""
    phone: str = ""


@dataclass(frozen=True)
class Selection:
    """Which rows are meant: those of orders, those that hold a person's address, and those that a condition on their table names."""

    orders: tuple[WorkOrder, ...] = ()
    person: Person | None = None
    where: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)


def read_person(text: str) -> Person:
    """Who is meant by what somebody typed; raises PersonUnreadableError."""
    # What is pasted brings signs that nobody can see, and spaces of every width; nobody pastes control characters by mistake.
    typed = " ".join(one_line(text).split())
    if _CONTROL.search(text.strip()) or len(typed) > _LONGEST or not typed.isprintable():
        raise PersonUnreadableError
    if _EMAIL.fullmatch(typed):
        return Person(email=typed.lower())
    try:
        number = phonenumbers.parse(typed, COUNTRY)
    except phonenumbers.NumberParseException as error:
        raise PersonUnreadableError from error
    if not phonenumbers.is_possible_number(number):
        raise PersonUnreadableError
    return Person(phone=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def orders_of(work: UnitOfWork, person: Person, *, lock: bool = False) -> tuple[WorkOrder, ...]:
    """The orders whose citizen has that address now, by id; orders that were erased belong to nobody any more."""
    table = tables.work_order.c
    where = is_address(table.citizen_email, person) if person.email else is_address(table.citizen_phone, person)
    return tuple(work.work_orders.list_where(where, order_by=(table.id,), lock=lock))


def rows_of(one: PersonalTable, selection: Selection) -> ColumnElement[bool]:
    """The condition under which a row of the table is meant; never true for a table in which nothing is anybody's."""
    column = one.table.c
    meant: list[ColumnElement[bool]] = []
    if one.name in selection.where:
        meant.append(selection.where[one.name])
    if one.order and selection.orders:
        meant.append(column[one.order].in_([order.id for order in selection.orders]))
    if one.parent:
        parent = personal_tables()[one.parent[1]]
        [key] = parent.table.primary_key.columns
        meant.append(column[one.parent[0]].in_(select(key).where(rows_of(parent, selection))))
    if one.searched and selection.orders and {"utility", "external_id"} <= set(column.keys()):
        named = [(order.utility, order.external_id) for order in selection.orders]
        meant.append(tuple_(column.utility, column.external_id).in_(named))
    if selection.person is not None:
        person = selection.person
        meant += [is_address(column[name], person) for name in one.addresses]
        meant += [_holds(column[name], person) for name in one.searched]
        meant += [_is_a_strangers(one, name, selection.orders) for name in one.strangers]
    return or_(*meant) if meant else false()


def _is_a_strangers(one: PersonalTable, name: str, orders: Sequence[WorkOrder]) -> ColumnElement[bool]:
    """Whether a row of no order holds an address of these orders: it came before anybody knew whose it is."""
    of_no_order = one.table.c[one.order].is_(None) if one.order else false()
    emails = [order.citizen_email.lower() for order in orders if order.citizen_email]
    phones = [normal_number(order.citizen_phone) for order in orders if order.citizen_phone]
    column = one.table.c[name]
    return and_(of_no_order, or_(func.lower(column).in_(emails), column.in_(phones)))


def count_rows(work: UnitOfWork, selection: Selection) -> dict[str, int]:
    """How many rows are meant, by table; tables without any are left out."""
    counts: dict[str, int] = {}
    for name, one in personal_tables().items():
        if not one.belongs_to_people:
            continue
        query = select(func.count()).select_from(one.table).where(rows_of(one, selection))
        if found := work.connection.execute(query).scalar_one():
            counts[name] = found
    return counts


def is_address(column: ColumnElement[str], person: Person) -> ColumnElement[bool]:
    """Whether the column holds that very address."""
    return func.lower(column) == person.email if person.email else column == person.phone


def _holds(column: ColumnElement[object], person: Person) -> ColumnElement[bool]:
    """Whether the address stands somewhere in the column, a number in whatever way it is written there."""
    is_bytes = isinstance(column.type, LargeBinary)
    # As text without fail: bytes that are no letters of ASCII become escapes, which no address has.
    text = func.encode(column, "escape") if is_bytes else cast(column, SqlText)
    if person.email:
        return func.strpos(func.lower(text), person.email) > 0
    national = str(phonenumbers.parse(person.phone).national_number)
    return func.strpos(func.regexp_replace(text, _SEPARATORS, "", "g"), national) > 0
