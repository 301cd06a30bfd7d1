"""Real servers for every test: one PostgreSQL for the whole run, one Valkey and one Chromium for each process of it.

A test that stops or harms a server starts its own with `core.local.embedded.embedded`.
"""

import gc

gc.disable()  # until all tests are collected: what is imported until then stays

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, make_url
from sqlmodel import Session
from typer import testing as typer_testing

from core.local.embedded import embedded
from core.settings import settings
from migrations.run import upgrade
from tests import order
from tests.browsing import Tabs, a_browser
from tests.recycling import Recycled, Recycler
from tests.stock import stock_postgres

SERVER = pytest.StashKey[str]()
TEMPLATE = "unstuck_template"
SECRET = "a-secret-for-tests-and-for-nothing-else"
TESTS = Path(__file__).parent
MEMORY = Path("/dev/shm")
#: Bytes for the databases of a run and what they write; a container's usual 64 MB would not do.
ROOM = 2_000_000_000
#: Characters of a console's log that the report of a failed test shows.
LOG_SHOWN = 4000
#: Durability that a test run does not need: its data dies with it. All other settings are those of the embedded server,
#: which are PostgreSQL's own.
UNSAFE = ("fsync", "full_page_writes", "synchronous_commit")
#: A program's commands are made once, not for each command line that a test tries.
typer_testing._get_command = cache(typer_testing._get_command)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option for another PostgreSQL, and that of NiceGUI's `user` fixture without its plugin's imports.

    Where a folder needs the fixture: `from nicegui.testing.user_plugin import user` in that folder's conftest.
    """
    parser.addoption("--postgres", type=Path, metavar="DIR", help="the programs of another PostgreSQL, to run on that")
    parser.addini("main_file", "the script that NiceGUI's user fixture runs; empty for none", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Let a SIGTERM, as from `timeout`, end the run as Ctrl-C does: with the servers stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first; what has the same rank stays in order."""
    items.sort(key=lambda item: order.rank(item.path.relative_to(TESTS).as_posix()))


def pytest_collection_finish() -> None:
    """Freeze the objects of all modules: a garbage collection then takes 10 ms instead of half a second."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """Collect once: pytest itself would look through all objects ten times for what was not closed."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Distribute tests one by one, but for files that stay together."""
    return order.FilesTogether(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Start the run's PostgreSQL before its first process, and pass its address to each process."""
    config = node.config
    gc.enable()  # this process collects no tests itself
    if SERVER not in config.stash:
        config.stash[SERVER] = _postgres(config)
    node.workerinput["server"] = config.stash[SERVER]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Add to the report of a failed test what its pages show and what its console has logged."""
    report = yield
    if report.failed and call.when == "call":
        for fixture in getattr(item, "funcargs", {}).values():
            tabs = fixture if isinstance(fixture, Tabs) else getattr(fixture, "tabs", None)
            if tabs:
                report.sections.append(("What the pages show", tabs.seen()))
            if isinstance(log := getattr(fixture, "log", None), Path) and log.exists():
                report.sections.append(("What the console has logged last", log.read_text()[-LOG_SHOWN:]))
    return report


def _postgres(config: pytest.Config) -> str:
    """Start PostgreSQL until the end of the run, and return the URL of its maintenance database."""
    with ExitStack() as stack:
        if programs := config.getoption("postgres"):
            url = stack.enter_context(stock_postgres(programs))[0]
        else:
            url = stack.enter_context(embedded(_folder(stack), redis=False)).database_url
        server = make_url(url).set(database="postgres").render_as_string()
        with psycopg.connect(server, autocommit=True) as connection:
            for setting in UNSAFE:
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        config.add_cleanup(stack.pop_all().close)
    return server


def _folder(stack: ExitStack) -> Path:
    """Return a folder for servers, in memory where there is room: a database takes 30 ms there, 200 ms on a disk."""
    has_room = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    folder = Path(tempfile.mkdtemp(prefix="unstuck-tests-", dir=MEMORY if has_room else None))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


@pytest.fixture(autouse=True)
def _settings_of_this_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget settings that were read from an environment that a test has changed."""
    yield
    if "monkeypatch" in request.fixturenames:
        settings.cache_clear()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return where a data directory may be made, for a test that starts servers or the program of its own."""
    with ExitStack() as stack:
        yield _folder(stack) / "data"


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> str:
    """Return the URL of the run's PostgreSQL, as its superuser."""
    server_url: str | None = getattr(pytestconfig, "workerinput", {}).get("server")
    return server_url or _postgres(pytestconfig)


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """Return the name of a database with all tables and no rows, made by whichever process comes first."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone() is None:
            connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}_new")
            connection.execute(f"CREATE DATABASE {TEMPLATE}_new")
            upgrade(url := _database(server, f"{TEMPLATE}_new"), secret=SECRET)
            with psycopg.connect(url) as made:
                made.execute("DELETE FROM schedules")  # those of maintenance, which a migration adds
            connection.execute(f"ALTER DATABASE {TEMPLATE}_new RENAME TO {TEMPLATE}")
    return TEMPLATE


def _database(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string()


@pytest.fixture
def empty_database_url(server: str) -> Iterator[str]:
    """Return a database without any table, for this test alone."""
    yield from _fresh(server, "template0")


@pytest.fixture(scope="session")
def _recycler(server: str, template: str) -> Iterator[Recycler]:
    recycler = Recycler(server, template)
    yield recycler
    recycler.close()


@pytest.fixture
def _recycled(_recycler: Recycler) -> Iterator[Recycled]:
    yield _recycler.lend()
    _recycler.take_back()


@pytest.fixture
def database_url(_recycled: Recycled) -> str:
    """Return a database with all tables and no rows, which no other test uses at the same time."""
    return _recycled.url


def _fresh(server: str, template: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield _database(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(_recycled: Recycled) -> Engine:
    """Return an engine on this test's database."""
    return _recycled.engine


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """Return a session on this test's database; the test commits."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture(scope="session")
def _valkey() -> Iterator[str]:
    with ExitStack() as stack:
        yield stack.enter_context(embedded(_folder(stack), postgres=False)).redis_url


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Return this process's Chromium."""
    with a_browser() as browser:
        yield browser


@pytest.fixture
def redis_url(_valkey: str) -> str:
    """Return an empty Valkey; other tests of this process had it before, and no other process has."""
    import redis

    with redis.Redis.from_url(_valkey) as client:
        client.flushall()
    return _valkey
