"""The legacy product's database comes to head without losing a row or a value."""

from datetime import UTC
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from core.encryption.cipher import TokenCipher
from migrations import revisions, run
from tests.migrations.schema import SECRET, Schema, by_id, execute, rows, schema_of

USERS, CONNECTIONS, INTERACTIONS = 240, 326, 1142


def aware(row: dict[str, Any], *columns: str) -> dict[str, Any]:
    return row | {column: row[column] and row[column].replace(tzinfo=UTC) for column in columns}


def without(row: dict[str, Any], *columns: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in columns}


def size(url: str, table: str) -> int:
    return int(rows(url, f"SELECT count(*) AS rows FROM {table}")[0]["rows"])


def test_not_one_row_is_lost(legacy_url: str) -> None:
    expected = {"users": USERS, "platform_connections": CONNECTIONS, "interactions": INTERACTIONS}
    assert {table: size(legacy_url, table) for table in expected} == expected
    report = run.finish(legacy_url, secret=SECRET)
    assert {table: size(legacy_url, table) for table in expected} == expected
    assert (report.start, report.end, len(report.steps)) == ("", revisions.head(), len(revisions.path()) + 1)


def test_of_240_users_38_are_enabled_and_202_disabled(migrated_url: str) -> None:
    counted = rows(migrated_url, "SELECT demo_mode_status, count(*) AS users FROM users GROUP BY 1")
    assert {row["demo_mode_status"]: row["users"] for row in counted} == {"enabled": 38, "disabled": 202}


def test_every_user_keeps_every_value_and_demo_mode_becomes_its_status(legacy_url: str, migrated_url: str) -> None:
    before = by_id(legacy_url, "users")
    new = ("role", "demo_mode_status", "demo_preset", "disabled_at")
    for key, user in by_id(migrated_url, "users").items():
        old = aware(before.pop(key), "created_at")
        assert user["demo_mode_status"] == ("enabled" if old["demo_mode"] else "disabled")
        assert (user["role"], user["demo_preset"], user["disabled_at"]) == ("member", None, None)
        assert without(user, *new) == {name: old[name] for name in without(user, *new)}
    assert before == {}


def test_every_marketing_value_is_in_marketing_campaigns(legacy_url: str, migrated_url: str) -> None:
    columns = ("countdown_t14_sent_at", "countdown_t7_sent_at", "countdown_t1_sent_at")
    before = by_id(legacy_url, "users")
    campaigns = rows(migrated_url, "SELECT * FROM marketing_campaigns")
    for campaign in campaigns:
        old = aware(before[campaign["user_id"]], *columns)
        names = ("marketing_opt_in", *columns)
        assert {name: campaign[name] for name in names} == {name: old[name] for name in names}
    assert len({campaign["user_id"] for campaign in campaigns}) == USERS


def test_every_connection_keeps_every_value_and_its_tokens_decrypt(legacy_url: str, migrated_url: str) -> None:
    before = by_id(legacy_url, "platform_connections")
    cipher = TokenCipher(SECRET)
    for key, row in by_id(migrated_url, "platform_connections").items():
        old = aware(before.pop(key), "created_at", "token_expires_at")
        assert row["connection_status"] == ("connected" if old["is_active"] else "disconnected")
        for token in ("access_token", "refresh_token"):
            assert (row[token] and cipher.decrypt(row[token])) == old[token]
        later = ("account_id", "scopes", "refresh_at", "asked_at", "withdrawn_at")
        unchanged = without(row, "connection_status", "is_demo", "access_token", "refresh_token", *later)
        assert unchanged == {name: old[name] for name in unchanged}
    assert before == {}


def test_every_interaction_keeps_every_value(legacy_url: str, migrated_url: str) -> None:
    before = {key: aware(row, "created_at") for key, row in by_id(legacy_url, "interactions").items()}
    assert by_id(migrated_url, "interactions") == before


def test_no_plain_token_is_left_in_any_column_of_any_table(legacy_url: str, migrated_url: str) -> None:
    assert plain_tokens(legacy_url), "the legacy database is where they are"
    assert plain_tokens(migrated_url) == []


def plain_tokens(url: str) -> list[str]:
    tables = [row["relname"] for row in rows(url, "SELECT relname FROM pg_stat_user_tables")]
    query = "SELECT t::text AS row FROM {} t WHERE t::text ~ 'legacy-(access|refresh)-'"
    return [row["row"] for table in tables for row in rows(url, query.format(table))]


def test_no_plain_token_is_left_in_the_file_of_the_table(legacy_url: str, migrated_url: str) -> None:
    assert b"legacy-access-" in file_of(legacy_url, "platform_connections")
    assert b"legacy-access-" not in file_of(migrated_url, "platform_connections")


def file_of(url: str, table: str) -> bytes:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        file = connection.execute("SELECT pg_read_binary_file(pg_relation_filepath(%s))", [table]).fetchone()
    return bytes(file[0]) if file else b""


@pytest.mark.slow
def test_stopping_at_any_revision_and_going_on_ends_the_same(legacy_url: str, schema_at_head: Schema) -> None:
    """One database stops at each revision; as each revision is one transaction, a stop at fewer is no other way."""
    stops = ["", *[revision.id for revision in revisions.path()]]
    for start, stop in pairwise(stops):
        report = run.upgrade(legacy_url, secret=SECRET, to=stop)
        assert (report.start, report.end, len(report.steps)) == (start, stop, 1)
    run.finish(legacy_url, secret=SECRET)
    assert size(legacy_url, "users") == size(legacy_url, "marketing_campaigns") == USERS
    assert schema_of(legacy_url) == schema_at_head


def test_a_database_at_head_is_left_as_it_is(migrated_url: str) -> None:
    before = by_id(migrated_url, "platform_connections")
    assert run.finish(migrated_url, secret=SECRET).steps == ()
    assert by_id(migrated_url, "platform_connections") == before
    assert run.sql(migrated_url) == ""
    assert run.check(migrated_url, secret=SECRET) == []


def test_a_users_time_without_zone_is_read_as_utc_whatever_the_servers_zone(legacy_url: str) -> None:
    before = by_id(legacy_url, "users")
    execute(
        legacy_url,
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || "
        "' SET TimeZone = ''America/New_York'''; END $$",
    )
    run.finish(legacy_url, secret=SECRET)
    for key, user in by_id(legacy_url, "users").items():
        assert user["created_at"] == before[key]["created_at"].replace(tzinfo=UTC)


def test_migrating_says_nothing_on_the_screen_and_needs_no_particular_directory(
    legacy_url: str, capfd: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run.finish(legacy_url, secret=SECRET)
    assert capfd.readouterr() == ("", "")
