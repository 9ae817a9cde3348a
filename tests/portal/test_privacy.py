"""People's rights over their data: found by one exact address, handed out whole, erased everywhere, kept no longer than the rules say."""

import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ARRAY, JSON, Double, LargeBinary, Text, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.contact_record import append_entry, first_fault, read_entries
from hub.db import tables
from hub.db.columns import EnumText
from hub.db.conversation_tables import conversation, conversation_message
from hub.db.message_tables import early_message, quarantined_message
from hub.db.privacy_tables import erased_data, privacy_act
from hub.db.tables import metadata
from hub.domain.contact import Channel
from hub.domain.conversations import Topic
from hub.domain.errors import ConfigurationError
from hub.domain.events import SYSTEM, Actor, ActorKind
from hub.domain.lifecycle import Action, WorkOrderStatus
from hub.domain.work_orders import WorkOrder
from hub.files import FilesUnavailableError
from hub.notifications.letter_folder import LetterFolder
from hub.notifications.service import deliver_notification, request_notification
from portal.conversations.threads import add_incoming, continue_thread, incoming, new_thread
from portal.dossier.checking import check_document
from portal.privacy import emptying
from portal.privacy.acts import PrivacyAct, ReasonRefusedError, list_acts
from portal.privacy.people import PersonUnreadableError, read_person
from portal.privacy.registry import DataKind, personal_tables
from portal.privacy.retention import TIMER, load_rules, retain_personal_data
from portal.privacy.service import NobodyKnownError, StillOpenError, erase_person, export_person, find_person
from tests.portal.filled_tables import PERSON, SECRET, Filler, dump, traces
from tests.portal.test_dossier import dossier_of, silent_order
from tests.samples import a_work_order

ADMINISTRATOR = Actor(ActorKind.STAFF, "3f0c1f5e-0000-4000-8000-000000000001")
UTILITY = Actor(ActorKind.UTILITY, "sample-utility")
EMAIL, PHONE = "an.geheim@home.example", "0470 12 34 56"
REASON = "the citizen asked for it in writing"


def an_order(hub: Hub, **changes: Any) -> WorkOrder:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(**{"status": WorkOrderStatus.COMPLETED, **PERSON, **changes}))
        work.commit()
    return order


def filled(hub: Hub, **changes: Any) -> WorkOrder:
    """A completed order of the person, with a row of theirs in every table."""
    order = an_order(hub, place_note=SECRET, reject_reason=SECRET, **changes)
    with hub.unit_of_work() as work:
        Filler(work.connection, order, hub.settings).fill_everything()
        append_entry(work, order.id, "note", {"to": "+32…56"})
        append_entry(work, order.id, "note", {"to": "a…@home.example"})
        work.commit()
    return order


def left(hub: Hub) -> set[tuple[str, str]]:
    with hub.reading() as connection:
        return traces(connection)


def erase(hub: Hub, typed: str = EMAIL, **options: Any) -> dict[str, int]:
    return erase_person(hub, typed, by=ADMINISTRATOR, reason=REASON, **options)


class TestRegistry:
    def test_every_column_that_can_hold_something_personal_is_declared_once(self) -> None:
        declared = personal_tables()
        assert metadata.tables.keys() - declared.keys() == set(), (
            "say in portal/privacy/registry.toml what the table holds"
        )
        for name, table in metadata.tables.items():
            free = {column.name for column in table.c if _can_hold_something(column)}
            keys = {column.name for column in table.c if column.foreign_keys}
            assert free - keys - declared[name].declared == set(), (
                f"say in portal/privacy/registry.toml what these columns of {name} hold"
            )

    def test_whatever_is_somebodys_is_emptied_or_deleted_or_kept_for_a_reason_that_is_named(self) -> None:
        for one in personal_tables().values():
            if one.columns:
                assert one.belongs_to_people, f"nothing says whose rows of {one.name} are"
            order = one.table.c.get("work_order_id")
            if order is not None:
                assert one.order == "work_order_id", one.name


def _can_hold_something(column: Any) -> bool:
    kind = column.type
    if isinstance(kind, EnumText):
        return False
    kind = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    return isinstance(kind, Text | JSON | ARRAY | LargeBinary | Double)


