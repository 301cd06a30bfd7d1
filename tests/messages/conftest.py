"""A mail server for each test that wants one."""

from collections.abc import Iterator

import pytest

from tests.messages.mail_server import MailServer, mail_server
from tests.messages.sending import use_server


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """Return a server that accepts everything, and that the settings name."""
    with mail_server() as server:
        use_server(monkeypatch, server.url, UNSTUCK_PUBLIC_URL="https://unstuck.example")
        yield server
