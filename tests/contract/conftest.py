"""The world of the operation that a test is about."""

from typing import Any

import pytest
from sqlalchemy import Engine

from tests.contract.worlds import World, world_of
from tests.oauth.conftest import provider, sandbox

__all__ = ["provider", "sandbox", "world"]


@pytest.fixture
def world(request: pytest.FixtureRequest, engine: Engine, operation: Any) -> World:
    """Return the world of the test's `operation`."""
    return world_of(operation, request, engine)
