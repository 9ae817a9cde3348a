"""The drop folder: every file once, every row answered, whatever is killed in between."""

import csv
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.bootstrap import Hub
from hub.db import tables
from hub.domain.errors import ConfigurationError, NotFoundError
from ingest import folder as drop
from ingest.folder import take_in_folder
from tests.ingest.profiles.documents import sample
from tests.ingest.reading import orders, outcomes

CSV = "csv-folder"


def rows(count: int, **changes: str) -> list[dict[str, str]]:
    """Orders for the CSV profile, each with another reference."""
    one = {
        "Actie": "N", "Dossier": "", "Werk": "METER", "Prioriteit": "", "Vanaf": "", "Uiterlijk": "29/05/2026", "Straat": "Bosstraat",
        "Nr": "901", "Postcode": "9000", "Gemeente": "Gent", "Naam": "An Maes", "GSM": "+33639980001", "Telefoon": "",
        "E-mail": "", "Taal": "N", "Omschrijving": "Ë", "Kabel km": "", "Gewijzigd": "04/05/2026 06:30:00", "Reden": "",
    }  # fmt: skip
    return [{**one, "Dossier": f"D-{number:05}", **changes} for number in range(count)]


def write(path: Path, several: list[dict[str, str]]) -> None:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(several[0]), delimiter=";")
    table.writeheader()
    table.writerows(several)
    path.write_bytes(text.getvalue().encode("cp1252"))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_taken_in_once_and_put_away(ingest_hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    folder = tmp_path / "in"
    (folder / "a.csv").write_bytes(sample(CSV))
    first = take_in_folder(ingest_hub, folder, CSV)
    assert (first.files, first.orders, first.outcomes, first.refused) == (1, 3, Counter(imported=3), 0)
    assert files(folder) == ["done/a.csv"]
    assert [order.external_id for order in orders(ingest_hub)] == ["CS-0001", "CS-0002", "CS-0003"]
    assert take_in_folder(ingest_hub, folder, CSV).files == 0
    # The same contents under another name are the same messages.
    (folder / "b.csv").write_bytes(sample(CSV))
    (folder / "done" / "a.csv").rename(folder / "a.csv")
    take_in_folder(ingest_hub, folder, CSV)
    assert outcomes(ingest_hub) == {"imported": 3}
    assert files(folder) == ["done/a.csv", "done/b.csv"]


def test_refused_rows_are_ready_to_be_corrected_and_dropped_again(ingest_hub: Hub, tmp_path: Path) -> None:
    good, unreadable, rejected = rows(3)
    unreadable |= {"Postcode": "????", "Prioriteit": "soon"}
    rejected |= {"Postcode": "1000"}
    write(tmp_path / "a.csv", [good, unreadable, rejected])
    counts = take_in_folder(ingest_hub, tmp_path, CSV)
    assert counts.outcomes == {"imported": 1, "dead-lettered": 1, "rejected": 1}
    assert counts.refused == 2
    assert files(tmp_path) == ["done/a.csv", "rejects/a.csv"]
    text = (tmp_path / "rejects" / "a.csv").read_bytes().decode("cp1252")
    bad, no = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert bad["Dossier"] == "D-00001"
    assert "row 3, column 'Prioriteit' is 'soon', which the profile does not know" in bad[drop.REASON_COLUMN]
    assert "row 3, column 'Postcode' is not a postal code" in bad[drop.REASON_COLUMN]
    assert no[drop.REASON_COLUMN] == "Postal code 1000 lies outside every territory we serve."
    # Corrected, with the column of reasons still there:
    (tmp_path / "rejects" / "a.csv").unlink()
    bad |= {"Postcode": "9000", "Prioriteit": "hoog"}
    write(tmp_path / "b.csv", [bad])
    assert take_in_folder(ingest_hub, tmp_path, CSV).outcomes == {"imported": 1}
    assert len(orders(ingest_hub)) == 3


def test_rows_of_one_order_follow_each_other(ingest_hub: Hub, tmp_path: Path) -> None:
    [one] = rows(1)
    write(
        tmp_path / "a.csv",
        [
            one,
            {**one, "Actie": "W", "Nr": "905", "Gewijzigd": "04/05/2026 07:00"},
            {**one, "Actie": "A", "Gewijzigd": "04/05/2026 08:00"},
        ],
    )
    counts = take_in_folder(ingest_hub, tmp_path, CSV)
    assert counts.outcomes == {"imported": 1, "updated": 1, "cancelled": 1}
    [order] = orders(ingest_hub)
    assert (order.street, order.status.value) == ("Bosstraat 905", "cancelled")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "Row 1 must name the columns, but the file is empty."),
        ("a.csv", b"Actie;Actie\n", "Row 1 names the column 'Actie' twice."),
        ("a.csv", b"\x81\x8d;\x90\n", "Line 1 is not cp1252."),
    ],
)
def test_a_file_that_cannot_be_read_is_said(
    ingest_hub: Hub, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert take_in_folder(ingest_hub, tmp_path, CSV).outcomes == {"dead-lettered": 1}
    assert files(tmp_path) == [f"done/{name}", f"rejects/{name}.jsonl"]
    assert json.loads((tmp_path / "rejects" / f"{name}.jsonl").read_text())["reason"] == reason


def test_a_file_that_breaks_off_keeps_what_came_before(ingest_hub: Hub, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", rows(150))
    with (tmp_path / "a.csv").open("ab") as file:
        file.write(b'"N;D-9;METER\r\n')
    counts = take_in_folder(ingest_hub, tmp_path, CSV)
    said = json.loads((tmp_path / "rejects" / "a.csv.jsonl").read_text())["reason"]
    assert said.startswith("Row 152 cannot be read")
    assert counts.outcomes["imported"] == counts.orders
    assert len(orders(ingest_hub)) == counts.orders


def test_xml_and_json_files_of_several_orders(ingest_hub: Hub, tmp_path: Path) -> None:
    one = json.loads(sample("tmf697-json"))
    several = [{**one, "externalId": f"TM-{number}"} for number in range(3)]
    several[1]["priority"] = "urgent"
    (tmp_path / "a.json").write_text(json.dumps(several))
    (tmp_path / "ignored.csv").write_bytes(sample(CSV))
    assert take_in_folder(ingest_hub, tmp_path, "tmf697-json").outcomes == {"imported": 2, "dead-lettered": 1}
    assert files(tmp_path) == ["done/a.json", "ignored.csv", "rejects/a.json.jsonl"]
    refused = json.loads((tmp_path / "rejects" / "a.json.jsonl").read_text())
    assert refused["number"] == 2
    assert json.loads(refused["order"])["externalId"] == "TM-1"
    (tmp_path / "b.xml").write_bytes(sample("iec61968-xml"))
    assert take_in_folder(ingest_hub, tmp_path, "iec61968-xml").outcomes == {"imported": 1}


def test_what_is_not_to_be_read_stays(ingest_hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "outside.csv").write_bytes(sample(CSV))
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    (folder / "a.csv.part").write_bytes(sample(CSV))
    (folder / ".hidden.csv").write_bytes(sample(CSV))
    (folder / "folder.csv").mkdir()
    (folder / "young.csv").write_bytes(sample(CSV))
    assert take_in_folder(ingest_hub, folder, CSV, settled_for=timedelta(minutes=5)).files == 0
    old = time.time() - 600
    os.utime(folder / "young.csv", (old, old))
    assert take_in_folder(ingest_hub, folder, CSV, settled_for=timedelta(minutes=5)).files == 1
    assert files(folder) == [".hidden.csv", "a.csv.part", "done/young.csv", "link.csv"]


def test_a_file_somebody_else_reads_is_left_alone_and_one_left_behind_is_taken(ingest_hub: Hub, tmp_path: Path) -> None:
    working = tmp_path / "a.csv.working"
    working.write_bytes(sample(CSV))
    with working.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert take_in_folder(ingest_hub, tmp_path, CSV).files == 0
        # A new file of the same name waits for the one that is being read.
        write(tmp_path / "a.csv", rows(1))
        assert take_in_folder(ingest_hub, tmp_path, CSV).files == 0
    assert take_in_folder(ingest_hub, tmp_path, CSV).orders >= 3
    take_in_folder(ingest_hub, tmp_path, CSV)
    assert len(orders(ingest_hub)) == 4
    done = files(tmp_path)
    assert len(done) == 2
    assert done[1] == "done/a.csv"


def test_a_folder_or_a_profile_that_is_none_is_a_sentence(ingest_hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no folder"):
        take_in_folder(ingest_hub, tmp_path / "nowhere", CSV)
    with pytest.raises(NotFoundError, match="There is no such profile: 'nobody'"):
        take_in_folder(ingest_hub, tmp_path, "nobody")


_KILLED = """
import sys
from pathlib import Path
from infra.hosts.running import read_settings, running_hub
from ingest import folder
folder._AT_ONCE = 5
with running_hub(read_settings()) as hub:
    print("begun", flush=True)
    folder.take_in_folder(hub, Path(sys.argv[1]), "csv-folder")
"""


def test_a_reader_that_is_killed_loses_and_doubles_nothing(ingest_hub: Hub, database_url: str, tmp_path: Path) -> None:
    folder, count = tmp_path / "in", 400
    folder.mkdir()
    # The reader has the real clock.
    write(folder / "a.csv", rows(count, Uiterlijk="29/05/2099"))
    environment = {**os.environ, "DATABASE_URL": database_url, "DOORSTEP_STATE_DIR": str(tmp_path / "state")}
    command = [sys.executable, "-c", _KILLED, str(folder)]
    reader = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    try:
        _wait_for(lambda: _imported(ingest_hub) >= 10 or reader.poll() is not None)
    finally:
        reader.send_signal(signal.SIGKILL)
        reader.communicate(timeout=60)
    taken = _imported(ingest_hub)
    assert 10 <= taken < count, "the reader must be killed in the middle of its work"
    assert files(folder) == ["a.csv.working"]
    take_in_folder(ingest_hub, folder, CSV)
    assert files(folder) == ["done/a.csv"]
    assert outcomes(ingest_hub) == {"imported": count}
    assert sorted(order.external_id for order in orders(ingest_hub)) == [row["Dossier"] for row in rows(count)]


def _imported(hub: Hub) -> int:
    with hub.reading() as connection:
        return connection.execute(select(func.count()).select_from(tables.work_order)).scalar_one()


def _wait_for(is_so: Any, seconds: float = 200.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError("it did not happen in time")
        time.sleep(0.01)
