"""Letters for a print service: whole files with a manifest, once per message, the address in the envelope's window."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from hub.bootstrap import Hub
from hub.domain.contact import Channel, NotificationStatus
from hub.domain.errors import ConfigurationError
from hub.notifications.letter_folder import LetterFolder
from hub.notifications.ports import SendingFailedError
from hub.notifications.service import deliver_notification, request_notification
from hub.settings import Settings
from tests.notifications.test_providers import a_message
from tests.samples import a_work_order


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "letters"


def test_a_letter_is_a_whole_document_with_its_manifest(hub: Hub, folder: Path) -> None:
    sender = LetterFolder(Settings(letters="folder", letters_folder=folder), hub.clock)
    ready = replace(hub, senders={**hub.senders, Channel.LETTER: sender})
    with ready.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(citizen_name="An <b>Peeters</b>", language="fr"))
        queued = request_notification(work, order, kind="invitation", channels=(Channel.LETTER,))
        work.commit()
    assert queued is not None
    deliver_notification(ready, notification_id=str(queued.id))
    with ready.unit_of_work() as work:
        after = work.notifications.get(queued.id)
    assert (after.status, after.provider, after.provider_id) == (NotificationStatus.SENT, "letters", queued.id.hex)
    (manifest_file,) = folder.glob("*/*.json")
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    content = (manifest_file.parent / manifest["file"]).read_bytes()
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["address"] == ["An <b>Peeters</b>", "Veldstraat 1", "9000 Gent"]
    assert (manifest["language"], manifest["pages"]) == ("fr", 1)
    check_document(content)
    assert sorted(file.suffix for file in manifest_file.parent.iterdir()) == [".json", ".pdf"]


def check_document(content: bytes) -> None:
    """It is tagged, says its language and title, and shows the name as it was written and the link to type."""
    reader = PdfReader(io.BytesIO(content))
    catalogue: Any = reader.trailer["/Root"]
    assert catalogue["/Lang"] == "fr"
    assert catalogue["/MarkInfo"]["/Marked"]
    text = reader.pages[0].extract_text()
    assert "An <b>Peeters</b>" in text
    assert "/a/" in text
    assert reader.metadata is not None
    assert reader.metadata.title


def test_the_same_message_is_one_letter_however_often_it_is_handed_over(hub: Hub, folder: Path) -> None:
    sender = LetterFolder(Settings(letters="folder", letters_folder=folder), hub.clock)
    message = a_message(channel=Channel.LETTER, html="<html lang=en><title>x</title><p>Hello</p></html>", lines=("An",))
    assert sender.send(message) == sender.send(message)
    assert len(list(folder.glob("*/*.json"))) == 1


def test_a_letter_fetches_nothing(hub: Hub, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    sender = LetterFolder(Settings(letters="folder", letters_folder=folder), hub.clock)
    html = f'<html lang=en><title>x</title><p>Hello</p><img alt="x" src="{secret.as_uri()}"><a rel=attachment href="{secret.as_uri()}">x</a></html>'
    sender.send(a_message(channel=Channel.LETTER, html=html))
    (file,) = folder.glob("*/*.pdf")
    reader = PdfReader(file)
    assert reader.attachments == {}
    assert b"the secret" not in file.read_bytes()


def test_a_folder_that_cannot_be_written_may_be_repaired_later(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("a file where the folder should be")
    sender = LetterFolder(Settings(letters="folder", letters_folder=tmp_path / "letters"), hub.clock)
    with pytest.raises(SendingFailedError) as caught:
        sender.send(a_message(channel=Channel.LETTER, html="<html lang=en><title>x</title><p>x</p></html>"))
    assert caught.value.retry


def test_without_any_folder_it_says_so(hub: Hub) -> None:
    with pytest.raises(ConfigurationError, match="DOORSTEP_LETTERS_FOLDER"):
        LetterFolder(Settings(letters="folder"), hub.clock)
