"""What the citizen's form sends."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from hub.typed import some_lines

MOST_COMMENT = 2000


def _skipped_is_none(value: object) -> object:
    """`""` is the choice "I would rather not say"; `none` stands for no choice at all."""
    return None if value in {"", "none"} else value


def _tidied(value: object) -> object:
    """Measured without what nobody sees, and a line's end as the one sign that a browser counts."""
    return some_lines(value) if isinstance(value, str) else value


class SurveyForm(BaseModel):
    """One answer: `rating` 1–5, `nps` 0–10 or None when skipped, and a comment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rating: Annotated[int, Field(ge=1, le=5)]
    nps: Annotated[int | None, Field(ge=0, le=10), BeforeValidator(_skipped_is_none)] = None
    comment: Annotated[str, StringConstraints(max_length=MOST_COMMENT), BeforeValidator(_tidied)] = ""


def read_form(rating: str, nps: str, comment: str) -> tuple[SurveyForm | None, frozenset[str]]:
    """The form, or None and the names of the fields that are wrong."""
    try:
        return SurveyForm.model_validate({"rating": rating, "nps": nps, "comment": comment}), frozenset()
    except ValidationError as error:
        return None, frozenset(str(one["loc"][0]) for one in error.errors())
