"""The simulated people and their tools: the calendar's grid, the browser's reading of forms, habits, and the bus that repeats itself."""

import re
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from infra.play.browser import Browser, NoAnswer, Traffic, read_page
from infra.play.calendar import GRID, Agenda, on_grid
from infra.play.habits import draw_habits, when_awake
from infra.play.options import ZONE, PlayOptions
from infra.play.utility import batches
from ingest.sample_feed import generate

NINE = datetime(2026, 5, 4, 9, tzinfo=UTC)
PAGE = """
<html><body><a href="/a/t/cancel">Cancel</a>
<form method="post" action="/a/t/hold">
  <input type="hidden" name="version" value="3">
  <input type="radio" name="slot" value="one"><input type="radio" name="slot" value="two" checked>
  <input type="checkbox" name="extra" value="yes"><input type="file" name="photo"><input name="gone" value="x" disabled>
  <select name="day"><option value="mon">Monday</option><option value="tue" selected>Tuesday</option></select>
  <textarea name="note">Ring &amp; wait</textarea>
  <button type="button" name="menu" value="1">Menu</button>
  <button name="go" value="now">Go</button>
</form></body></html>
"""


def page_of(html: str) -> httpx.Response:
    request = httpx.Request("GET", "http://127.0.0.1:1/a/t")
    return httpx.Response(200, html=html, request=request)


def test_times_on_the_grid_are_rounded_down() -> None:
    assert on_grid(NINE) == NINE
    assert on_grid(NINE + GRID - timedelta(seconds=1)) == NINE
    assert on_grid(datetime(2026, 5, 4, 11, 9, tzinfo=ZONE)) == NINE


def test_one_persons_acts_keep_their_order_and_others_stand_beside() -> None:
    agenda, done = Agenda(), list[str]()
    agenda.add(NINE + timedelta(minutes=8), "an", lambda _: done.append("second"))
    agenda.add(NINE, "bea", lambda _: done.append("other"))
    agenda.add(NINE + timedelta(hours=1), "an", lambda _: done.append("later"))
    agenda.add(NINE + timedelta(minutes=9), "an", lambda _: done.append("third"))
    due = agenda.take_due(NINE)
    assert sorted([entry.who for entry in one] for one in due) == [["an", "an"], ["bea"]]
    for entry in next(one for one in due if one[0].who == "an"):
        entry.act(NINE)
    assert done == ["second", "third"]
    assert agenda.next_at == NINE + timedelta(hours=1)


def test_a_form_is_sent_as_a_browser_sends_it() -> None:
    page = read_page(page_of(PAGE))
    form = page.form("/hold")
    assert form is not None
    assert form.choices["slot"] == ["one", "two"]
    assert form.filled() == {"version": "3", "slot": "two", "day": "tue", "note": "Ring & wait", "go": "now"}
    assert form.filled(slot="one")["slot"] == "one"
    assert page.form("/confirm") is None
    assert page.link("/cancel") == "http://127.0.0.1:1/a/t/cancel"


def test_an_answer_that_never_comes_is_counted() -> None:
    traffic = Traffic()
    browser = Browser("http://127.0.0.1:9", traffic)
    with pytest.raises(NoAnswer):
        browser.open("/a/secret")
    browser.close()
    assert len(traffic.errors) == 1


def test_server_errors_are_counted_apart_from_refusals() -> None:
    traffic = Traffic()
    for status in (200, 404, 500):
        traffic.count(httpx.Response(status, request=httpx.Request("GET", "http://127.0.0.1/x")))
    assert (traffic.requests, dict(traffic.refusals)) == (3, {"GET /x 404": 1})
    assert traffic.errors == ["GET /x answered 500"]


def test_habits_depend_on_seed_and_order_alone() -> None:
    assert draw_habits(1, "SU-1") == draw_habits(1, "SU-1")
    people = [draw_habits(1, f"SU-{number}") for number in range(400)]
    assert people != [draw_habits(2, f"SU-{number}") for number in range(400)]
    silent = sum(one.answers_message is None for one in people)
    assert 20 <= silent <= 80
    assert all(one.nps is None or 0 <= one.nps <= 10 for one in people)


@pytest.mark.parametrize(("hour", "expected"), [(3, "04 07:10"), (7, "04 07:00"), (21, "04 21:00"), (23, "05 07:10")])
def test_nobody_acts_at_night(hour: int, expected: str) -> None:
    acted = when_awake(datetime(2026, 5, 4, hour, tzinfo=ZONE)).astimezone(ZONE)
    assert f"{acted:%d %H:%M}" == expected


def test_the_bus_repeats_some_messages_and_loses_none() -> None:
    options = PlayOptions(orders=200, technicians=4)
    feed = generate(200, 1, options.start, 4)
    sent = [message.message_id for _, batch in batches(options, feed) for message in batch]
    assert set(sent) == {message.message_id for message in feed.messages}
    assert 0 < len(sent) - len(set(sent)) < 40
    times = [at for at, _ in batches(options, feed)]
    assert times == sorted(times)


def test_field_work_skips_the_weekend() -> None:
    days = PlayOptions(days=5).field_days
    assert [day.isoformat() for day in days] == ["2026-05-07", "2026-05-08", "2026-05-11", "2026-05-12", "2026-05-13"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"orders": 0}, "--orders must be between 1 and 20000."),
        ({"days": 61}, "--days must be between 1 and 60."),
        ({"start": date(2026, 5, 5)}, "A play starts on a Monday, and 2026-05-05 is none."),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        PlayOptions(**changes)  # type: ignore[arg-type]
