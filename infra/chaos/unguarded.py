"""The control: workers that do not remember what they have done. Only this file can make them; the product has no such switch.

`forget_what_is_unique` takes away the constraints behind which a second copy stops; run as a program, this is `doorstep …` with the
questions patched by which `ingest` finds that an order is here already. A chaos run against such workers must find orders
doubled, or it could not see any.
"""

from unittest.mock import patch

from sqlalchemy import text

import ingest.service
from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from infra.hosts.cli import main
from ingest.importing import import_order
from ingest.inbox import InboxOutcome
from ingest.messages import Reading
from ingest.schemas import WorkOrderRequest

_FORGET = (
    # Without the key, every claim succeeds: there is nothing to conflict with.
    "ALTER TABLE inbox_message DROP CONSTRAINT pk_inbox_message",
    "ALTER TABLE work_order DROP CONSTRAINT uq_work_order_utility_external_id",
    "ALTER TABLE early_message DROP CONSTRAINT uq_early_message_key",
)
_NONE_IS_HERE = text(
    "SELECT t.utility, t.external_id"
    " FROM unnest(CAST(:utilities AS text[]), CAST(:external_ids AS text[])) AS t (utility, external_id) WHERE false"
)
_effect = ingest.service._effect  # noqa: SLF001 - the control takes the guard out from the inside; the product must not offer it


def forget_what_is_unique(hub: Hub) -> None:
    """Let the database of a run take the same message and the same order again."""
    with hub.engine.begin() as connection:
        for statement in _FORGET:
            connection.execute(text(statement))


def _effect_without_looking(work: UnitOfWork, reading: Reading) -> InboxOutcome:
    if isinstance(reading.content, WorkOrderRequest):
        return import_order(work, reading, reading.content)
    return _effect(work, reading)


def run_unguarded() -> None:
    """The command line, with the guards taken out."""
    with (
        patch("ingest.importing._HERE", _NONE_IS_HERE),
        patch("ingest.service._effect", _effect_without_looking),
    ):
        main()


if __name__ == "__main__":
    run_unguarded()
