"""What an error of the database says ends up in logs, so it names no person."""

from dataclasses import replace
from traceback import format_exception

import pytest
from sqlalchemy.exc import IntegrityError

from hub.bootstrap import Hub
from tests.samples import a_work_order


def test_a_refused_row_is_not_quoted(hub: Hub) -> None:
    order = a_work_order(citizen_name="An Peeters", external_id="WO-secret")
    with hub.unit_of_work() as work:
        work.work_orders.add(order)
        for unlike_any in (replace(order, id=a_work_order().id), a_work_order(street=None)):
            with pytest.raises(IntegrityError) as refused, work.connection.begin_nested():
                work.work_orders.add(unlike_any)
            said = "".join(format_exception(refused.value))
            assert "violates" in said
            assert not [secret for secret in ("Peeters", "WO-secret", "+32470000001", "DETAIL") if secret in said]
