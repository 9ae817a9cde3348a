"""Doorstep's engine and its peers, measured side by side; `make bench-scheduling` runs it."""
