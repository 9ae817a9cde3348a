"""The technicians' JSON API, its own description, and the phone page over it."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, File, Form, Query, Request, Response, UploadFile
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse

from hub.domain.ids import VisitId
from hub.domain.lifecycle import Action
from hub.images import MOST_BYTES
from hub.web.limits import bounded_route
from hub.web.requests import HubDependency, PagesDependency, sender_address
from technician_api.access import (
    PREFIX,
    KeyHeader,
    PerhapsSignedInDependency,
    SignedInDependency,
    drop_cookie,
    keep_cookie,
)
from technician_api.queries import my_day
from technician_api.schemas import (
    AbortRequest,
    DoorCodeRequest,
    Enrolled,
    EnrolledBrowser,
    EnrolRequest,
    Label,
    MyDay,
    PhotoView,
    PlaceRequest,
    Problem,
    ReportRequest,
    ReportView,
    SessionView,
    StepRequest,
    TechnicianView,
    VisitView,
)
from technician_api.service import (
    AddPhoto,
    Answer,
    CheckDoorCode,
    Enrol,
    FileReport,
    NewDevice,
    TakeStep,
    add_photo,
    check_door_code,
    enrol_device,
    file_report,
    keep_place,
    open_photo,
    sign_out,
    take_step,
)

_MEANINGS = {
    400: "What was sent cannot be read: it is no JSON, or no form.",
    401: "The token or code is missing or not right.",
    404: "There is no such visit, or it is another technician's.",
    409: "The visit's status does not allow this, or somebody changed it at the same moment.",
    410: "The code was used or is too old.",
    413: "More was sent than this address takes.",
    422: "What was sent is not valid, or the Idempotency-Key was sent before with something else.",
    429: "Too many wrong codes; wait some minutes.",
    503: "The place where photos are kept cannot be reached, or too many photos came at once; send it again later.",
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How the answers that are no success are described."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


router = APIRouter()
api = APIRouter(prefix=PREFIX, route_class=bounded_route(256 * 1024))
# A photo of 10 MB and what multipart puts around it.
photos = APIRouter(prefix=PREFIX, route_class=bounded_route(MOST_BYTES + 64 * 1024))
_WRITE_PROBLEMS = _problems(400, 401, 404, 409, 413, 422)
_STEP = Body(default=StepRequest(), description="May be left out.")


@api.post("/enrol", status_code=201, tags=["Phone"], responses=_problems(400, 401, 410, 413, 422, 429))
def enrol(hub: HubDependency, request: Request, response: Response, key: KeyHeader, body: EnrolRequest) -> Enrolled:
    """Make a phone known by the code its technician was given; the answer holds its token, this once."""
    new = _enrol(hub, request, key, body)
    response.headers["Cache-Control"] = "no-store"
    return Enrolled(device_id=new.signed_in.device.id, token=new.token, technician=_technician(new))


@api.post("/session", status_code=201, tags=["Phone"], responses=_problems(400, 401, 410, 413, 422, 429))
def begin_session(
    hub: HubDependency, request: Request, response: Response, key: KeyHeader, body: EnrolRequest
) -> EnrolledBrowser:
    """The same for a browser: the token goes into a cookie that scripts cannot read."""
    new = _enrol(hub, request, key, body)
    keep_cookie(response, hub.settings, new.token)
    response.headers["Cache-Control"] = "no-store"
    return EnrolledBrowser(device_id=new.signed_in.device.id, technician=_technician(new))


@api.get("/session", tags=["Phone"], responses=_problems(422))
def read_session(who: PerhapsSignedInDependency, response: Response) -> SessionView:
    """Whose phone this is, or nobody's; lets a page begin without an error when it is not known yet."""
    response.headers["Cache-Control"] = "no-store"
    if who is None:
        return SessionView(technician=None)
    return SessionView(technician=TechnicianView(id=who.technician.id, name=who.technician.name))


