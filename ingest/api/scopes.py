"""What a program of a utility may do; by itself, so that naming it loads no database."""

from enum import StrEnum


class Scope(StrEnum):
    """What a client may do. Writing does not include reading."""

    READ_ORDERS = "work-orders:read"
    WRITE_ORDERS = "work-orders:write"
    READ_APPOINTMENTS = "appointments:read"
    WRITE_APPOINTMENTS = "appointments:write"
