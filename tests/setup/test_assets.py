"""The browser's parts are copied without source maps and without what only the British government may use."""

from pathlib import Path

import pytest

from infra.setup.assets import ASSETS, copy_assets, without_government_parts, without_source_map

VENDOR = Path(__file__).resolve().parents[2] / "build" / "static" / "vendor"


@pytest.mark.parametrize("served", sorted(ASSETS.values()))
def test_every_part_is_there_and_points_nowhere_else(served: str) -> None:
    part = VENDOR / served
    assert part.stat().st_size > 300
    if part.suffix in {".js", ".css"}:
        assert "sourceMappingURL" not in part.read_text()


def test_the_style_sheet_has_no_government_font_or_crest_and_keeps_the_rest() -> None:
    css = (VENDOR / "govuk" / "govuk-frontend.min.css").read_text()
    assert "GDS Transport" not in css
    assert "/assets/" not in css
    assert "@font-face" not in css
    assert ".govuk-button" in css
    assert "font-family:arial,sans-serif" in css


def test_only_the_named_parts_are_removed() -> None:
    css = (
        '@font-face{font-family:"GDS Transport";src:url(/assets/fonts/a.woff2)}@font-face{font-family:Own;src:url(own.woff2)}'
        'a{font-family:"GDS Transport",arial;background:url(/assets/images/crest.svg);cursor:url(own.cur)}'
    )
    assert without_government_parts(css) == (
        "@font-face{font-family:Own;src:url(own.woff2)}a{font-family:arial;background:none;cursor:url(own.cur)}"
    )


@pytest.mark.parametrize("note", ["//# sourceMappingURL=a.js.map", "/*# sourceMappingURL=a.css.map */"])
def test_the_note_about_a_source_map_goes_and_code_stays(note: str) -> None:
    assert without_source_map(f"code();\n{note}\n") == "code();\n"
    assert without_source_map("code();") == "code();"


def test_a_part_that_a_new_version_moved_stops_the_copy_and_keeps_the_old(tmp_path: Path) -> None:
    target = tmp_path / "vendor"
    target.mkdir()
    (target / "old.js").write_text("kept")
    with pytest.raises(FileNotFoundError, match=r"htmx\.min\.js"):
        copy_assets(tmp_path / "no-packages", target)
    assert (target / "old.js").read_text() == "kept"
