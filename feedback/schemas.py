"""What the citizen's form sends."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

MOST_COMMENT = 2000


def _without_signs_no_text_has(value: object) -> object:
    """A NUL sign or half a character cannot be stored and means nothing."""
    return value.replace("\x00", "").encode(errors="ignore").decode() if isinstance(value, str) else value


def _skipped_is_none(value: object) -> object:
    """`""` is the choice "I would rather not say"; `none` stands for no choice at all."""
    return None if value in {"", "none"} else value


class SurveyForm(BaseModel):
    """One answer: `rating` 1–5, `nps` 0–10 or None when skipped, and a comment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rating: Annotated[int, Field(ge=1, le=5)]
    nps: Annotated[int | None, Field(ge=0, le=10), BeforeValidator(_skipped_is_none)] = None
    comment: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=MOST_COMMENT),
        BeforeValidator(_without_signs_no_text_has),
    ] = ""


def read_form(rating: str, nps: str, comment: str) -> tuple[SurveyForm | None, frozenset[str]]:
    """The form, or None and the names of the fields that are wrong."""
    # Browsers send line ends as two signs; they count as one.
    plain = comment.replace("\r\n", "\n")
    try:
        return SurveyForm.model_validate({"rating": rating, "nps": nps, "comment": plain}), frozenset()
    except ValidationError as error:
        return None, frozenset(str(one["loc"][0]) for one in error.errors())
