"""Staff accounts and their roles."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub.domain.ids import StaffId


class Role(StrEnum):
    """What a member of staff may do; an account can have several."""

    DISPATCHER = "dispatcher"
    OPERATIONS = "operations"
    ANALYST = "analyst"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class StaffAccount:
    """A local account; the password is kept as an argon2 hash."""

    id: StaffId
    email: str
    name: str
    password_hash: str
    roles: tuple[str, ...]
    active: bool = True
    version: int = 1


@dataclass(frozen=True)
class StaffSession:
    """A signed-in browser: only the hash of the cookie is stored; `csrf_token` goes into every form."""

    token_hash: str
    staff_id: StaffId
    csrf_token: str
    created_at: datetime
    expires_at: datetime
