"""A technician's day on the phone, and the citizen's answer to it."""

import io
from datetime import timedelta

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, expect

from hub.domain.appointments import Visit
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import AbortReason, Action, AppointmentStatus, VisitStatus, WorkOrderStatus
from hub.domain.technicians import Technician
from hub.domain.work_orders import WorkOrder
from scheduling.service import plan_days, publish_plan
from technician_api.service import issue_enrolment_code
from tests.journeys.conftest import MakeVisitor
from tests.journeys.site import TUESDAY, Site
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys-staff")]


@pytest.fixture
def technician(make_visitor: MakeVisitor) -> Visitor:
    """Somebody with a phone and a van."""
    return make_visitor(language="en-GB")


def dispatched_visit(site: Site) -> tuple[Technician, WorkOrder, Visit]:
    """A booked visit that was published; it is the moment to set off."""
    (crew,) = site.add_technicians("Jan Janssens")
    order = site.receive_order(language="en")
    site.book(order)
    plan = plan_days(site.hub, "oost-vlaanderen", TUESDAY, TUESDAY, seconds=0.2, seed=1)
    publish_plan(site.hub, plan, by=SYSTEM)
    site.work()
    (visit,) = site.visits_of(order)
    assert visit.status is VisitStatus.DISPATCHED
    site.clock.set(visit.starts_at - timedelta(seconds=visit.travel_seconds))
    return crew, order, visit


def enrol(site: Site, technician: Visitor, crew: Technician) -> None:
    code = issue_enrolment_code(site.hub, crew.id, SYSTEM)
    technician.open("/technician").sees("Sign in this phone")
    technician.page.get_by_label("Enrolment code").fill(code.lower())
    technician.press("Sign in").sees("Tuesday 5 May")


def visit_of(site: Site, order: WorkOrder) -> Visit:
    (visit,) = [one for one in site.visits_of(order) if one.status is not VisitStatus.CANCELLED]
    return visit


def card_of(technician: Visitor, visit: Visit) -> Locator:
    return technician.page.locator(f"[data-visit='{visit.id}']")


def take(technician: Visitor, button: str, said: str) -> None:
    """Press the big button, and hear what it did."""
    technician.press(button)
    expect(technician.page.get_by_role("status")).to_have_text(said)
    technician.inspect()


def a_photo() -> FilePayload:
    content = io.BytesIO()
    Image.new("RGB", (320, 240), "teal").save(content, "JPEG")
    return {"name": "meter.jpg", "mimeType": "image/jpeg", "buffer": content.getvalue()}


def test_a_technician_completes_a_visit(site: Site, technician: Visitor, make_visitor: MakeVisitor) -> None:
    crew, order, visit = dispatched_visit(site)
    enrol(site, technician, crew)
    card = card_of(technician, visit)
    expect(card.get_by_role("heading")).to_contain_text("Meter swap")
    take(technician, "Set off", "You are on the way.")
    site.clock.set(visit.starts_at)
    take(technician, "I am there", "You are at the door.")
    take(technician, "Start work", "Work has begun.")
    assert site.order(order.id).status is WorkOrderStatus.IN_PROGRESS

    card.get_by_label("Add a photo").set_input_files(a_photo())
    expect(technician.page.get_by_role("status")).to_have_text("The photo was kept.")
    photo = card.get_by_role("img", name="Photo 1 of this visit")
    expect(photo).to_be_visible()
    photo.scroll_into_view_if_needed()
    expect(photo).to_have_js_property("complete", value=True)
    card.get_by_text("Report", exact=True).click()
    card.get_by_label("What was done?").fill("Meter replaced and sealed.")
    card.get_by_role("button", name="Add extra time, material or unforeseen work").click()
    card.get_by_label("How much").fill("20")
    card.get_by_label("Why", exact=True).fill("The cupboard had to be emptied.")
    technician.inspect()
    take(technician, "Send the report", "The report was sent.")
    site.clock.advance(timedelta(minutes=50))
    take(technician, "Work is done", "This visit is done.")
    expect(card).to_have_attribute("data-status", "completed")

    assert visit_of(site, order).status is VisitStatus.COMPLETED
    assert site.order(order.id).status is WorkOrderStatus.COMPLETED
    assert [one.status for one in site.appointments_of(order)] == [AppointmentStatus.COMPLETED]
    site.work()
    make_visitor(language="en-GB").open(site.link_to(order, "survey")).sees("How did it go?")


