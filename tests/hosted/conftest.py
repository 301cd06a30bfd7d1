"""One installation for all tests of hosted use."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.hosted.load import COOKIE
from tests.hosted.place import missing
from tests.hosted.stack import Installation, hosted

CREATORS = 600
NETWORK = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what stood for hosts and links."""
    if kind := config.stash.get(NETWORK, None):
        terminalreporter.write_line(f"Hosts and links were {kind}.")


@pytest.fixture(scope="package")
def stack(pytestconfig: pytest.Config) -> Iterator[Installation]:
    """Return an installation with creators and some history."""
    if reason := missing():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="unstuck-hosted-") as folder, hosted(Path(folder)) as stack:
        pytestconfig.stash[NETWORK] = stack.network.kind
        stack.run("sample", "--users", str(CREATORS), "--jobs", "500")
        yield stack


@pytest.fixture(scope="package")
def cookie(stack: Installation) -> str:
    """Add an admin, and return the cookie of a session that the printed link gave through nginx."""
    printed = stack.run("operators", "add", "admin@example.com", "--role", "admin")
    path = printed[printed.index("/login/") :].split()[0].rstrip('",')
    with httpx.Client(base_url=stack.url, verify=False, timeout=60) as client:
        assert client.post(path).status_code == 303
        return client.cookies[COOKIE]


@pytest.fixture
def client(stack: Installation, cookie: str) -> Iterator[httpx.Client]:
    """Return a client of the signed-in admin, through nginx."""
    with httpx.Client(base_url=stack.url, verify=False, timeout=60, cookies={COOKIE: cookie}) as client:
        yield client
