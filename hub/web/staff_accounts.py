"""Staff accounts and their sessions: create, sign in, recognise, sign out.

A password is kept as an argon2 hash, a session as the SHA-256 of its cookie. Guessing is slow: wrong passwords are counted in
the database (`hub.attempts`), per account, per sender and over all, and an e-mail nobody has costs the same work as a known one.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from threading import BoundedSemaphore
from uuid import uuid4

from pwdlib import PasswordHash
from sqlalchemy import delete, func, select

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.db import tables
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError, ErrorKind, NotSignedInError, TooManyAttemptsError
from hub.domain.events import Actor, ActorKind
from hub.domain.ids import StaffId
from hub.domain.staff import Role, StaffAccount, StaffSession
from hub.typed import one_line

SESSION_LENGTH = timedelta(hours=12)
PER_ACCOUNT = AttemptLimit(10, timedelta(minutes=15))
"""By one sender. A stranger who guesses shuts the owner out only where the owner sits, not everywhere."""
PER_ACCOUNT_FROM_ANYWHERE = AttemptLimit(100, timedelta(minutes=15))
PER_SENDER = AttemptLimit(100, timedelta(minutes=15))
"""Below the next one, so that no single sender can shut everybody out."""
OVER_ALL_ACCOUNTS = AttemptLimit(300, timedelta(minutes=15))
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ALL = "sign-in"
# Each check takes 64 MiB for some tens of milliseconds: few run at once, the others wait their turn.
_CHECKS_AT_ONCE = BoundedSemaphore(4)
_LONGEST_WAIT_SECONDS = 10.0


class StaffAccountInvalidError(DoorstepError):
    """An account cannot be made as asked; the sentence says what to change."""

    code = "staff-account-invalid"


class EmailTakenError(DoorstepError):
    """There is an account with this e-mail address already."""

    kind = ErrorKind.CONFLICT
    code = "email-taken"

    def __init__(self) -> None:
        super().__init__("There is an account with this e-mail address already.")


class SignInRefusedError(DoorstepError):
    """The e-mail address or the password is wrong; it is not said which."""

    kind = ErrorKind.UNAUTHENTICATED
    code = "sign-in-refused"

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is not right. Check both and try again.")


@dataclass(frozen=True)
class StaffMember:
    """Who is signed in. `csrf_token` goes into every form of the staff pages."""

    id: StaffId
    name: str
    email: str
    roles: frozenset[Role]
    csrf_token: str

    @property
    def actor(self) -> Actor:
        """How this member of staff is named in the history: by id, which tells outsiders nothing."""
        return Actor(ActorKind.STAFF, str(self.id))


def create_staff(hub: Hub, email: str, name: str, password: str, roles: Collection[Role]) -> StaffAccount:
    """Make an account and return it.

    Raises:
        StaffAccountInvalidError: no e-mail address, no name, no role, or a password that is too short or too long.
        EmailTakenError: somebody has this e-mail address.
    """
    address, shown = _normal(email), name.strip()
    if not (_EMAIL.fullmatch(address) and address.isprintable() and len(address) <= 254):
        raise StaffAccountInvalidError("This is not an e-mail address. Write one like name@company.example.")
    if not shown:
        raise StaffAccountInvalidError("The account needs the person's name.")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise StaffAccountInvalidError(
            f"The password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters. Choose another one."
        )
    if not roles:
        raise StaffAccountInvalidError(f"The account needs a role: {', '.join(Role)}.")
    account = StaffAccount(
        id=StaffId(uuid4()),
        email=address,
        name=shown,
        password_hash=_hasher().hash(password),
        roles=tuple(sorted({Role(role).value for role in roles})),
    )
    with hub.unit_of_work() as work:
        _one_at_a_time(work, address)
        if work.staff.find_where(tables.staff_account.c.email == address):
            raise EmailTakenError
        work.staff.add(account)
        work.commit()
    return account


def sign_in(hub: Hub, email: str, password: str, *, sender: str = "", replaces: str | None = None) -> str:
    """Start a session and return its token, which only the browser's cookie holds; the session named by the token `replaces` ends.

    `sender` is the address the request comes from.

    The try is counted before the password is checked, so that many tries at once do not slip past the limit; the check itself
    runs outside any transaction.

    Raises:
        SignInRefusedError: wrong e-mail address or password, or the account is closed.
        TooManyAttemptsError: too many wrong tries for this account, from this sender, or over all.
    """
    address = _normal(email)
    scopes = (_scope(address), f"{_scope(address)}:{_hash(sender)}")
    from_sender = f"sign-in-from:{_hash(sender)}"
    with hub.unit_of_work() as work:
        _one_at_a_time(work, address)
        refuse_when_too_many(work, scopes[0], PER_ACCOUNT_FROM_ANYWHERE)
        refuse_when_too_many(work, scopes[1], PER_ACCOUNT)
        refuse_when_too_many(work, from_sender, PER_SENDER)
        refuse_when_too_many(work, _ALL, OVER_ALL_ACCOUNTS)
        count_failure(work, *scopes)
        account = _account(work, address)
        work.commit()
    right = _is_right(password, account.password_hash if account else _hash_of_nobody())
    if account is None or not account.active or not right:
        with hub.unit_of_work() as work:
            count_failure(work, _ALL, from_sender)
            work.commit()
        raise SignInRefusedError
    return _start_session(hub, account, scopes, replaces)


def member_of_session(hub: Hub, token: str | None) -> StaffMember:
    """Who holds this session token; raises NotSignedInError when it is unknown or expired, or the account is closed."""
    if not token:
        raise NotSignedInError
    session, account = tables.staff_session, tables.staff_account
    query = (
        select(account.c.id, account.c.name, account.c.email, account.c.roles, session.c.csrf_token)
        .join(account, account.c.id == session.c.staff_id)
        .where(session.c.token_hash == _hash(token), session.c.expires_at > hub.clock.now(), account.c.active)
    )
    with hub.reading() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotSignedInError
    return StaffMember(
        id=StaffId(row.id),
        name=row.name,
        email=row.email,
        roles=frozenset(Role(role) for role in row.roles),
        csrf_token=row.csrf_token,
    )


def sign_out(hub: Hub, token: str) -> None:
    """End the session; ending it twice is no error."""
    with hub.unit_of_work() as work:
        _end_session(work, token)
        work.commit()


def _account(work: UnitOfWork, address: str) -> StaffAccount | None:
    # The database takes no NUL character; no account has an address with signs nobody can print.
    return work.staff.find_where(tables.staff_account.c.email == address) if address.isprintable() else None


def _start_session(hub: Hub, account: StaffAccount, scopes: Collection[str], replaces: str | None) -> str:
    token = secrets.token_urlsafe(32)
    with hub.unit_of_work() as work:
        failed = tables.failed_attempt
        work.connection.execute(delete(failed).where(failed.c.scope.in_(scopes)))
        work.connection.execute(delete(tables.staff_session).where(tables.staff_session.c.expires_at <= work.now))
        if replaces:
            _end_session(work, replaces)
        work.staff_sessions.add(
            StaffSession(
                token_hash=_hash(token),
                staff_id=account.id,
                csrf_token=secrets.token_urlsafe(32),
                created_at=work.now,
                expires_at=work.now + SESSION_LENGTH,
            )
        )
        work.commit()
    return token


def _end_session(work: UnitOfWork, token: str) -> None:
    session = tables.staff_session
    work.connection.execute(delete(session).where(session.c.token_hash == _hash(token)))


def _one_at_a_time(work: UnitOfWork, address: str) -> None:
    """Let the transactions that concern one account follow each other."""
    lock = func.pg_advisory_xact_lock(func.hashtextextended(_scope(address), 0))
    work.connection.execute(select(lock))


def _is_right(password: str, password_hash: str) -> bool:
    if not _CHECKS_AT_ONCE.acquire(timeout=_LONGEST_WAIT_SECONDS):
        raise TooManyAttemptsError
    try:
        return _hasher().verify(password[: LONGEST_PASSWORD + 1], password_hash)
    finally:
        _CHECKS_AT_ONCE.release()


@lru_cache(maxsize=1)
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@lru_cache(maxsize=1)
def _hash_of_nobody() -> str:
    """What the password for an unknown e-mail address is checked against: nobody knows what it was made from."""
    return _hasher().hash(secrets.token_urlsafe(32))


def _normal(email: str) -> str:
    return one_line(email).lower()


def _scope(address: str) -> str:
    # What was typed may be anything, even a password in the wrong field: only its hash is stored.
    return f"sign-in:{_hash(address)}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
