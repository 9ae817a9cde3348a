"""What a page does not do for people who like it dark."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page

from tests.journeys.axe import find_colour_barriers
from tests.journeys.visitor import DESK, PHONE

_DARK = 64
"""The most of red, green and blue, of 255, that a dark page's background has."""
_BACKGROUND = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
# Colours come in many notations: a canvas knows them all. Luminance and contrast are WCAG's.
_COLOURS = """
  const brush = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    brush.clearRect(0, 0, 1, 1);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    return brush.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (colour) => [0.2126, 0.7152, 0.0722].map((weight, at) => {
    const part = read(colour)[at] / 255;
    return weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  }).reduce((sum, part) => sum + part, 0);
  const isPainted = (colour) => colour !== "none" && read(colour)[3] > 127;
"""
_ISLANDS = (
    "() => {"
    + _COLOURS
    + """
  return [...document.querySelectorAll("main *")]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width * one.getBoundingClientRect().height > 1500)
    .filter((one) => isPainted(getComputedStyle(one).backgroundColor) && luminance(getComputedStyle(one).backgroundColor) > 0.3)
    .map((one) => one.outerHTML.slice(0, 120));
}"""
)
_FAINT = (
    "() => {"
    + _COLOURS
    + """
  const ground = (one) => {
    while (one.parentElement && !isPainted(getComputedStyle(one).backgroundColor)) one = one.parentElement;
    return luminance(getComputedStyle(one).backgroundColor);
  };
  const contrast = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  return [...document.querySelectorAll("main svg :is(rect, line, path, circle)")].filter((one) => {
    const style = getComputedStyle(one);
    const paints = [style.fill, style.stroke].filter(isPainted);
    const behind = ground(one.closest("svg"));
    return paints.length && Math.max(...paints.map((paint) => contrast(luminance(paint), behind))) < 3;
  }).map((one) => one.outerHTML.slice(0, 120));
}"""
)

# The ring of whatever has the keyboard, against the ground that it lies on: that of the part around it.
_FAINT_RING = (
    "() => {"
    + _COLOURS
    + """
  const here = document.activeElement;
  if (here === document.body) return null;
  let around = here.parentElement;
  while (around.parentElement && !isPainted(getComputedStyle(around).backgroundColor)) around = around.parentElement;
  const ground = luminance(getComputedStyle(around).backgroundColor);
  const style = getComputedStyle(here);
  const ring = [
    style.outlineStyle === "none" ? null : style.outlineColor,
    style.boxShadow === "none" ? null : style.boxShadow.match(/^[a-z]+\\([^)]*\\)/)?.[0],
  ].filter(Boolean).map(luminance);
  const contrast = (one) => (Math.max(one, ground) + 0.05) / (Math.min(one, ground) + 0.05);
  return { name: here.outerHTML.slice(0, 120), isFaint: ring.every((one) => contrast(one) < 3) };
}"""
)
_MOST_TABS = 90


def find_dark_barriers(page: Page) -> list[str]:
    """One line for each colour that bars somebody in the dark, and one when the page stays light; leaves it in the light."""
    page.emulate_media(color_scheme="dark")
    found = [f"in the dark, {one}" for one in find_colour_barriers(page)]
    if max(page.evaluate(_BACKGROUND)) > _DARK:
        found.append("stays light in the dark")
    page.emulate_media(color_scheme="light")
    return found


def find_light_islands(page: Page) -> list[str]:
    """One line for each part of a page in the dark that still has a light ground."""
    return [f"stays light in the dark: {one}" for one in page.evaluate(_ISLANDS)]


def find_faint_marks(page: Page) -> list[str]:
    """One line for each drawn mark that has less than 3:1 to the ground it is drawn on."""
    return [f"can hardly be made out: {one}" for one in page.evaluate(_FAINT)]


def find_faint_rings(page: Page) -> list[str]:
    """Go down the page with Tab; one line for each stop whose ring has less than 3:1 to the ground around it."""
    found: list[str] = []
    first = ""
    for _ in range(_MOST_TABS):
        page.keyboard.press("Tab")
        here = page.evaluate(_FAINT_RING)
        if here is None or here["name"] == first:
            return found
        first = first or here["name"]
        if here["isFaint"]:
            found.append(f"its ring can hardly be made out: {here['name']}")
    return [*found, f"no end after {_MOST_TABS} Tabs"]


def colour_of(map_: Locator) -> tuple[int, int, int]:
    """Red, green and blue of a spot of the map where nothing lies."""
    with Image.open(io.BytesIO(map_.screenshot(animations="disabled"))) as picture:
        red, green, blue = picture.convert("RGB").getpixel((picture.width // 4, picture.height - 30))  # type: ignore[misc]
    return red, green, blue


def take_pictures(page: Page, name: str) -> None:
    """Pictures of the page for whoever changes its looks, when DOORSTEP_PICTURES names a folder."""
    if not (folder := os.environ.get("DOORSTEP_PICTURES")):
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, height in (PHONE, DESK):
            page.set_viewport_size({"width": width, "height": height})
            page.screenshot(path=str(Path(folder) / f"{name} {width} {scheme}.png"), full_page=True)
    page.emulate_media(color_scheme="light")
