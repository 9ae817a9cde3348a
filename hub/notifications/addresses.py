"""Which addresses may be written to: those that are known, did not opt out and did not prove bad.

An address is remembered by a keyed hash (HMAC-SHA-256), so what a citizen asked for outlives the erasure of that citizen, and a copy
of the database tells nobody's number. Whoever lost the key would send to people who opted out; so the key's fingerprint is kept, and
a program with another key is told so and sends nothing.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from hub.db.channel_tables import address_key, contact_address
from hub.db.unit_of_work import UnitOfWork
from hub.domain.contact import AddressState, Channel
from hub.domain.errors import ConfigurationError
from hub.domain.work_orders import WorkOrder
from hub.settings import Settings

PHONE_CHANNELS = (Channel.SMS, Channel.VOICE)
"""Both ring the same telephone: who wants no messages wants no calls by a machine either."""
_KEY_FILE = "address.key"
_NOT_DIALLED = re.compile(r"[^0-9+]")


def address_of(order: WorkOrder, channel: Channel) -> str:
    """Where `channel` reaches the order's citizen; empty when nobody knows."""
    if channel is Channel.EMAIL:
        return order.citizen_email
    if channel is Channel.LETTER:
        return order.address
    return order.citizen_phone


def is_on_file(order: WorkOrder, channel: Channel, address: str) -> bool:
    """Whether `address` still is where `channel` reaches the order's citizen, however it is written."""
    return _plain(channel, address) == _plain(channel, address_of(order, channel))


def lost_addresses(before: WorkOrder, after: WorkOrder) -> tuple[bool, bool]:
    """Whether `after` lacks an e-mail address or number that `before` had, and whether none that `before` had is left.

    The letter box does not count: it is the place's, whoever lives there.
    """
    had = [one for one in (Channel.EMAIL, Channel.SMS) if address_of(before, one).strip()]
    lost = [one for one in had if not is_on_file(after, one, address_of(before, one))]
    return bool(lost), bool(had) and lost == had


def reachable_channels(work: UnitOfWork, order: WorkOrder, wanted: Sequence[Channel]) -> list[Channel]:
    """Those of `wanted`, in their order and each once, that have an address which neither opted out nor proved bad."""
    has = [channel for channel in dict.fromkeys(wanted) if address_of(order, channel).strip()]
    closed = closed_channels(work, {channel: address_of(order, channel) for channel in has})
    return [channel for channel in has if channel not in closed]


def closed_channels(work: UnitOfWork, addresses: Mapping[Channel, str]) -> dict[Channel, tuple[AddressState, str]]:
    """Which of these channels are closed for their address, and why; raises ConfigurationError when the key is another one."""
    if not addresses:
        return {}
    by_hash = {
        (address_hash(work.settings, channel, address), channel): channel for channel, address in addresses.items()
    }
    known = contact_address.c
    hashes = {found for found, _ in by_hash}
    rows = work.connection.execute(
        select(address_key.c.fingerprint, known.address_hash, known.channel, known.state, known.reason).select_from(
            address_key.outerjoin(contact_address, known.address_hash.in_(hashes))
        )
    ).all()
    if rows:
        _check_fingerprint(work.settings, rows[0].fingerprint)
    return {
        by_hash[row.address_hash, row.channel]: (row.state, row.reason)
        for row in rows
        if (row.address_hash, row.channel) in by_hash
    }


def close_address(work: UnitOfWork, channel: Channel, address: str, state: AddressState, reason: str) -> bool:
    """Let nothing be sent to `address` by `channel` any more; returns whether that is new. An opt-out stands above all else."""
    _keep_fingerprint(work)
    row = {
        "address_hash": address_hash(work.settings, channel, address),
        "channel": channel,
        "state": state,
        "reason": reason,
        "since": work.now,
    }
    written = insert(contact_address).values(row)
    if state is AddressState.OPTED_OUT:
        written = written.on_conflict_do_update(
            index_elements=["address_hash", "channel"],
            set_={"state": state, "reason": reason, "since": work.now},
            where=contact_address.c.state != AddressState.OPTED_OUT,
        )
    else:
        written = written.on_conflict_do_nothing(index_elements=["address_hash", "channel"])
    return work.connection.execute(written.returning(contact_address.c.state)).first() is not None


def opt_out(work: UnitOfWork, channel: Channel, address: str, reason: str) -> bool:
    """The owner of `address` wants no more messages; a telephone is left in peace altogether. Returns whether that is new."""
    channels = PHONE_CHANNELS if channel in PHONE_CHANNELS else (channel,)
    done = [close_address(work, one, address, AddressState.OPTED_OUT, reason) for one in channels]
    return any(done)


def opt_in(work: UnitOfWork, channel: Channel, address: str) -> bool:
    """The owner of `address` wants messages again, by the very channel they come by; returns whether it was closed."""
    channels = PHONE_CHANNELS if channel in PHONE_CHANNELS else (channel,)
    table = contact_address.c
    gone = delete(contact_address).where(
        table.address_hash == address_hash(work.settings, channel, address), table.channel.in_(channels)
    )
    return work.connection.execute(gone).rowcount > 0


def address_hash(settings: Settings, channel: Channel, address: str) -> str:
    """What is kept of an address: the same for every way of writing it, and for both channels of a telephone."""
    kind = "phone" if channel in PHONE_CHANNELS else channel.value
    return keyed_hash(settings, f"{kind}:{_plain(channel, address)}")


def keyed_hash(settings: Settings, text: str) -> str:
    """The HMAC-SHA-256 of `text` under this installation's key, in hexadecimal."""
    return hmac.new(_key(settings), text.encode(), hashlib.sha256).hexdigest()


def normal_number(number: str) -> str:
    """A telephone number without spaces, points and brackets, and with + for the international 00."""
    dialled = _NOT_DIALLED.sub("", number)
    return "+" + dialled[2:] if dialled.startswith("00") else dialled


def _plain(channel: Channel, address: str) -> str:
    return normal_number(address) if channel in PHONE_CHANNELS else " ".join(address.split()).casefold()


def _keep_fingerprint(work: UnitOfWork) -> None:
    mine = _fingerprint(work.settings)
    work.connection.execute(insert(address_key).values(number=1, fingerprint=mine).on_conflict_do_nothing())
    _check_fingerprint(work.settings, str(work.connection.execute(select(address_key.c.fingerprint)).scalar_one()))


def _check_fingerprint(settings: Settings, kept: str) -> None:
    if not hmac.compare_digest(kept, _fingerprint(settings)):
        message = (
            "The addresses of people who opted out were kept with another key. Set DOORSTEP_ADDRESS_KEY to that key, or bring "
            f"back the file {_KEY_FILE} of the state folder; until then nothing is sent."
        )
        raise ConfigurationError(message)


def _fingerprint(settings: Settings) -> str:
    return keyed_hash(settings, "the key of addresses")[:32]


def _key(settings: Settings) -> bytes:
    if given := settings.address_key.get_secret_value():
        return given.encode()
    return _key_in((settings.state_dir or Path.cwd() / ".state").absolute())


@cache
def _key_in(folder: Path) -> bytes:
    """The key of this installation, made at its first use. Written whole under another name and then linked, so that of two
    programs that begin at the same moment both read the one that was first.
    """
    file = folder / _KEY_FILE
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{_KEY_FILE}.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as opened:
            opened.write(secrets.token_hex(32))
            opened.flush()
            os.fsync(opened.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text(encoding="ascii").strip().encode()
