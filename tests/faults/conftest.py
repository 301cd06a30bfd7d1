"""Servers of their own for tests that harm servers: one pair for each process of the run, a database for each test."""

import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.conftest import MEMORY
from tests.faults.cluster import Cluster
from tests.faults.servers import Servers

#: Last lines of the workers' log that are shown with a failed test.
LINES = 80
FOLDER = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave this folder to `make faults`, whole."""
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the last lines of the workers' log with a failed test."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and isinstance(cluster, Cluster):
        report.sections.append(("workers", "\n".join(cluster.log_text().splitlines()[-LINES:])))
    return report


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Return a PostgreSQL and a Valkey that may be killed."""
    folder = Path(tempfile.mkdtemp(prefix="unstuck-faults-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with Servers(folder / "data") as servers:
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cluster(servers: Servers) -> Iterator[Cluster]:
    """Return a cluster without workers, on an empty database and an empty broker."""
    servers.heal()
    with servers.broker() as client:
        client.flushall()
    with servers.new_database() as url:
        cluster = Cluster(servers, url)
        try:
            with cluster.wakeup():
                yield cluster
        finally:
            cluster.stop()
            servers.heal()
