"""The figures of a history made by hand are the numbers counted by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest

from feedback.errors import PeriodError
from feedback.figure_pages import draw_days, read_period, show_seconds, show_value
from feedback.figures import Figure, Period, Unit
from feedback.queries import count_days, count_figures
from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.domain.contact import Channel
from tests.feedback.history import STAFF, History

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL = Period(date(2026, 5, 4), date(2026, 5, 18))


def figures(hub: Hub, period: Period = ALL) -> dict[str, tuple[int | None, int, float | None]]:
    counted = [one for group in count_figures(hub, period) for one in group.figures]
    return {one.code: (one.numerator, one.denominator, one.value) for one in counted}


@pytest.fixture
def history(hub: Hub, clock: FixedClock) -> History:
    """Five orders invited on Monday 4 May at 09:00 in Brussels.

    A books after an hour, is visited in time and rates 5/10. B books after the second message, is visited 30 minutes late
    and rates 3/6. C never answers. D is booked by a dispatcher, is not at home, and is done at a second visit; no answer.
    E books, cancels, and has a new appointment that is still to come.
    """
    begun = clock.now()
    told = History(hub, clock)
    a, b, c, d, e = [told.invite(begun) for _ in range(5)]
    for order in (a, b, c, d, e):
        told.attempt(order, begun, 0, Channel.EMAIL)
    first = told.book(a, begun + HOUR, begun + DAY)
    cancelled = told.book(e, begun + 2 * HOUR, begun + 5 * DAY)
    not_home = told.book(d, begun + DAY, begun + 2 * DAY, by=STAFF)
    told.visit(first, begun + DAY + HOUR, forecast=begun + DAY + HOUR - timedelta(minutes=5))
    told.survey(a, begun + DAY + 2 * HOUR, (5, 10))
    for order in (b, c):
        told.attempt(order, begun + 2 * DAY, 1, Channel.SMS, "reminder")
    told.cancel(e, cancelled, begun + 2 * DAY)
    late = told.book(b, begun + 2 * DAY + HOUR, begun + 3 * DAY)
    told.visit(not_home, begun + 2 * DAY + HOUR, completes=False)
    told.visit(late, begun + 3 * DAY + 2 * HOUR + timedelta(minutes=30), forecast=begun + 3 * DAY + 2 * HOUR)
    told.survey(b, begun + 4 * DAY, (3, 6))
    again = told.book(d, begun + 4 * DAY, begun + 6 * DAY, by=STAFF)
    told.visit(again, begun + 6 * DAY)
    told.survey(d, begun + 7 * DAY, None)
    told.give_up(c, begun + 8 * DAY)
    told.book(e, begun + 8 * DAY, begun + 12 * DAY)
    for outcome in ("imported", "imported", "imported", "duplicate", "dead-lettered"):
        told.message(begun, outcome)
    told.clock.set(begun + 9 * DAY)
    return told


def test_the_figures_are_what_was_counted_by_hand(hub: Hub, history: History) -> None:
    assert figures(hub) == {
        "promise-kept": (3, 4, 0.75),  # A, D twice; B was late; E's first was cancelled, its second is to come
        "first-visit-completion": (2, 3, pytest.approx(2 / 3)),  # A and B, of A, B and D
        "no-access": (1, 4, 0.25),  # D's first
        "truck-rolls": (4, 3, pytest.approx(4 / 3)),
        "eta-error-median": (None, 2, 17.5 * 60),  # 5 and 30 minutes
        "eta-error-p90": (None, 2, pytest.approx(27.5 * 60)),
        "self-booking": (3, 5, 0.6),  # A, B and E; D by a dispatcher
        "escalation": (1, 5, 0.2),  # C
        "time-to-appointment": (None, 4, 13 * 3600),  # between 2 and 24 hours, of 1, 2, 24 and 49
        "csat": (1, 2, 0.5),
        "nps": (0, 2, 0),
        "response-rate": (2, 3, pytest.approx(2 / 3)),
        "dead-letters": (1, 5, 0.2),
        "duplicates": (1, 5, 0.2),
        "contact-1-email": (2, 5, 0.4),  # A and E
        "contact-2-sms": (1, 2, 0.5),  # B, not C
    }


def test_only_the_days_asked_for_are_counted(hub: Hub, history: History) -> None:
    second_week = figures(hub, Period(date(2026, 5, 9), date(2026, 5, 18)))
    expected = {
        "first-visit-completion": (0, 1, 0),  # D alone, whose first visit still counts
        "self-booking": (0, 0, None),
        "promise-kept": (1, 1, 1),
    }
    assert {code: second_week[code] for code in expected} == expected


def test_without_history_every_denominator_is_zero_and_no_value_is_made_up(hub: Hub) -> None:
    counted = figures(hub)
    assert len(counted) == 14
    assert {denominator for _, denominator, _ in counted.values()} == {0}
    assert {value for _, _, value in counted.values()} == {None}


def test_the_days_of_the_plots_are_local_days_without_gaps(hub: Hub, clock: FixedClock) -> None:
    told = History(hub, clock)
    order = told.invite(clock.now())
    # 00:30 on 6 May in Brussels is still 5 May in UTC.
    told.book(order, datetime(2026, 5, 5, 22, 30, tzinfo=UTC), datetime(2026, 5, 8, 7, 0, tzinfo=UTC))
    days = count_days(hub, Period(date(2026, 5, 4), date(2026, 5, 7)))
    assert [(one.day.day, one.booked, one.completed) for one in days] == [(4, 0, 0), (5, 0, 0), (6, 1, 0), (7, 0, 0)]


def test_a_move_is_no_second_answer_to_the_ladder(hub: Hub, clock: FixedClock) -> None:
    told, begun = History(hub, clock), clock.now()
    order = told.invite(begun)
    told.attempt(order, begun, 0, Channel.EMAIL)
    told.book(order, begun + HOUR, begun + 2 * DAY, by=STAFF)
    assert figures(hub)["contact-1-email"] == (0, 1, 0)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, Unit.SHARE, "–"),
        (0.931, Unit.SHARE, "93.1 %"),
        (1.25, Unit.RATIO, "1.25"),
        (-12.4, Unit.SCORE, "-12"),
        (23.0, Unit.SCORE, "+23"),
        (720.0, Unit.SECONDS, "12 min"),
    ],
)
def test_values_read_well(value: float | None, unit: Unit, shown: str) -> None:
    assert show_value(Figure("x", "X", "", unit, 1, 1, value)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (59.6, "1 min"), (3600, "1 h 0 min"), (90_000, "1 d 1 h"), (86_399.9, "1 d 0 h")]
)
def test_lengths_of_time_read_well(seconds: float, shown: str) -> None:
    assert show_seconds(seconds) == shown


def test_a_plot_reaches_its_top_and_stays_inside(hub: Hub) -> None:
    days = count_days(hub, Period(date(2026, 5, 1), date(2026, 5, 3)))
    plot = draw_days("booked", "Booked", days, [0, 4, 2])
    assert [bar.height for bar in plot.bars] == [0, 130, 65]
    assert all(bar.y + bar.height == 140 and bar.x + bar.width <= 720 for bar in plot.bars)
    assert [bar.height for bar in draw_days("booked", "Booked", days, [0, 0, 0]).bars] == [0, 0, 0]


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-05-05", "2026-05-04", "the other way round"),
        ("2025-01-01", "2026-05-04", "more than a year"),
        ("soon", "", "like 2026-05-04"),
        ("", "0001-01-02", "like 2026-05-04"),
    ],
)
def test_a_wrong_period_is_refused_in_a_sentence(first: str, last: str, words: str) -> None:
    with pytest.raises(PeriodError, match=words):
        read_period(first, last, date(2026, 5, 4))
