"""The check on the length of functions finds what is too long, and nothing else."""

from pathlib import Path

from infra.setup.function_lengths import LONGEST, long_functions


def _function(name: str, lines: int, prefix: str = "") -> str:
    return f"{prefix}def {name}():\n" + "    x = 1\n" * (lines - 1)


def test_a_function_may_have_sixty_lines_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(_function("fits", LONGEST) + _function("over", LONGEST + 1) + _function("later", 70, "async "))
    found = list(long_functions(file))
    assert [(one.name, one.lines) for one in found] == [("over", 61), ("later", 70)]
    assert found[0].line == 61


def test_decorators_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text("@one\n@two\n" + _function("fits", LONGEST))
    assert not list(long_functions(file))
