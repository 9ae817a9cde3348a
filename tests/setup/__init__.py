"""Tests of the set-up, the lock files and the embedded server."""
