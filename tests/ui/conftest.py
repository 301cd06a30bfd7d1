"""A console, a browser, and people who are signed in."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import connect, session_scope
from core.models import User
from core.people import auth
from core.people.auth import Visitor
from tests.conftest import SECRET, _fresh
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Console:
    """A served console and its database."""

    url: str
    engine: Engine
    browser: object

    def open(self, user: User, path: str, **context: object) -> object:
        """Return a page of a browser in which this user is signed in."""
        with session_scope(self.engine) as session:
            link = auth.make_link(session, session.get_one(User, user.id))
        with session_scope(self.engine) as session:
            token = auth.sign_in_by_link(session, link, Visitor())
        opened = self.browser.new_context(base_url=self.url, **{"reduced_motion": "reduce", **context})
        opened.set_default_timeout(10_000)
        opened.add_cookies([{"name": "unstuck_session", "value": token, "url": self.url}])
        page = opened.new_page()
        page.wrong = []
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("console", lambda said: page.wrong.append(said.text) if said.type == "error" else None)
        page.goto(path)
        return page


@pytest.fixture(scope="module")
def console(server: str, template: str) -> Iterator[Console]:
    """Serve a console on a database of this module, and start a browser."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium or Chrome here")
    for database_url in _fresh(server, template):
        engine = connect(database_url)
        with _serve(database_url) as url, sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            yield Console(url, engine, browser)
            browser.close()
        engine.dispose()


@pytest.fixture
def rows(console: Console) -> Iterator[Session]:
    """Return a session on the console's database; the test commits."""
    with Session(console.engine, expire_on_commit=False) as session:
        yield session


class _serve:  # noqa: N801 - reads as a verb where it is used
    """Serve a console on a free port while inside."""

    def __init__(self, database_url: str, module: str = "tests.ui.serving") -> None:
        self._database_url, self._module = database_url, module

    def __enter__(self) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "UNSTUCK_SECRET_KEY": SECRET}
        command = [sys.executable, "-m", self._module, self._database_url, str(port)]
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment)
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(url), within=30)
        return url

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False
