"""The sandbox's provider as a process of its own, and what a person's browser would do with it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parent.parent
#: Seconds in which it must listen.
PATIENCE = 20


@dataclass
class Sandbox:
    """A running provider; its folder and port stay the same when it starts again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secret(self) -> str:
        return (self.folder / "client_secret").read_text().strip()

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        command = [sys.executable, "-m", "core.local.sandbox", "--folder", str(self.folder), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=_environment())
        until = time.monotonic() + PATIENCE
        while not self._listens():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, "the sandbox does not listen"
            time.sleep(0.01)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)

    def restart(self) -> None:
        """Kill it if it runs, and start it again with the same folder and port."""
        self.kill()
        self.start()

    def client(self, **options: Any) -> httpx2.Client:
        """Return a client that follows no redirect, and loads no certificates, which takes longer than an answer."""
        return httpx2.Client(base_url=self.url, trust_env=False, verify=False, **{"timeout": 10, **options})

    def _command(self, path: str, body: dict[str, Any]) -> None:
        with self.client() as client:
            answer = client.post(path, json=body, headers={"Authorization": f"Bearer {self.secret}"})
        assert answer.status_code == 204, answer.text

    def ledger(self) -> list[dict[str, Any]]:
        """Return every code and token by its hash: see `core/local/sandbox/ledger.py`."""
        with self.client() as client:
            lines = client.get("/ledger", headers={"Authorization": f"Bearer {self.secret}"}).raise_for_status().json()
        return list(lines)

    def behave(self, mode: str = "normal", **options: Any) -> None:
        """Set the behaviour (times, seconds, retry_after, endpoint), the tokens' life and the clock's offset."""
        self._command("/behaviour", {"mode": mode, **options})

    def withdraw(self, account: str) -> None:
        """End all access to an account, as its person does on the provider's page."""
        self._command("/withdraw", {"handle": account})

    def adopt(self, **tokens: Any) -> None:
        """Make a grant with these tokens: platform, handle, access_token, refresh_token, expires_at."""
        self._command("/adopt", tokens)

    def consent(
        self, authorize_url: str, account: str = "ana", *, allow: bool = True, without_scopes: Collection[str] = ()
    ) -> str:
        """Open the consent page, decide, and return the address that the browser is sent to."""
        with self.client() as browser:
            page = browser.get(authorize_url)
            if page.is_redirect:
                return page.headers["location"]
            assert page.status_code == 200, page.text
            form = _Fields(page.text).fields
            chosen = [each for each in form if not (each[0] == "scope" and each[1] in without_scopes)]
            chosen += [("new_account", account), ("decision", "allow" if allow else "refuse")]
            answer = browser.post("/authorize", content=_form(chosen), headers=FORM)
        assert answer.is_redirect, answer.text
        return answer.headers["location"]


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _form(fields: list[tuple[str, str]]) -> bytes:
    return str(httpx2.QueryParams(fields)).encode()


class _Fields(HTMLParser):
    """The fields that a form sends: hidden and ticked ones."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and (given["type"] == "hidden" or (given["type"] == "checkbox" and "checked" in given)):
            self.fields.append((str(given["name"]), str(given["value"])))


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_sandbox(folder: Path | None = None) -> Iterator[Sandbox]:
    """Run a provider until the block ends; without a folder, in one of its own."""
    with tempfile.TemporaryDirectory() as own:
        sandbox = Sandbox(folder or Path(own), _free_port())
        try:
            yield sandbox
        finally:
            sandbox.kill()