class TestFinding:
    @pytest.mark.parametrize("typed", [EMAIL, f"  {EMAIL.upper()} ", PHONE, "+32470123456", "0032 470/12.34.56"])
    def test_by_an_exact_address_however_it_is_written(self, hub: Hub, typed: str) -> None:
        order = an_order(hub)
        an_order(hub, citizen_email="an.geheim@home.example.org", citizen_phone="+324701234567")
        assert [one.id for one in find_person(hub, typed).orders] == [order.id]

    @pytest.mark.parametrize(
        "typed",
        ["", "An Geheim", "geheim@", "@home.example", "%@home.example a", "47012", "x" * 400, "a\x00@b.example"],
    )
    def test_not_by_a_name_or_a_part(self, hub: Hub, typed: str) -> None:
        an_order(hub)
        with pytest.raises(PersonUnreadableError):
            find_person(hub, typed)

    @pytest.mark.parametrize(
        "typed", ["%@home.example", "_n.geheim@home.example", "n.geheim@home.example", "+32470123457"]
    )
    def test_signs_of_patterns_and_neighbours_find_nobody(self, hub: Hub, typed: str) -> None:
        an_order(hub)
        with pytest.raises(NobodyKnownError):
            find_person(hub, typed)

    def test_says_how_many_rows_of_each_table_there_are(self, hub: Hub) -> None:
        filled(hub)
        counts = find_person(hub, EMAIL).counts
        assert counts["work_order"] == counts["notification"] == counts["conversation_message"] == 1
        assert counts["contact_entry"] == 2


