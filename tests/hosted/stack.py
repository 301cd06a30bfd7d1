"""Debian's PostgreSQL, PgBouncer, Redis and nginx as docs/hosting.md combines them, with our processes.

Console 1 and workers 1 and 2 go through PgBouncer. Console 2 and the far worker, which has a host of its own, connect
straight to the database, at an address that moves.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from tests.hosted.database import Database, Pooler
from tests.hosted.network import DATABASE_PORT, Network, network
from tests.hosted.place import PASSWORD, START, free_port, servers
from tests.hosted.servers import ROOT, is_ready, start_nginx, start_redis
from tests.waiting import eventually

PROGRAM = (sys.executable, str(ROOT / "main.py"))
#: Seconds; the other times are in proportion to the lease, as they are by default.
LEASE, SWEEP = 6, 1
TIMES = {
    "UNSTUCK_LEASE_SECONDS": str(LEASE),
    "UNSTUCK_HEARTBEAT_SECONDS": "1",
    "UNSTUCK_SWEEP_SECONDS": str(SWEEP),
    "UNSTUCK_BACKOFF_SECONDS": "0.5",
}


@dataclass
class Program:
    """One console or worker, which can be restarted."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    #: The beginning of the command, for a program on another host.
    place: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [*self.place, *PROGRAM, *self.arguments]
            self.process = subprocess.Popen(command, env=self.environment, cwd=self.log.parent, stdout=log, stderr=log)

    def ask_to_stop(self) -> None:
        if self.is_alive:
            self.process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]

    def stop(self) -> None:
        self.ask_to_stop()
        if self.process:
            self.process.wait(60)

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid


@dataclass
class Hosted:
    """The whole installation on one machine."""

    folder: Path
    environment: dict[str, str]
    url: str = ""
    #: The database's address that moves, straight.
    straight: str = ""
    consoles: dict[int, Program] = field(default_factory=dict)
    workers: list[Program] = field(default_factory=list)

    def run(self, *arguments: str) -> str:
        """Run one command of the program to its end, and return what it prints."""
        done = subprocess.run(
            [*PROGRAM, *arguments], env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_console(self, port: int) -> None:
        self.consoles[port].start()
        eventually(lambda: is_ready(f"http://127.0.0.1:{port}"), within=START)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return rows from the database, on a connection past the pooler."""
        with psycopg.connect(self.straight, connect_timeout=3) as connection:
            return connection.execute(query).fetchall()

    @property
    def programs(self) -> list[Program]:
        """Workers and consoles."""
        return [*self.workers, *self.consoles.values()]


@dataclass
class Installation(Hosted):
    """An installation with its servers and its network, for tests that harm them."""

    network: Network = field(kw_only=True)
    database: Database = field(kw_only=True)
    pooler: Pooler = field(kw_only=True)

    @property
    def far(self) -> Program:
        """The worker with a host of its own."""
        return self.workers[2]


@contextmanager
def hosted(folder: Path) -> Iterator[Installation]:
    """Start everything in `folder`, and end it all afterwards."""
    folder.chmod(0o755)
    sockets = {host: folder / host / f".s.PGSQL.{DATABASE_PORT}" for host in ("one", "two")}
    with ExitStack() as stack:
        net = stack.enter_context(network(sockets, folder / "redis.sock"))  # type: ignore[arg-type]
        started = stack.enter_context(servers(folder))
        database, pooler = Database(folder, net, started), Pooler(folder, net, started)
        database.make()
        pooler.start("one")
        broker, https = free_port(), free_port()
        start_redis(folder, {"127.0.0.1", net.addresses("far", broker)[1][0]}, broker, started)
        own = {name: value for name, value in os.environ.items() if not name.startswith(("UNSTUCK_", "PG"))}
        url = f"https://localhost:{https}"
        common = (
            own
            | TIMES
            | {
                "UNSTUCK_SECRET_KEY": "a-secret-for-tests-and-for-nothing-else",
                "UNSTUCK_PUBLIC_URL": url,
                "UNSTUCK_PROXIES": "127.0.0.1",
                "UNSTUCK_DATA_DIR": str(folder / "data"),
            }
        )
        pooled = common | {"DATABASE_URL": pooler.url, "REDIS_URL": _redis_url("127.0.0.1", broker)}
        straight, far = pooled | _straight(net, broker), common | _straight(net, broker, far=True)
        installation = Installation(
            folder, pooled, url, straight["DATABASE_URL"], network=net, database=database, pooler=pooler
        )
        stack.callback(_stop, installation)
        for number, environment in enumerate((pooled, straight), 1):
            port = free_port()
            arguments = ("serve", "--wait", "--port", str(port))
            installation.consoles[port] = Program(arguments, environment, folder / f"console-{number}.log")
        arguments = ("worker", "--wait", "--threads", "2")
        for number, environment in enumerate((pooled, pooled, far), 1):
            installation.workers.append(Program(arguments, environment, folder / f"worker-{number}.log"))
        installation.far.place = net.place("far")
        _start(installation)
        start_nginx(folder, list(installation.consoles), https, started)
        yield installation


def _redis_url(host: str, port: int) -> str:
    return f"redis://:{PASSWORD}@{host}:{port}/0"


def _straight(net: Network, broker: int, *, far: bool = False) -> dict[str, str]:
    """Return addresses past the pooler; the far worker is slow, so that its jobs are at work when it is cut off."""
    (host, port), (broker_host, broker_port) = net.addresses("far" if far else None, broker)
    addresses = {
        "DATABASE_URL": f"postgresql://unstuck:{PASSWORD}@{host}:{port}/unstuck",
        "REDIS_URL": _redis_url(broker_host, broker_port),
    }
    return addresses | ({"UNSTUCK_DEMO_STEP_SECONDS": "0.5"} if far else {})


def _start(installation: Installation) -> None:
    for program in installation.programs:
        program.start()  # before the migration: they wait
    installation.run("migrate")
    for port in installation.consoles:
        eventually(partial(is_ready, f"http://127.0.0.1:{port}"), within=START)


def _stop(installation: Installation) -> None:
    for program in installation.programs:
        program.ask_to_stop()
    for program in installation.programs:
        try:
            program.stop()
        except subprocess.TimeoutExpired:
            assert program.process
            program.process.kill()
            program.process.wait()
