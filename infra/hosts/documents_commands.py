"""`doorstep documents …`: the machine-readable descriptions on standard output."""

import json
from enum import StrEnum

import typer

documents = typer.Typer(help="Write the descriptions that programs read.", no_args_is_help=True)


class Interface(StrEnum):
    """The HTTP interfaces that describe themselves."""

    TECHNICIAN = "technician"
    UTILITY = "utility"


@documents.command("asyncapi")
def write_asyncapi() -> None:
    """The bus: every message that arrives and leaves, as an AsyncAPI 3 document."""
    from infra.hosts.documents import asyncapi
    from infra.hosts.running import read_settings

    typer.echo(json.dumps(asyncapi(read_settings()), indent=2))


@documents.command("openapi")
def write_openapi(interface: Interface) -> None:
    """An HTTP interface as an OpenAPI document."""
    from infra.hosts.documents import openapi

    typer.echo(json.dumps(openapi(interface.value), indent=2))
