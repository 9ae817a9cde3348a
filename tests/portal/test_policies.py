"""Contact policies are read with errors that say where they are wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.catalogue import load_catalogue
from hub.domain.errors import ConfigurationError
from portal.contact.policies import check_policies, load_policies

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
