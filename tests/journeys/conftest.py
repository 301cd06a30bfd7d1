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
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from core.database.engine import connect, session_scope
from core.local.embedded import running
from core.people import auth
from tests.browsing import COOKIE, Tabs
from tests.factories import make_user
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
SCREEN, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
#: Milliseconds that a page may take; jobs run beside it.
PATIENCE = 15_000

#: A lease of 2 s, and steps slow enough that there is something to watch.
SETTINGS = {
    "UNSTUCK_LEASE_SECONDS": "2",
    "UNSTUCK_HEARTBEAT_SECONDS": "0.5",
    "UNSTUCK_SWEEP_SECONDS": "0.5",
    "UNSTUCK_GRACE_SECONDS": "5",
    "UNSTUCK_BACKOFF_SECONDS": "0.1",
    "UNSTUCK_DEMO_STEP_SECONDS": "0.25",
}


@dataclass
class Program:
    """`main.py run` with the sample, on a data directory of its own."""

    process: subprocess.Popen[bytes]
    url: str
    link: str
    engine: Engine
    tabs: Tabs
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

    def kill_worker(self) -> None:
        """kill -9 the worker process; the program starts another."""
        for child in psutil.Process(self.process.pid).children():
            if "worker" in child.cmdline():
                child.send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def _program(request: pytest.FixtureRequest, browser: object) -> Iterator[Program]:
    """Start the program with slow steps, so that there is something to watch, and stop it as Ctrl-C does."""
    folder = Path(tempfile.mkdtemp(prefix="unstuck-journey-"))
    folder.chmod(0o711)
    settings = {**SETTINGS, **getattr(request.module, "MORE_SETTINGS", {})}
    process, log = _start(folder, settings)
    try:
        link = eventually(lambda: re.search(r"http://\S+/login/\S+", log.read_text()), within=60).group(0)
        engine = connect(running(folder / "data").database_url)
        url = link.split("/login/")[0]
        yield Program(process, url, link, engine, Tabs(browser, url))
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


def _start(folder: Path, settings: dict[str, str]) -> tuple[subprocess.Popen[bytes], Path]:
    log = folder / "log"
    command = [sys.executable, "main.py", "run", "--port", "0", "--no-browser", "--data-dir", str(folder / "data")]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **settings}, stdout=out, stderr=out, start_new_session=True
        )
    return process, log


def follow(page: object, link: str) -> None:
    """Sign in by a one-time link, as a person does: open it, and press on."""
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(lambda url: "/login" not in url)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