class TestErasing:
    def test_nothing_of_the_person_is_left_in_any_column_of_any_table(self, hub: Hub) -> None:
        filled(hub)
        before = left(hub)
        for one in personal_tables().values():
            for kind in one.columns:
                for column in one.emptied(kind):
                    if not isinstance(column.type, Double) and column.name != "path":
                        assert (one.name, column.name) in before, "the test must put something there"
        erase(hub)
        assert left(hub) == set()
        with hub.reading() as connection:
            points = connection.execute(select(tables.work_order.c.latitude, tables.work_order.c.longitude)).one()
        assert tuple(points) == (51.1, 3.7)

    def test_pictures_are_gone_from_the_store(self, hub: Hub, tmp_path: Path) -> None:
        filled(hub)
        assert [file for file in tmp_path.rglob("*.jpg") if SECRET.encode() in file.read_bytes()]
        erase(hub)
        assert not list(tmp_path.rglob("*.jpg"))

    def test_pictures_that_cannot_be_deleted_now_stop_it_all(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        filled(hub)
        before = left(hub)
        monkeypatch.setattr(emptying, "drop_file", lambda *_: None)
        with pytest.raises(FilesUnavailableError):
            erase(hub)
        assert left(hub) == before
        assert _acts(hub) == []

    def test_another_persons_data_stays_as_it_was(self, hub: Hub) -> None:
        filled(hub)
        other = an_order(hub, citizen_name="Bo Ander", citizen_email="bo@ander.example", citizen_phone="+32470999999")
        with hub.unit_of_work() as work:
            work.connection.execute(
                update(tables.work_order).where(tables.work_order.c.id == other.id).values(street="Dorp 1", notes="bel")
            )
            work.commit()
        before = _of(hub, other)
        erase(hub)
        assert _of(hub, other) == before
        assert left(hub) == set()

    def test_what_figures_and_the_law_need_stays(self, hub: Hub) -> None:
        order = filled(hub)
        kept = (
            "work_order",
            "appointment",
            "visit",
            "notification",
            "status_event",
            "contact_entry",
            "confirmation",
            "survey_answer",
        )
        before = {name: _count(hub, name) for name in kept}
        erase(hub)
        # The record tells of its own accord that words were erased.
        assert {name: _count(hub, name) for name in kept} == {**before, "contact_entry": before["contact_entry"] + 1}
        assert _of(hub, order).external_id == order.external_id
        with hub.reading() as connection:
            assert connection.execute(select(tables.survey_answer.c.rating)).scalar_one() == 5

    def test_the_record_of_an_erased_citizen_still_verifies(self, hub: Hub, clock: FixedClock) -> None:
        order = silent_order(hub, clock, **PERSON)
        head = dossier_of(hub, order)["record"]["headHash"]
        with hub.unit_of_work() as work:
            work.advance_work_order(work.work_orders.get(order.id), Action.CANCEL, by=UTILITY, reason=SECRET)
            work.commit()
        assert ("notification", "body") in left(hub)
        erase(hub)
        assert left(hub) == set()
        with hub.unit_of_work() as work:
            entries = read_entries(work, order.id)
        assert len(entries) > 5
        assert first_fault(entries) is None
        after = dossier_of(hub, order)
        verdict = check_document(after, head)
        assert verdict.is_sound
        assert verdict.texts == 0
        assert {one["text"] for one in after["attempts"]} == {""}

    def test_it_is_refused_while_work_goes_on_unless_it_is_forced(self, hub: Hub) -> None:
        an_order(hub, status=WorkOrderStatus.CONTACTING, external_id="SU-7")
        with pytest.raises(StillOpenError, match=r"SU-7 \(contacting\)"):
            erase(hub)
        assert left(hub)
        erase(hub, force=True)
        assert left(hub) == set()
        assert _acts(hub)[0].counts["forced"] == 1
        assert _count(hub, "erased_data") == 0, "an order that goes on may be told new data"

    def test_a_call_that_waits_for_the_utility_is_not_lost_unless_it_is_forced(self, hub: Hub) -> None:
        filled(hub)
        with hub.unit_of_work() as work:
            work.connection.execute(update(tables.callback_delivery).values(delivered_at=None, dead_at=None))
            work.commit()
        with pytest.raises(StillOpenError, match="1 calls to the utility still wait"):
            erase(hub)
        erase(hub, force=True)
        assert left(hub) == set()
        with hub.reading() as connection:
            assert connection.execute(select(tables.callback_delivery.c.dead_at)).scalar_one() is not None

    def test_letters_and_mails_that_came_back_go_too_and_those_of_others_stay(self, hub: Hub, tmp_path: Path) -> None:
        bounces, letters = tmp_path / "bounces", tmp_path / "letters"
        for part in ("new", "cur", "tmp"):
            (bounces / part).mkdir(parents=True)
        told = hub.settings.model_copy(
            update={"letters": "folder", "letters_folder": letters, "bounces_folder": bounces}
        )
        sender = LetterFolder(told, hub.clock)
        ready = replace(hub, settings=told, senders={**hub.senders, Channel.LETTER: sender})
        sent = {}
        for name, changes in (("mine", {}), ("other", {"citizen_email": "b@home.example", "citizen_phone": ""})):
            order = an_order(hub, **changes)
            for channel in (Channel.LETTER, Channel.EMAIL):
                with ready.unit_of_work() as work:
                    queued = request_notification(work, order, kind="invitation", channels=(channel,))
                    work.commit()
                assert queued is not None
                deliver_notification(ready, notification_id=str(queued.id))
                sent[name, channel] = queued.id.hex
            returned = f"To: bounces+{sent[name, Channel.EMAIL]}@doorstep.example\n\nno such user"
            (bounces / "cur" / f"{name}.host:2,S").write_text(returned)
            (bounces / "new" / f"{name}.away").write_text(f"From: {order.citizen_email.upper()}\n\nI am away")
        (bounces / "new" / "longer.away").write_text(f"From: jo{EMAIL}\nTo: {EMAIL}.org\n\nI am away")
        assert len(list(letters.glob("*/*"))) == 4
        erase(ready)
        assert {file.stem for file in letters.glob("*/*")} == {sent["other", Channel.LETTER]}
        assert {file.name for file in bounces.glob("*/*")} == {"other.host:2,S", "other.away", "longer.away"}

    def test_a_letter_that_cannot_be_deleted_stops_the_erasure(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        order = an_order(hub)

        def fail(*_: object) -> int:
            raise PermissionError

        monkeypatch.setattr(emptying, "drop_letters", fail)
        with pytest.raises(FilesUnavailableError):
            erase(hub)
        with hub.unit_of_work() as work:
            assert work.work_orders.get(order.id) == order

    def test_a_thread_from_before_the_number_was_known_goes_by_the_e_mail_address_too(self, hub: Hub) -> None:
        order = an_order(hub)
        said = {order.citizen_phone: "I live in Secret Street", "+32470999888": "I am somebody else"}
        with hub.unit_of_work() as work:
            for sender, words in said.items():
                thread = continue_thread(work, None, new_thread(work, Topic.MESSAGES, sender, None))
                add_incoming(work, thread, incoming("", sender, words, None))
            work.commit()
        assert find_person(hub, EMAIL).counts["conversation"] == 1
        erase(hub)
        with hub.reading() as connection:
            left = set(connection.execute(select(conversation_message.c.text)).scalars())
            senders = set(connection.execute(select(conversation.c.sender)).scalars())
        assert left == {"", "I am somebody else"}
        assert order.citizen_phone not in senders

    def test_a_message_that_waits_to_be_sent_is_not_sent_to_nobody(self, hub: Hub) -> None:
        filled(hub)
        with hub.unit_of_work() as work:
            work.connection.execute(update(tables.notification).values(status="queued"))
            work.commit()
        erase(hub)
        with hub.unit_of_work() as work:
            [one] = work.notifications.list_where()
        assert (one.status.value, one.recipient, one.error) == ("failed", "", emptying.NOT_SENT)

    def test_history_can_lose_words_to_an_erasure_and_nothing_else_can_be_done_to_it(self, hub: Hub) -> None:
        filled(hub)
        events = tables.status_event
        erasing = text("SELECT set_config('doorstep.erasing', 'on', true)")
        refused = (
            update(events).values(reason=""),
            update(events).values(reason="another"),
            update(events).values(data={"sentence": "another"}),
            update(events).values(reason="", action="another"),
            events.delete(),
        )
        for number, attempt in enumerate(refused):
            with hub.unit_of_work() as work:
                if number:
                    work.connection.execute(erasing)
                with pytest.raises(DBAPIError, match="never changed"):
                    work.connection.execute(attempt)

    def test_two_conversations_of_one_order_can_both_lose_their_numbers(self, hub: Hub) -> None:
        order = filled(hub)
        with hub.unit_of_work() as work:
            row = work.connection.execute(select(conversation)).mappings().one()
            again = {**row, "id": order.id, "sender": "+32470123457"}
            work.connection.execute(insert(conversation).values(again))
            work.commit()
        erase(hub)
        assert left(hub) == set()

    def test_what_came_for_the_order_under_no_name_we_know_is_erased_too(self, hub: Hub) -> None:
        order = an_order(hub)
        with hub.unit_of_work() as work:
            message = {"utility": order.utility, "external_id": order.external_id, "type": "t", "revision": "1"}
            work.connection.execute(
                insert(early_message).values(**message, key="k", body=b"An Geheim", received_at=work.now)
            )
            work.commit()
        erase(hub, PHONE)
        assert left(hub) == set()

    def test_a_quarantined_message_without_a_body_waits_for_nobody(self, hub: Hub) -> None:
        filled(hub)
        erase(hub)
        with hub.reading() as connection:
            found = connection.execute(select(quarantined_message)).one()
            acts = connection.execute(select(tables.metadata.tables["quarantine_act"].c.act)).scalars().all()
        assert (found.status, found.body, found.original_body) != ("waiting", None, None)
        assert found.body is None
        assert acts

    def test_doing_it_again_finds_nobody(self, hub: Hub) -> None:
        filled(hub)
        erase(hub)
        with pytest.raises(NobodyKnownError):
            erase(hub)
        with pytest.raises(NobodyKnownError):
            erase(hub, PHONE)


class TestActs:
    def test_each_is_written_down_without_saying_about_whom(self, hub: Hub) -> None:
        filled(hub)
        export_person(hub, EMAIL, by=ADMINISTRATOR, reason=REASON)
        erase(hub)
        newest, first = _acts(hub)
        assert (first.act, newest.act) == (PrivacyAct.EXPORT, PrivacyAct.ERASE)
        assert (newest.actor_kind, newest.actor_name, newest.reason) == ("staff", ADMINISTRATOR.name, REASON)
        assert newest.counts["orders"] == newest.counts["work_order"] == 1
        assert left(hub) == set()

    def test_the_database_refuses_to_change_one(self, hub: Hub) -> None:
        filled(hub)
        export_person(hub, EMAIL, by=ADMINISTRATOR, reason=REASON)
        for attempt in (update(privacy_act).values(reason="none"), privacy_act.delete()):
            with hub.unit_of_work() as work, pytest.raises(DBAPIError, match="only grows"):
                work.connection.execute(attempt)

    @pytest.mark.parametrize(
        "reason", ["", " x ", "asked by an.geheim@home.example", "call 0470 12 34 56", "Mrs Geheim asked", "x" * 301]
    )
    def test_a_reason_is_given_and_names_nobody(self, hub: Hub, reason: str) -> None:
        an_order(hub)
        for verb in (erase_person, export_person):
            with pytest.raises(ReasonRefusedError):
                verb(hub, EMAIL, by=ADMINISTRATOR, reason=reason)
        assert _acts(hub) == []
        assert left(hub)


class TestExport:
    def test_it_holds_every_table_with_something_of_the_person_and_the_files(self, hub: Hub) -> None:
        order = filled(hub)
        an_order(
            hub,
            citizen_name="Bo Ander",
            citizen_email="bo@ander.example",
            citizen_phone="+32470999999",
            external_id="OTHER",
        )
        archive = export_person(hub, EMAIL, by=ADMINISTRATOR, reason=REASON)
        with zipfile.ZipFile(BytesIO(archive.content)) as opened:
            assert opened.testzip() is None
            names = set(opened.namelist())
            texts = {name: opened.read(name).decode() for name in names}
        expected = {f"tables/{one.name}.json" for one in personal_tables().values() if one.columns and one.exported}
        assert expected <= names
        manifest = json.loads(texts["manifest.json"])
        assert manifest["schema"] == "urn:doorstep:personal-data:1"
        for name, count in manifest["rows"].items():
            if name != "files":
                assert len(json.loads(texts[f"tables/{name}.json"])) == count
        assert [row["external_id"] for row in json.loads(texts["tables/work_order.json"])] == [order.external_id]
        assert sum(name.startswith("files/") for name in names) == manifest["rows"]["files"] == 2
        assert SECRET in texts["tables/conversation_message.json"]
        everything = "".join(texts.values())
        assert "Bo Ander" not in everything
        assert "token_hash" not in everything


class TestRetention:
    def test_each_kind_goes_when_its_days_are_over_and_not_before(self, hub: Hub, clock: FixedClock) -> None:
        filled(hub)
        start, rules = clock.now(), load_rules()
        for days in sorted(set(rules.after_end.values())):
            kinds = [kind for kind, kept in rules.after_end.items() if kept == days]
            clock.set(start + days - timedelta(hours=8))
            retain_personal_data(hub, clock.now())
            assert all(_holds(hub, kind) for kind in kinds), kinds
            clock.set(start + days + timedelta(days=1))
            retain_personal_data(hub, clock.now())
            assert not any(_holds(hub, kind) for kind in kinds), kinds
        assert left(hub) == set()
        assert _count(hub, "erased_data") == len(DataKind)

    def test_an_order_that_goes_on_keeps_everything(self, hub: Hub, clock: FixedClock) -> None:
        an_order(hub, status=WorkOrderStatus.ON_HOLD)
        clock.advance(timedelta(days=4000))
        assert retain_personal_data(hub, clock.now()) == 0
        assert left(hub)

    def test_it_runs_once_a_day_makes_up_for_days_missed_and_does_nothing_twice(
        self, hub: Hub, clock: FixedClock
    ) -> None:
        filled(hub)
        clock.advance(timedelta(days=5000))
        assert retain_personal_data(hub, clock.now()) > 0
        acts = len(_acts(hub))
        filled(hub)
        assert retain_personal_data(hub, clock.now()) == 0, "the day's run was made already"
        clock.advance(timedelta(days=1))
        assert retain_personal_data(hub, clock.now()) > 0
        assert left(hub) == set()
        done = len(_acts(hub))
        assert done > acts
        clock.advance(timedelta(days=1))
        assert retain_personal_data(hub, clock.now()) == 0
        assert len(_acts(hub)) == done
        assert all(one.act is PrivacyAct.RETAIN and one.actor_kind == "system" for one in _acts(hub))

    def test_more_than_a_batch_is_taken_in_batches(
        self, hub: Hub, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("portal.privacy.retention._BATCH", 2)
        monkeypatch.setattr("portal.privacy.retention._MOST_BATCHES", 2)
        for _ in range(7):
            an_order(hub)
        clock.advance(timedelta(days=5000))
        for _ in range(12):
            retain_personal_data(hub, clock.now())
        assert left(hub) == set()
        with hub.reading() as connection:
            ran = select(func.count()).select_from(tables.timer_run).where(tables.timer_run.c.timer == TIMER)
            assert connection.execute(ran).scalar_one() == 1

    def test_the_end_counts_from_when_the_order_was_over(self, hub: Hub, clock: FixedClock) -> None:
        with hub.unit_of_work() as work:
            order = work.create_work_order(a_work_order(imported_at=work.now, **PERSON), by=SYSTEM)
            work.commit()
        clock.advance(timedelta(days=3000))
        with hub.unit_of_work() as work:
            work.advance_work_order(work.work_orders.get(order.id), Action.CANCEL, by=SYSTEM)
            work.commit()
        clock.advance(timedelta(days=1))
        retain_personal_data(hub, clock.now())
        assert _of(hub, order).citizen_name == "An Geheim"

    def test_strangers_who_wrote_are_forgotten(self, hub: Hub, clock: FixedClock) -> None:
        filled(hub)
        with hub.unit_of_work() as work:
            work.connection.execute(update(conversation).values(work_order_id=None))
            work.connection.execute(
                update(tables.work_order).values(status=WorkOrderStatus.ON_HOLD)  # so that nothing else is erased
            )
            work.commit()
        clock.advance(timedelta(days=200))
        retain_personal_data(hub, clock.now())
        with hub.reading() as connection:
            assert connection.execute(select(conversation_message.c.text)).scalar_one() == ""
            assert connection.execute(select(conversation.c.sender)).scalar_one().startswith("erased ")
        assert ("work_order", "citizen_name") in left(hub)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (("words = 365", "words = -1"), "days_after_end.words"),
            (("words = 365", "words = 365\nsecrets = 5"), "days_after_end.secrets"),
            (("conversation = 180", ""), "days_without_order.conversation"),
            (("[days_after_end]", "[days_after_end"), "cannot be read"),
        ],
    )
    def test_a_wrong_file_is_refused_by_name_and_place(
        self, tmp_path: Path, change: tuple[str, str], said: str
    ) -> None:
        from portal.privacy.retention import FILE

        file = tmp_path / "rules.toml"
        file.write_text(FILE.read_text(encoding="utf-8").replace(*change))
        with pytest.raises(ConfigurationError, match=said) as caught:
            load_rules(file)
        assert str(file) in str(caught.value)


def _acts(hub: Hub) -> list[Any]:
    with hub.unit_of_work() as work:
        # The rows that the filler made are of nobody in particular.
        return [one for one in list_acts(work) if not one.reason.startswith("x")]


def _of(hub: Hub, order: WorkOrder) -> WorkOrder:
    with hub.unit_of_work() as work:
        return work.work_orders.get(order.id)


def _count(hub: Hub, name: str) -> int:
    with hub.reading() as connection:
        if name == "erased_data":
            query = select(func.count()).select_from(erased_data).where(erased_data.c.kind.in_([*DataKind]))
            return connection.execute(query).scalar_one()
        return connection.execute(select(func.count()).select_from(metadata.tables[name])).scalar_one()


def _holds(hub: Hub, kind: DataKind) -> bool:
    """Whether anything of the person is left in a column of that kind, or a row that goes with it."""
    found = left(hub)
    # These go by their own age, and their acts with them.
    apart = {"early_message", "quarantined_message", "quarantine_act", "inbox_message", "idempotency_record"}
    for one in personal_tables().values():
        if one.name in apart:
            continue
        for column in one.emptied(kind):
            if (one.name, column.name) in found:
                return True
    return False


def test_the_dump_sees_everything(hub: Hub) -> None:
    """The search that the other tests trust finds bytes, JSON and arrays."""
    filled(hub)
    with hub.reading() as connection:
        found = {(table, column) for table, column, _ in dump(connection)}
    assert {("quarantined_message", "body"), ("outbox_event", "data"), ("time_preference", "away")} <= found
    assert {("quarantined_message", "body"), ("outbox_event", "data"), ("time_preference", "away")} <= left(hub)


def test_a_number_is_read_as_one_of_the_country() -> None:
    assert read_person("0470 12 34 56") == read_person("+32470123456")


@pytest.mark.parametrize("typed", ["{}\u200b", "\ufeff{}", " \u202a{}\u202c\n"])
def test_signs_that_nobody_can_see_are_no_part_of_an_address(typed: str) -> None:
    assert read_person(typed.format("0470 12 34 56")).phone == "+32470123456"
    assert read_person(typed.format("An@home.example")).email == "an@home.example"


def test_a_number_may_have_spaces_of_any_width() -> None:
    assert read_person("0470\u00a012\u202f34\u200956").phone == "+32470123456"
