"""Hosted use behind PgBouncer in transaction mode: no part may rely on a session that outlives its transaction."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import event, text

from core.address import with_schema
from core.database.engine import connect, worker_options
from core.local.account import Account
from migrations import run as migrations
from tests.faults.cluster import NANO, PROGRAM, Cluster, heal_and_check
from tests.waiting import eventually

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed: apt-get install pgbouncer")
#: Refuses the connection options that set our timeouts; or accepts and drops them.
REFUSING, DROPPING = "", "options"
ASK = text(
    "SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'), "
    "current_setting('jit')"
)


@contextmanager
def pooler(cluster: Cluster, ignored: str, sessions: int = 4) -> Iterator[str]:
    """Run PgBouncer in transaction mode with few sessions of the server, and give the database's address through it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = cluster.servers.data_dir / f"pgbouncer-{port}"
    account = Account.for_servers(cluster.servers.data_dir / "postgres")
    account.own(folder)
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={cluster.servers.sockets} port=5432 user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = transaction\ndefault_pool_size = {sessions}\nignore_startup_parameters = {ignored}\n"
    )
    settings.chmod(0o644)
    url = f"postgresql://postgres@127.0.0.1:{port}/{cluster.database_name}"
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(PGBOUNCER), str(settings)], stdout=log, stderr=log, cwd="/", **account.spawning()
        )
    try:
        eventually(lambda: _answers(url))
        yield url
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError as error:
        raise AssertionError(str(error)) from error
    return True


@needs_pgbouncer
@pytest.mark.parametrize("ignored", [REFUSING, DROPPING], ids=["refusing", "dropping"])
def test_limits_hold_in_each_transaction_and_stay_in_none_of_the_pooler_s_sessions(
    cluster: Cluster, ignored: str
) -> None:
    with pooler(cluster, ignored, sessions=1) as url:
        limited, plain = connect(url, options=worker_options(2)), connect(url, options="")
        for _ in range(2):
            with limited.begin() as connection:
                assert connection.execute(ASK).one() == ("30s", "2s", "off")
            with plain.begin() as connection:
                assert connection.execute(ASK).one() == ("0", "0", "off")
            with psycopg.connect(url) as connection:
                assert connection.execute(str(ASK)).fetchone() == ("0", "0", "on")
        limited.dispose()
        plain.dispose()


@needs_pgbouncer
def test_a_role_that_brings_its_own_limits_needs_no_statement_in_each_transaction(cluster: Cluster) -> None:
    with cluster.servers.superuser(cluster.database_name) as connection:
        for limit in (
            "statement_timeout = '30s'",
            "lock_timeout = '10s'",
            "idle_in_transaction_session_timeout = '2s'",
            "jit = off",
        ):
            connection.execute(f"ALTER DATABASE {cluster.database_name} SET {limit}")
    executed: list[str] = []
    with pooler(cluster, REFUSING) as url:
        engine = connect(url, options=worker_options(2))
        event.listen(engine, "before_cursor_execute", lambda *args: executed.append(args[2]))
        with engine.connect() as connection:
            assert connection.execute(ASK).one() == ("30s", "2s", "off")
        engine.dispose()
    assert not any("set_config" in statement for statement in executed)


@needs_pgbouncer
@pytest.mark.parametrize("ignored", [REFUSING, DROPPING], ids=["refusing", "dropping"])
def test_a_schema_and_what_a_session_pins_hold_through_a_pooler(cluster: Cluster, ignored: str) -> None:
    with cluster.servers.superuser(cluster.database_name) as connection:
        connection.execute("CREATE SCHEMA app")
        for odd in ("datestyle = 'SQL, DMY'", "default_transaction_isolation = serializable", "bytea_output = escape"):
            connection.execute(f"ALTER DATABASE {cluster.database_name} SET {odd}")
    with pooler(cluster, ignored) as url:
        schema = with_schema(url, "app")
        migrations.upgrade(schema, secret="a secret for tests")
        assert migrations.check(schema) == []
        engine = connect(schema)
        with engine.begin() as connection:
            pinned = "SELECT current_schema(), current_setting('datestyle'), current_setting('transaction_isolation')"
            assert connection.execute(text(pinned)).one() == ("app", "ISO, MDY", "read committed")
        engine.dispose()


@needs_pgbouncer
def test_a_killed_worker_s_job_is_finished_though_all_go_through_a_pooler(cluster: Cluster) -> None:
    with pooler(cluster, REFUSING) as url:
        first = cluster.start_worker(DATABASE_URL=url, UNSTUCK_DEMO_STEP_SECONDS=0.3)
        [(user, job)] = cluster.ask()
        cluster.begin(job)
        first.kill()
        cluster.start_worker(DATABASE_URL=url)
        [other] = cluster.make_users(1)
        command = [*PROGRAM, "do", "demo.enable", "--user", other.email, "--preset", "nano"]
        assert cluster.spawn(command, DATABASE_URL=url).wait(60) == 0
        eventually(cluster.all_ended, within=30)
        assert cluster.outcomes(job) == ["lost", "succeeded"]
        assert [cluster.state_of(user), cluster.state_of(other)] == [("enabled", NANO)] * 2
        heal_and_check(cluster)
