"""What routes ask of a request: the hub, and the pages."""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated, cast

from fastapi import Depends, Request

from hub.bootstrap import Hub
from hub.web.pages import Pages

_HOUSEHOLD_BITS = 64


# Coroutines, though they wait for nothing: a plain function would be sent to another thread for it.
async def the_hub(request: Request) -> Hub:
    """The hub this web host was built with."""
    return cast("Hub", request.app.state.hub)


async def the_pages(request: Request) -> Pages:
    """The templates this web host was built with."""
    return cast("Pages", request.app.state.pages)


def sender_address(request: Request) -> str:
    """Where a request comes from, for counting wrong codes and passwords: an IPv4 address, or an IPv6 network of one household.

    Of IPv6 a household is given a /64 at least, with more addresses than anybody could count.
    """
    if request.client is None:
        return "unknown"
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return request.client.host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Network((int(address), _HOUSEHOLD_BITS), strict=False))
    return str(address)


HubDependency = Annotated[Hub, Depends(the_hub)]
PagesDependency = Annotated[Pages, Depends(the_pages)]
