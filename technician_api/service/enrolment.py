"""Phones become known by a code that works once, and speak with a token from then on."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from threading import BoundedSemaphore
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import NotFoundError, NotSignedInError
from hub.domain.events import Actor, ActorKind
from hub.domain.ids import DeviceId, TechnicianId
from hub.domain.technicians import Device, EnrolmentCode, Technician
from technician_api.errors import EnrolmentCodeSpentError, EnrolmentCodeWrongError

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without 0, O, 1, I, L and U, which are misread or misheard."""
CODE_LENGTH = 8
CODE_LIFETIME = timedelta(hours=24)
REPEAT_SPAN = timedelta(minutes=10)
"""How long a phone whose answer got lost may send the same enrolment again."""
PER_ADDRESS = AttemptLimit(10, timedelta(minutes=15))
ALTOGETHER = AttemptLimit(500, timedelta(minutes=15))
"""500 guesses a quarter of an hour hit one of 50 live codes among 6.6e11 once in some 700 years."""
_EVERYBODY = "enrol"
# Each takes 16 MiB for some tens of milliseconds: few run at once, the others wait their turn.
_HASHES_AT_ONCE = BoundedSemaphore(4)


@dataclass(frozen=True)
class SignedIn:
    """The phone that speaks and the technician it belongs to."""

    device: Device
    technician: Technician

    @property
    def actor(self) -> Actor:
        """The technician as history names them."""
        return Actor(ActorKind.TECHNICIAN, str(self.technician.id))


@dataclass(frozen=True)
class Enrol:
    """A phone at `address` presents `code`; `key` is its Idempotency-Key."""

    code: str
    label: str
    key: str
    address: str


@dataclass(frozen=True)
class NewDevice:
    """A phone that was enrolled, and the only copy of its token."""

    signed_in: SignedIn
    token: str


def issue_enrolment_code(hub: Hub, technician_id: TechnicianId, by: Actor) -> str:
    """A new code of eight unambiguous characters, good once within 24 hours; raises NotFoundError for nobody at work.

    Only a hash is kept, so the code is shown now or never. The codes the technician had before end.
    """
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    hashed = _code_hash(code)
    with hub.unit_of_work() as work:
        if not work.technicians.get(technician_id, lock=True).active:
            raise NotFoundError("technician")
        table = tables.enrolment_code
        older = (table.c.technician_id == technician_id) & table.c.used_at.is_(None) & (table.c.expires_at > work.now)
        work.connection.execute(update(table).where(older).values(expires_at=work.now))
        work.enrolment_codes.add(EnrolmentCode(hashed, technician_id, work.now + CODE_LIFETIME))
        work.commit()
    return code


def enrol_device(hub: Hub, command: Enrol) -> NewDevice:
    """Spend the code on a new phone and give its token.

    Raises EnrolmentCodeWrongError, EnrolmentCodeSpentError or TooManyAttemptsError. The same code and key again, within
    minutes, are the same phone whose answer got lost: it gets a new token, and the one it never received ends.
    """
    token = secrets.token_urlsafe(32)
    with hub.unit_of_work() as work:
        # Only to spare the slow hash. Whoever is over the limit by now is found below, where asking and counting are one.
        _refuse_guessing(work, command)
    hashed = _code_hash(command.code)
    with hub.unit_of_work() as work:
        _refuse_guessing(work, command)
        code = work.enrolment_codes.find(hashed, lock=True)
        if code is None:
            count_failure(work, _EVERYBODY, f"{_EVERYBODY}:{command.address}")
            work.commit()
            raise EnrolmentCodeWrongError
        if code.used_at is None and code.expires_at > work.now:
            device = _spend(work, code, command, token)
        else:
            device = _enrol_again(work, code, command, token)
        technician = work.technicians.get(code.technician_id)
        work.commit()
    return NewDevice(SignedIn(device, technician), token)