def test_a_technician_finds_nobody_at_home(site: Site, technician: Visitor) -> None:
    crew, order, visit = dispatched_visit(site)
    enrol(site, technician, crew)
    card = card_of(technician, visit)
    take(technician, "Set off", "You are on the way.")
    take(technician, "I am there", "You are at the door.")
    card.get_by_text("It cannot be done").click()
    card.get_by_label("No access: nobody opened, or the place cannot be entered").check()
    technician.inspect()
    take(
        technician,
        "End this visit without completion",
        "This visit has ended without completion. The dispatcher knows.",
    )
    ended = visit_of(site, order)
    assert (ended.status, ended.abort_reason) == (VisitStatus.ABORTED, AbortReason.NO_ACCESS)
    assert site.order(order.id).status is WorkOrderStatus.CONTACTING


# Holds every answer to `held` requests back in the browser, as a phone does between two masts, until the test lets them go.
_HOLD = """held => {
  const real = window.fetch;
  const gone = new Promise((go) => { window.letGo = go; });
  window.fetch = async (address, options) => {
    const answer = await real(address, options);
    if (options.method === held) await gone;
    return answer;
  };
}"""


def test_two_taps_go_two_days_on(site: Site, technician: Visitor) -> None:
    crew, _, _ = dispatched_visit(site)
    enrol(site, technician, crew)
    technician.page.evaluate(_HOLD, "GET")
    after = technician.control("Day after")
    after.click()
    after.click()
    technician.page.evaluate("() => window.letGo()")
    expect(technician.page.get_by_role("heading", level=1, name="Thursday 7 May")).to_be_focused()


def test_a_day_that_comes_late_does_not_undo_a_step(site: Site, technician: Visitor) -> None:
    crew, _, visit = dispatched_visit(site)
    enrol(site, technician, crew)
    technician.page.evaluate(_HOLD, "GET")
    with technician.page.expect_response("**/my-day*"):
        technician.press("Reload")
    take(technician, "Set off", "You are on the way.")
    with technician.page.expect_response("**/my-day*"):
        technician.page.evaluate("() => window.letGo()")
    expect(card_of(technician, visit)).to_have_attribute("data-status", "en route")


def test_a_late_answer_leaves_alone_what_is_being_typed(site: Site, technician: Visitor) -> None:
    crew, _, visit = dispatched_visit(site)
    enrol(site, technician, crew)
    technician.page.evaluate(_HOLD, "POST")
    technician.press("Set off")
    card = card_of(technician, visit)
    card.get_by_text("It cannot be done").click()
    happened = card.get_by_label("What happened?")
    happened.fill("Nobody opens, ")
    technician.page.evaluate("() => window.letGo()")
    expect(card).to_have_attribute("data-status", "en route")
    expect(happened).to_be_focused()
    technician.page.keyboard.type("I ring again.")
    expect(happened).to_have_value("Nobody opens, I ring again.")
    card.get_by_label("Another reason").check()
    take(
        technician,
        "End this visit without completion",
        "This visit has ended without completion. The dispatcher knows.",
    )
    expect(happened).to_have_count(0)


def at_work(site: Site, technician: Visitor) -> Locator:
    """The card of a visit that the technician has begun."""
    crew, _, visit = dispatched_visit(site)
    enrol(site, technician, crew)
    take(technician, "Set off", "You are on the way.")
    site.clock.set(visit.starts_at)
    take(technician, "I am there", "You are at the door.")
    return card_of(technician, visit)


