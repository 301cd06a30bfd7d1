"""Signing in by an organisation's provider, as a person does it: press, come back, reach the requested page."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session

from core.models import Role
from tests.browsing import Tabs
from tests.factories import make_user
from tests.security.conftest import _answers, ended, forked
from tests.security.provider import CLIENT, SECRET, Provider
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.stop()


@pytest.fixture
def url(environment: dict[str, str], provider: Provider, tmp_path: Path) -> Iterator[str]:
    """Serve a console that knows the provider."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    known = {"ISSUER": provider.url, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET}
    settings = {f"UNSTUCK_OIDC_{name}": value for name, value in known.items()} | {"UNSTUCK_PUBLIC_URL": url}
    process = forked(["serve", "--port", url.rpartition(":")[2]], environment | settings, tmp_path / "serve.log")
    try:
        eventually(lambda: _answers(url), within=60)
        yield url
    finally:
        ended(process)


def test_the_button_leads_to_the_provider_and_back_to_the_requested_page(
    url: str, provider: Provider, tabs: Tabs, rows: Session
) -> None:
    ada = make_user(rows, role=Role.SUPPORT)
    rows.commit()
    provider.person = {"sub": "42", "email": ada.email.upper(), "email_verified": True}
    page = tabs.lend()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    page.goto(f"{url}/jobs?status=failed")
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.get_by_role("grid", name="Jobs").wait_for()
    assert page.url == f"{url}/jobs?status=failed"
    page.get_by_role("button", name=f"Signed in as {ada.email}").wait_for()
    assert refused == []

    page.context.clear_cookies()
    provider.person |= {"email": "stranger@example.com"}
    page.goto(f"{url}/login")
    page.get_by_role("link", name="Sign in with your organisation").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("Password").is_visible()
