"""Texts: complete in four languages, short enough, and safe whatever a name contains."""

from datetime import UTC, datetime

import pytest
from jinja2 import Environment, StrictUndefined, meta

from hub.catalogue import load_catalogue
from hub.domain.contact import LinkPurpose
from hub.notifications.kinds import KINDS, UnknownMessageKindError
from hub.notifications.links import link_address
from hub.notifications.texts import (
    FOLDER,
    LANGUAGES,
    SMS_LIMIT,
    appointment_values,
    known_language,
    order_values,
    render_email,
    render_sms,
    render_text,
)
from hub.texts import load_texts
from tests.portal.test_ladder import an_appointment
from tests.samples import a_work_order

ORDER_NAMES = {"name", "work", "reference", "address"}
APPOINTMENT_NAMES = {"day", "from", "until"}
CASES = [(kind, language) for kind in KINDS for language in LANGUAGES]
LONGEST_VALUES = {
    "times": ", ".join(f"{number}) mer. 30 sept. 10:00-12:00" for number in range(1, 6)),
    "text": "x" * 280,
    # A kept time, as days and hours are written.
    "day": "woensdag 30 september",
    "from": "10:00",
    "until": "12:00",
    "kept_until": "woensdag 30 september 09:00",
}
LONG_LINK = link_address("https://appointments.a-rather-long-company-name.example", LinkPurpose.SURVEY, "x" * 43)


def values_for(kind: str, language: str) -> dict[str, str]:
    order = a_work_order(language=language, work_type="cabinet_repair")
    values = order_values(order, load_catalogue(), language)
    if KINDS[kind].appointment:
        # A Wednesday in September has the longest name of a day in most languages.
        appointment = an_appointment(order, datetime(2026, 9, 30, 8, 0, tzinfo=UTC))
        values |= appointment_values(appointment, order.zone, language)
    if KINDS[kind].link:
        values["link"] = LONG_LINK
    return values | {name: LONGEST_VALUES[name] for name in KINDS[kind].values}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_its_three_texts_and_there_are_no_others(language: str) -> None:
    kinds = {f"{kind}.{part}" for kind in KINDS for part in ("subject", "email", "sms")}
    assert set(load_texts(FOLDER, language)) == {*kinds, "frame.email", "calendar.summary", "calendar.description"}


@pytest.mark.parametrize(("kind", "language"), CASES)
def test_a_text_uses_only_what_its_kind_offers_and_asks_with_a_link(kind: str, language: str) -> None:
    environment = Environment(undefined=StrictUndefined, autoescape=True)
    offered = ORDER_NAMES | (APPOINTMENT_NAMES if KINDS[kind].appointment else set()) | KINDS[kind].values
    for part in ("subject", "email", "sms"):
        used = meta.find_undeclared_variables(environment.parse(load_texts(FOLDER, language)[f"{kind}.{part}"]))
        assert used - {"link"} <= offered
        linked = {"email": KINDS[kind].link is not None, "sms": KINDS[kind].link is not None and KINDS[kind].sms_link}
        assert ("link" in used) == linked.get(part, False)


@pytest.mark.parametrize(("kind", "language"), CASES)
def test_an_sms_stays_short_on_the_longest_day_with_the_longest_link(kind: str, language: str) -> None:
    values = {**values_for(kind, language), "work": "W" * 120, "reference": "R" * 200}
    body = render_sms(kind, language, values).body
    assert len(body) <= SMS_LIMIT
    assert "\n" not in body
    assert KINDS[kind].link is None or not KINDS[kind].sms_link or body.rstrip(".").endswith(LONG_LINK)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("kind", "segments"), [("last_call", 2), ("new_link", 1)])
def test_whoever_only_gets_sms_has_a_reference_to_ask_a_new_link_with_at_no_cost(
    kind: str, segments: int, language: str
) -> None:
    link = link_address("https://appointments.network.example", LinkPurpose.BOOKING, "x" * 43)
    for work_type in load_catalogue().work_types.values():
        values = {**values_for(kind, language), "work": work_type.names[language], "link": link}
        body = render_sms(kind, language, {**values, "reference": "WO-2026-01234"}).body
        assert "WO-2026-01234" in body
        # One SMS holds 160 signs; of several each holds 153.
        assert len(body) <= (160 if segments == 1 else 153 * segments)


@pytest.mark.parametrize(("kind", "language"), CASES)
def test_an_email_greets_by_name_and_says_what_it_is_about(kind: str, language: str) -> None:
    rendered = render_email(kind, language, values_for(kind, language))
    assert "An Peeters" in rendered.body
    assert "WO-" in rendered.body
    assert rendered.subject
    assert "{{" not in rendered.body + rendered.subject


def test_a_hostile_name_adds_neither_a_header_nor_a_paragraph_nor_code() -> None:
    order = a_work_order(citizen_name="An\r\nBcc: all@x.example\n\n{{ 7 * 7 }}\x00\u2028Z", external_id="WO-1\r\nX: y")
    values = {**order_values(order, load_catalogue(), "en"), "link": "https://x.example/a/1"}
    rendered = render_email("invitation", "en", values)
    assert rendered.body.splitlines()[0] == "Dear An Bcc: all@x.example {{ 7 * 7 }} Z,"
    assert "49" not in rendered.body
    assert all(character.isprintable() for character in rendered.subject)
    assert "\nX: y" not in rendered.body


@pytest.mark.parametrize(
    ("language", "day"),
    [
        ("nl", "woensdag 30 september"),
        ("fr", "mercredi 30 septembre"),
        ("de", "Mittwoch, 30. September"),
        ("en", "Wednesday 30 September"),
    ],
)
def test_days_are_written_as_people_write_them(language: str, day: str) -> None:
    appointment = an_appointment(a_work_order(), datetime(2026, 9, 30, 8, 0, tzinfo=UTC))
    assert appointment_values(appointment, "Europe/Brussels", language) == {
        "day": day,
        "from": "10:00",
        "until": "12:00",
    }


def test_an_unknown_language_falls_back_to_english() -> None:
    assert known_language("xx") == "en"
    assert render_text("calendar", "summary", "xx", {"work": "Repair"}) == "Repair: our technician visits"


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownMessageKindError, match="'greeting'; known are answer, cancelled"):
        render_sms("greeting", "en", {"work": "Repair"})
