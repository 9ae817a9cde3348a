"""`make screenshots`: the README's pictures, taken from a demo that is started for them alone.

The demo runs on a free port with its data in a folder of its own, so one that runs already is not touched. Its clock stands on
a Monday morning; the people who act before the pictures are taken act through its pages and its API.
"""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize

from infra.demo.week import PASSWORD, STAFF
from infra.setup.chromium import open_chromium

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_MOST_BYTES = 250_000
_COLOURS = (256, 128, 64)
_START_SECONDS = 240.0
_STOP_SECONDS = 60.0
_DAYS_AROUND = 3
_DESK = ViewportSize(width=1280, height=900)
_PHONE = ViewportSize(width=390, height=844)


class DemoFailedError(RuntimeError):
    """The demo did not come up; the sentence ends with what it said."""


@dataclass(frozen=True)
class _Demo:
    """A running demo: where it is, and what it printed for the newcomer."""

    address: str
    said: str

    def find(self, pattern: str) -> str:
        """The part in brackets of the first place where `pattern` fits; raises DemoFailedError."""
        found = re.search(pattern, self.said)
        if found is None:
            raise DemoFailedError(f"The demo did not say where '{pattern}' is:\n{self.said}")
        return found.group(1)


def take_screenshots() -> None:
    """Write docs/board.png, portal.png, technician.png and figures.png; raises DemoFailedError, or RuntimeError without Chromium."""
    _DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="doorstep-pictures-", dir="/var/tmp") as folder, open_chromium() as browser:
        # The embedded server runs under another account when root starts the demo.
        Path(folder).chmod(0o755)
        with _running_demo(Path(folder)) as demo:
            _keep("board", _board(browser, demo))
            _keep("portal", _portal(browser, demo))
            _keep("technician", _technician(browser, demo))
            _keep("figures", _figures(browser, demo))


@contextmanager
def _running_demo(folder: Path) -> Iterator[_Demo]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    log = folder / "demo.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.hosts", "demo", "--port", str(port)],
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, log)
        yield _Demo(f"http://127.0.0.1:{port}", log.read_text(encoding="utf-8"))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while "Ctrl-C stops everything" not in log.read_text(encoding="utf-8"):
        if process.poll() is not None or time.monotonic() > until:
            raise DemoFailedError(f"The demo did not start:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.2)


def _board(browser: Browser, demo: _Demo) -> bytes:
    """The fullest of the boards that the demo's first days have, as a dispatcher sees it."""
    page = _signed_in(browser, demo, STAFF[0][0], _DESK)
    page.goto("/console/board")
    territories = [str(one.get_attribute("value")) for one in page.locator("#territory option").all()]
    shown = date.fromisoformat(page.locator("#day").input_value())
    days = [shown + timedelta(days=distance) for distance in range(-_DAYS_AROUND, _DAYS_AROUND + 1)]
    boards = [f"/console/board?territory={territory}&day={day}" for day in days for territory in territories]

    def visits(board: str) -> int:
        page.goto(board)
        counts = page.locator(".sums dd")
        return int(counts.nth(1).inner_text()) if counts.count() else 0

    page.goto(max(boards, key=visits))
    page.locator("#map .pin").first.wait_for()
    height = _height_of(page, "#map-section")
    page.set_viewport_size(ViewportSize(width=_DESK["width"], height=height))
    page.reload()
    page.locator("#map .pin").first.wait_for()
    return page.screenshot()


def _height_of(page: Page, last: str) -> int:
    """How much of the page to show: down to the end of `last`, and a margin."""
    box = page.locator(last).bounding_box()
    return int(box["y"] + box["height"] + 20) if box else _DESK["height"]


def _portal(browser: Browser, demo: _Demo) -> bytes:
    """The free times a citizen may choose from, with one chosen."""
    page = _page(browser, demo, _PHONE)
    page.goto(f"{demo.find(r'(http\S+/a/\S+)')}?lang=en")
    page.locator("input[name=slot]").nth(1).check()
    page.mouse.move(0, 0)
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    return page.screenshot()


def _technician(browser: Browser, demo: _Demo) -> bytes:
    """The day on the phone of the busiest technician, who has just set off."""
    page = _page(browser, demo, _PHONE)
    page.goto("/technician")
    page.get_by_label("Enrolment code").fill(demo.find(r"enrolment code of [^:]+: (\w+)"))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.locator("[data-visit]").first.wait_for()
    page.get_by_role("button", name="Set off").first.click()
    page.locator("[data-visit][data-status='en route']").wait_for()
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    return page.screenshot()


def _figures(browser: Browser, demo: _Demo) -> bytes:
    """The figures of the sample week."""
    page = _signed_in(browser, demo, STAFF[1][0], _DESK)
    page.goto("/console/figures")
    page.locator("table").first.wait_for()
    return page.screenshot()


def _signed_in(browser: Browser, demo: _Demo, email: str, size: ViewportSize) -> Page:
    page = _page(browser, demo, size)
    page.goto("/console/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console")
    return page


def _page(browser: Browser, demo: _Demo, size: ViewportSize) -> Page:
    """A new person's first page; phones have finer screens."""
    context = browser.new_context(
        base_url=demo.address,
        viewport=size,
        device_scale_factor=1 if size == _DESK else 2,
        locale="en-GB",
        timezone_id="Europe/Brussels",
        reduced_motion="reduce",
    )
    return context.new_page()


def _environment(folder: Path) -> dict[str, str]:
    """The settings of a demo of its own: no database or folder that the user's settings name."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOORSTEP_", "DATABASE_URL"))}
    return {**kept, "DOORSTEP_STATE_DIR": str(folder), "PYTHONUNBUFFERED": "1"}


def _keep(name: str, picture: bytes) -> None:
    """Write docs/`name`.png with as many colours as fit into the size that a README may weigh."""
    with Image.open(io.BytesIO(picture)) as opened:
        full = opened.convert("RGB")
    content = picture
    for colours in _COLOURS:
        out = io.BytesIO()
        full.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            out, "PNG", optimize=True
        )
        content = out.getvalue()
        if len(content) <= _MOST_BYTES:
            break
    else:
        raise DemoFailedError(f"The picture {name}.png weighs {len(content)} bytes; at most {_MOST_BYTES} are allowed.")
    target = _DOCS / f"{name}.png"
    target.write_bytes(content)
    print(f"  {target.relative_to(_DOCS.parent)}: {full.width} x {full.height}, {len(content) // 1000} kB")


if __name__ == "__main__":
    take_screenshots()
