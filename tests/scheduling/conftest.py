"""What all searches of this room's tests share."""

import pytest

from scheduling.engine.warm import warm


@pytest.fixture(scope="session", autouse=True)
def engine_is_loaded() -> None:
    """Loading the compiled engine takes seconds on a busy machine; no search that is bounded by time shall pay for it."""
    warm()
