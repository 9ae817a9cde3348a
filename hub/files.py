"""Where photos and documents are kept: a local folder by default, or whatever object store DOORSTEP_FILES_URL names."""

import secrets
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError

from hub.db.embedded import default_state_dir
from hub.domain.errors import DoorstepError, ErrorKind, NotFoundError
from hub.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class Folder(StrEnum):
    """Whose files: those technicians took, and those citizens sent."""

    PHOTOS = "photos"
    CITIZENS = "citizens"


class FilesUnavailableError(DoorstepError):
    """The object store does not answer; nothing was kept."""

    kind = ErrorKind.UNAVAILABLE
    code = "files-unavailable"

    def __init__(self) -> None:
        super().__init__("We cannot reach the place where photos are kept. Please try again in a minute.")


def new_file_path(folder: Folder, ending: str) -> str:
    """A name nobody can guess: 192 random bits. Nothing of what a sender called the file is in it."""
    return f"{folder}/{secrets.token_urlsafe(24)}.{ending}"


def new_photo_path() -> str:
    """The same for a technician's photo."""
    return new_file_path(Folder.PHOTOS, "jpg")


def keep_file(settings: Settings, path: str, content: bytes) -> None:
    """Write `content` under `path`; raises FilesUnavailableError."""
    try:
        _store(settings).put(path, content)
    except (OSError, BaseError) as error:
        raise FilesUnavailableError from error


def read_file(settings: Settings, path: str) -> bytes:
    """What is kept under `path`; raises NotFoundError or FilesUnavailableError."""
    try:
        return _store(settings).get(path).bytes().to_bytes()
    except FileNotFoundError as error:
        raise NotFoundError("photo") from error
    except (OSError, BaseError) as error:
        raise FilesUnavailableError from error


def drop_file(settings: Settings, path: str) -> None:
    """Delete `path` as well as can be: a file that no record names is waste, not harm."""
    try:
        _store(settings).delete(path)
    except (OSError, BaseError):
        return


def list_files(settings: Settings, folder: Folder, *, written_before: datetime) -> Collection[str]:
    """The paths in `folder` that were written before an instant of the store's own clock; raises FilesUnavailableError."""
    try:
        return [
            found["path"]
            for page in _store(settings).list(prefix=folder.value)
            for found in page
            if found["last_modified"] < written_before
        ]
    except (OSError, BaseError) as error:
        raise FilesUnavailableError from error


def _store(settings: Settings) -> "ObjectStore":
    if settings.files_url:
        return _open_store(settings.files_url)
    state = (settings.state_dir or default_state_dir()).absolute()
    for folder in Folder:
        # Homes of citizens: no other account of this machine may look.
        (state / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    return _open_store(state.as_uri())


@lru_cache(maxsize=16)
def _open_store(url: str) -> "ObjectStore":
    from obstore.store import LocalStore, from_url

    if url.startswith("file:"):
        store: ObjectStore = LocalStore.from_url(url, mkdir=True)
        return store
    return from_url(url)
