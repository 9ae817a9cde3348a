"""Photos are pictures and nothing else, and only their technician sees them."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import BoundedSemaphore
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pillow_heif import register_heif_opener
from sqlalchemy.exc import OperationalError

from hub import images
from hub.bootstrap import Hub
from hub.db.unit_of_work import UnitOfWork
from hub.domain.appointments import Visit
from hub.domain.lifecycle import VisitStatus
from hub.files import FilesUnavailableError
from hub.images import LONGEST_EDGE, MOST_BYTES, PhotoRefusedError, clean_photo
from technician_api.service import AddPhoto, add_photo, identify
from tests.technician_api.conftest import API, Phone, jpeg

SECRET = b"Canon of Jan Janssens"


@pytest.fixture
def on_site(visit: Visit, reach: Callable[[Visit, VisitStatus], Visit]) -> Visit:
    return reach(visit, VisitStatus.ON_SITE)


def with_metadata() -> bytes:
    """A JPEG lying on its side, with camera, GPS, XMP and a comment."""
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (51.0, 3.0, 7.0)
    return jpeg(64, 48, exif=exif, comment=SECRET, xmp=b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")


def bomb_png(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header announces width × height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )


def test_a_photo_is_kept_without_place_camera_and_comment(phone: Phone, on_site: Visit) -> None:
    sent = with_metadata()
    assert sent.count(SECRET) == 3
    answer = phone.add_photo(on_site, sent, caption="The old meter")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["width"], body["height"], body["caption"]) == (48, 64, "The old meter")
    got = phone.get(f"/visits/{on_site.id}/photos/{body['id']}")
    assert (got.status_code, got.headers["content-type"]) == (200, "image/jpeg")
    assert SECRET not in got.content
    with Image.open(io.BytesIO(got.content)) as picture:
        assert picture.format == "JPEG"
        assert dict(picture.getexif()) == {}
        assert "comment" not in picture.info
        # Upright: what was the left half lies at the top now.
        red, _, blue = picture.getpixel((24, 5))  # type: ignore[misc]
        assert blue > red
    assert phone.get("/my-day").json()["visits"][0]["photos"] == [body["id"]]


@pytest.mark.parametrize("form", ["PNG", "WEBP", "HEIF"])
def test_other_picture_formats_become_jpeg(form: str) -> None:
    register_heif_opener()
    clean = clean_photo(jpeg(format=form))
    with Image.open(io.BytesIO(clean.content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))


def test_a_transparent_picture_lies_on_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(out, "PNG")
    with Image.open(io.BytesIO(clean_photo(out.getvalue()).content)) as picture:
        assert picture.getpixel((4, 4)) == (255, 255, 255)


def test_a_large_photo_is_made_smaller() -> None:
    clean = clean_photo(jpeg(6000, 3000))
    assert (clean.width, clean.height) == (LONGEST_EDGE, LONGEST_EDGE // 2)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><script>alert(1)</script>", "not a photo we can read"),
        (SVG, "not a photo we can read"),
        (b"", "not a photo we can read"),
        (b"GIF89a" + b"\0" * 40, "not a photo we can read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a photo we can read"),
        (b"\xff\xd8\xff\xe0 not really", "damaged|not a photo"),
        (jpeg(640, 480)[:900], "damaged or cut off"),
        (bomb_png(10_000, 5_001), "50 million pixels"),
        (bomb_png(60_000, 60_000), "50 million pixels"),
        (b"\0" * (MOST_BYTES + 1), "larger than 10 MB"),
    ],
)
def test_what_is_no_photo_is_refused_whatever_its_name(
    hub: Hub, phone: Phone, on_site: Visit, content: bytes, words: str
) -> None:
    answer = phone.add_photo(on_site, content)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:doorstep:problem:photo-refused")
    with pytest.raises(PhotoRefusedError, match=words):
        clean_photo(content)
    with hub.unit_of_work() as work:
        assert work.photos.list_where() == []


def test_a_picture_that_is_html_too_loses_the_html(phone: Phone, on_site: Visit) -> None:
    answer = phone.add_photo(on_site, jpeg() + SVG)
    got = phone.get(f"/visits/{on_site.id}/photos/{answer.json()['id']}")
    assert b"script" not in got.content
    assert got.headers["x-content-type-options"] == "nosniff"


def test_few_photos_are_read_at_once_and_the_others_do_not_wait_for_ever(
    phone: Phone, on_site: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_AT_ONCE", BoundedSemaphore(1))
    monkeypatch.setattr(images, "_LONGEST_WAIT_SECONDS", 0.01)
    with images._AT_ONCE:
        answer = phone.add_photo(on_site, jpeg(8, 8))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:doorstep:problem:photos-busy")
    with pytest.raises(PhotoRefusedError):
        clean_photo(b"no photo")
    assert phone.add_photo(on_site, jpeg(8, 8)).status_code == 201


def test_far_too_much_is_refused_before_it_is_read(phone: Phone, on_site: Visit) -> None:
    answer = phone.add_photo(on_site, b"\0" * (MOST_BYTES + 200_000))
    assert (answer.status_code, answer.json()["detail"]) == (413, "What was sent is too large.")


def test_far_too_much_without_a_length_is_refused_too(phone: Phone, on_site: Visit) -> None:
    def endless() -> object:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        for _ in range(200):
            yield b"\0" * 65536

    headers = {
        "Authorization": f"Bearer {phone.token}",
        "Idempotency-Key": str(uuid4()),
        "Content-Type": "multipart/form-data; boundary=x",
    }
    url = f"{API}/visits/{on_site.id}/photos"
    answer = phone.client.post(url, content=endless(), headers=headers)
    assert answer.status_code == 413


def test_a_huge_json_body_is_refused(phone: Phone, on_site: Visit) -> None:
    answer = phone.post(f"/visits/{on_site.id}/report", json={"summary": "x" * 300_000})
    assert answer.status_code == 413


def test_the_same_photo_with_the_same_key_is_kept_once(phone: Phone, hub: Hub, on_site: Visit, tmp_path: Path) -> None:
    key = str(uuid4())
    first, again = (phone.add_photo(on_site, jpeg(), key) for _ in range(2))
    assert first.json() == again.json()
    other = phone.add_photo(on_site, jpeg(20, 20), key)
    assert other.status_code == 422
    assert len(list((tmp_path / "photos").iterdir())) == 1, "no file is left that no record names"


def test_a_photo_whose_commit_lost_its_answer_is_still_there_when_the_phone_asks_again(
    phone: Phone, on_site: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = UnitOfWork.commit

    def commit_and_lose_the_answer(work: UnitOfWork) -> None:
        commit(work)
        raise OperationalError("COMMIT", None, OSError("the server closed the connection"))

    key = str(uuid4())
    with monkeypatch.context() as patch:
        patch.setattr(UnitOfWork, "commit", commit_and_lose_the_answer)
        assert phone.add_photo(on_site, jpeg(), key).status_code >= 500
    again = phone.add_photo(on_site, jpeg(), key)
    assert again.status_code == 201
    assert phone.get(f"/visits/{on_site.id}/photos/{again.json()['id']}").status_code == 200


def test_its_name_in_the_store_cannot_be_guessed(phone: Phone, hub: Hub, on_site: Visit, tmp_path: Path) -> None:
    ids = {phone.add_photo(on_site, jpeg()).json()["id"] for _ in range(2)}
    names = {path.name for path in (tmp_path / "photos").iterdir()}
    assert len(names) == len(ids) == 2
    assert not any(one in name for one in ids for name in names)
    assert all(len(name) >= 32 + len(".jpg") for name in names)


def test_other_accounts_of_the_machine_cannot_look(phone: Phone, on_site: Visit, tmp_path: Path) -> None:
    assert phone.add_photo(on_site, jpeg(8, 8)).status_code == 201
    assert (tmp_path / "photos").stat().st_mode & 0o077 == 0


def test_nobody_else_sees_or_adds_photos(phone: Phone, other_phone: Phone, client: TestClient, on_site: Visit) -> None:
    photo = phone.add_photo(on_site, jpeg()).json()["id"]
    address = f"/visits/{on_site.id}/photos/{photo}"
    assert other_phone.get(address).status_code == 404
    assert client.get(f"{API}{address}").status_code == 401
    assert other_phone.add_photo(on_site, jpeg()).status_code == 404
    assert phone.get(f"/visits/{uuid4()}/photos/{photo}").status_code == 404


def test_before_arrival_no_photo_is_taken(phone: Phone, visit: Visit, tmp_path: Path) -> None:
    answer = phone.add_photo(visit, jpeg())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:doorstep:problem:not-on-site-yet")
    assert not (tmp_path / "photos").exists()


def test_when_the_store_cannot_be_reached_nothing_is_recorded(
    hub: Hub, phone: Phone, on_site: Visit, tmp_path: Path
) -> None:
    (tmp_path / "a-file").write_text("in the way")
    broken = replace(hub, settings=hub.settings.model_copy(update={"files_url": (tmp_path / "a-file").as_uri()}))
    who = identify(hub, phone.token)
    with pytest.raises(FilesUnavailableError, match="Please try again"):
        add_photo(broken, who, AddPhoto(on_site.id, jpeg(), ""), "a-key-for-it")
    with hub.unit_of_work() as work:
        assert work.photos.list_where() == []
    assert add_photo(hub, who, AddPhoto(on_site.id, jpeg(), ""), "a-key-for-it").status_code == 201
