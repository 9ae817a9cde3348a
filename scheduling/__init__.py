"""Slots are offered, days are planned, and dispatchers review the plan."""
