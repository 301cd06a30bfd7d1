"""Migrators that are killed, that meet, or that have to wait: after one more run, the database is at head."""

import multiprocessing
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from core.encryption.cipher import TokenCipher
from core.errors import Unusable
from migrations import revisions, run, transaction
from tests.migrations.killed import COMMIT, KILLED, watched
from tests.migrations.killed import main as dying
from tests.migrations.schema import SECRET, Schema, by_id, rows, schema_of
from tests.waiting import eventually

UPGRADE = "import sys; from migrations import run; print(len(run.upgrade(sys.argv[1], secret=sys.argv[2]).steps))"


@pytest.fixture(scope="module")
def statements(server: str, legacy_template: str) -> Counter[int]:
    """Return how many statements each revision of a run from the legacy tables takes, by its number."""
    from tests.migrations.conftest import databases

    counted: Counter[int] = Counter()
    with databases(server) as make, watched(lambda at, statement: counted.update([at] if statement else [])):
        run.upgrade(make(legacy_template), secret=SECRET)
    return counted


@pytest.mark.parametrize("number", range(1, len(revisions.path()) + 1))
def test_killed_half_way_or_before_the_commit_of_any_revision_the_next_run_ends_as_if_undisturbed(
    legacy_url: str, schema_at_head: Schema, statements: Counter[int], number: int
) -> None:
    before = revisions.path()[number - 2].id if number > 1 else ""
    run.upgrade(legacy_url, secret=SECRET, to=before or "base")
    for statement in (statements[number] // 2, COMMIT):
        assert killed(legacy_url, statement) == KILLED
        assert revision(legacy_url) == before
    run.upgrade(legacy_url, secret=SECRET)
    assert schema_of(legacy_url) == schema_at_head
    assert len(by_id(legacy_url, "interactions")) == 1142
    cipher = TokenCipher(SECRET)
    tokens = [row["access_token"] for row in by_id(legacy_url, "platform_connections").values()]
    assert {cipher.decrypt(token)[:14] for token in tokens if token} == {"legacy-access-"}


#: Has the program loaded once, and makes a process of its own for each migrator.
MIGRATORS = multiprocessing.get_context("forkserver")
MIGRATORS.set_forkserver_preload(["tests.migrations.killed"])


def killed(url: str, statement: int) -> int | None:
    process = MIGRATORS.Process(target=dying, args=(url, 1, statement))
    process.start()
    process.join(60)
    return process.exitcode


def revision(url: str) -> str:
    if not rows(url, "SELECT FROM pg_tables WHERE tablename = 'unstuck_version'"):
        return ""
    return "".join(row["version_num"] for row in rows(url, "SELECT version_num FROM unstuck_version"))


def test_of_two_migrators_at_once_each_revision_is_applied_by_one_and_both_end_well(
    legacy_url: str, schema_at_head: Schema
) -> None:
    with holding(legacy_url, f"SELECT pg_advisory_xact_lock({transaction.LOCK})"):
        both = [migrator(legacy_url), migrator(legacy_url)]
        eventually(lambda: waiting(legacy_url) == 2, within=30)
    outputs = [process.communicate(timeout=60) for process in both]
    assert [(process.returncode, errors) for process, (_, errors) in zip(both, outputs, strict=True)] == [(0, "")] * 2
    assert sum(int(steps) for steps, _ in outputs) == len(revisions.path())
    assert schema_of(legacy_url) == schema_at_head


def migrator(url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", UPGRADE, url, SECRET]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def holding(url: str, statement: str, program: str = "a test") -> Iterator[int]:
    """Run a statement and keep its transaction open; gives the holder's pid."""
    with psycopg.connect(url, application_name=program) as connection:
        connection.execute(statement)
        yield connection.info.backend_pid


def waiting(url: str) -> int:
    return sum(not lock["granted"] for lock in advisory_locks(url))


def advisory_locks(url: str) -> list[dict[str, bool]]:
    query = """SELECT granted FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    return rows(url, query)


@pytest.mark.parametrize(
    ("wait", "statement"),
    [
        ("TABLE_WAIT", "SELECT FROM users LIMIT 1"),
        ("MIGRATOR_WAIT", f"SELECT pg_advisory_xact_lock({transaction.LOCK})"),
    ],
)
def test_a_lock_that_is_not_free_in_time_is_reported_with_its_holder(
    legacy_url: str, monkeypatch: pytest.MonkeyPatch, wait: str, statement: str
) -> None:
    monkeypatch.setattr(transaction, wait, "100ms")
    with holding(legacy_url, statement, program="nightly report") as pid:
        with pytest.raises(Unusable) as refused:
            run.upgrade(legacy_url, secret=SECRET)
        assert f"pid {pid} (nightly report, postgres, idle in transaction, for 00:00:0" in str(refused.value)
    assert run.upgrade(legacy_url, secret=SECRET).end == revisions.head()


def test_no_lock_outlives_a_migration(legacy_url: str) -> None:
    run.upgrade(legacy_url, secret=SECRET)
    assert advisory_locks(legacy_url) == []
