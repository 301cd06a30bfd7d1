"""Migrators that are killed, that meet, or that have to wait: after one more run, the database is at head."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from core.encryption.cipher import TokenCipher
from core.errors import Unusable
from migrations import revisions, run, transaction
from tests.loaded import LOADED, Forked
from tests.migrations.conftest import LAST_PRE, databases
from tests.migrations.killed import COMMIT, KILLED, migrate, watched
from tests.migrations.killed import main as dying
from tests.migrations.schema import SECRET, Schema, by_id, rows, schema_of
from tests.waiting import eventually

#: The step after the last revision, which drops what the legacy product needed.
FINISH = 1


@pytest.fixture(scope="module")
def statements(server: str, legacy_template: str) -> Counter[int]:
    """Return how many statements each revision of a run from the legacy tables takes, by its number."""
    counted: Counter[int] = Counter()
    with databases(server) as make, watched(lambda at, statement: counted.update([at] if statement else [])):
        run.finish(make(legacy_template), secret=SECRET)
    return counted


@pytest.mark.slow
def test_killed_half_way_or_before_the_commit_of_any_revision_the_next_run_ends_as_if_undisturbed(
    legacy_url: str, schema_at_head: Schema, statements: Counter[int]
) -> None:
    """One database on its way up: the migrator dies twice in each revision, then applies it."""
    before = ""
    for number, name in enumerate((revision.id for revision in revisions.path()), start=1):
        for statement in (statements[number] // 2, COMMIT):
            assert killed(legacy_url, statement) == KILLED, name
            assert revision(legacy_url) == before, name
        run.upgrade(legacy_url, secret=SECRET, to=name)
        before = name
    run.finish(legacy_url, secret=SECRET)
    assert schema_of(legacy_url) == schema_at_head
    assert len(by_id(legacy_url, "interactions")) == 1142
    cipher = TokenCipher(SECRET)
    tokens = [row["access_token"] for row in by_id(legacy_url, "platform_connections").values()]
    assert {cipher.decrypt(token)[:14] for token in tokens if token} == {"legacy-access-"}


def killed(url: str, statement: int) -> int:
    return Forked(dying, url, 1, statement).wait(60)


def revision(url: str) -> str:
    if not rows(url, "SELECT FROM pg_tables WHERE tablename = 'unstuck_version'"):
        return ""
    return "".join(row["version_num"] for row in rows(url, "SELECT version_num FROM unstuck_version"))


def test_of_two_migrators_at_once_each_revision_is_applied_by_one_and_both_end_well(
    legacy_url: str, schema_at_head: Schema
) -> None:
    with ProcessPoolExecutor(2, LOADED) as migrators:
        with holding(legacy_url, f"SELECT pg_advisory_xact_lock({transaction.LOCK})"):
            both = [migrators.submit(migrate, legacy_url) for _ in range(2)]
            eventually(lambda: waiting(legacy_url) == 2, within=30)
        assert sum(steps.result(timeout=60) for steps in both) == len(revisions.path()) + FINISH
    assert schema_of(legacy_url) == schema_at_head


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
            run.upgrade(legacy_url, secret=SECRET, to=LAST_PRE)
        assert f"pid {pid} (nightly report, postgres, idle in transaction, for 00:00:0" in str(refused.value)
    assert run.upgrade(legacy_url, secret=SECRET, to=LAST_PRE).end == LAST_PRE


def test_no_lock_outlives_a_migration(legacy_url: str) -> None:
    run.upgrade(legacy_url, secret=SECRET, to=LAST_PRE)
    assert advisory_locks(legacy_url) == []
