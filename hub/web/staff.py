"""What staff routes ask of a request: who is signed in, in which role, and that a form is one of ours.

@router.get("/console/orders", dependencies=[Depends(require(Role.DISPATCHER, Role.OPERATIONS))])
def show_orders(staff: Staff, …): …

@router.post("/console/board/publish", dependencies=[Depends(require(Role.DISPATCHER))])
def publish(staff: StaffWrite, …): …
"""

import hmac
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Form, Request

from hub.domain.errors import NotAllowedError
from hub.domain.staff import Role
from hub.web.late_forms import StaleFormError, keep_form
from hub.web.requests import HubDependency
from hub.web.staff_accounts import StaffMember, create_staff, member_of_session, sign_in, sign_out

__all__ = [
    "STAFF_COOKIE",
    "Staff",
    "StaffMember",
    "StaffWrite",
    "create_staff",
    "require",
    "sign_in",
    "sign_out",
    "signed_in",
    "signed_in_with_form",
]

STAFF_COOKIE = "doorstep_staff"


def signed_in(request: Request, hub: HubDependency, _: Annotated[None, Depends(keep_form)]) -> StaffMember:
    """The member of staff whose session cookie came along; raises NotSignedInError."""
    return member_of_session(hub, request.cookies.get(STAFF_COOKIE))


Staff = Annotated[StaffMember, Depends(signed_in)]


def signed_in_with_form(staff: Staff, csrf_token: Annotated[str, Form(max_length=200)] = "") -> StaffMember:
    """The same for a write: the form must carry its session's `csrf_token`; raises StaleFormError."""
    if not hmac.compare_digest(csrf_token.encode(), staff.csrf_token.encode()):
        raise StaleFormError
    return staff


StaffWrite = Annotated[StaffMember, Depends(signed_in_with_form)]


def require(*roles: Role) -> Callable[[StaffMember], StaffMember]:
    """A dependency that lets in who has one of `roles`; raises NotAllowedError."""
    allowed = frozenset(roles)

    def with_role(staff: Staff) -> StaffMember:
        if not staff.roles & allowed:
            needed = " or ".join(sorted(role.value for role in allowed))
            raise NotAllowedError(f"Your role does not cover this; it takes the role {needed}.")
        return staff

    return with_role
