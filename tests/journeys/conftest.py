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

from core.db import connect
from core.embedded import running
from tests.ui.conftest import FLAGS
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]

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
    browser: object

    def person(self, **context: object) -> object:
        """Return a browser of the local admin, who is signed in."""
        opened = self.browser.new_context(base_url=self.url, viewport={"width": 1440, "height": 900}, **context)
        opened.set_default_timeout(15_000)
        if not hasattr(self, "_state"):
            page = opened.new_page()
            page.goto(self.link)
            page.close()
            self._state = opened.storage_state()
            return opened
        opened.add_cookies(self._state["cookies"])
        return opened

    def kill_worker(self) -> None:
        """kill -9 the worker process; the program starts another."""
        for child in psutil.Process(self.process.pid).children():
            if "worker" in child.cmdline():
                child.send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    """Start the program with slow steps, so that there is something to watch, and stop it as Ctrl-C does."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium or Chrome here")
    folder = Path(tempfile.mkdtemp(prefix="unstuck-journey-"))
    folder.chmod(0o711)
    log = folder / "log"
    environment = {**os.environ, **SETTINGS}
    command = [sys.executable, "main.py", "run", "--port", "0", "--no-browser", "--data-dir", str(folder / "data")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        link = eventually(lambda: re.search(r"http://\S+/login/\S+", log.read_text()), within=60).group(0)
        services = running(folder / "data")
        engine = connect(services.database_url)
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            yield Program(process, link.split("/login/")[0], link, engine, browser)
            browser.close()
        engine.dispose()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130), log.read_text()[-3000:]
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
