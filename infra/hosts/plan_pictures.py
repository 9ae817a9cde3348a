"""The command that draws a plan from files."""

from pathlib import Path
from typing import cast

import typer

from scheduling.engine.drawing.page import Kind, draw_page, draw_svg
from scheduling.engine.drawing.picture import PlanNotKept, picture_of
from scheduling.engine.files.fields import BadFileError
from scheduling.engine.files.instance import read_instance
from scheduling.engine.files.solution import is_variant, read_sequences, refuse_unwritable, write_text


def draw_file(file: Path, solution: Path, output: Path, kind: str) -> None:
    """Draw the plan into an HTML page or an SVG, by the ending of `output`."""
    ending = output.suffix.lower()
    if ending not in {".html", ".svg"}:
        raise BadFileError(output.name, "", "ending", "a picture is .html or .svg. Name it so.")
    refuse_unwritable(output)
    instance = read_instance(file, no_breaks=is_variant(solution))
    problem = instance.problem
    try:
        picture = picture_of(instance.name, problem, read_sequences(solution, instance), instance.kinds)
    except PlanNotKept as error:
        raise BadFileError(solution.name, "", "plan", f"this plan cannot be carried out. {error}") from error
    what = cast("Kind", kind)
    drawn = draw_page(picture, what, problem.travel.name) if ending == ".html" else draw_svg(picture, what)
    write_text(output, drawn)
    typer.echo(f"Drawn into {output}: {len(picture.rows)} routes, {len(picture.left_out)} orders not served.")
