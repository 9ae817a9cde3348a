"""The portal's ears: all of them belong to the contact ladder."""

from portal.contact.handlers import JOBS, SUBSCRIPTIONS, TIMERS

__all__ = ["JOBS", "SUBSCRIPTIONS", "TIMERS"]
