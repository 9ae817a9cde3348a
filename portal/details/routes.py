"""The addresses below `/a/{token}/details`: parse, call, render or redirect."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, File, Form, Path, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.domain.citizen_records import CitizenFile, FileKind
from hub.domain.errors import NotFoundError, TooManyAttemptsError
from hub.images import MOST_BYTES
from hub.web.limits import MOST_FORM_BYTES, bounded_route
from portal import pages as portal_pages
from portal.details import service
from portal.details.errors import DetailsClosedError
from portal.details.pages import NOTES, details_page, write_counts
from portal.details.queries import find_details, open_file
from portal.details.schemas import AccessForm
from portal.opening import SHOWN, Link, LinkDependency, asked, go

router = APIRouter(include_in_schema=False)
_forms = APIRouter(route_class=bounded_route(MOST_FORM_BYTES))


class _OpensLinkFirst(bounded_route(service.MOST_AT_ONCE * MOST_BYTES + MOST_FORM_BYTES)):  # type: ignore[misc]
    """A route that reads the body of nobody whose link opens nothing: fifty megabytes are for citizens, not for strangers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The bounded handler behind the look at the link."""
        handle = super().get_route_handler()

        async def opened(request: Request) -> Response:
            state = request.app.state
            link = Link(str(request.path_params["token"]), await asked(request, state.hub, state.pages))
            await run_in_threadpool(link.open)
            answer: Response = await handle(request)
            return answer

        return opened


_uploads = APIRouter(route_class=_OpensLinkFirst)
_FileId = Annotated[str, Path(max_length=40)]
_MOST_READ = service.MOST_AT_ONCE + 1
"""One more than is kept, so that somebody who sends too many is told; the rest is not even read."""
_Line = Annotated[str, Form(max_length=4000)]


@_forms.api_route("/a/{token}/details", methods=SHOWN)
def show_details(link: LinkDependency) -> Response:
    """The three forms and the files that were sent."""
    page, _ = link.open(NOTES)
    return details_page(page, find_details(link.hub, link.token))


@_forms.post("/a/{token}/details/access")
def change_access(
    link: LinkDependency,
    gate_code: _Line = "",
    dog: _Line = "",
    parking: _Line = "",
    note: _Line = "",
) -> Response:
    """Keep how to get in; what cannot be kept today comes back as it was typed."""
    page, _ = link.open()
    form = AccessForm(gate_code, dog, parking, note).tidied()
    try:
        service.change_access(link.hub, link.token, form)
    except DetailsClosedError:
        return go(page.address("/details"), "closed")
    except TooManyAttemptsError:
        return details_page(replace(page, note="often"), find_details(link.hub, link.token), form)
    return go(page.address("/details"), "access")


@_forms.post("/a/{token}/details/preferences")
def change_preferences(
    link: LinkDependency,
    channel: Annotated[str, Form(max_length=20)] = "",
    language: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Keep how the citizen wants to be reached; the page goes on in the language that was chosen."""
    page, _ = link.open()
    try:
        spoken = service.change_preferences(link.hub, link.token, channel, language)
    except DetailsClosedError:
        return go(page.address("/details"), "closed")
    except TooManyAttemptsError:
        return go(page.address("/details"), "often")
    return go(f"{page.path}/details?lang={spoken}", "wishes")


@_uploads.post("/a/{token}/details/files")
def receive_files(
    link: LinkDependency,
    files: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:
    """Keep the files that may be kept, and say of the others why not."""
    page, _ = link.open()
    # A form whose file field is left empty sends one file without a name.
    chosen = [one for one in files or [] if one.filename]
    read = [service.SentFile(one.filename or "", one.file.read(MOST_BYTES + 1)) for one in chosen[:_MOST_READ]]
    back = page.address("/details")
    try:
        came = service.receive_files(link.hub, link.token, read)
    except DetailsClosedError:
        return go(back, "closed")
    return go(back, "files", wanted=write_counts(came))


@_forms.api_route("/a/{token}/details/files/{file_id}", methods=SHOWN)
def show_file(
    link: LinkDependency,
    file_id: _FileId,
) -> Response:
    """One of the link's own files."""
    page, _ = link.open()
    try:
        found, content = open_file(link.hub, link.token, UUID(file_id))
    except (NotFoundError, ValueError):
        return portal_pages.problem_page(page, "missing", status=404)
    return served(found, content)


@_forms.post("/a/{token}/details/files/{file_id}/remove")
def remove_file(
    link: LinkDependency,
    file_id: _FileId,
) -> Response:
    """Delete one of the link's own files."""
    page, _ = link.open()
    try:
        with suppress(ValueError):
            service.remove_file(link.hub, link.token, UUID(file_id))
    except DetailsClosedError:
        return go(page.address("/details"), "closed")
    return go(page.address("/details"), "removed")


def served(found: CitizenFile, content: bytes) -> Response:
    """A citizen's file: always a download, never shown as what it might pretend to be, and stored nowhere on the way."""
    plain = "photo.jpg" if found.kind is FileKind.PHOTO else "document.pdf"
    named = found.name.rpartition(".")[0] or found.name
    full = quote(f"{named}.{plain.rpartition('.')[2]}", safe="")
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{full}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type=found.media_type, headers=headers)


router.include_router(_forms)
router.include_router(_uploads)
