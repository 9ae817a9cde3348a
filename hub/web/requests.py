"""What routes ask of a request: the hub, and the pages."""

from typing import Annotated, cast

from fastapi import Depends, Request

from hub.bootstrap import Hub
from hub.web.pages import Pages


def the_hub(request: Request) -> Hub:
    """The hub this web host was built with."""
    return cast("Hub", request.app.state.hub)


def the_pages(request: Request) -> Pages:
    """The templates this web host was built with."""
    return cast("Pages", request.app.state.pages)


def sender_address(request: Request) -> str:
    """Where a request comes from, for counting wrong codes and passwords."""
    return request.client.host if request.client else "unknown"


HubDependency = Annotated[Hub, Depends(the_hub)]
PagesDependency = Annotated[Pages, Depends(the_pages)]
