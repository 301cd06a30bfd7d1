"""A running sandbox, and creators whose connections are there."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from core.settings import settings
from tests.conftest import SECRET
from tests.oauth.people import Creator
from tests.sandboxes import Sandbox, running_sandbox


@pytest.fixture(scope="package")
def provider() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(provider: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Return the running provider, well-behaved, known to this process as `run` would let it know."""
    monkeypatch.setenv("UNSTUCK_SANDBOX_URL", provider.url)
    monkeypatch.setenv("UNSTUCK_SANDBOX_SECRET", provider.secret)
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "http://127.0.0.1:8080")
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    provider.behave(life=3600, offset=0)
    yield provider
    settings.cache_clear()


@pytest.fixture
def creator(engine: Engine, sandbox: Sandbox) -> Creator:
    """Return a creator without connections."""
    return Creator.new(engine, sandbox)
