"""The verbs of `doorstep contact`. They parse, call and print, nothing more; none needs a database."""

from datetime import UTC, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

import typer
from rich.console import Console
from rich.table import Table

contact = typer.Typer(help="How citizens are contacted: the policies, and what they would do.", no_args_is_help=True)


@contact.command("policies")
def policies() -> None:
    """List the contact policies, with who uses them and what follows each outcome."""
    from hub.catalogue import load_catalogue
    from infra.hosts.running import read_settings
    from portal.contact.policies import check_policies, load_policies
    from portal.contact.simulation import what_follows

    settings = read_settings()
    catalogue = load_catalogue(settings.catalogue)
    check_policies(settings.contact_policies, catalogue)
    table = Table("Policy", "Messages", "Most", "Ends after", "Used by", "What follows")
    for code, policy in load_policies(settings.contact_policies).items():
        used = [one.code for one in catalogue.work_types.values() if one.contact_policy == code]
        used += [
            f"{one.code} of {utility}"
            for one in catalogue.work_types.values()
            for utility, named in one.contact_policies.items()
            if named == code
        ]
        follows = [f"{reason.value}: {what_follows(ending)}" for reason, ending in policy.endings.items()]
        table.add_row(
            code,
            str(len(policy.steps)),
            str(policy.most_attempts),
            _span(policy.ends_after.total_seconds()),
            "\n".join(used) or "nobody",
            "\n".join((*follows, "all else: back to the utility with the dossier")),
        )
    Console().print(table)


@contact.command("simulate")
def simulate_policy(
    policy: Annotated[str, typer.Argument(help="The policy's name; doorstep contact policies lists them.")],
    first: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
            help="When the round begins; default now by the hub's clock.",
        ),
    ] = None,
    zone: Annotated[str, typer.Option(help="Where the citizen lives.")] = "Europe/Brussels",
    territory: Annotated[str, typer.Option(help="Whose public holidays are kept, when not the country's.")] = "",
) -> None:
    """Show when a citizen who never answers would be written to, and what comes at the end."""
    from hub.bootstrap import make_clock
    from hub.catalogue import load_catalogue
    from infra.hosts.running import read_settings
    from portal.contact.policies import find_policy, load_policies
    from portal.contact.simulation import simulate

    if zone not in available_timezones():
        message = f"There is no time zone '{zone}'; write one such as Europe/Brussels."
        raise typer.BadParameter(message, param_hint="--zone")
    settings = read_settings()
    catalogue = load_catalogue(settings.catalogue)
    local = ZoneInfo(zone)
    begins = first.replace(tzinfo=local) if first else make_clock(settings).now().astimezone(local)
    if first and first.time() == time(0):
        begins = begins.replace(hour=9)
    found = find_policy(load_policies(settings.contact_policies), policy)
    table = Table("When", "What", "By", "Waited for the end of quiet hours")
    for step in simulate(found, catalogue, begins=begins.astimezone(UTC), territory=territory, zone=zone):
        by = ", else ".join(step.channels)
        waited = _said(step.would_be_due, local) if step.would_be_due else ""
        table.add_row(_said(step.at, local), step.what, by, waited and f"since {waited}")
    Console().print(table)


def _said(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:g} days" if hours >= 72 else f"{hours:g} hours"
