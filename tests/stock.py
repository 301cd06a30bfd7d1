"""A private cluster of an installed PostgreSQL, with the settings that its initdb gives: Debian's, to compare with."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.waiting import eventually

#: PostgreSQL refuses to run as root; Debian's package makes this account.
ACCOUNT = "postgres"
#: Seconds until the server answers.
START = 30


@contextmanager
def stock_postgres(programs: Path) -> Iterator[tuple[str, Path]]:
    """Run a new cluster with the programs in a folder; give its address and its data directory, and remove both."""
    folder = Path(tempfile.mkdtemp(prefix="unstuck-stock-"))
    account: dict[str, Any] = {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": []} if os.geteuid() == 0 else {}
    if account:
        shutil.chown(folder, ACCOUNT, ACCOUNT)
    data = folder / "postgres"
    make = [
        str(programs / "initdb"),
        "--pgdata",
        str(data),
        "--username",
        "postgres",
        "--encoding",
        "UTF8",
        "--auth",
        "trust",
    ]
    subprocess.run(make, check=True, capture_output=True, cwd="/", **account)
    places = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *places], stdout=log, stderr=log, cwd="/", **account
        )
    url = f"postgresql://postgres@/postgres?host={folder}"
    try:
        eventually(lambda: _answers(url), within=START)
        yield url, data
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
