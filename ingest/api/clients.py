"""Programs of utilities: made, listed, revoked, and the short-lived tokens they work with.

A client's secret is 256 random bits, so its SHA-256 is all that is kept: there is nothing to guess. Tokens are kept the same
way. Wrong secrets are counted (`hub.attempts`) all the same, per client and sender.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from hub.attempts import AttemptLimit, count_failure, refuse_when_too_many
from hub.bootstrap import Hub
from hub.db.tables import callback_delivery, event_subscription, utility_client, utility_token
from hub.db.unit_of_work import UnitOfWork
from hub.domain.errors import DoorstepError, ErrorKind, NotFoundError, NotSignedInError
from hub.domain.events import Actor, ActorKind
from ingest.api.scopes import Scope

TOKEN_LENGTH = timedelta(hours=1)
PER_CLIENT = AttemptLimit(10, timedelta(minutes=15))
"""By one sender: a stranger who guesses does not shut the utility out."""
PER_SENDER = AttemptLimit(100, timedelta(minutes=15))
_SOURCE = re.compile(r"[\x21-\x7e]{1,200}")
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,100}")
_MOST_LIVE_TOKENS = 50


class ClientInvalidError(DoorstepError):
    """A client cannot be made as asked; the sentence says what to change."""

    code = "client-invalid"


class ClientRefusedError(DoorstepError):
    """The client's id or secret is wrong, or it was revoked; it is not said which."""

    kind = ErrorKind.UNAUTHENTICATED
    code = "client-refused"

    def __init__(self) -> None:
        super().__init__("The client's id or secret is not right, or the client was revoked.")


class ScopeInvalidError(DoorstepError):
    """A token was asked for a scope that the client does not have."""

    code = "scope-invalid"

    def __init__(self, allowed: Collection[str]) -> None:
        super().__init__(f"The client may ask for these scopes: {' '.join(sorted(allowed))}.")


@dataclass(frozen=True)
class UtilityClient:
    """Who calls: a program of `utility`, with the scopes of the token it showed."""

    id: str
    utility: str
    name: str
    scopes: frozenset[Scope]

    @property
    def actor(self) -> Actor:
        """How the history names what this client does: as its utility."""
        return Actor(ActorKind.UTILITY, self.utility)


@dataclass(frozen=True)
class ListedClient:
    """A client as the administrator sees it."""

    id: str
    utility: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class IssuedToken:
    """A new token; `token` is known to nobody else, only its hash is kept."""

    token: str
    scopes: frozenset[Scope]
    seconds: int


def add_client(hub: Hub, utility: str, name: str, scopes: Collection[Scope]) -> tuple[ListedClient, str]:
    """Make a client of `utility` (the CloudEvents source of its orders) and return it with its secret, shown this once.

    Raises ClientInvalidError.
    """
    shown = name.strip()
    if not _SOURCE.fullmatch(utility):
        raise ClientInvalidError(
            "The utility must be the source its orders come from, such as urn:utility:sample: "
            "1 to 200 characters without spaces."
        )
    if not (0 < len(shown) <= 100 and shown.isprintable()):
        raise ClientInvalidError(
            "The client needs a name of at most 100 characters, such as 'order system, production'."
        )
    if not scopes:
        raise ClientInvalidError(f"The client needs a scope: {', '.join(Scope)}.")
    secret = secrets.token_urlsafe(32)
    client = ListedClient(
        id=f"uc-{secrets.token_hex(8)}",
        utility=utility,
        name=shown,
        scopes=tuple(sorted({Scope(scope).value for scope in scopes})),
        created_at=hub.clock.now(),
        revoked_at=None,
    )
    with hub.unit_of_work() as work:
        work.connection.execute(insert(utility_client), {**vars(client), "secret_hash": _hash(secret)})
        work.commit()
    return client, secret


def list_clients(hub: Hub) -> tuple[ListedClient, ...]:
    """Every client, by utility and age, revoked ones too."""
    table = utility_client.c
    query = select(table.id, table.utility, table.name, table.scopes, table.created_at, table.revoked_at)
    with hub.reading() as connection:
        rows = connection.execute(query.order_by(table.utility, table.created_at, table.id))
        return tuple(ListedClient(**row) for row in rows.mappings())


