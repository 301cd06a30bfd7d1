"""The program as it is started for real, once for this folder: console, database, browser, and its log."""

import os
import re
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
from core.models import Role, User
from core.people import auth
from core.people.auth import Visitor
from tests.browsing import COOKIE, Tabs
from tests.conftest import SECRET, _fresh
from tests.factories import make_user
from tests.faults.forked import be
from tests.loaded import Forked
from tests.ui.conftest import _serve
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
#: A platform that can be connected, as far as nobody asks it: nothing listens there.
OF_A_PLATFORM = {
    "UNSTUCK_SANDBOX_URL": "http://127.0.0.1:9",
    "UNSTUCK_SANDBOX_SECRET": "a client's secret",
    "UNSTUCK_PUBLIC_URL": "http://127.0.0.1",
    "UNSTUCK_SECRET_KEY": SECRET,
}


@dataclass
class Site:
    """The console in a process of its own, what it wrote to its log, and its database."""

    url: str
    engine: Engine
    log_file: Path
    process: Forked

    def token(self, role: Role = Role.ADMIN, user: User | None = None) -> str:
        """Return a session's token of a new person of this role, or of the one given."""
        with session_scope(self.engine) as session:
            person = session.get_one(User, user.id) if user else make_user(session, role=role)
            link = auth.make_link(session, person)
        with session_scope(self.engine) as session:
            return auth.sign_in_by_link(session, link, Visitor())

    def client(self, role: Role | None = None, user: User | None = None) -> httpx.Client:
        """Return a client that is signed in with a role; without one: a stranger."""
        cookies = {COOKIE: self.token(role or Role.ADMIN, user)} if role or user else {}
        # Nothing is verified on plain HTTP, and reading all certificates takes longer than most of the tests.
        return httpx.Client(base_url=self.url, cookies=cookies, timeout=30, verify=False)

    def log(self) -> str:
        """Return everything that the process wrote so far, byte by byte."""
        return self.log_file.read_bytes().decode("utf-8", "surrogateescape")


def started(command: list[str], environment: dict[str, str], log_file: Path) -> subprocess.Popen:
    """Start main.py with a verb, as a person does; its output goes to a file."""
    with log_file.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "main.py", *command], cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log
        )


def forked(command: list[str], environment: dict[str, str], log_file: Path) -> Forked:
    """Start main.py with a verb in a process that has it loaded; its output goes to a file."""
    log_file.touch()
    return Forked(be, command, {**os.environ, **environment}, str(log_file), False)


def ended(process: subprocess.Popen | Forked) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def environment(server: str, template: str, _valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """Return the settings of this folder's program, on a database of its own."""
    for database_url in _fresh(server, template):
        yield {
            "DATABASE_URL": database_url,
            "REDIS_URL": _valkey,
            **OF_A_PLATFORM,
            "UNSTUCK_DATA_DIR": str(tmp_path_factory.mktemp("site")),
            "PYTHONUNBUFFERED": "1",
        }


@pytest.fixture(scope="session")
def site(environment: dict[str, str]) -> Iterator[Site]:
    """Serve the console as `main.py serve` does."""
    log_file = Path(environment["UNSTUCK_DATA_DIR"]) / "serve.log"
    process = forked(["serve", "--port", "0"], environment, log_file)
    try:
        address = eventually(lambda: re.search(r"served at (http://\S+)", log_file.read_text()), within=120)
        eventually(lambda: _answers(address[1]), within=60)
        engine = connect(environment["DATABASE_URL"])
        yield Site(address[1], engine, log_file, process)
        engine.dispose()
    finally:
        ended(process)


@pytest.fixture(scope="session")
def attacked(server: str, template: str) -> Iterator[tuple[str, Engine]]:
    """Serve a console with a page to attack, for all files that drive its sockets; return its URL and database."""
    for database_url in _fresh(server, template):
        engine = connect(database_url)
        with _serve(database_url, "tests.security.serving") as url:
            yield url, engine
        engine.dispose()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", verify=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def _tabs(site: Site, browser: object) -> Tabs:
    return Tabs(browser, site.url)


@pytest.fixture
def tabs(_tabs: Tabs) -> Iterator[Tabs]:
    """Return tabs on the site; they are as new afterwards."""
    yield _tabs
    _tabs.clear()


@pytest.fixture
def rows(site: Site) -> Iterator[Session]:
    """Return a session on the site's database; the test commits."""
    with Session(site.engine, expire_on_commit=False) as session:
        yield session
