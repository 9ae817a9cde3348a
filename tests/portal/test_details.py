"""What a citizen leaves for the visit: how to get in, how to be reached, photos and documents; and what nobody can smuggle in."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pillow_heif import register_heif_opener
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import first_fault, read_entries
from hub.db import citizen_tables
from hub.domain.citizen_records import FileKind
from hub.domain.contact import Channel
from hub.domain.events import SYSTEM
from hub.domain.lifecycle import Action
from hub.files import Folder, keep_file, new_file_path
from infra.hosts.web import create_app
from portal.details.errors import REASONS
from portal.details.files import sniff
from portal.details.pages import read_counts, write_counts
from portal.details.queries import file_records, preferred_channel, what_was_left
from portal.details.schemas import AccessForm, shown_name
from portal.details.service import CHANGES, MOST_AT_ONCE, MOST_FILES, change_access, sweep_files
from portal.details.words import details_words
from tests.hub.test_documents import a_pdf, attach
from tests.hub.test_scanning import EICAR, a_clamd
from tests.portal.citizen import Booked, book
from tests.technician_api.conftest import jpeg
from tests.technician_api.test_photos import bomb_png, with_metadata

TOMORROW = timedelta(days=1, hours=2)


@pytest.fixture
def citizen(hub: Hub, client: TestClient, clock: FixedClock) -> Booked:
    return book(hub, client, clock.now() + TOMORROW)


def upload(citizen: Booked, *sent: tuple[str, bytes]) -> str:
    """Send files by the form; gives the page that follows."""
    parts = [("files", (name, content, "image/png")) for name, content in sent]
    answer = citizen.post("/details/files", files=parts)
    assert answer.status_code == 200
    assert answer.url.path == f"{citizen.path}/details"
    return answer.text


def kept(hub: Hub, citizen: Booked) -> tuple[tuple[str, FileKind], ...]:
    with hub.unit_of_work() as work:
        return tuple((one.name, one.kind) for one in what_was_left(work, citizen.order.id).files)


def stored(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "citizens").glob("*"))]


def kinds_recorded(hub: Hub, citizen: Booked) -> list[str]:
    with hub.unit_of_work() as work:
        entries = read_entries(work, citizen.order.id)
    assert first_fault(entries) is None
    return [one.kind for one in entries]


def test_how_to_get_in_is_kept_changed_and_taken_back(hub: Hub, citizen: Booked) -> None:
    said = {
        "gate_code": "4711#",
        "dog": "a big one,  kind",
        "parking": "in the yard",
        "note": "Ring twice.\r\nThen wait.",
    }
    page = citizen.post("/details/access", **said)
    assert "Saved: this is how we get in." in page.text
    with hub.unit_of_work() as work:
        access = what_was_left(work, citizen.order.id).access
    assert access is not None
    assert (access.gate_code, access.dog, access.note) == ("4711#", "a big one, kind", "Ring twice.\nThen wait.")
    for shown in ("4711#", "a big one, kind", "in the yard", "Ring twice.\nThen wait."):
        assert shown in citizen.get("/details").text
    citizen.post("/details/access", gate_code="4712#")
    assert "4711#" not in citizen.get("/details").text
    citizen.post("/details/access")
    with hub.unit_of_work() as work:
        assert what_was_left(work, citizen.order.id).access is None
    assert kinds_recorded(hub, citizen) == ["access details changed"] * 3


def test_the_record_says_that_something_was_said_and_not_what(hub: Hub, citizen: Booked) -> None:
    citizen.post("/details/access", gate_code="4711#", note="the key lies under the mat")
    with hub.unit_of_work() as work:
        (entry,) = read_entries(work, citizen.order.id)
    assert entry.content == '{"dog":false,"gate_code":true,"note":true,"parking":false}'


def test_long_and_unseen_text_is_cut_and_cleaned() -> None:
    form = AccessForm("\x004\u202e7\u200b11", "x" * 999, "a\nb\x1b[31m", "y" * 499 + "\r\n" + "z" * 99).tidied()
    assert (form.gate_code, len(form.dog), form.parking) == ("4711", 200, "a b[31m")
    assert len(form.note) == 500 or form.note == "y" * 499
    assert AccessForm(note="👩\u200d🔧 é\tü").tidied().note == "👩\u200d🔧 é ü"


def test_a_text_longer_than_any_form_sends_is_refused(citizen: Booked) -> None:
    assert citizen.post("/details/access", note="x" * 4001).status_code == 422
    assert citizen.post("/details/access", note="x" * 100_000).status_code == 413


@pytest.mark.parametrize("field", ["gate_code", "dog", "parking", "note"])
def test_what_is_typed_is_shown_as_text(citizen: Booked, field: str) -> None:
    citizen.post("/details/access", **{field: '"><script>alert(1)</script>{{7*7}}'})
    page = citizen.get("/details").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "{{7*7}}" in page


def test_the_wishes_change_the_language_of_the_order_and_what_the_ladder_reads(hub: Hub, citizen: Booked) -> None:
    page = citizen.post("/details/preferences", channel="sms", language="fr")
    assert details_words("fr")("saved_wishes") in page.text
    with hub.unit_of_work() as work:
        assert preferred_channel(work, citizen.order.id) is Channel.SMS
        assert work.work_orders.get(citizen.order.id).language == "fr"
    citizen.post("/details/preferences", channel="", language="fr")
    with hub.unit_of_work() as work:
        assert preferred_channel(work, citizen.order.id) is None


def test_the_same_once_more_is_no_entry_in_the_record(hub: Hub, citizen: Booked) -> None:
    for _ in range(3):
        citizen.post("/details/access")
        citizen.post("/details/preferences", channel="", language="")
    assert kinds_recorded(hub, citizen) == [], "nothing was said, and nothing taken back"
    for _ in range(CHANGES.count + 5):
        assert "Saved: this is how we get in." in citizen.post("/details/access", gate_code=" 1 ").text
        citizen.post("/details/preferences", channel="email", language="en")
    assert kinds_recorded(hub, citizen) == ["access details changed", "preferences changed"]
    citizen.post("/details/preferences", channel="fax", language="en")
    with hub.unit_of_work() as work:
        assert preferred_channel(work, citizen.order.id) is Channel.EMAIL
    assert len(kinds_recorded(hub, citizen)) == 2, "what is not on offer changes nothing"


def test_nobody_fills_the_record_with_changes(hub: Hub, citizen: Booked, clock: FixedClock) -> None:
    for number in range(CHANGES.count + 5):
        citizen.post("/details/access", gate_code=str(number))
    page = citizen.post("/details/access", gate_code="one more")
    assert "You have changed this often today already" in page.text
    assert "Saved" not in page.text
    assert "You have changed this often" in citizen.post("/details/preferences", channel="email", language="en").text
    assert kinds_recorded(hub, citizen) == ["access details changed"] * CHANGES.count
    clock.advance(CHANGES.span)
    assert "Saved" in citizen.post("/details/access", gate_code="the last").text
    assert len(kinds_recorded(hub, citizen)) == CHANGES.count + 1


@pytest.mark.parametrize("lang", ["nl", "fr", "de", "en"])
def test_what_was_changed_too_often_comes_back_as_it_was_typed(hub: Hub, citizen: Booked, lang: str) -> None:
    for number in range(CHANGES.count):
        change_access(hub, citizen.token, AccessForm(gate_code=str(number)))
    note = "Ring <twice>.\nThen wait. " * 10
    typed = {"gate_code": "4711#", "dog": "a big one", "parking": "", "note": note}
    answer = citizen.post(f"/details/access?lang={lang}", **typed)
    assert answer.status_code == 429
    page = unescape(answer.text)
    assert f'<a href="#access">{details_words(lang)("changed_often")}</a>' in page
    for field in ("gate_code", "dog", "parking"):
        assert f'name="{field}" value="{typed[field]}"' in page
    assert f"\n{AccessForm(note=note).tidied().note}</textarea>" in page
    assert details_words(lang)("saved_access") not in page
    with hub.unit_of_work() as work:
        access = what_was_left(work, citizen.order.id).access
    assert access is not None
    assert (access.gate_code, access.note) == (str(CHANGES.count - 1), ""), "and it was not kept"
    wishes = citizen.post("/details/preferences", channel="email", language="fr").text
    assert '<a href="#wishes">' in wishes, "which form it was"


@pytest.mark.parametrize("channel", ["fax", "voice", "EMAIL", "\x00"])
def test_a_wish_that_is_not_on_offer_changes_nothing(hub: Hub, citizen: Booked, channel: str) -> None:
    citizen.post("/details/preferences", channel="email", language="en")
    citizen.post("/details/preferences", channel=channel, language="xx")
    with hub.unit_of_work() as work:
        assert preferred_channel(work, citizen.order.id) is Channel.EMAIL
        assert work.work_orders.get(citizen.order.id).language == "en"


def test_the_page_shows_no_whole_address(citizen: Booked) -> None:
    page = citizen.get("/details").text
    assert "a…@citizen.example" in page
    for secret in ("Peeters", "an.peeters@", "+32470000001"):
        assert secret not in page


def test_photos_are_kept_as_plain_jpegs_and_documents_as_they_are(hub: Hub, citizen: Booked, tmp_path: Path) -> None:
    document = a_pdf()
    register_heif_opener()
    page = upload(citizen, ("meter.jpg", with_metadata()), ("plan.pdf", document), ("door.heic", jpeg(format="HEIF")))
    assert "Files that arrived well: 3." in page
    assert sorted(name for name, _ in kept(hub, citizen)) == ["door.heic", "meter.jpg", "plan.pdf"]
    pictures = [one for one in stored(tmp_path) if one != document]
    assert len(pictures) == 2
    for content in pictures:
        assert b"Canon" not in content
        with Image.open(io.BytesIO(content)) as picture:
            assert (picture.format, dict(picture.getexif())) == ("JPEG", {})
    assert kinds_recorded(hub, citizen) == ["file received"] * 3


def test_a_file_is_a_download_and_nothing_else(hub: Hub, citizen: Booked) -> None:
    upload(citizen, ("mètre \u202egpj.png", jpeg(format="PNG")))
    with hub.unit_of_work() as work:
        (one,) = what_was_left(work, citizen.order.id).files
    answer = citizen.get(f"/details/files/{one.id}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"photo.jpg\"; filename*=UTF-8''m%C3%A8tre%20gpj.jpg"
    )
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"<html><script>alert(1)</script></html>", "kind"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "kind"),
        (b"MZ\x90\x00 a program", "kind"),
        (b"GIF89a" + bytes(100), "kind"),
        (bomb_png(20_000, 20_000), "pixels"),
        (b"\x89PNG\r\n\x1a\n<script>", "damaged"),
        (b"%PDF-1.7 <script>", "damaged"),
        (b"%PDF-1.7" + bytes(10 * 1024 * 1024), "large"),
        (a_pdf(attach), "active"),
    ],
)
def test_what_is_no_photo_and_no_document_is_refused_with_a_sentence(
    hub: Hub, citizen: Booked, tmp_path: Path, content: bytes, reason: str
) -> None:
    page = upload(citizen, ("photo.jpg", content))
    assert details_words("en")(f"refused_{reason}") in page.replace("&#39;", "'")
    assert kept(hub, citizen) == ()
    assert stored(tmp_path) == []


def test_an_archive_that_unpacks_to_gigabytes_is_not_even_opened(hub: Hub, citizen: Booked) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    assert sniff(packed.getvalue()) is None
    assert "neither a photo nor a PDF" in upload(citizen, ("plan.pdf", packed.getvalue()))


def test_of_a_file_that_is_two_things_only_the_picture_is_kept(hub: Hub, citizen: Booked, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("evil.class", b"an applet")
    upload(citizen, ("holiday.jpg", jpeg(comment=b"<script>alert(1)</script>") + packed.getvalue()))
    (content,) = stored(tmp_path)
    assert b"<script>" not in content
    assert b"PK\x03\x04" not in content
    assert content.endswith(b"\xff\xd9")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\an\\meter.jpg", "meter.jpg"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("a\r\nSet-Cookie: x=y", "a Set-Cookie: x=y"),
        ("x" * 500, "x" * 80),
        ("...", "file"),
        ("\u202e", "file"),
    ],
)
def test_a_name_is_only_ever_shown(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_a_hostile_name_names_no_path_and_runs_nowhere(hub: Hub, citizen: Booked, tmp_path: Path) -> None:
    page = upload(citizen, ("../../<b>evil</b>.png", jpeg()), ('x"><script>alert(1)</script>.png', jpeg()))
    assert "<script>alert" not in page
    assert "<b>evil" not in page
    with hub.reading() as connection:
        paths = connection.execute(select(citizen_tables.citizen_file.c.path)).scalars().all()
    assert all(path.startswith("citizens/") and path.endswith(".jpg") and ".." not in path for path in paths)
    assert len(stored(tmp_path)) == 2


def test_another_citizens_file_is_nowhere(hub: Hub, client: TestClient, clock: FixedClock, citizen: Booked) -> None:
    upload(citizen, ("mine.png", jpeg()))
    with hub.unit_of_work() as work:
        (mine,) = what_was_left(work, citizen.order.id).files
    stranger = book(hub, client, clock.now() + TOMORROW)
    for file_id in (mine.id, uuid4(), "nonsense"):
        answer = stranger.get(f"/details/files/{file_id}")
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text
        stranger.post(f"/details/files/{file_id}/remove")
    assert len(kept(hub, citizen)) == 1
    assert client.get(f"/a/{'A' * 43}/details/files/{mine.id}").status_code == 404


def test_a_removed_file_is_gone_from_the_store_too(hub: Hub, citizen: Booked, tmp_path: Path) -> None:
    upload(citizen, ("meter.png", jpeg()))
    with hub.unit_of_work() as work:
        (one,) = what_was_left(work, citizen.order.id).files
    for _ in range(2):
        assert "The file is removed." in citizen.post(f"/details/files/{one.id}/remove").text
    assert (kept(hub, citizen), stored(tmp_path)) == ((), [])
    assert kinds_recorded(hub, citizen) == ["file received", "file removed"]


def test_no_more_files_at_once_and_in_all_than_said(hub: Hub, citizen: Booked) -> None:
    small = jpeg(8, 8)
    page = upload(citizen, *[(f"{number}.png", small) for number in range(MOST_AT_ONCE + 2)])
    assert f"Files that arrived well: {MOST_AT_ONCE}." in page
    assert "too many files" in page
    upload(citizen, *[(f"{number}.png", small) for number in range(MOST_AT_ONCE)])
    page = upload(citizen, ("eleventh.png", small))
    assert "too many files" in page
    assert "Remove one to send another." in page
    assert len(kept(hub, citizen)) == MOST_FILES


def test_two_windows_at_once_get_no_more_either(hub: Hub, citizen: Booked) -> None:
    small = jpeg(8, 8)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda turn: upload(citizen, *[(f"{turn}.png", small)] * 4), range(4)))
    assert len(kept(hub, citizen)) == MOST_FILES


def test_an_empty_form_says_choose_a_file_first(citizen: Booked) -> None:
    assert "Choose a photo or a document first." in citizen.post("/details/files").text
    # What a browser sends for a file field that nobody filled.
    part = 'Content-Disposition: form-data; name="files"; filename=""\r\nContent-Type: application/octet-stream'
    answer = citizen.client.post(
        f"{citizen.path}/details/files",
        content=f"--x\r\n{part}\r\n\r\n\r\n--x--\r\n".encode(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert (answer.status_code, "Choose a photo or a document first." in answer.text) == (200, True)


def test_a_virus_is_refused_and_a_clean_file_says_who_looked(hub: Hub, clock: FixedClock) -> None:
    with a_clamd() as address:
        virus = _scanned(hub, clock, address, jpeg() + EICAR)
    with a_clamd() as address:
        clean = _scanned(hub, clock, address, jpeg())
    assert virus == ["Our virus scanner found something in a file. It was not kept."]
    assert clean == ["clamd"]


def test_while_the_scanner_is_away_nothing_is_kept(hub: Hub, clock: FixedClock) -> None:
    with a_clamd(lambda _: b"") as address:
        assert _scanned(hub, clock, address, jpeg()) == ["We cannot keep files just now. Try again in some minutes."]


def _scanned(hub: Hub, clock: FixedClock, scanner: str, content: bytes) -> list[str]:
    """What came of one upload with that scanner: who looked, or the sentences of the page."""
    from dataclasses import replace

    guarded = replace(hub, settings=hub.settings.model_copy(update={"scanner": scanner}))
    with TestClient(create_app(guarded), base_url="http://127.0.0.1:8080") as client:
        citizen = book(hub, client, clock.now() + TOMORROW)
        page = upload(citizen, ("meter.png", content))
    with hub.unit_of_work() as work:
        found = [one.scanned_by for one in what_was_left(work, citizen.order.id).files]
    words = details_words("en")
    return found or [words(f"refused_{name}") for name in REASONS if words(f"refused_{name}") in page]


def test_after_the_order_is_over_nothing_changes_and_that_is_said(hub: Hub, citizen: Booked) -> None:
    citizen.post("/details/access", gate_code="4711#")
    with hub.unit_of_work() as work:
        work.advance_work_order(work.work_orders.get(citizen.order.id), Action.CANCEL, by=SYSTEM)
        work.commit()
    recorded = kinds_recorded(hub, citizen)
    for step in ("access", "preferences", "files", f"files/{uuid4()}/remove"):
        assert (
            "Nothing can be changed here any more." in citizen.post(f"/details/{step}", files=None).text
            or step == "files"
        )
    assert "Nothing can be changed here any more." in upload(citizen, ("late.png", jpeg()))
    assert [one for one in kinds_recorded(hub, citizen)[len(recorded) :] if one.startswith(("access", "file"))] == []


def test_a_get_changes_nothing(hub: Hub, citizen: Booked) -> None:
    upload(citizen, ("meter.png", jpeg()))
    with hub.unit_of_work() as work:
        (one,) = what_was_left(work, citizen.order.id).files
    before = kinds_recorded(hub, citizen)
    for step in ("", "/access", "/preferences", "/files", f"/files/{one.id}", f"/files/{one.id}/remove"):
        citizen.get(f"/details{step}")
        citizen.client.head(f"{citizen.path}/details{step}")
    assert kinds_recorded(hub, citizen) == before
    assert len(kept(hub, citizen)) == 1


def test_a_form_of_another_site_is_refused(hub: Hub, citizen: Booked) -> None:
    for step in ("access", "preferences", "files"):
        answer = citizen.client.post(
            f"{citizen.path}/details/{step}", data={"gate_code": "1"}, headers={"sec-fetch-site": "cross-site"}
        )
        assert answer.status_code == 403
    assert kinds_recorded(hub, citizen) == []


def test_a_file_without_a_record_is_swept_after_a_day(
    hub: Hub, citizen: Booked, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(citizen, ("meter.png", jpeg()))
    waste = new_file_path(Folder.CITIZENS, "jpg")
    keep_file(hub.settings, waste, b"what a crash left")
    assert sweep_files(hub, clock.now()) == 0, "it may still be named: it is new"
    _days_later(monkeypatch)
    assert sweep_files(hub, clock.now()) == 0, "one sweep a day"
    clock.advance(timedelta(hours=25))
    assert sweep_files(hub, clock.now()) == 1
    assert len(stored(tmp_path)) == 1
    with hub.unit_of_work() as work:
        assert len(file_records(work).list_where()) == 1


def _days_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock, by which the store says when a file was written, stands two days on."""
    from hub.clock import SystemClock

    now = SystemClock().now()
    later: datetime = now + timedelta(days=2)
    monkeypatch.setattr(SystemClock, "now", lambda self: later)


def test_what_the_address_says_of_files_is_read_back_and_nonsense_is_left_out() -> None:
    counts = {"kept": 2, "virus": 1}
    assert read_counts(write_counts(counts)) == counts
    assert read_counts("kept:1,evil:3,virus:x,large:-1,kind:²,many:999999,,:") == {"kept": 1}


def test_every_word_is_used_and_every_used_word_exists() -> None:
    import re

    from hub.texts import load_texts
    from portal.details.words import FOLDER

    english = load_texts(FOLDER, "en")
    room = FOLDER.parent
    code = " ".join(file.read_text() for file in [*room.glob("*.py"), *room.glob("templates/details/*.html")])
    asked = set(re.findall(r"(?:own|words)\(\"(\w+)\"", code))
    made = {f"refused_{reason}" for reason in (*REASONS, "none")} | {
        f"saved_{note}" for note in ("access", "wishes", "removed", "files")
    }
    assert set(english) == asked | made | {"channel_email", "channel_sms"}
