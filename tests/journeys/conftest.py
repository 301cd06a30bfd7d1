"""The whole program as one command starts it, a demo service that can be switched off, and a browser."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from core.database.engine import connect, session_scope
from core.local.embedded import running
from core.people import auth
from tests.browsing import COOKIE, Tabs
from tests.demo.fake_service import Answer, FakeService, well
from tests.factories import make_user
from tests.waiting import eventually


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


ROOT, PORT = Path(__file__).parents[2], free_port()
SCREEN, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
#: Milliseconds that a page may take; jobs run beside it.
PATIENCE = 15_000

#: A lease of 2 s, and a demo service that each test starts: its answers, not the steps, take time where a test watches.
SETTINGS = {
    "DEMO_SERVICE_URL": f"http://127.0.0.1:{PORT}",
    "UNSTUCK_LEASE_SECONDS": "2",
    "UNSTUCK_HEARTBEAT_SECONDS": "0.5",
    "UNSTUCK_SWEEP_SECONDS": "0.5",
    "UNSTUCK_GRACE_SECONDS": "5",
    "UNSTUCK_BACKOFF_SECONDS": "0.1",
    "UNSTUCK_DEMO_STEP_SECONDS": "0.05",
}


@dataclass
class Program:
    """`main.py run` with the sample, on a data directory of its own."""

    process: subprocess.Popen[bytes]
    url: str
    link: str
    engine: Engine
    tabs: Tabs
    folder: Path
    _token: str = ""

    def person(self) -> object:
        """Return a page of the local admin, who is signed in; the first one followed the link of the first start."""
        page = self.tabs.lend(self._token, SCREEN)
        page.set_default_timeout(PATIENCE)
        if not self._token:
            follow(page, self.link)
            [self._token] = [each["value"] for each in page.context.cookies() if each["name"] == COOKIE]
        return page

    def creator(self, state: str = "disabled") -> object:
        """Return a page of a new creator, signed in, and the creator."""
        with session_scope(self.engine) as session:
            user = make_user(session, demo_mode_status=state)
            link = auth.make_link(session, user)
        page = self.tabs.lend(screen=PHONE)
        page.set_default_timeout(PATIENCE)
        follow(page, f"/login/{link}")
        return page, user

    def demo_service(self, answer: Answer) -> FakeService:
        """Return the demo service that the program asks; it lives inside a `with` block."""
        return FakeService(answer, port=PORT)

    def kill_worker(self) -> None:
        """kill -9 the worker process; the program starts another."""
        for child in psutil.Process(self.process.pid).children():
            if "worker" in child.cmdline():
                child.send_signal(signal.SIGKILL)


@pytest.fixture(scope="session")
def _program(browser: object) -> Iterator[Program]:
    """Start the program once for all journeys, and stop it as Ctrl-C does."""
    folder = Path(tempfile.mkdtemp(prefix="unstuck-journey-"))
    folder.chmod(0o711)
    process, log = _start(folder)
    try:
        link = eventually(lambda: re.search(r"http://\S+/login/\S+", log.read_text()), within=60).group(0)
        engine = connect(running(folder / "data").database_url)
        url = link.split("/login/")[0]
        yield Program(process, url, link, engine, Tabs(browser, url), folder)
        engine.dispose()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130), log.read_text()[-3000:]
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def program(_program: Program) -> Iterator[Program]:
    """Return the program; its tabs are as new afterwards."""
    yield _program
    _program.tabs.clear()


def slowly(handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
    """Answer as the demo service does, half a second late: a job of the middle preset then takes ten seconds."""
    handler.fake.over.wait(0.5)
    well(handler, query)


@pytest.fixture
def service(program: Program) -> Iterator[FakeService]:
    """Return a demo service that is slow enough to be watched, until `hurry`."""
    with program.demo_service(slowly) as service:
        yield service


def hurry(service: FakeService) -> None:
    """Let the jobs at work end soon."""
    service.answers[:] = [well]


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    log = folder / "log"
    command = [sys.executable, "main.py", "run", "--port", "0", "--no-browser", "--data-dir", str(folder / "data")]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **SETTINGS}, stdout=out, stderr=out, start_new_session=True
        )
    return process, log


def follow(page: object, link: str) -> None:
    """Sign in by a one-time link, as a person does: open it, and press on."""
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(lambda url: "/login" not in url)
