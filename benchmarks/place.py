"""Where everything is measured: a private PostgreSQL and Valkey, durable, on sockets of their own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import make_url

from core.local.embedded import embedded
from migrations.run import upgrade
from tests.stock import stock_postgres

ROOT = Path(__file__).resolve().parent.parent
SECRET = "a-secret-for-measurements-and-for-nothing-else"


@dataclass(frozen=True)
class Place:
    """The servers, and a folder for what is left in between."""

    folder: Path
    server_url: str
    redis_url: str
    #: PostgreSQL's data directory.
    cluster: Path

    @property
    def postmaster(self) -> int:
        """PostgreSQL's first process."""
        return int((self.cluster / "postmaster.pid").read_text().split()[0])

    @property
    def redis(self) -> int:
        """Valkey's process."""
        return int(Path(urlsplit(self.redis_url).path).with_suffix(".pid").read_text())

    def database(self, name: str) -> str:
        """Return the address of a database of this name, which is there."""
        return make_url(self.server_url).set(database=name).render_as_string()

    def new_database(self, name: str, *, migrated: bool = False) -> str:
        """Make an empty database, or one with all of our tables, and return its address."""
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        if migrated:
            upgrade(self.database(name), secret=SECRET)
        return self.database(name)

    def environment(self, database_url: str, **more: str) -> dict[str, str]:
        """Return a child's environment: these servers, and no settings of the caller."""
        own = {
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis_url,
            "BENCH_COUNTER": os.environ["BENCH_COUNTER"],
            "UNSTUCK_SECRET_KEY": SECRET,
            "UNSTUCK_DATA_DIR": str(self.folder / "data"),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("UNSTUCK_", "PG"))}
        return inherited | own | more


@contextmanager
def private_place(programs: Path | None = None) -> Iterator[Place]:
    """Start the servers on a real disk, and end them with the block; `programs` are those of another PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="unstuck-bench-"))
    os.environ["BENCH_COUNTER"] = str(folder / "counter")
    try:
        with ExitStack() as stack:
            services = stack.enter_context(embedded(folder / "data", postgres=programs is None))
            own = (services.database_url, folder / "data/postgres")
            server_url, cluster = stack.enter_context(stock_postgres(programs)) if programs else own
            yield Place(folder, server_url, services.redis_url, cluster)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
