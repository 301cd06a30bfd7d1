"""A console for each process of the run, and people who are signed in."""

import os
import socket
import subprocess
import sys
import tempfile
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
from tests.browsing import Tabs
from tests.conftest import SECRET, _fresh
from tests.driving import empty
from tests.loaded import Forked, call_main
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]


@dataclass
class Console:
    """A served console, its database, and the tabs that look at it."""

    url: str
    engine: Engine
    tabs: Tabs
    log: Path | None = None
    pid: int = 0

    def open(self, user: User, path: str, screen: dict[str, int] | None = None, **settings: object) -> object:
        """Return a page in which this user is signed in; each call is another person's browser."""
        page = self.signed_in(user, screen, **settings)
        page.goto(path)
        return page

    def signed_in(self, user: User, screen: dict[str, int] | None = None, **settings: object) -> object:
        """Return a tab in which this user is signed in and no page is open yet."""
        with session_scope(self.engine) as session:
            link = auth.make_link(session, session.get_one(User, user.id))
        with session_scope(self.engine) as session:
            token = auth.sign_in_by_link(session, link, Visitor())
        return self.tabs.apart(token, **settings) if settings else self.tabs.lend(token, screen)


@pytest.fixture(scope="session")
def served(server: str, template: str, browser: object) -> Iterator[Console]:
    """Serve a console on a database of its own, once for this process of the run."""
    for database_url in _fresh(server, template):
        engine = connect(database_url)
        console = _serve(database_url)
        with console as url:
            yield Console(url, engine, Tabs(browser, url), console.log, console.pid)
        engine.dispose()


@pytest.fixture(scope="module")
def emptied(served: Console) -> Console:
    """Return the console without the rows of other modules."""
    empty(served.engine)
    return served


@pytest.fixture
def console(emptied: Console) -> Iterator[Console]:
    """Return the console; its tabs are as new afterwards."""
    yield emptied
    emptied.tabs.clear()


@pytest.fixture
def rows(console: Console) -> Iterator[Session]:
    """Return a session on the console's database; the test commits."""
    with Session(console.engine, expire_on_commit=False) as session:
        yield session


class _serve:  # noqa: N801 - reads as a verb where it is used
    """Serve a console on a free port while inside; `is_new`: by a process that has imported nothing before."""

    def __init__(self, database_url: str, module: str = "tests.ui.serving", *, is_new: bool = False) -> None:
        self._database_url, self._module, self._is_new = database_url, module, is_new
        self._folder = tempfile.TemporaryDirectory(prefix="unstuck-console-")
        self.log = Path(self._folder.name) / "log"

    def __enter__(self) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "UNSTUCK_SECRET_KEY": SECRET}
        arguments = (self._database_url, str(port))
        with self.log.open("ab") as log:
            self._process = (
                subprocess.Popen(
                    [sys.executable, "-m", self._module, *arguments], cwd=ROOT, env=environment, stderr=log
                )
                if self._is_new
                else Forked(call_main, self._module, arguments, environment, str(self.log))
            )
        url = f"http://127.0.0.1:{port}"
        try:
            eventually(lambda: _answers(url), within=120)
        except BaseException:
            self.__exit__()
            raise
        return url

    @property
    def pid(self) -> int:
        """The console's process."""
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", verify=False).status_code == 200
    except httpx.TransportError:
        return False
