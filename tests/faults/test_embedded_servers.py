"""Embedded servers that are killed, silent or out of disk come back, and none is left behind."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from core.errors import Unusable
from core.local.embedded import Services, embedded, running
from core.local.server import START_PATIENCE
from tests.holding import a_holder, servers_of, services_of
from tests.test_embedded import answers
from tests.waiting import eventually

AS_ROOT = os.geteuid() == 0


def kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def test_servers_that_outlived_a_killed_holder_are_taken_over_and_stopped(data_dir: Path) -> None:
    with a_holder(data_dir) as program:
        left_by = services_of(program)
        program.kill()
        program.wait()
        before = {process.pid for process in servers_of(data_dir)}
        assert running(data_dir) is None
        with embedded(data_dir) as services:
            assert services == left_by
            assert answers(services)
            assert len(before & {process.pid for process in servers_of(data_dir)}) >= 2
        assert servers_of(data_dir) == []


def test_servers_that_are_killed_are_started_again(data_dir: Path) -> None:
    with embedded(data_dir) as services:
        with psycopg.connect(services.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        for _ in range(2):
            killed = {process.pid for process in servers_of(data_dir)}
            kill(servers_of(data_dir))
            eventually(lambda: responds(services), within=30)
            assert not killed & {process.pid for process in servers_of(data_dir)}
        with psycopg.connect(services.database_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert servers_of(data_dir) == []


def responds(services: Services) -> bool:
    with suppress(psycopg.OperationalError, redis.ConnectionError):
        return answers(services)
    return False


def test_a_server_that_is_started_again_at_this_moment_is_stopped_too(data_dir: Path) -> None:
    with embedded(data_dir):
        kill(servers_of(data_dir))
        eventually(lambda: [each for each in servers_of(data_dir) if each.status() != psutil.STATUS_ZOMBIE])
    assert servers_of(data_dir) == []


def test_a_database_that_is_lost_while_it_runs_is_not_replaced_by_an_empty_one(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with embedded(data_dir, redis=False):
        (data_dir / "postgres").rename(data_dir / "lost")
        kill(servers_of(data_dir))
        eventually(lambda: "is not a complete database" in str([vars(each) for each in caplog.records]))
        assert not (data_dir / "postgres").exists()


def test_after_a_disk_was_full_the_database_is_started_again(a_mount: Path, caplog: pytest.LogCaptureFixture) -> None:
    subprocess.run(["mount", "-o", "remount,size=200m", a_mount], check=True)
    with embedded(a_mount / "data", redis=False) as services:
        with suppress(OSError), (a_mount / "filler").open("wb") as filler:
            while filler.write(b"x" * 1_000_000):
                filler.flush()
        kill(servers_of(a_mount))
        eventually(lambda: "free at least 200 MB" in str([vars(each) for each in caplog.records]), within=30)
        (a_mount / "filler").unlink()
        eventually(lambda: psycopg_answers(services), within=30)


def psycopg_answers(services: Services) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(services.database_url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)
    return False


def test_after_a_power_cut_all_starts_again(data_dir: Path) -> None:
    with a_holder(data_dir) as program:
        services_of(program)
        program.kill()
        kill(servers_of(data_dir))
        with embedded(data_dir) as services:
            assert answers(services)


def test_servers_that_do_not_answer_any_more_are_replaced(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.local.postgres.LEFT_OVER_PATIENCE", 0.1)
    monkeypatch.setattr("core.local.server.STOP_PATIENCE", 0.1)
    with a_holder(data_dir) as program:
        services_of(program)
        program.kill()
        for process in servers_of(data_dir):
            process.suspend()
        with embedded(data_dir) as services:
            assert answers(services)
        assert servers_of(data_dir) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_terminal_s_programs_leaves_nothing_running(data_dir: Path, number: signal.Signals) -> None:
    with a_holder(data_dir) as program:
        services_of(program)
        assert program.pid not in {os.getpgid(process.pid) for process in servers_of(data_dir)}
        os.killpg(program.pid, number)
        assert program.wait(timeout=20) == 0
        assert servers_of(data_dir) == []


def test_a_start_that_was_killed_while_it_made_the_database_does_no_harm(data_dir: Path) -> None:
    with a_holder(data_dir) as program:
        eventually(lambda: list(data_dir.glob("postgres.new-*/base")))
        program.kill()
        kill(servers_of(data_dir))
        with embedded(data_dir, redis=False):
            assert not list(data_dir.glob("postgres.new-*"))


@pytest.fixture
def a_mount(data_dir: Path) -> Iterator[Path]:
    """Return a small file system of this test alone."""
    data_dir.mkdir()
    if not AS_ROOT or subprocess.run(["mount", "-t", "tmpfs", "tmpfs", data_dir], check=False).returncode:
        pytest.skip("only root may mount a file system")
    yield data_dir
    subprocess.run(["umount", data_dir], check=True)


@pytest.mark.parametrize("size", ["4k", "10m", "30m", "38m"])
def test_a_full_disk_is_a_sentence_at_once(a_mount: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", a_mount], check=True)
    began = time.monotonic()
    with pytest.raises(Unusable, match=r"disk .*is full; free at least 200 MB"), embedded(a_mount / "data"):
        pass
    assert time.monotonic() - began < START_PATIENCE / 2, "with 38 MB PostgreSQL starts, and tries again for ever"
    assert servers_of(a_mount) == []


def test_a_read_only_disk_is_a_sentence(a_mount: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", a_mount], check=True)
    for path in (a_mount, a_mount / "data"):
        with pytest.raises(Unusable, match="read-only; choose another --data-dir"), embedded(path):
            pass