def identify(hub: Hub, token: str) -> SignedIn:
    """Whose phone speaks with `token`; raises NotSignedInError for an unknown or signed-out one."""
    device, technician = tables.device, tables.technician
    found = (device.c.token_hash == _token_hash(token)) & device.c.revoked_at.is_(None) & technician.c.active
    with hub.unit_of_work() as work:
        query = select(device.c.id, technician.c.id).join(technician, technician.c.id == device.c.technician_id)
        row = work.connection.execute(query.where(found)).one_or_none()
        if row is None:
            raise NotSignedInError("This phone is not signed in. Ask your dispatcher for an enrolment code.")
        return SignedIn(work.devices.get(row[0]), work.technicians.get(row[1]))


def sign_out(hub: Hub, signed_in: SignedIn) -> None:
    """End the phone's token; a phone already signed out stays so."""
    table = tables.device
    with hub.unit_of_work() as work:
        this = (table.c.id == signed_in.device.id) & table.c.revoked_at.is_(None)
        work.connection.execute(update(table).where(this).values(revoked_at=work.now))
        work.commit()


def revoke_devices(hub: Hub, technician_id: TechnicianId) -> int:
    """End every phone and every unused code of a technician, as when a phone is lost; returns how many phones that were."""
    device, code = tables.device, tables.enrolment_code
    with hub.unit_of_work() as work:
        work.technicians.get(technician_id, lock=True)
        theirs = (device.c.technician_id == technician_id) & device.c.revoked_at.is_(None)
        ended = work.connection.execute(update(device).where(theirs).values(revoked_at=work.now)).rowcount
        waiting = (code.c.technician_id == technician_id) & (code.c.expires_at > work.now)
        work.connection.execute(update(code).where(waiting).values(expires_at=work.now))
        work.commit()
    return ended


def _refuse_guessing(work: UnitOfWork, command: Enrol) -> None:
    refuse_when_too_many(work, f"{_EVERYBODY}:{command.address}", PER_ADDRESS)
    refuse_when_too_many(work, _EVERYBODY, ALTOGETHER)


def _spend(work: UnitOfWork, code: EnrolmentCode, command: Enrol, token: str) -> Device:
    device = Device(DeviceId(uuid4()), code.technician_id, command.label, _token_hash(token), work.now)
    work.devices.add(device)
    table = tables.enrolment_code
    work.connection.execute(update(table).where(table.c.code_hash == code.code_hash).values(used_at=work.now))
    record = {
        "actor": _repeat_actor(code),
        "key": command.key,
        "request_hash": "",
        "status_code": 201,
        # The device, not the answer: that holds the token, which is never stored.
        "response": {"device_id": str(device.id)},
        "created_at": work.now,
    }
    work.connection.execute(insert(tables.idempotency_record).values(record))
    return device


def _enrol_again(work: UnitOfWork, code: EnrolmentCode, command: Enrol, token: str) -> Device:
    record = tables.idempotency_record
    same = (record.c.actor == _repeat_actor(code)) & (record.c.key == command.key)
    earlier = work.connection.execute(select(record.c.response, record.c.created_at).where(same)).one_or_none()
    if earlier is None or earlier.created_at <= work.now - REPEAT_SPAN:
        raise EnrolmentCodeSpentError
    device_id, table = DeviceId(UUID(earlier.response["device_id"])), tables.device
    mine = (table.c.id == device_id) & table.c.revoked_at.is_(None)
    if work.connection.execute(update(table).where(mine).values(token_hash=_token_hash(token))).rowcount == 0:
        raise EnrolmentCodeSpentError
    return work.devices.get(device_id)


def _repeat_actor(code: EnrolmentCode) -> str:
    return f"enrolment:{code.code_hash}"


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _code_hash(code: str) -> str:
    """A slow hash: a code is short enough to be guessed from a stolen table of fast ones."""
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    with _HASHES_AT_ONCE:
        return hashlib.scrypt(plain.encode(), salt=b"doorstep enrolment code", n=2**14, r=8, p=1, dklen=32).hex()
