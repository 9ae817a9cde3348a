"""A step of the set-up is skipped when nothing changed, and explains itself when it fails."""

import re
import sys
from pathlib import Path

import pytest

from infra.setup.steps import SetupFailedError, fingerprint, is_current, run, shown


def test_a_step_is_due_when_a_file_or_a_word_changed(tmp_path: Path) -> None:
    lock, stamp = tmp_path / "lock", tmp_path / "stamp"
    lock.write_text("one")
    assert not is_current(stamp, fingerprint([lock], "here"))
    stamp.write_text(fingerprint([lock], "here"))
    assert is_current(stamp, fingerprint([lock], "here"))
    assert not is_current(stamp, fingerprint([lock], "there"))
    lock.write_text("two")
    assert not is_current(stamp, fingerprint([lock], "here"))


def test_a_missing_file_differs_from_one_with_content(tmp_path: Path) -> None:
    before = fingerprint([tmp_path / "lock"])
    (tmp_path / "lock").write_text("one")
    assert fingerprint([tmp_path / "lock"]) != before


def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(SetupFailedError, match=r"failed\. It said:\n    no such wheel"):
        run([sys.executable, "-c", "import sys; print('no such wheel'); sys.exit(1)"])


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(SetupFailedError, match=r"did not end within 0 s\. Check the network"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], seconds=0.2)


def test_each_step_says_how_it_ended_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with shown("Packages"):
        pass
    with pytest.raises(SetupFailedError), shown("Pages"):
        raise SetupFailedError("no")
    said = capsys.readouterr().out
    assert re.search(r"✓ Packages \(\d+\.\d s\)", said)
    assert re.search(r"✗ Pages \(\d+\.\d s\)", said)
