"""People's rights over their data: to have it, to have it erased, and that it is not kept for longer than it is needed."""
