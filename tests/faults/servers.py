"""A PostgreSQL and a Valkey that a test may kill, freeze and start again, each with a proxy before it."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import psutil
import psycopg
import redis
from sqlalchemy import make_url

from core.local import postgres, valkey
from core.local.account import Account
from core.local.folders import absolute, prepare, socket_folder
from core.local.server import Server, is_alive, stop_all
from migrations.run import upgrade
from tests.faults.proxy import Proxy
from tests.waiting import eventually

SECRET = "a-secret-for-tests-and-for-nothing-else"
TEMPLATE = "fault_template"
#: Safety against power cuts, which no test makes: killing a server loses nothing that its kernel has.
UNSAFE = ("fsync", "full_page_writes")


class Servers:
    """Both servers in one data directory, until the block ends."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = absolute(data_dir)
        prepare(self.data_dir)
        self._account = Account.for_servers(self.data_dir / "postgres")
        self._account.grant_passage(self.data_dir)
        self._sockets = socket_folder(self.data_dir, self._account)
        self._stack = ExitStack()
        self._postgres: list[Server] = []
        self._valkey: list[Server] = []
        self.database_proxy = Proxy(self._sockets / f".s.PGSQL.{postgres.PORT}")
        self.broker_proxy = Proxy(self._sockets / "valkey.sock")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(lambda: stop_all([*self._postgres, *self._valkey]))
            self.start_postgres()
            self.redis_url = self.start_valkey()
            stack.enter_context(self.database_proxy)
            stack.enter_context(self.broker_proxy)
            self._prepare_database()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.heal()
        self._stack.close()

    def start_postgres(self) -> str:
        """Start PostgreSQL, and return the address of its database."""
        self._postgres.clear()
        return postgres.start(self.data_dir, self._sockets, self._account, self._postgres)

    def crash_postgres(self) -> None:
        """Stop PostgreSQL at once, as `pg_ctl -m immediate` does: every connection breaks, nothing is written out."""
        _end(self._postgres[0], signal.SIGQUIT)

    def stop_postgres(self) -> None:
        """Stop PostgreSQL in good order."""
        _end(self._postgres[0], signal.SIGINT)

    @contextmanager
    def copied_postgres(self) -> Iterator[Path]:
        """Run a copy of PostgreSQL beside the original, as a standby that was promoted; give its socket."""
        copy, started = self.data_dir.with_name("copy"), list[Server]()
        self.stop_postgres()
        subprocess.run(["cp", "-a", self.data_dir, copy], check=True)
        self.start_postgres()
        try:
            postgres.start(copy, socket_folder(copy, self._account), self._account, started)
            yield copy / "run" / f".s.PGSQL.{postgres.PORT}"
        finally:
            stop_all(started)
            shutil.rmtree(copy)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let PostgreSQL refuse every write meanwhile, in sessions that are open too."""
        try:
            self._configure("SET default_transaction_read_only = on")
            yield
        finally:
            self._configure("RESET default_transaction_read_only")

    def _configure(self, change: str) -> None:
        with self.superuser() as connection:
            connection.execute(f"ALTER SYSTEM {change}")
            connection.execute("SELECT pg_reload_conf()")

    def start_valkey(self) -> str:
        """Start Valkey, empty, and return its address."""
        self._valkey.clear()
        return valkey.start(self.data_dir, self._sockets, self._account, self._valkey)

    def kill_valkey(self) -> None:
        """Kill Valkey, and with it all that it knew."""
        _end(self._valkey[0], signal.SIGKILL)

    def freeze_valkey(self) -> None:
        """Let Valkey accept connections and never answer."""
        self._valkey[0].process.send_signal(signal.SIGSTOP)

    def heal(self) -> None:
        """Repair everything that a test may have broken."""
        self.database_proxy.lead_to(self._sockets / f".s.PGSQL.{postgres.PORT}")
        self.database_proxy.be("up")
        self.broker_proxy.be("up")
        if is_alive(self._valkey[0].process):
            self._valkey[0].process.send_signal(signal.SIGCONT)
        else:
            self.start_valkey()
        with self.broker() as client:
            client.config_set("maxmemory", 0)
        if not is_alive(self._postgres[0].process):
            self.start_postgres()

    @contextmanager
    def broker(self) -> Iterator["redis.Redis[bytes]"]:
        """Give a client of Valkey that goes around the proxy."""
        with redis.Redis.from_url(self.redis_url) as client:
            yield client

    @contextmanager
    def superuser(self, database: str = "postgres") -> Iterator[psycopg.Connection]:
        """Give a superuser's connection that goes around the proxy."""
        url = postgres.address(self._sockets, database)
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            yield connection

    @contextmanager
    def new_database(self) -> Iterator[str]:
        """Give the address of a database with all tables and no rows."""
        name = f"fault_{uuid4().hex}"
        with self.superuser() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        try:
            yield postgres.address(self._sockets, name)
        finally:
            with self.superuser() as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def through_proxy(self, database_url: str) -> str:
        """Return the address of a database as seen through the proxy."""
        name = make_url(database_url).database
        return f"postgresql://postgres@127.0.0.1:{self.database_proxy.port}/{name}?sslmode=disable&gssencmode=disable"

    @property
    def postgres_process(self) -> psutil.Process:
        """PostgreSQL's first process."""
        return self._postgres[0].process

    @property
    def broker_through_proxy(self) -> str:
        """The broker's address as seen through the proxy."""
        return f"redis://127.0.0.1:{self.broker_proxy.port}/0"

    @property
    def sockets(self) -> Path:
        """The folder of the servers' sockets."""
        return self._sockets

    def _prepare_database(self) -> None:
        with self.superuser() as connection:
            for setting in UNSAFE:
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
        upgrade(url := postgres.address(self._sockets, TEMPLATE), secret=SECRET)
        with psycopg.connect(url) as made:
            made.execute("DELETE FROM schedules")  # those of maintenance: their jobs would take the tests' places


def _end(server: Server, number: signal.Signals) -> None:
    server.process.send_signal(signal.SIGCONT)
    server.process.send_signal(number)
    eventually(lambda: not is_alive(server.process), within=30)
    server.process.wait()