def end_without_connection(technician: Visitor, card: Locator, reason: str, note: str) -> None:
    """End the visit in a tunnel: it waits on the phone."""
    technician.loses_connection()
    card.get_by_text("It cannot be done").click()
    card.get_by_label(reason).check()
    card.get_by_label("What happened?").fill(note)
    technician.press("End this visit without completion")
    expect(technician.page.get_by_role("alert")).to_contain_text("kept and sent again by itself")


def completed_elsewhere(site: Site) -> None:
    """The visit is done, and the phone does not know it."""
    with site.hub.unit_of_work() as work:
        (visit,) = work.visits.list_where()
        working = work.advance_visit(visit, Action.START, by=SYSTEM, started_at=work.now)
        work.advance_visit(working, Action.COMPLETE, by=SYSTEM, ended_at=work.now)
        work.commit()


def test_a_report_that_is_refused_comes_back_with_its_words(site: Site, technician: Visitor) -> None:
    card = at_work(site, technician)
    card.get_by_text("Report", exact=True).click()
    card.get_by_label("What was done?").fill("Meter replaced and sealed.")
    card.get_by_role("button", name="Add extra time, material or unforeseen work").click()
    card.get_by_label("What", exact=True).select_option("Material")
    card.get_by_label("How much").fill("3")
    card.get_by_label("Why", exact=True).fill(" ")
    technician.press("Send the report")
    expect(card.get_by_label("Why", exact=True)).to_be_focused()
    # A browser that asks for nothing.
    card.locator("[data-part=report] form").evaluate("form => { form.noValidate = true; }")
    technician.expects(422).press("Send the report")
    expect(technician.page.get_by_role("alert")).to_contain_text("Nothing was changed.")
    expect(card.get_by_label("What was done?")).to_have_value("Meter replaced and sealed.")
    expect(card.get_by_label("What", exact=True)).to_have_value("material")
    expect(card.get_by_label("How much")).to_have_value("3")
    expect(card.get_by_role("heading")).to_be_focused()
    technician.inspect()
    card.get_by_label("Why", exact=True).fill("Two seals and a valve.")
    take(technician, "Send the report", "The report was sent.")
    expect(card.get_by_text("Report (1 sent)")).to_be_visible()


def test_an_end_that_is_refused_much_later_comes_back_with_its_words(site: Site, technician: Visitor) -> None:
    card = at_work(site, technician)
    end_without_connection(technician, card, "Unsafe", "Gas in the cellar.")
    # Unfolded again meanwhile, with nothing in it.
    card.get_by_text("It cannot be done").click()
    site.clock.advance(timedelta(hours=30))
    technician.expects(422).finds_connection()
    expect(technician.page.get_by_role("alert")).to_contain_text("Nothing was changed.")
    expect(card.get_by_label("Unsafe")).to_be_checked()
    expect(card.get_by_label("What happened?")).to_have_value("Gas in the cellar.")


def test_refused_words_whose_form_is_gone_are_shown(site: Site, technician: Visitor) -> None:
    card = at_work(site, technician)
    end_without_connection(technician, card, "Another reason", "The lift stands still.")
    completed_elsewhere(site)
    technician.expects(409).finds_connection()
    untaken = technician.page.get_by_role("listitem").filter(has_text="Your note was not taken")
    expect(untaken).to_contain_text("The lift stands still.")
    technician.inspect()
    untaken.get_by_role("button", name="Remove this").click()
    expect(untaken).to_have_count(0)


