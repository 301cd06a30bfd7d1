"""Debian's PostgreSQL, PgBouncer, Redis and nginx as docs/hosting.md combines them, with our processes."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, str(ROOT / "main.py"))
PASSWORD = "an-unguessable-one"
PLACES = "/usr/sbin:/usr/bin:/usr/local/bin"
#: Newest first.
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
#: Seconds that a start may take on a busy machine.
START = 90


def missing() -> str | None:
    """Return which Debian packages this machine lacks, as a sentence; None if none."""
    programs = {"pgbouncer": "pgbouncer", "redis-server": "redis-server", "nginx": "nginx", "openssl": "openssl"}
    packages = [package for name, package in programs.items() if shutil.which(name, path=PLACES) is None]
    packages += [] if POSTGRES else ["postgresql"]
    if packages:
        return f"Hosted use needs Debian's servers: apt-get install {' '.join(packages)}."
    return None if os.geteuid() == 0 else "Hosted use is tried as root, since the servers have users of their own."


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@dataclass
class Program:
    """One console or worker, which can be restarted."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, *self.arguments], env=self.environment, cwd=self.log.parent, stdout=log, stderr=log
            )

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


@dataclass
class Hosted:
    """The whole installation on one machine."""

    folder: Path
    server: str = ""
    admin: str = ""
    url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
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
        eventually(lambda: _is_ready(f"http://127.0.0.1:{port}"), within=START)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return rows from the database, on a connection past the pooler."""
        with psycopg.connect(self.server) as connection:
            return connection.execute(query).fetchall()


@contextmanager
def hosted(folder: Path) -> Iterator[Hosted]:
    """Start everything in `folder`, and end it all afterwards."""
    folder.chmod(0o755)
    stack = Hosted(folder)
    servers: list[subprocess.Popen[bytes]] = []
    try:
        stack.admin, stack.server = _postgres(folder, servers)
        pooled = _pgbouncer(folder, stack.server, servers)
        broker = _redis(folder, servers)
        ports, https = [free_port(), free_port()], free_port()
        stack.url = f"https://localhost:{https}"
        own = {name: value for name, value in os.environ.items() if not name.startswith(("UNSTUCK_", "PG"))}
        stack.environment = own | {
            "DATABASE_URL": pooled,
            "REDIS_URL": broker,
            "UNSTUCK_SECRET_KEY": "a-secret-for-tests-and-for-nothing-else",
            "UNSTUCK_PUBLIC_URL": stack.url,
            "UNSTUCK_PROXIES": "127.0.0.1",
            "UNSTUCK_DATA_DIR": str(folder / "data"),
        }
        for port in ports:
            arguments = ("serve", "--wait", "--port", str(port))
            stack.consoles[port] = Program(arguments, stack.environment, folder / f"console-{port}.log")
        stack.workers = [
            Program(("worker", "--wait", "--threads", "2"), stack.environment, folder / f"worker-{number}.log")
            for number in range(3)
        ]
        for program in (*stack.consoles.values(), *stack.workers):
            program.start()  # before the migration: they wait
        stack.run("migrate")
        for port in ports:
            eventually(lambda port=port: _is_ready(f"http://127.0.0.1:{port}"), within=START)
        _nginx(folder, ports, https, servers)
        eventually(lambda: _is_ready(stack.url), within=START)
        yield stack
    finally:
        for program in (*stack.workers, *stack.consoles.values()):
            program.stop()
        for server in reversed(servers):
            server.send_signal(signal.SIGINT)
            server.wait(30)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5, verify=False).status_code == 200
    except httpx.HTTPError:
        return False


def _spawn(servers: list[subprocess.Popen[bytes]], log: Path, command: Sequence[str], user: str | None = None) -> None:
    account = {"user": user, "group": user, "extra_groups": []} if user else {}
    with log.open("ab") as output:
        servers.append(subprocess.Popen(command, stdout=output, stderr=output, cwd="/", **account))  # type: ignore[call-overload]


def _postgres(folder: Path, servers: list[subprocess.Popen[bytes]]) -> tuple[str, str]:
    """Start stock PostgreSQL; return its address for its superuser, and a new database's for its owner."""
    data, port, programs = folder / "postgres", free_port(), POSTGRES[0]
    data.mkdir()
    shutil.chown(data, "postgres", "postgres")
    make = [programs / "initdb", "-D", data, "--username=postgres", "--encoding=UTF8", "--auth-host=scram-sha-256"]
    subprocess.run(make, user="postgres", group="postgres", extra_groups=[], check=True, capture_output=True, cwd="/")
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data), "-h", "127.0.0.1"]
    _spawn(servers, folder / "postgres.log", command, "postgres")
    admin = f"postgresql://postgres@/postgres?host={data}&port={port}"
    eventually(lambda: _answers(admin), within=START)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE unstuck LOGIN PASSWORD '{PASSWORD}'")
        connection.execute("CREATE DATABASE unstuck OWNER unstuck ENCODING 'UTF8' TEMPLATE template0")
    return admin, f"postgresql://unstuck:{PASSWORD}@127.0.0.1:{port}/unstuck"


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _pgbouncer(folder: Path, server: str, servers: list[subprocess.Popen[bytes]]) -> str:
    place, port = folder / "pgbouncer", free_port()
    place.mkdir()
    (place / "users.txt").write_text(f'"unstuck" "{PASSWORD}"\n')
    database_port = httpx.URL(server).port
    (place / "pgbouncer.ini").write_text(
        f"[databases]\nunstuck = host=127.0.0.1 port={database_port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {place}/users.txt\npool_mode = transaction\n"
    )
    _spawn(servers, folder / "pgbouncer.log", ["/usr/sbin/pgbouncer", str(place / "pgbouncer.ini")], "postgres")
    pooled = server.replace(f":{database_port}/", f":{port}/")
    eventually(lambda: _answers(pooled), within=START)
    return pooled


def _redis(folder: Path, servers: list[subprocess.Popen[bytes]]) -> str:
    port = free_port()
    program = shutil.which("redis-server", path=PLACES) or ""
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--save", "", "--dir", "/tmp"]
    _spawn(servers, folder / "redis.log", [program, *arguments])
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"

    def is_up() -> bool:
        try:
            with redis.Redis.from_url(url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    eventually(is_up, within=START)
    return url


def _nginx(folder: Path, consoles: Sequence[int], https: int, servers: list[subprocess.Popen[bytes]]) -> None:
    """Run the example configuration with our ports, folder and certificate in place of its own."""
    tls = folder / "tls"
    tls.mkdir()
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*make, "-keyout", tls / "tls.key", "-out", tls / "tls.crt"], check=True, capture_output=True)
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for number, port in enumerate(consoles, 1):
        text = text.replace(f"console-{number}:8080", f"127.0.0.1:{port}")
    text = text.replace("/etc/nginx/tls", str(tls)).replace("/var/log/nginx", str(folder))
    text = text.replace("unstuck.example.com", "localhost")
    text = re.sub(r"listen 80;", f"listen 127.0.0.1:{free_port()};", text)
    text = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;", text)
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    options = f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;"
    _spawn(servers, folder / "nginx.log", ["/usr/sbin/nginx", "-c", str(configuration), "-g", options])
