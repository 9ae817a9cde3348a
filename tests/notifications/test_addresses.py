"""Which addresses may be written to: kept under a keyed hash, which nobody may mix up."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from hub.bootstrap import Hub
from hub.db.channel_tables import contact_address
from hub.domain.contact import AddressState, Channel
from hub.domain.errors import ConfigurationError
from hub.domain.work_orders import WorkOrder
from hub.notifications.addresses import address_hash, close_address, opt_in, opt_out, reachable_channels
from hub.notifications.service import request_notification
from hub.notifications.stopping import Wish, read_wish
from hub.settings import Settings
from tests.samples import a_work_order

EVERY = (Channel.VOICE, Channel.EMAIL, Channel.LETTER, Channel.SMS)


def reachable(hub: Hub, order: WorkOrder, *wanted: Channel) -> list[Channel]:
    with hub.unit_of_work() as work:
        return reachable_channels(work, order, wanted or EVERY)


def test_the_wanted_order_is_kept_each_once_without_those_that_lack_an_address(hub: Hub) -> None:
    assert reachable(hub, a_work_order()) == list(EVERY)
    assert reachable(hub, a_work_order(citizen_email=" "), Channel.EMAIL, Channel.SMS, Channel.SMS) == [Channel.SMS]
    assert reachable(hub, a_work_order(citizen_phone=""), Channel.SMS, Channel.VOICE) == []


def test_an_opt_out_closes_both_channels_of_a_telephone_and_outlives_how_it_is_written(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        assert opt_out(work, Channel.SMS, "+32470000001", "STOP")
        assert not opt_out(work, Channel.SMS, "0032 470/00.00.01", "STOP again")
        work.commit()
    assert reachable(hub, a_work_order()) == [Channel.EMAIL, Channel.LETTER]
    with hub.unit_of_work() as work:
        assert opt_in(work, Channel.SMS, "+32 470 00 00 01")
        work.commit()
    assert reachable(hub, a_work_order()) == list(EVERY)


def test_a_bad_number_for_texts_still_rings_and_does_not_overrule_an_opt_out(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        assert close_address(work, Channel.SMS, "+32470000001", AddressState.BAD, "a landline")
        work.commit()
    assert Channel.VOICE in reachable(hub, a_work_order())
    with hub.unit_of_work() as work:
        assert opt_out(work, Channel.SMS, "+32470000001", "STOP")
        assert not close_address(work, Channel.SMS, "+32470000001", AddressState.BAD, "a landline")
        states = set(work.connection.execute(select(contact_address.c.state)).scalars())
    assert states == {AddressState.OPTED_OUT}


def test_an_email_address_is_the_same_in_capitals_and_another_in_another_place(hub: Hub) -> None:
    settings = hub.settings
    assert address_hash(settings, Channel.EMAIL, "An@X.example") == address_hash(
        settings, Channel.EMAIL, "an@x.example"
    )
    assert address_hash(settings, Channel.EMAIL, "an@x.example") != address_hash(
        settings, Channel.LETTER, "an@x.example"
    )


def test_nothing_is_requested_where_every_channel_is_closed(hub: Hub) -> None:
    with hub.unit_of_work() as work:
        order = work.work_orders.add(a_work_order(citizen_email=""))
        opt_out(work, Channel.SMS, order.citizen_phone, "STOP")
        assert request_notification(work, order, kind="reminder") is None


def with_settings(hub: Hub, **changes: object) -> Hub:
    return replace(hub, settings=hub.settings.model_copy(update=changes))


def test_a_program_with_another_key_is_told_so_and_overlooks_no_opt_out(hub: Hub, tmp_path: Path) -> None:
    stranger = with_settings(hub, state_dir=tmp_path / "another")
    # Nobody opted out yet: any key will do.
    assert reachable(stranger, a_work_order()) == list(EVERY)
    with hub.unit_of_work() as work:
        opt_out(work, Channel.EMAIL, "somebody@else.example", "STOP")
        work.commit()
    with pytest.raises(ConfigurationError, match="DOORSTEP_ADDRESS_KEY"):
        reachable(stranger, a_work_order())
    with stranger.unit_of_work() as work, pytest.raises(ConfigurationError, match="another key"):
        opt_out(work, Channel.EMAIL, "a@b.example", "STOP")
    assert reachable(hub, a_work_order()) == list(EVERY)


def test_the_key_of_a_setting_is_the_same_everywhere_and_the_files_is_for_its_owner_alone(tmp_path: Path) -> None:
    named = [Settings(address_key=SecretStr("key"), state_dir=tmp_path / name) for name in ("a", "b")]
    assert len({address_hash(one, Channel.EMAIL, "an@x.example") for one in named}) == 1
    assert not (tmp_path / "a").exists()
    made = Settings(state_dir=tmp_path / "c")
    assert address_hash(made, Channel.EMAIL, "an@x.example") == address_hash(made, Channel.EMAIL, "an@x.example")
    (key,) = (tmp_path / "c").iterdir()
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("STOP", Wish.STOP),
        ("Stop!", Wish.STOP),
        ("ＳＴＯＰ", Wish.STOP),
        ("stop aub", Wish.STOP),
        ("Désabonner", Wish.STOP),
        ("afmelden.", Wish.STOP),
        ("START", Wish.START),
        ("yes", Wish.YES),
        ("ja", None),
        ("stop 2", None),
        ("don't stop", None),
        ("please", None),
        ("", None),
        ("stop " * 30, None),
    ],
)
def test_a_word_counts_when_it_is_all_that_was_written(text: str, wish: Wish | None) -> None:
    assert read_wish(text) is wish
