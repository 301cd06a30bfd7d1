"""The console is not opened to others by mistake: beyond this machine it needs a secret key that a person has set."""

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import Unusable
from tests.security.conftest import ROOT
from ui.server import listen


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "console.example", ""])
def test_listening_beyond_this_machine_needs_a_secret_key(host: str) -> None:
    with pytest.raises(Unusable, match="UNSTUCK_SECRET_KEY"):
        listen(host, 0, own_key=False)


@pytest.mark.parametrize(("host", "own_key"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_listening_on_this_machine_needs_no_secret_key(host: str, *, own_key: bool) -> None:
    listen(host, 0, own_key=own_key).close()


def test_answers_are_sent_at_once_without_uvloop_too() -> None:
    async def is_sent_at_once() -> int:
        loop, accepted = asyncio.get_running_loop(), asyncio.Event()
        options: list[int] = []

        async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            options.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            accepted.set()

        listening = listen("127.0.0.1", 0, own_key=True)
        server = await asyncio.start_server(note, sock=listening)
        async with server:
            _, writer = await asyncio.open_connection(*listening.getsockname())
            await asyncio.wait_for(accepted.wait(), 10)
            writer.close()
        assert type(loop).__module__.startswith("asyncio")
        return options[0]

    def run() -> int:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(is_sent_at_once())

    with ThreadPoolExecutor(1) as other_thread:  # Playwright may have a loop in this one
        assert other_thread.submit(run).result() == 1


def test_a_key_that_the_program_made_is_not_one_that_a_person_set(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()  # as in an installation
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNSTUCK_")}
    environment = {**inherited, "REDIS_URL": "redis://127.0.0.1:1/0"}
    environment["UNSTUCK_DATA_DIR"] = str(tmp_path)
    command = [sys.executable, "main.py", "serve", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "set UNSTUCK_SECRET_KEY first" in done.stderr
