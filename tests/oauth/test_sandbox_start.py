"""`run` starts the sandbox, keeps it, and ends it; only programs of the same owner learn its secret."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

from core.local.embedded import embedded
from core.local.sandbox.starting import client_secret, noted_address
from tests.sandboxes import ROOT
from tests.waiting import eventually

SANDBOX_ALONE = {"postgres": False, "redis": False, "sandbox": True}


def process_in(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "sandbox" / "pid").read_text()))


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False, verify=False).status_code == 200
    except httpx2.TransportError:
        return False


def another_than(first: psutil.Process, data_dir: Path) -> psutil.Process | None:
    """Return the sandbox's process if it is another one by now; the noted one may have ended a moment ago."""
    try:
        now = process_in(data_dir)
    except psutil.NoSuchProcess:
        return None
    return now if now.pid != first.pid else None


def test_it_is_kept_on_its_port_and_ended(data_dir: Path) -> None:
    with embedded(data_dir, **SANDBOX_ALONE) as services:
        assert noted_address(data_dir) == services.sandbox_url, "another program of this installation finds it"
        assert eventually(lambda: answers(services.sandbox_url))
        first = process_in(data_dir)
        assert {each.laddr.ip for each in first.net_connections("inet")} == {"127.0.0.1"}
        first.kill()
        again = eventually(lambda: another_than(first, data_dir))
        assert eventually(lambda: answers(services.sandbox_url))
    assert not again.is_running()
    assert (data_dir / "sandbox.log").read_text() == ""
    with socket.socket() as other:
        with embedded(data_dir, **SANDBOX_ALONE) as same:
            assert same == services
        other.bind(("127.0.0.1", int(services.sandbox_url.rpartition(":")[2])))
        with embedded(data_dir, **SANDBOX_ALONE) as moved:
            assert moved != services
            assert eventually(lambda: answers(moved.sandbox_url))


def test_one_that_outlived_its_owner_is_ended_and_another_program_is_not(data_dir: Path) -> None:
    with embedded(data_dir, **SANDBOX_ALONE) as services:
        former = psutil.Popen([*process_in(data_dir).cmdline()[:-1], "0"], cwd=ROOT)
    for outlived, ends in ((former.pid, True), (os.getpid(), False)):
        (data_dir / "sandbox" / "pid").write_text(str(outlived))
        with embedded(data_dir, **SANDBOX_ALONE) as again:
            assert again == services
        assert psutil.pid_exists(outlived) != ends or psutil.Process(outlived).status() == psutil.STATUS_ZOMBIE
    former.wait()


def test_its_secret_is_made_once_and_is_in_no_environment_of_a_server(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", "canary")
    with embedded(data_dir, **SANDBOX_ALONE):
        secret, process = client_secret(data_dir), process_in(data_dir)
        seen = " ".join((*process.environ().values(), *process.cmdline()))
        assert "canary" not in seen
        assert secret not in seen
    with embedded(data_dir, **SANDBOX_ALONE):
        assert client_secret(data_dir) == secret
    assert len(secret) > 40
    assert stat.S_IMODE((data_dir / "sandbox" / "client_secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((data_dir / "sandbox").stat().st_mode) == 0o700


def test_nothing_else_loads_its_server() -> None:
    """`run` would start a second later, and Authlib's server side is no part of the console."""
    code = "import sys, main; print(*sorted(name for name in sys.modules if name.startswith('core.local.sandbox')))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["core.local.sandbox", "core.local.sandbox.starting"]