def test_words_of_one_technician_are_not_shown_to_the_next(site: Site, technician: Visitor) -> None:
    card = at_work(site, technician)
    card.get_by_text("It cannot be done").click()
    card.get_by_label("What happened?").fill("The lift stands still.")
    completed_elsewhere(site)
    technician.press("Reload")
    words = technician.page.get_by_text("The lift stands still.")
    expect(words).to_be_visible()
    technician.page.context.clear_cookies()
    technician.expects(401).press("Reload").sees("Sign in this phone")
    expect(words).to_be_hidden()
    (other,) = site.add_technicians("Eva Evens")
    technician.page.get_by_label("Enrolment code").fill(issue_enrolment_code(site.hub, other.id, SYSTEM))
    technician.press("Sign in").sees("Tuesday 5 May")
    expect(technician.page.get_by_text("Eva Evens")).to_be_visible()
    expect(words).to_have_count(0)


def test_refused_words_leave_alone_what_is_typed_since(site: Site, technician: Visitor) -> None:
    card = at_work(site, technician)
    technician.loses_connection()
    card.get_by_text("Report", exact=True).click()
    card.get_by_label("What was done?").fill("The first report.")
    card.locator("[data-part=report] form").evaluate("form => { form.noValidate = true; }")
    card.get_by_role("button", name="Add extra time, material or unforeseen work").click()
    technician.press("Send the report")
    expect(technician.page.get_by_role("alert")).to_contain_text("kept and sent again by itself")
    card.get_by_text("Report", exact=True).click()
    card.get_by_label("What was done?").fill("The second one.")
    technician.expects(422).finds_connection()
    expect(technician.page.get_by_text("Your report was not taken.")).to_be_visible()
    expect(technician.page.get_by_text("The first report.")).to_be_visible()
    expect(card.get_by_label("What was done?")).to_have_value("The second one.")


def test_a_reload_leaves_alone_what_is_being_typed(site: Site, technician: Visitor) -> None:
    card = at_work(site, technician)
    card.get_by_text("Report", exact=True).click()
    card.get_by_label("What was done?").fill("Meter replaced")
    with technician.page.expect_response("**/my-day*"):
        technician.press("Reload")
    expect(technician.control("Reload")).to_be_focused()
    expect(card.get_by_label("What was done?")).to_have_value("Meter replaced")


def test_another_day_and_back_leaves_alone_what_is_being_typed(site: Site, technician: Visitor) -> None:
    card = at_work(site, technician)
    card.get_by_text("Report", exact=True).click()
    card.get_by_label("What was done?").fill("Meter replaced")
    technician.press("Day after").sees("Wednesday 6 May")
    expect(card).to_have_count(0)
    technician.press("Day before").sees("Tuesday 5 May")
    expect(card.get_by_label("What was done?")).to_have_value("Meter replaced")


def test_who_reloads_the_browser_is_asked_before_typed_words_are_lost(site: Site, technician: Visitor) -> None:
    card = at_work(site, technician)
    card.get_by_text("Report", exact=True).click()
    card.get_by_label("What was done?").fill("Meter replaced")
    with technician.page.expect_event("dialog") as asked:
        technician.page.evaluate("() => { setTimeout(() => location.reload()); }")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    expect(card.get_by_label("What was done?")).to_have_value("Meter replaced")


def test_a_wrong_code_is_refused_with_a_sentence(technician: Visitor) -> None:
    technician.open("/technician").sees("Sign in this phone")
    technician.page.get_by_label("Enrolment code").fill("AAAAAAAA")
    technician.expects(401).press("Sign in")
    expect(technician.page.get_by_role("alert")).to_be_visible()
    technician.inspect()


def test_a_step_without_connection_is_kept_and_sent_once(site: Site, technician: Visitor) -> None:
    crew, order, _ = dispatched_visit(site)
    enrol(site, technician, crew)
    technician.loses_connection()
    technician.press("Set off")
    expect(technician.page.get_by_role("alert")).to_contain_text("kept and sent again by itself")
    assert visit_of(site, order).status is VisitStatus.DISPATCHED
    technician.finds_connection()
    expect(technician.page.get_by_role("status")).to_have_text("You are on the way.")
    assert visit_of(site, order).status is VisitStatus.EN_ROUTE
