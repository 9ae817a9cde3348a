"""The day of the visit, as the citizen sees it: where the visit stands, live; the calendar; the code at the door."""
