"""Processes that serve Doorstep: the web, the worker and the command line."""