@api.delete("/session", status_code=204, tags=["Phone"], responses=_problems(401, 422))
def end_session(hub: HubDependency, who: SignedInDependency, response: Response) -> None:
    """Sign this phone out: its token works no more."""
    sign_out(hub, who)
    drop_cookie(response)


@api.get("/my-day", tags=["Visits"], responses=_problems(401, 422))
def read_my_day(
    hub: HubDependency,
    who: SignedInDependency,
    response: Response,
    day: Annotated[date | None, Query(alias="date", description="Default: today.", examples=["2026-05-04"])] = None,
) -> MyDay:
    """The visits of one day in the planned order, with the steps that can be taken now."""
    response.headers["Cache-Control"] = "no-store"
    return my_day(hub, who.technician, day)


@api.post("/visits/{visit_id}/set-off", response_model=VisitView, tags=["Visits"], responses=_WRITE_PROBLEMS)
def set_off(
    hub: HubDependency, who: SignedInDependency, key: KeyHeader, visit_id: UUID, body: StepRequest = _STEP
) -> Response:
    """The technician is on the way; the expected arrival is forecast from now."""
    return _rendered(take_step(hub, who, TakeStep(VisitId(visit_id), Action.SET_OFF, body.occurred_at), key))


@api.post("/visits/{visit_id}/arrive", response_model=VisitView, tags=["Visits"], responses=_WRITE_PROBLEMS)
def arrive(
    hub: HubDependency, who: SignedInDependency, key: KeyHeader, visit_id: UUID, body: StepRequest = _STEP
) -> Response:
    """The technician is at the door; this is what the citizen's arrival window is measured by."""
    return _rendered(take_step(hub, who, TakeStep(VisitId(visit_id), Action.ARRIVE, body.occurred_at), key))


@api.post("/visits/{visit_id}/start", response_model=VisitView, tags=["Visits"], responses=_WRITE_PROBLEMS)
def start(
    hub: HubDependency, who: SignedInDependency, key: KeyHeader, visit_id: UUID, body: StepRequest = _STEP
) -> Response:
    """The work begins; the utility hears that its order is in progress."""
    return _rendered(take_step(hub, who, TakeStep(VisitId(visit_id), Action.START, body.occurred_at), key))


@api.post("/visits/{visit_id}/complete", response_model=VisitView, tags=["Visits"], responses=_WRITE_PROBLEMS)
def complete(
    hub: HubDependency, who: SignedInDependency, key: KeyHeader, visit_id: UUID, body: StepRequest = _STEP
) -> Response:
    """The work is done; order and appointment are completed with it."""
    return _rendered(take_step(hub, who, TakeStep(VisitId(visit_id), Action.COMPLETE, body.occurred_at), key))


@api.post("/visits/{visit_id}/abort", response_model=VisitView, tags=["Visits"], responses=_WRITE_PROBLEMS)
def abort(hub: HubDependency, who: SignedInDependency, key: KeyHeader, visit_id: UUID, body: AbortRequest) -> Response:
    """The visit ends without completion. No access, refused, unsafe and other are different outcomes; choose with care."""
    command = TakeStep(VisitId(visit_id), Action.ABORT, body.occurred_at, body.reason, body.note)
    return _rendered(take_step(hub, who, command, key))


@api.post(
    "/visits/{visit_id}/report", status_code=201, response_model=ReportView, tags=["Visits"], responses=_WRITE_PROBLEMS
)
def report(
    hub: HubDependency, who: SignedInDependency, key: KeyHeader, visit_id: UUID, body: ReportRequest
) -> Response:
    """What was done, with any confirmations of what it took beyond the order; from arrival on."""
    return _rendered(file_report(hub, who, FileReport(VisitId(visit_id), body), key))


@api.post(
    "/visits/{visit_id}/door-code",
    response_model=VisitView,
    tags=["Visits"],
    responses={**_WRITE_PROBLEMS, **_problems(429)},
)
def read_door_code(
    hub: HubDependency, who: SignedInDependency, key: KeyHeader, visit_id: UUID, body: DoorCodeRequest
) -> Response:
    """The code the citizen shows at the door proves that both were there; from setting off until the visit ends."""
    return _rendered(check_door_code(hub, who, CheckDoorCode(VisitId(visit_id), body.code), key))


