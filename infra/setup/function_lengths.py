"""The check that no function is longer than a screenful: 60 lines from `def` to its end, docstring included."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST = 60
"""Lines that a function may have."""

PLACES = ("hub", "ingest", "scheduling", "portal", "technician_api", "feedback", "infra", "tests")


@dataclass(frozen=True)
class LongFunction:
    """A function over the limit: where it is, its name and its lines."""

    path: Path
    line: int
    name: str
    lines: int


def long_functions(path: Path, longest: int = LONGEST) -> Iterator[LongFunction]:
    """The functions of one file that are longer than `longest` lines; decorators are not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > longest:
                yield LongFunction(path, node.lineno, node.name, lines)


def main() -> int:
    """Name every function that is too long; returns 1 when there is one."""
    files = [path for place in PLACES for path in sorted(Path(place).rglob("*.py"))]
    found = [one for path in files for one in long_functions(path)]
    for one in found:
        print(f"{one.path}:{one.line}: `{one.name}` has {one.lines} lines; split it, {LONGEST} are the most.")
    if not found:
        print(f"No function is longer than {LONGEST} lines.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
