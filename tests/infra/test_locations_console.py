"""The page on which an order is put on the map, when somebody else was quicker: nothing typed is lost."""

from http import HTTPStatus

import pytest

from hub.bootstrap import Hub
from hub.domain.lifecycle import WorkOrderStatus
from hub.domain.places import PlaceQuality
from hub.domain.work_orders import WorkOrder
from infra.console.locations import read_degrees
from tests.samples import a_work_order
from tests.web.staff_browser import signed_in_browser, who_is_signed_in

TYPED = {"latitude": "51.0501", "longitude": "3.7212"}


def lost(hub: Hub) -> WorkOrder:
    """An order nobody can find."""
    nowhere = {"latitude": None, "longitude": None, "place_quality": PlaceQuality.UNKNOWN}
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.NEEDS_LOCATION, **nowhere))
        work.commit()
    return order


def order_now(hub: Hub, order: WorkOrder) -> WorkOrder:
    with hub.unit_of_work() as work:
        return work.work_orders.get(order.id)


def test_a_stale_page_comes_back_with_the_pin_and_then_it_goes(hub: Hub) -> None:
    order = lost(hub)
    browser = signed_in_browser(hub)
    form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, **TYPED}
    address = f"/console/locations/{order.id}"
    answer = browser.post(address, data={**form, "version": str(order.version + 1)})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "was changed by somebody else" in answer.text
    assert 'name="latitude" value="51.0501"' in answer.text
    assert 'name="longitude" value="3.7212"' in answer.text
    assert "aria-invalid" not in answer.text, "the coordinates are not what is wrong"
    assert f'name="version" value="{order.version}"' in answer.text
    assert order_now(hub, order).status is WorkOrderStatus.NEEDS_LOCATION
    again = browser.post(address, data={**form, "version": str(order.version)})
    assert again.status_code == HTTPStatus.SEE_OTHER
    assert order_now(hub, order).place_quality is PlaceQuality.PINNED


def test_an_order_that_somebody_else_pinned_stays_there_and_the_words_are_shown(hub: Hub) -> None:
    order = lost(hub)
    browser = signed_in_browser(hub)
    form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "version": str(order.version), **TYPED}
    address = f"/console/locations/{order.id}"
    assert browser.post(address, data=form).status_code == HTTPStatus.SEE_OTHER
    twice = browser.post(address, data=form)
    assert twice.status_code == HTTPStatus.CONFLICT
    assert "was not saved" not in twice.text
    late = browser.post(address, data={**form, "latitude": "51.09<"})
    assert late.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    late = browser.post(address, data={**form, "latitude": "51.09"})
    assert late.status_code == HTTPStatus.CONFLICT
    assert "This order does not wait for a place." in late.text
    assert "What you typed was not saved: latitude 51.09, longitude 3.7212." in late.text
    assert order_now(hub, order).place.lat == pytest.approx(51.0501)


def test_an_order_that_is_not_there_is_still_not_there(hub: Hub) -> None:
    browser = signed_in_browser(hub)
    form = {"csrf_token": who_is_signed_in(hub, browser).csrf_token, "version": "1", **TYPED}
    answer = browser.post(f"/console/locations/{a_work_order().id}", data=form)
    assert answer.status_code == HTTPStatus.NOT_FOUND


def test_a_pasted_number_is_read_without_signs_nobody_can_see() -> None:
    assert read_degrees("Latitude", " 51,0512\u200b", "51.0512") == pytest.approx(51.0512)
