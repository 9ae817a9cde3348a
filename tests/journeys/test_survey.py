"""A citizen says how it went."""

import pytest
from playwright.sync_api import expect

from hub.domain.events import SYSTEM
from hub.domain.field_records import SurveyAnswer
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import Site
from tests.journeys.visitor import Visitor
from tests.samples import a_work_order

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-citizen")]


def completed_order(site: Site) -> WorkOrder:
    """An order whose work has just been done."""
    with site.hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(status=WorkOrderStatus.IN_PROGRESS, language="en"))
        after = work.advance_work_order(order, Action.COMPLETE, by=SYSTEM)
        work.commit()
    site.work()
    return after


def answers(site: Site, order: WorkOrder) -> list[SurveyAnswer]:
    with site.hub.unit_of_work() as work:
        return work.survey_answers.list_where(work.survey_answers.table.c.work_order_id == order.id)


def fill_in(citizen: Visitor, rating: str, score: str, comment: str) -> None:
    citizen.page.get_by_label(rating, exact=True).check()
    citizen.page.get_by_label(score, exact=True).check()
    citizen.page.get_by_label("Is there anything else you would like to tell us?").fill(comment)
    citizen.press("Send my answer")


def test_a_citizen_answers_and_changes_the_answer(site: Site, citizen: Visitor) -> None:
    order = completed_order(site)
    citizen.open(site.link_to(order, "survey")).sees("How did it go?")
    fill_in(citizen, "Satisfied", "9", "Friendly and quick.")
    citizen.sees("Thank you")
    (first,) = answers(site, order)
    assert (first.rating, first.nps, first.comment) == (4, 9, "Friendly and quick.")
    citizen.press("Change my answer", role="link").sees("How did it go?")
    fill_in(citizen, "Very satisfied", "I would rather not say", "")
    citizen.sees("Thank you")
    (last,) = answers(site, order)
    assert (last.rating, last.nps, last.comment) == (5, None, "")


def test_an_empty_survey_says_what_is_missing(site: Site, citizen: Visitor) -> None:
    order = completed_order(site)
    citizen.open(site.link_to(order, "survey")).sees("How did it go?")
    citizen.expects(422).press("Send my answer")
    expect(citizen.page.get_by_role("alert")).to_contain_text("Choose how satisfied you are.")
    citizen.sees("How did it go?")
    assert answers(site, order) == []


def test_a_citizen_answers_without_scripts(site: Site, make_visitor: MakeVisitor) -> None:
    citizen = make_visitor(scripts=False)
    order = completed_order(site)
    citizen.open(site.link_to(order, "survey")).sees("How did it go?")
    fill_in(citizen, "Very satisfied", "10", "")
    citizen.sees("Thank you")
    assert len(answers(site, order)) == 1
