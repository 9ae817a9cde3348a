"""Asks axe-core what keeps people from using a page."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_SCRIPT = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_OPTIONS = {
    "runOnly": {"type": "tag", "values": list(_TAGS)},
    # WCAG 2.2's rule, which axe leaves off unless asked.
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
# What differs between two sights of one page and bars nobody: tokens, ids and references.
_NAMES = re.compile(r"[\w-]{43}|[0-9a-f]{8}(-[0-9a-f]{4,12}){4}|WO-[0-9a-f]{8}")
_found_good: set[tuple[str, str]] = set()
_COLOUR_RULES = ("color-contrast", "link-in-text-block")
"""What another colour scheme can break."""
_SCHEME = "() => matchMedia('(prefers-color-scheme: dark)').matches"
_RUN = "options => axe.run(document, options).then(found => found.violations)"


@cache
def _script() -> str:
    return _SCRIPT.read_text(encoding="utf-8")


def find_barriers(page: Page) -> list[str]:
    """One line for each element that breaks WCAG 2.2 AA or a best practice: the rule, the element, and why."""
    is_dark = page.evaluate(_SCHEME)
    sight = (f"{page.viewport_size} {is_dark}", _NAMES.sub("", page.content()))
    if sight in _found_good:
        return []
    found = _ask(page, _OPTIONS)
    if not found:
        _found_good.add(sight)
    return found


def find_colour_barriers(page: Page) -> list[str]:
    """The same for what colours alone can bar: for a page whose other scheme has been asked for everything."""
    return _ask(page, {"runOnly": {"type": "rule", "values": list(_COLOUR_RULES)}, "resultTypes": ["violations"]})


def _ask(page: Page, options: dict[str, Any]) -> list[str]:
    if not page.evaluate("() => typeof axe !== 'undefined'"):
        # By the debugger's door: as a script tag the page's own policy would refuse it.
        page.evaluate(_script())
    violations: list[dict[str, Any]] = page.evaluate(_RUN, options)
    return [
        f"{violation['id']}: {node['html'][:200]} ({' '.join(node['failureSummary'].split())})"
        for violation in violations
        for node in violation["nodes"]
    ]
