"""A site, a browser, and the people who use it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from hub.bootstrap import Hub
from hub.clock import FixedClock
from hub.jobs import RememberedQueue
from infra.setup.chromium import MISSING, find_chromium, open_chromium
from tests.journeys.site import Site, open_site
from tests.journeys.visitor import DESK, Means, Visitor

MakeVisitor = Callable[..., Visitor]
# What a script brings, it brings later on a busy machine; Playwright itself would wait five seconds.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all journeys of a worker; closed with the last one, since it keeps an event loop in this thread."""
    if find_chromium() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with open_chromium() as opened:
        yield opened


@pytest.fixture
def site(hub: Hub, clock: FixedClock, jobs: RememberedQueue) -> Iterator[Site]:
    """The web host over a database of the test's own, on a clock that stands still."""
    with open_site(hub, clock, jobs) as opened:
        yield opened


@pytest.fixture
def make_visitor(browser: Browser, site: Site) -> Iterator[MakeVisitor]:
    """`make_visitor(**means)`: somebody new, who at the end gives account of every page."""
    with ExitStack() as leaving:

        def make(**means: Any) -> Visitor:
            visitor = Visitor(browser, site.address, Means(**means))
            leaving.callback(visitor.leave)
            return visitor

        yield make


@pytest.fixture
def citizen(make_visitor: MakeVisitor) -> Visitor:
    """Somebody with a phone."""
    return make_visitor()


@pytest.fixture
def dispatcher(make_visitor: MakeVisitor) -> Visitor:
    """Somebody at a desk."""
    return make_visitor(size=DESK, language="en-GB", narrow=False)
