"""Server-rendered pages: one Jinja environment over the template folders of all rooms."""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader, Undefined
from starlette.responses import HTMLResponse


class Pages:
    """Renders `room/page.html` from `<room>/templates/room/page.html`; everything is escaped, an unknown name is an error.

    `static_folders` maps the first part of a path below `/static/` to its folder; `static("hub/citizen.css")` gives the
    address with the content's hash, so browsers may keep it for ever.
    """

    def __init__(self, template_folders: Sequence[Path], static_folders: Mapping[str, Path]) -> None:
        self._static_folders = dict(static_folders)
        self._environment = Environment(
            loader=ChoiceLoader(
                [
                    FileSystemLoader([str(folder) for folder in template_folders]),
                    PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
                ]
            ),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=_NeverPrinted,
            # A page includes a dozen files; looking each time whether one has changed costs more than it helps.
            auto_reload=False,
        )
        self._environment.globals["static"] = self.static

    def add_globals(self, **values: Any) -> None:
        """Make `values` known to every template."""
        self._environment.globals.update(values)

    def render(
        self, name: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
    ) -> HTMLResponse:
        """The page as a response; pages are personal, so nobody may store them."""
        body = self._environment.get_template(name).render(context)
        return HTMLResponse(body, status_code=status, headers={"Cache-Control": "no-store", **(headers or {})})

    @lru_cache(maxsize=4096)  # noqa: B019 - one Pages lives as long as its process
    def part(self, template: str, macro: str, *values: Hashable) -> str:
        """What a macro makes of these values, remembered: for parts that look the same to many people and hold nothing of one."""
        made: str = getattr(self._environment.get_template(template).module, macro)(*values)
        return made

    def static(self, path: str) -> str:
        """The address of the file `path` below `/static/`, marked with its content's hash."""
        return f"/static/{path}?v={self._content_hash(path)}"

    @lru_cache(maxsize=512)  # noqa: B019 - one Pages lives as long as its process
    def _content_hash(self, path: str) -> str:
        prefix, _, rest = path.partition("/")
        file = self._static_folders[prefix] / rest
        if not file.is_file():
            message = f"/static/{path} does not exist ({file}); run `make setup` if it comes from a package"
            raise FileNotFoundError(message)
        return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


class _NeverPrinted(Undefined):
    """A missing name may be tested and defaulted (the design system's macros do both), but printing it is an error."""

    def __str__(self) -> str:
        return str(self._fail_with_undefined_error())
