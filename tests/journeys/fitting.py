"""What does not fit: wider than the screen, written over its box, or cut off."""

from playwright.sync_api import Page

_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.scrollingElement.scrollWidth <= width) return [];
  const out = [...document.body.querySelectorAll("*")]
    .filter((one) => one.getBoundingClientRect().right > width + 0.5)
    .filter((one) => !one.parentElement.closest(".scroll, .timeline, .map"));
  return out.slice(-3).map((one) => one.outerHTML.slice(0, 120));
}"""
# What is written outside its box: over a border or over its neighbour. Text for screen readers alone has a place of its own.
_SPILT = """() => {
  const ends = (one) => [...one.childNodes].map((child) => {
    if (child.nodeType === Node.ELEMENT_NODE) {
      const style = getComputedStyle(child);
      if (style.position === "absolute") return -Infinity;
      return style.overflowX === "visible" ? ends(child) : child.getBoundingClientRect().right;
    }
    const text = document.createRange();
    text.selectNodeContents(child);
    return text.getBoundingClientRect().right;
  }).reduce((most, end) => Math.max(most, end), -Infinity);
  return [...document.body.querySelectorAll("label, button, a, h1, h2, h3, p, li, dt, dd, legend, summary")]
    .filter((one) => one.clientWidth > 1 && getComputedStyle(one).overflowX === "visible")
    .filter((one) => ends(one) > one.getBoundingClientRect().right + 1)
    .map((one) => one.outerHTML.slice(0, 160));
}"""
_CLIPPED = """() => [...document.querySelectorAll("body *")]
  .filter((one) => one.children.length === 0 && one.clientWidth > 1 && getComputedStyle(one).overflowX !== "visible")
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .filter((one) => !one.matches("input, textarea, select, .govuk-visually-hidden") && !one.closest("svg, .map"))
  .map((one) => one.outerHTML.slice(0, 120))"""


def find_misfits(page: Page, *, clipped: bool = False) -> list[str]:
    """One line for each element that makes the page scroll sideways, spills over its box or, with `clipped`, is cut off."""
    looked_for = {"wider than the screen": _OVERFLOW, "spilt over its box": _SPILT}
    if clipped:
        looked_for["cut off"] = _CLIPPED
    return [f"{what}: {one}" for what, script in looked_for.items() for one in page.evaluate(script)]
