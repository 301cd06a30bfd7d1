"""Debian's PostgreSQL: a primary, a synchronous replica, and PgBouncer before them in transaction mode."""

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from tests.hosted.network import DATABASE_PORT, Host, Network
from tests.hosted.place import PASSWORD, START, Servers, free_port
from tests.waiting import eventually

#: Newest first.
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
_IS_COPIED = "SELECT 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"


class Database:
    """Two places for a server with stock settings; one of them is the primary, to which the address leads."""

    def __init__(self, folder: Path, network: Network, servers: Servers) -> None:
        self._folder = folder
        self._network = network
        self._servers = servers
        self._running: dict[Host, subprocess.Popen[bytes]] = {}
        self.primary: Host = "one"
        self.other: Host = "two"

    def make(self) -> None:
        """Make the first server with our role and an empty database, and start it."""
        data = _folder(self._folder_of("one"))
        _run("initdb", "-D", data, "--username=postgres", "--encoding=UTF8", "--auth-host=scram-sha-256")
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all,replication all 198.18.0.0/15 scram-sha-256\n")
        self._start("one")
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE unstuck LOGIN PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE ROLE copier LOGIN REPLICATION PASSWORD '{PASSWORD}'")
            connection.execute("CREATE DATABASE unstuck OWNER unstuck ENCODING 'UTF8' TEMPLATE template0")

    @property
    def admin(self) -> str:
        """The primary's address for its superuser, on its socket."""
        return self._socket(self.primary)

    def _socket(self, host: Host) -> str:
        return f"postgresql://postgres@/postgres?host={self._folder_of(host)}&port={DATABASE_PORT}"

    def _folder_of(self, host: Host) -> Path:
        return self._folder / host

    def _start(self, host: Host) -> None:
        data = self._folder_of(host)
        server = [str(POSTGRES[0] / "postgres"), "-D", str(data), "-p", str(DATABASE_PORT), "-k", str(data)]
        command = [*self._network.place(host), *AS_POSTGRES, *server, "-h", self._network.listen()]
        self._running[host] = self._servers.spawn(f"postgres-{host}", command)
        log = self._folder / f"postgres-{host}.log"

        def is_up() -> bool:
            assert answers(self._socket(host)), log.read_text()[-2000:]
            return True

        eventually(is_up, within=START)

    def copy(self) -> None:
        """Make the other server a streaming replica; from then on nothing is accepted that it does not have."""
        data, source = _folder(self._folder_of(self.other)), self._network.server(self.primary)
        url = f"host={source} port={DATABASE_PORT} user=copier password={PASSWORD}"
        _run("pg_basebackup", "-D", data, "-R", "--checkpoint=fast", "-d", url)
        (data / f".s.PGSQL.{DATABASE_PORT}.lock").unlink()  # the copied one is of the primary
        self._start(self.other)
        self.configure("SET synchronous_standby_names = '*'")
        eventually(lambda: self._ask(_IS_COPIED), within=START)

    def configure(self, change: str) -> None:
        """Change one setting of the primary."""
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM {change}")
            connection.execute("SELECT pg_reload_conf()")

    def _ask(self, query: str) -> tuple[Any, ...] | None:
        with psycopg.connect(self.admin) as connection:
            return connection.execute(query).fetchone()

    def crash(self) -> None:
        """Let the primary's host vanish: nothing answers any more, and nothing says so."""
        self._network.cut(self.primary)
        self._running[self.primary].send_signal(signal.SIGQUIT)
        self._running[self.primary].wait(START)

    def promote(self) -> None:
        """Make the replica the primary; the old one is ended later, when it has lost its address."""
        self.primary, self.other = self.other, self.primary
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def retire(self) -> None:
        """End the old primary, and repair its host."""
        old = self._running[self.other]
        if old.poll() is None:
            old.send_signal(signal.SIGINT)
            old.wait(START)
        self._network.join(self.other)


class Pooler:
    """PgBouncer in transaction mode with what docs/hosting.md adds; a reload leads it to another server."""

    def __init__(self, folder: Path, network: Network, servers: Servers) -> None:
        self._folder = folder / "pgbouncer"
        self._network = network
        self._servers = servers
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """The database's address through the pooler."""
        return f"postgresql://unstuck:{PASSWORD}@127.0.0.1:{self.port}/unstuck"

    def start(self, host: Host) -> None:
        """Start it before one of the servers."""
        self._folder.mkdir()
        (self._folder / "users.txt").write_text(f'"unstuck" "{PASSWORD}"\n')
        self._write(host)
        command = [*AS_POSTGRES, "/usr/sbin/pgbouncer", str(self._folder / "pgbouncer.ini")]
        self._process = self._servers.spawn("pgbouncer", command)
        eventually(lambda: answers(self.url), within=START)

    def lead_to(self, host: Host) -> None:
        """Change its configuration and reload it."""
        self._write(host)
        assert self._process
        self._process.send_signal(signal.SIGHUP)

    def _write(self, host: Host) -> None:
        (self._folder / "pgbouncer.ini").write_text(
            f"[databases]\nunstuck = host={self._network.server(host)} port={DATABASE_PORT}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {self._folder}/users.txt\npool_mode = transaction\n"
            "server_login_retry = 1\nserver_connect_timeout = 3\n"
            "tcp_keepidle = 5\ntcp_keepintvl = 2\ntcp_keepcnt = 3\ntcp_user_timeout = 10000\n"
        )


def answers(url: str) -> bool:
    """Tell whether a database can be connected to."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _folder(data: Path) -> Path:
    """Return a folder that is new, empty and PostgreSQL's."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    shutil.chown(data, "postgres", "postgres")
    return data


def _run(program: str, *arguments: str | Path) -> None:
    """Run one of PostgreSQL's programs as its user."""
    command = [*AS_POSTGRES, POSTGRES[0] / program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