@api.put(
    "/visits/{visit_id}/place", status_code=204, tags=["Visits"], responses=_problems(400, 401, 404, 409, 413, 422)
)
def put_place(hub: HubDependency, who: SignedInDependency, visit_id: UUID, body: PlaceRequest) -> None:
    """Where the technician is on the way, for the citizen who waits; the last one counts and is forgotten on arrival."""
    keep_place(hub, who, VisitId(visit_id), body.latitude, body.longitude)


@photos.post(
    "/visits/{visit_id}/photos",
    status_code=201,
    response_model=PhotoView,
    tags=["Photos"],
    responses={**_WRITE_PROBLEMS, **_problems(503)},
)
def add(
    hub: HubDependency,
    who: SignedInDependency,
    key: KeyHeader,
    visit_id: UUID,
    file: Annotated[UploadFile, File(description="JPEG, PNG, WebP or HEIC; at most 10 MB and 50 million pixels.")],
    caption: Annotated[Label, Form()] = "",
) -> Response:
    """Keep a photo, re-encoded without place, time and camera; from arrival on."""
    content = file.file.read(MOST_BYTES + 1)
    return _rendered(add_photo(hub, who, AddPhoto(VisitId(visit_id), content, caption), key))


@photos.get(
    "/visits/{visit_id}/photos/{photo_id}",
    response_class=Response,
    tags=["Photos"],
    responses={200: {"content": {"image/jpeg": {}}, "description": "The photo."}, **_problems(401, 404, 422, 503)},
)
def read_photo(hub: HubDependency, who: SignedInDependency, visit_id: UUID, photo_id: UUID) -> Response:
    """A photo of the technician's own visit."""
    stored = open_photo(hub, who, VisitId(visit_id), photo_id)
    headers = {"Cache-Control": "private, no-store", "ETag": f'"{stored.photo.sha256}"'}
    return Response(stored.content, media_type="image/jpeg", headers=headers)


@api.get("/openapi.json", include_in_schema=False)
def describe() -> JSONResponse:
    """This API's OpenAPI description."""
    return JSONResponse(
        get_openapi(
            title="Doorstep for technicians",
            version="1",
            description=(
                "A phone is enrolled by a code, then shows its technician's day and takes the steps of each visit. "
                "Every write carries an `Idempotency-Key`: sent again with the same key and body it has no second "
                "effect and gets the stored answer, marked `Idempotency-Replayed: true`. Errors are problem details "
                "(RFC 9457) whose `detail` can be shown to the technician."
            ),
            routes=[*api.routes, *photos.routes],
        )
    )


@router.get("/technician", response_class=HTMLResponse, include_in_schema=False)
def phone_page(pages: PagesDependency) -> Response:
    """The phone page; everything it shows comes from the API."""
    # The one page that may ask where the phone is; it does so when the technician turns it on, for one drive.
    allowed = {"Permissions-Policy": "camera=(self), geolocation=(self), microphone=(), payment=()"}
    return pages.render("technician_api/phone.html", headers=allowed)


router.include_router(api)
router.include_router(photos)


def _enrol(hub: HubDependency, request: Request, key: str, body: EnrolRequest) -> NewDevice:
    return enrol_device(hub, Enrol(body.code, body.device_label, key, sender_address(request)))


def _technician(new: NewDevice) -> TechnicianView:
    technician = new.signed_in.technician
    return TechnicianView(id=technician.id, name=technician.name)


def _rendered(answer: Answer) -> JSONResponse:
    headers = {"Cache-Control": "no-store"}
    if answer.repeated:
        headers["Idempotency-Replayed"] = "true"
    return JSONResponse(dict(answer.body), status_code=answer.status_code, headers=headers)
