"""Photos of a visit."""

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid4

from hub.bootstrap import Hub
from hub.domain.errors import DoorstepError, NotFoundError
from hub.domain.field_records import Photo
from hub.domain.ids import VisitId
from hub.files import drop_file, keep_file, new_photo_path, read_file
from hub.images import CleanPhoto, clean_photo
from technician_api.schemas import PhotoView
from technician_api.service.enrolment import SignedIn
from technician_api.service.idempotency import Answer, find_answer, once
from technician_api.service.ownership import own_visit
from technician_api.service.reports import refuse_before_arrival


@dataclass(frozen=True)
class AddPhoto:
    """A file, as it came, for a visit."""

    visit_id: VisitId
    content: bytes
    caption: str

    @property
    def request_hash(self) -> str:
        """Equal for equal requests."""
        file = hashlib.sha256(self.content).hexdigest()
        return hashlib.sha256(repr(("photo", str(self.visit_id), file, self.caption)).encode()).hexdigest()


@dataclass(frozen=True)
class StoredPhoto:
    """A photo that was kept, and its JPEG."""

    photo: Photo
    content: bytes


def add_photo(hub: Hub, signed_in: SignedIn, command: AddPhoto, key: str) -> Answer:
    """Keep a photo of the technician's own visit, once per `key`.

    Raises NotFoundError for another's visit, ReportTooEarlyError before arrival, PhotoRefusedError, KeyReusedError,
    FilesUnavailableError. The file is written before the transaction opens and dropped again when it is sure that no record names it.
    """
    with hub.unit_of_work() as work:
        if known := find_answer(work, signed_in, key, command.request_hash):
            return known
        refuse_before_arrival(own_visit(work, signed_in, command.visit_id)[1])
    clean, path = clean_photo(command.content), new_photo_path()
    keep_file(hub.settings, path, clean.content)
    try:
        answer = _record(hub, signed_in, command, key, clean, path)
    except DoorstepError:
        drop_file(hub.settings, path)
        raise
    # After any other error the file stays: a connection that breaks at the commit leaves open whether a record names it,
    # and a file too many harms less than a photo that is lost.
    if answer.repeated:
        drop_file(hub.settings, path)
    return answer


def open_photo(hub: Hub, signed_in: SignedIn, visit_id: VisitId, photo_id: UUID) -> StoredPhoto:
    """A photo of the technician's own visit; raises NotFoundError for any other."""
    with hub.unit_of_work() as work:
        visit, photo = work.visits.find(visit_id), work.photos.find(photo_id)
    if visit is None or photo is None or photo.visit_id != visit.id or visit.technician_id != signed_in.technician.id:
        raise NotFoundError("photo")
    return StoredPhoto(photo, read_file(hub.settings, photo.path))


def _record(hub: Hub, signed_in: SignedIn, command: AddPhoto, key: str, clean: CleanPhoto, path: str) -> Answer:
    with hub.unit_of_work() as work:

        def effect() -> PhotoView:
            _order, visit = own_visit(work, signed_in, command.visit_id)
            refuse_before_arrival(visit)
            photo = Photo(
                id=uuid4(),
                visit_id=visit.id,
                work_order_id=visit.work_order_id,
                path=path,
                sha256=hashlib.sha256(clean.content).hexdigest(),
                size_bytes=len(clean.content),
                caption=command.caption,
                taken_at=work.now,
            )
            work.photos.add(photo)
            return PhotoView(
                id=photo.id,
                visit_id=visit.id,
                size_bytes=photo.size_bytes,
                width=clean.width,
                height=clean.height,
                caption=photo.caption,
            )

        answer = once(work, signed_in, key, command.request_hash, effect, status=201)
        work.commit()
    return answer
