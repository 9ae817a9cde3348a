"""Contact policies are read with errors that say where they are wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from hub.catalogue import SAMPLE, load_catalogue
from hub.clock import ShiftedClock
from hub.domain.catalogue import Catalogue
from hub.domain.errors import ConfigurationError
from hub.domain.lifecycle import HoldReason
from infra.hosts.contact_commands import contact
from portal.contact.outcomes import HANDED_BACK, Then
from portal.contact.policies import check_policies, load_policies
from portal.contact.simulation import simulate
from tests.samples import a_work_order

GOOD = """
quiet_from = "20:00"
quiet_until = "08:00"
quiet_weekdays = ["sunday"]
most_attempts = 4
[[steps]]
after_hours = 0
kind = "invitation"
channels = ["email", "sms"]
[[steps]]
after_hours = 48
kind = "last_call"
channels = ["sms"]
[end]
after_hours = 96
"""


def _reminder(at: str) -> str:
    return f'[[appointment_reminders]]\ndays_before = 1\nat = "{at}"\nchannels = ["sms"]\n'


def test_the_sample_policies_cover_the_sample_catalogue() -> None:
    check_policies(None, load_catalogue())
    standard = load_policies()["standard"]
    assert [step.after for step in standard.steps] == [timedelta(days=day) for day in (0, 2, 4, 6)]
    assert standard.ends_after == timedelta(days=8)
    urgent = load_policies()["urgent"]
    assert [step.after for step in urgent.steps] == [timedelta(hours=hours) for hours in (0, 4, 24)]
    assert urgent.ends_after == timedelta(hours=48)


def test_the_distance_to_the_next_step_is_kept_when_a_step_was_late() -> None:
    standard = load_policies()["standard"]
    late = datetime(2026, 5, 6, 10, tzinfo=UTC)
    assert standard.due_after(0, late, "Europe/Brussels") == late + timedelta(days=2)
    assert standard.due_after(3, late, "Europe/Brussels") == late + timedelta(days=2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('kind = "invitation"', 'kind = "greeting"'), "wrong at 'steps.0': .*kind must be one of"),
        (('kind = "invitation"', 'kind = "survey"'), "kind must be one of"),
        (('channels = ["sms"]', 'channels = ["pigeon"]'), "wrong at 'steps.1.channels.0'"),
        (('channels = ["sms"]', "channels = []"), "wrong at 'steps.1.channels'"),
        (('channels = ["sms"]', 'channels = ["sms", "sms"]'), "a channel stands twice"),
        (('channels = ["sms"]', 'channel = "sms"'), "wrong at 'steps.1': .*write the channels as a list"),
        (("after_hours = 96", "after_hours = 48"), "each step and the end must come later"),
        (("after_hours = 48", "after_hours = -1"), "steps.1.after_hours"),
        (('["sunday"]', '["sonntag"]'), "quiet_weekdays"),
        (("[end]", "[ende]"), "wrong at 'end'"),
        (("[end]", "[end"), "cannot be read"),
        (("most_attempts = 4", ""), "wrong at 'most_attempts'"),
        (("most_attempts = 4", 'most_attempts = 4\npublic_holidays = "BE-XX"'), "no country or region 'BE-XX'"),
        (("most_attempts = 4", 'most_attempts = 4\nfallback_language = "es"'), "wrong at 'fallback_language'"),
        (
            ("[end]", '[outcomes.silence]\nthen = "escalate"\n[end]'),
            "there is no outcome 'silence'; known are deceased",
        ),
        (
            ("[end]", '[outcomes.no_contact]\nthen = "hold"\n[end]'),
            "wrong at 'outcomes.no_contact': .*needs review_days",
        ),
        (("[end]", '[outcomes.moved]\nthen = "reassign"\n[end]'), "team must name who gets the order"),
        (("[end]", '[outcomes.moved]\nthen = "escalate"\nreinvite = true\n[end]'), "reinvite needs review_days"),
        (("[end]", _reminder("21:00") + "[end]"), "reminder at 21:00 falls into the quiet hours"),
        (("[end]", _reminder("16:00") * 2 + "[end]"), "two appointment_reminders are for the same day"),
    ],
)
def test_a_wrong_policy_is_refused_with_the_place(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    (tmp_path / "standard.toml").write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=sentence):
        load_policies(tmp_path)


def test_a_policy_the_catalogue_names_must_exist(tmp_path: Path) -> None:
    (tmp_path / "standard.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no contact policy 'urgent'; known are standard"):
        check_policies(tmp_path, load_catalogue())


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="elsewhere does not exist"):
        load_policies(tmp_path / "elsewhere")


def a_catalogue(folder: Path, *changes: tuple[str, str]) -> Catalogue:
    """The sample catalogue with some of its text changed."""
    text = SAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file = folder / "catalogue.toml"
    file.write_text(text, encoding="utf-8")
    return load_catalogue(file)


_SURVEY = (
    'contact_policy = "standard"',
    'contact_policy = "standard"\ncontact_policies = { "slow-water" = "patient" }',
)


def test_a_utility_may_have_a_policy_of_its_own_for_a_kind_of_work(tmp_path: Path) -> None:
    survey = a_catalogue(tmp_path, _SURVEY).work_type("fibre_survey")
    assert (survey.policy_for("slow-water"), survey.policy_for("another")) == ("patient", "standard")


def test_the_policy_of_a_utility_must_exist_too(tmp_path: Path) -> None:
    catalogue = a_catalogue(tmp_path, (_SURVEY[0], _SURVEY[1].replace("patient", "eternal")))
    with pytest.raises(ConfigurationError, match="no contact policy 'eternal'"):
        check_policies(None, catalogue)


def test_a_team_that_a_policy_names_must_be_in_the_catalogue(tmp_path: Path) -> None:
    catalogue = a_catalogue(
        tmp_path, _SURVEY, ('teams = ["customer care", "field office"]', 'teams = ["field office"]')
    )
    with pytest.raises(
        ConfigurationError,
        match="to the team 'customer care', which is not in the catalogue; its teams are field office",
    ):
        check_policies(None, catalogue)


def test_a_territory_with_unknown_holidays_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"wrong at 'territories.0.holidays': .*no country or region 'BE-XY'"):
        a_catalogue(tmp_path, ('name = "oost-vlaanderen"', 'name = "oost-vlaanderen"\nholidays = "BE-XY"'))


@pytest.mark.parametrize(
    ("territory", "zone", "allowed"),
    [
        # Epiphany is a holiday in Bavaria, but neither in Belgium nor in most of Germany.
        ("", "Europe/Brussels", datetime(2027, 1, 6, 9, tzinfo=UTC)),
        ("bayern", "Europe/Berlin", datetime(2027, 1, 7, 7, tzinfo=UTC)),
        ("", "Europe/Berlin", datetime(2027, 1, 6, 9, tzinfo=UTC)),
        ("", "UTC", datetime(2027, 1, 6, 9, tzinfo=UTC)),
    ],
)
def test_the_holidays_are_those_of_the_region_or_of_the_zones_country(
    territory: str, zone: str, allowed: datetime, tmp_path: Path
) -> None:
    catalogue = a_catalogue(tmp_path, ('name = "antwerpen"', 'name = "bayern"\nholidays = "DE-BY"'))
    placed = load_policies()["standard"].at_place(catalogue, territory, zone)
    assert placed.quiet.next_allowed(datetime(2027, 1, 6, 9, tzinfo=UTC), zone) == allowed


def test_a_policy_may_keep_no_holidays_or_name_its_own(tmp_path: Path) -> None:
    for code, holidays in (("none", '"none"'), ("own", '"DE-BY"')):
        text = GOOD.replace("most_attempts = 4", f"most_attempts = 4\npublic_holidays = {holidays}")
        (tmp_path / f"{code}.toml").write_text(text, encoding="utf-8")
    read = load_policies(tmp_path)
    place = (load_catalogue(), "", "Europe/Brussels")
    assert read["none"].at_place(*place).quiet.holidays == ""
    assert read["own"].at_place(*place).quiet.holidays == "DE-BY"


def test_what_follows_an_outcome_is_as_written_and_else_handed_back() -> None:
    patient = load_policies()["patient"]
    refused = patient.ending(HoldReason.REFUSED)
    assert (refused.then, refused.review_after, refused.reinvites) == (Then.HOLD, timedelta(days=180), False)
    assert patient.ending(HoldReason.DECEASED).team == "customer care"
    assert patient.ending(HoldReason.UNSAFE) == HANDED_BACK


def test_a_citizen_whose_language_we_do_not_speak_is_written_to_in_the_policys(tmp_path: Path) -> None:
    text = GOOD.replace("most_attempts = 4", 'most_attempts = 4\nfallback_language = "fr"')
    (tmp_path / "standard.toml").write_text(text, encoding="utf-8")
    policy = load_policies(tmp_path)["standard"]
    assert policy.addressed(a_work_order(language="pt")).language == "fr"
    assert policy.addressed(a_work_order(language="de")).language == "de"


def test_a_simulated_ladder_waits_for_christmas_to_pass() -> None:
    steps = simulate(
        load_policies()["standard"],
        load_catalogue(),
        begins=datetime(2026, 12, 23, 8, tzinfo=UTC),
        territory="",
        zone="Europe/Brussels",
    )
    assert [(one.at.day, one.at.hour, one.would_be_due and one.would_be_due.day) for one in steps] == [
        (23, 8, None),
        (26, 7, 25),
        (28, 7, None),
        (30, 7, None),
        (1, 7, None),
    ]
    assert steps[-1].what == "no contact: back to the utility with the dossier"


def test_the_command_shows_policies_and_what_they_would_do(tmp_path: Path) -> None:
    runner = CliRunner(env={"COLUMNS": "200"})
    listed = runner.invoke(contact, ["policies"])
    assert listed.exit_code == 0
    assert "the citizen is invited again after 90 days" in listed.output
    shown = runner.invoke(contact, ["simulate", "standard", "--from", "2026-12-23"])
    assert "Sat 2026-12-26 08:00 CET" in shown.output
    assert "since Fri 2026-12-25 09:00 CET" in shown.output
    moved = ShiftedClock(tmp_path / "clock-shift")
    moved.shift_to(datetime(2031, 3, 5, 9, 30, tzinfo=ZoneInfo("Europe/Brussels")))
    by_the_demos_clock = CliRunner(env={"COLUMNS": "200", "DOORSTEP_SHIFTED_CLOCK": str(tmp_path / "clock-shift")})
    assert "Wed 2031-03-05 09:30 CET" in by_the_demos_clock.invoke(contact, ["simulate", "standard"]).output
    wrong = runner.invoke(contact, ["simulate", "standard", "--zone", "Mars/Base"])
    assert wrong.exit_code != 0
    assert "There is no time zone 'Mars/Base'" in wrong.output
