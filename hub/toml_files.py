"""Files in TOML that people write: read as a whole, and what is wrong in one is a sentence that names the file and the place."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ValidationError

from hub.domain.errors import ConfigurationError


def read_toml[Shape: BaseModel](file: Path, shape: type[Shape], what: str) -> Shape:
    """`file` as `shape`; `what` says what it is, in one word or two ("catalogue"). Raises ConfigurationError."""
    try:
        return shape.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"The {what} {file} cannot be read: {error}."
        raise ConfigurationError(message) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        message = f"The {what} {file} is wrong at '{place}': {first['msg'].removeprefix('Value error, ')}."
        raise ConfigurationError(message) from error
