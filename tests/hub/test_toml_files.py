"""What is wrong in a file that people wrote is one sentence with the file and the place in it."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from hub.catalogue import load_catalogue
from hub.domain.errors import ConfigurationError
from hub.toml_files import read_toml
from portal.privacy.retention import load_rules


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: int = Field(ge=1)


def test_a_file_is_read_as_its_shape(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("days = 3", encoding="utf-8")
    assert read_toml(tmp_path / "a.toml", _Shape, "plan").days == 3


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"days = ", "cannot be read"),
        (b'days = "caf\xe9"', "cannot be read"),
        (b"days = 0", "is wrong at 'days'"),
        (b"days = 1\nhours = 2", "is wrong at 'hours'"),
        (b"", "is wrong at 'days'"),
    ],
    ids=["no TOML", "not UTF-8", "too small", "unknown", "empty"],
)
def test_what_is_wrong_is_said_with_its_file(tmp_path: Path, written: bytes, said: str) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(written)
    with pytest.raises(ConfigurationError) as told:
        read_toml(file, _Shape, "plan")
    assert str(told.value).startswith(f"The plan {file} {said}")


@pytest.mark.parametrize("load", [load_catalogue, load_rules])
def test_a_file_in_another_encoding_or_that_is_missing_is_a_sentence(tmp_path: Path, load: object) -> None:
    assert callable(load)
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    for name in ("latin.toml", "nowhere.toml"):
        with pytest.raises(ConfigurationError, match=f"{name} cannot be read"):
            load(tmp_path / name)
