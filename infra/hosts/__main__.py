"""`python -m infra.hosts` is the command `doorstep`, for processes that start each other."""

from infra.hosts.cli import main

main()
