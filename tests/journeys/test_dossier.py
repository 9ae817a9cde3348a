"""Staff read an order's dossier and look after people's rights, at a desk and on a phone, without a barrier."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from hub.contact_record import append_entry
from hub.domain.staff import Role
from hub.web.staff_accounts import create_staff
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import Site
from tests.journeys.visitor import DESK, PHONE, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-staff")]

PASSWORD = "a long enough password"


def picture(visitor: Visitor, name: str) -> None:
    """A picture of the page for whoever changes its looks, when DOORSTEP_PICTURES names a folder."""
    if folder := os.environ.get("DOORSTEP_PICTURES"):
        visitor.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_an_administrator_reads_a_dossier_and_erases_a_person(
    site: Site, make_visitor: MakeVisitor, size: tuple[int, int]
) -> None:
    order = site.receive_order()
    with site.hub.unit_of_work() as work:
        append_entry(work, order.id, "unknown.kind", {"said": "something new"})
        work.commit()
    visitor = make_visitor(size=size, language="en-GB", narrow=False)
    create_staff(site.hub, "ada@company.example", "Ada Admin", PASSWORD, [Role.ADMINISTRATOR])
    visitor.open(f"/console/orders/{order.id}/dossier").sees("Sign in")
    visitor.page.get_by_label("E-mail address").fill("ada@company.example")
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Sign in").sees(f"Dossier of order {order.external_id}")
    expect(visitor.page.get_by_text("unknown.kind")).to_be_visible()
    visitor.inspect()
    picture(visitor, f"dossier-{size[0]}")
    assert b"urn:doorstep:dossier:1" in visitor.download("Download as JSON")
    # The first one draws on libraries that must be loaded; a busy machine takes its time for that.
    with visitor.page.expect_download(timeout=60_000) as coming:
        visitor.control("Download as PDF").click(no_wait_after=True, timeout=60_000)
    assert Path(coming.value.path()).read_bytes().startswith(b"%PDF-1.7")

    visitor.open("/console/privacy").sees("Personal data")
    visitor.inspect()
    visitor.page.get_by_label("E-mail address or telephone number").fill(order.citizen_email)
    visitor.press("Find").sees("Personal data")
    expect(visitor.page.get_by_role("link", name=order.external_id)).to_be_visible()
    visitor.inspect()
    picture(visitor, f"privacy-{size[0]}")
    erasing = visitor.page.get_by_role("region", name="Erase it")
    erasing.get_by_label("Why").fill("asked for in writing")
    erasing.get_by_label("Erase although work goes on").check()
    erasing.get_by_label("I am sure: what is erased cannot be brought back").check()
    visitor.press("Erase for good").sees("Personal data")
    expect(visitor.page.get_by_role("status")).to_contain_text("were emptied or deleted")
    visitor.inspect()
    picture(visitor, f"privacy-done-{size[0]}")
