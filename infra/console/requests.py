"""What the pages of citizens' requests show besides the requests themselves."""

from sqlalchemy import Connection, Text, cast, select

from hub.db import tables
from hub.domain.catalogue import Catalogue

MOST_SHOWN = 200


def work_name(catalogue: Catalogue, code: str) -> str:
    """The English name of a work type, or its code when the catalogue has it no more."""
    kind = catalogue.work_types.get(code)
    return kind.names.get("en", code) if kind else code


def name_of(connection: Connection, staff_id: str) -> str:
    """The name of a member of staff; empty when there is none."""
    account = tables.staff_account.c
    found: str | None = connection.execute(select(account.name).where(cast(account.id, Text) == staff_id)).scalar()
    return found or ""
