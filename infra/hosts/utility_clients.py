"""`doorstep utility-clients`: programs of utilities that may use the API, and whether their callbacks arrive."""

from typing import Annotated

import typer

from ingest.api.scopes import Scope

utility_clients = typer.Typer(help="Look after the programs of utilities that use the API.", no_args_is_help=True)


@utility_clients.command("add")
def add(
    utility: Annotated[str, typer.Argument(help="The source of the utility's orders, such as urn:utility:sample.")],
    name: Annotated[str, typer.Option(help="What the program is called.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; may be repeated. Default: everything.")
    ] = None,
) -> None:
    """Make a client and show its secret, this once."""
    from infra.hosts.running import read_settings, running_hub
    from ingest.api.clients import add_client

    with running_hub(read_settings()) as hub:
        client, secret = add_client(hub, utility, name, scope or list(Scope))
    typer.echo(f"client_id      {client.id}")
    typer.echo(f"client_secret  {secret}")
    typer.echo(f"scope          {' '.join(client.scopes)}")
    typer.echo("The secret is shown this once. Give it to the utility by a safe way.", err=True)


@utility_clients.command("list")
def show() -> None:
    """Show every client, revoked ones too."""
    from infra.hosts.instants import in_utc
    from infra.hosts.running import read_settings, running_hub
    from ingest.api.clients import list_clients

    with running_hub(read_settings()) as hub:
        clients = list_clients(hub)
    for one in clients:
        state = f"revoked {in_utc(one.revoked_at)}" if one.revoked_at else f"since {one.created_at:%Y-%m-%d}"
        typer.echo(f"{one.id}  {one.utility}  {one.name}  {state}  {' '.join(one.scopes)}")
    typer.echo(f"{len(clients)} clients.", err=True)


@utility_clients.command("revoke")
def revoke(client_id: Annotated[str, typer.Argument(help="The client's id, as `list` shows it.")]) -> None:
    """End a client, its tokens and its subscriptions at once."""
    from infra.hosts.running import read_settings, running_hub
    from ingest.api.clients import revoke_client

    with running_hub(read_settings()) as hub:
        revoke_client(hub, client_id)
    typer.echo(f"The client {client_id} is revoked.")


@utility_clients.command("callbacks")
def callbacks() -> None:
    """Show who is called with events, what waits for each, and what could not be delivered."""
    from infra.hosts.running import read_settings, running_hub
    from ingest.api.callbacks import list_subscribers

    with running_hub(read_settings()) as hub:
        subscribers = list_subscribers(hub)
    for one in subscribers:
        state = f"ended: {one.end_reason}" if one.end_reason else "live"
        typer.echo(f"{one.id}  {one.utility}  {one.api}  {one.host}  {state}")
        typer.echo(f"  {one.delivered} delivered, {one.waiting} waiting, {one.dead} dead. {one.problem}".rstrip())
    typer.echo(f"{len(subscribers)} subscriptions.", err=True)
