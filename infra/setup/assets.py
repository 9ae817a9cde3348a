"""Which files of the npm packages the pages use, and where they are served: below /static/vendor/.

They are copied into an ignored, generated folder (`build/static/vendor`). Source maps are left out, and the design
system's government parts (its font and its crest) with them: both are reserved for the British government.
"""

import re
import shutil
from pathlib import Path

ASSETS = {
    "htmx.org/dist/htmx.min.js": "htmx/htmx.min.js",
    "govuk-frontend/dist/govuk/govuk-frontend.min.css": "govuk/govuk-frontend.min.css",
    "govuk-frontend/dist/govuk/govuk-frontend.min.js": "govuk/govuk-frontend.min.js",
    "@event-calendar/build/dist/event-calendar.min.js": "event-calendar/event-calendar.min.js",
    "@event-calendar/build/dist/event-calendar.min.css": "event-calendar/event-calendar.min.css",
    "leaflet/dist/leaflet.js": "leaflet/leaflet.js",
    "leaflet/dist/leaflet.css": "leaflet/leaflet.css",
    "leaflet/dist/images/layers.png": "leaflet/images/layers.png",
    "leaflet/dist/images/layers-2x.png": "leaflet/images/layers-2x.png",
    "leaflet/dist/images/marker-icon.png": "leaflet/images/marker-icon.png",
    "leaflet/dist/images/marker-icon-2x.png": "leaflet/images/marker-icon-2x.png",
    "leaflet/dist/images/marker-shadow.png": "leaflet/images/marker-shadow.png",
}
"""Path in node_modules → path below /static/vendor/."""

_SOURCE_MAP = re.compile(r"\n?(?://# sourceMappingURL=\S*|/\*# sourceMappingURL=[^*]*\*/)\s*$")
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*GDS Transport[^}]*\}")
_FONT_NAME = re.compile(r"""["']?GDS Transport["']?,\s*""")
_GOVERNMENT_FILE = re.compile(r"url\(/assets/[^)]*\)")


def without_source_map(text: str) -> str:
    """The text without the note that sends a browser's tools after a file we do not serve."""
    return _SOURCE_MAP.sub("\n", text)


def without_government_parts(css: str) -> str:
    """The design system's style sheet without the font and the crest that only the British government may use."""
    css = _FONT_NAME.sub("", _FONT_FACE.sub("", css))
    return _GOVERNMENT_FILE.sub("none", css)


def copy_assets(packages: Path, target: Path) -> None:
    """Fill the target folder anew from the packages; what was in it is removed.

    Raises:
        FileNotFoundError: a package lacks a file, so it was not installed or its new version moved it.
    """
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for source, served in ASSETS.items():
        place = fresh / served
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.suffix not in {".js", ".css"}:
            shutil.copyfile(packages / source, place)
            continue
        text = without_source_map((packages / source).read_text(encoding="utf-8"))
        if source.startswith("govuk-frontend/") and place.suffix == ".css":
            text = without_government_parts(text)
        place.write_text(text, encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
