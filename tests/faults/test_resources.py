"""What happens to jobs when the disk is full, or the kernel takes a worker's memory away."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.local.server import is_alive
from core.models import JobStatus
from tests.faults.cluster import NANO, Cluster, heal_and_check
from tests.faults.servers import Servers
from tests.waiting import eventually

#: Room for a database and its log of changes, and little more.
SMALL = "size=400m"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Return a file system that is easily filled."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small file system can be mounted by root alone")
    folder = Path(tempfile.mkdtemp(prefix="unstuck-small-"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", SMALL, "unstuck-test", folder], check=False).returncode:
        folder.rmdir()
        pytest.skip("this machine lets nobody mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no room in a file system for the time of the block."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 1_000_000)
    except OSError:
        yield
    finally:
        ballast.unlink()


def test_a_full_disk_loses_no_accepted_job(small_disk: Path) -> None:
    with Servers(small_disk / "data") as servers, servers.new_database() as url:
        cluster = Cluster(servers, url)
        try:
            cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.2)
            requested = cluster.ask(4, preset="nano")
            cluster.begin(requested[0][1])
            with filled(small_disk):
                eventually(lambda: "No space left" in postgres_log(servers), within=60)
            if not is_alive(servers.postgres_process):
                servers.start_postgres()
            heal_and_check(cluster, within=60)
            states = {cluster.state_of(user) for user, _ in requested}
            assert states <= {("enabled", NANO), ("failed", 0)}
        finally:
            cluster.log = Path(os.devnull)
            cluster.stop()


def postgres_log(servers: Servers) -> str:
    return (servers.data_dir / "postgres.log").read_text(errors="replace")


def test_a_job_that_eats_all_memory_ends_its_worker_and_then_fails(cluster: Cluster) -> None:
    group = os.environ.get("UNSTUCK_TEST_CGROUP", "")
    if not group:
        pytest.skip(
            "needs a memory cgroup of its own: set UNSTUCK_TEST_CGROUP to a folder that limits memory to 300 MB"
        )
    cluster.start_supervised(threads=2, FAULT_CGROUP=group)
    job = cluster.ask_task("fault.hungry")
    eventually(lambda: cluster.has_ended(job), within=120)
    assert cluster.job(job).status is JobStatus.FAILED
    assert "worker lost 3 times" in (cluster.job(job).error_message or "")
    heal_and_check(cluster)