def revoke_client(hub: Hub, client_id: str) -> None:
    """End the client, its tokens and its subscriptions at once; twice is no error. Raises NotFoundError."""
    with hub.unit_of_work() as work:
        mine = utility_client.c.id == client_id
        if (
            not _CLIENT_ID.fullmatch(client_id)
            or work.connection.scalar(select(utility_client.c.id).where(mine)) is None
        ):
            raise NotFoundError("client")
        still = update(utility_client).where(mine, utility_client.c.revoked_at.is_(None))
        work.connection.execute(still.values(revoked_at=work.now))
        work.connection.execute(delete(utility_token).where(utility_token.c.client_id == client_id))
        _end_subscriptions(work, client_id)
        work.commit()


def issue_token(hub: Hub, client_id: str, secret: str, asked: Collection[str] = (), *, sender: str = "") -> IssuedToken:
    """A token for an hour, with the scopes `asked` or all of the client's.

    `sender` is the address the request comes from. Raises ClientRefusedError, ScopeInvalidError, TooManyAttemptsError.
    """
    scopes = (f"utility-client:{_hash(client_id)}:{_hash(sender)}", f"utility-client-from:{_hash(sender)}")
    with hub.unit_of_work() as work:
        refuse_when_too_many(work, scopes[0], PER_CLIENT)
        refuse_when_too_many(work, scopes[1], PER_SENDER)
        known = _find(work, client_id)
        expected = known.secret_hash if known else _hash(secrets.token_urlsafe(32))
        if not hmac.compare_digest(_hash(secret), expected) or known is None or known.revoked_at is not None:
            count_failure(work, *scopes)
            work.commit()
            raise ClientRefusedError
        granted = frozenset(asked) or frozenset(known.scopes)
        if not granted <= set(known.scopes):
            raise ScopeInvalidError(known.scopes)
        token = secrets.token_urlsafe(32)
        _keep(work, client_id, token, granted)
        work.commit()
    return IssuedToken(token, frozenset(Scope(one) for one in granted), int(TOKEN_LENGTH.total_seconds()))


def client_of_token(hub: Hub, token: str) -> UtilityClient:
    """Who holds `token`; raises NotSignedInError when it is unknown or over, or the client was revoked."""
    client, held = utility_client.c, utility_token.c
    query = (
        select(client.id, client.utility, client.name, held.scopes)
        .join(utility_token, held.client_id == client.id)
        .where(held.token_hash == _hash(token), held.expires_at > hub.clock.now(), client.revoked_at.is_(None))
    )
    with hub.reading() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotSignedInError("The token is unknown or over. Ask for a new one at /oauth/token.")
    return UtilityClient(row.id, row.utility, row.name, frozenset(Scope(one) for one in row.scopes))


def forget_old_tokens(hub: Hub, now: datetime) -> int:
    """Delete the tokens that are over; returns how many."""
    with hub.unit_of_work() as work:
        gone = work.connection.execute(delete(utility_token).where(utility_token.c.expires_at <= now)).rowcount
        work.commit()
    return gone


def _end_subscriptions(work: UnitOfWork, client_id: str) -> None:
    """Nobody is called any more at an address that came from a client nobody trusts."""
    table, delivery, reason = event_subscription, callback_delivery, "the client was revoked"
    mine = (table.c.client_id == client_id, table.c.ended_at.is_(None))
    ended = update(table).where(*mine).values(ended_at=work.now, end_reason=reason).returning(table.c.id)
    waiting = update(delivery).where(
        delivery.c.subscription_id.in_(list(work.connection.scalars(ended))),
        delivery.c.delivered_at.is_(None),
        delivery.c.dead_at.is_(None),
    )
    work.connection.execute(waiting.values(dead_at=work.now, problem=reason))


def _keep(work: UnitOfWork, client_id: str, token: str, granted: Collection[str]) -> None:
    """Store the token; of a client that asks again and again only the newest tokens live on."""
    row = {
        "token_hash": _hash(token),
        "client_id": client_id,
        "scopes": tuple(sorted(granted)),
        "created_at": work.now,
        "expires_at": work.now + TOKEN_LENGTH,
    }
    work.connection.execute(insert(utility_token), row)
    mine = utility_token.c.client_id == client_id
    newest = select(utility_token.c.token_hash).where(mine)
    surplus = newest.order_by(utility_token.c.created_at.desc(), utility_token.c.token_hash != row["token_hash"])
    work.connection.execute(
        delete(utility_token).where(utility_token.c.token_hash.in_(surplus.offset(_MOST_LIVE_TOKENS)))
    )


def _find(work: UnitOfWork, client_id: str) -> Row[Any] | None:
    if not _CLIENT_ID.fullmatch(client_id):
        return None
    return work.connection.execute(select(utility_client).where(utility_client.c.id == client_id)).one_or_none()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
