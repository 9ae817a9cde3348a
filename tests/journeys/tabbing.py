"""What goes wrong for somebody who has no mouse."""

import re

from playwright.sync_api import Page

_MOST_TABS = 60
_SKIP = re.compile(r'class="(govuk-skip-link|skip)"')
# What has the keyboard looks otherwise than without it, is not covered, and lies below what had it before.
_FOCUSED = """() => {
  const here = document.activeElement;
  if (here === document.body) return null;
  const shown = [here, ...(here.labels ?? []), here.closest(".portal-check, .govuk-radios__item")].filter(Boolean);
  const names = ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "backgroundColor", "borderTopColor", "color", "clip"];
  const looks = () => shown.flatMap((one) => [null, "::before", "::after"].map((part) => {
    const style = getComputedStyle(one, part);
    return names.map((name) => style[name]).join();
  })).join();
  const isMarked = () => {
    // A field for a date has stops of its own inside, and would begin with the first of them again.
    if (here.matches("input[type=date]")) return getComputedStyle(here).outlineStyle !== "none";
    const focused = looks();
    here.blur();
    const plain = looks();
    here.focus({ preventScroll: true });
    return focused !== plain;
  };
  const box = (here.labels?.[0] ?? here).getBoundingClientRect();
  const there = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
  return {
    name: here.outerHTML.slice(0, 120),
    isMarked: isMarked(),
    isSeen: there !== null && shown.some((one) => one.contains(there) || there.contains(one)),
    top: box.top + scrollY,
    bottom: box.bottom + scrollY,
  };
}"""


def find_lost_ways(page: Page) -> list[str]:
    """Go down the page with Tab; one line for each stop that is not marked, is covered, or lies above the one before."""
    found: list[str] = []
    last_top = -1.0
    for step in range(_MOST_TABS):
        page.keyboard.press("Tab")
        here = page.evaluate(_FOCUSED)
        skips = _SKIP.search(here["name"]) if here else None
        if here is None or (step and skips):
            # Past the last one the browser's own bar has the keyboard, or the page begins again.
            return found if step else ["nothing can have the keyboard"]
        if step == 0 and not skips:
            found.append(f"the first stop is no skip link but {here['name']}")
        if not here["isMarked"]:
            found.append(f"nothing shows that this has the keyboard: {here['name']}")
        if not here["isSeen"]:
            found.append(f"this has the keyboard and is covered: {here['name']}")
        if here["bottom"] <= last_top:
            found.append(f"the keyboard goes back up to {here['name']}")
        last_top = here["top"]
    return [*found, f"no end after {_MOST_TABS} Tabs"]
