"""Migrating down keeps the data, and migrating up again finds it."""

from typing import Any

import pytest

from core.errors import Unusable
from migrations import revisions, run
from tests.migrations.schema import SECRET, by_id, execute, schema_of

JOB = "00000000-0000-7000-8000-000000000001"


@pytest.mark.parametrize("stop", ["base", *[revision.id for revision in revisions.path()]])
def test_down_to_any_revision_and_up_again_keeps_every_row_and_value(migrated_url: str, stop: str) -> None:
    tables = ("users", "interactions", "platform_connections", "marketing_campaigns")
    plain = ("id", "access_token", "refresh_token", "created_at")
    schema, before = schema_of(migrated_url), {table: by_id(migrated_url, table) for table in tables}
    run.downgrade(migrated_url, stop, secret=SECRET)
    run.upgrade(migrated_url, secret=SECRET)
    after = {table: by_id(migrated_url, table) for table in tables}
    assert schema_of(migrated_url) == schema
    assert after["users"] == before["users"]
    assert after["interactions"] == before["interactions"]
    for table in ("platform_connections", "marketing_campaigns"):
        assert shown_rows(after[table], *plain) == shown_rows(before[table], *plain)


def shown_rows(rows: dict[Any, dict[str, Any]], *but: str) -> list[str]:
    return sorted(repr({name: value for name, value in row.items() if name not in but}) for row in rows.values())


def test_down_to_the_legacy_shape_gives_the_legacy_rows_back(legacy_url: str) -> None:
    tables = ("users", "platform_connections", "interactions")
    before = {table: by_id(legacy_url, table) for table in tables}
    for user in before["users"].values():
        # False means the same as NULL here: a status cannot distinguish them.
        user["demo_mode"] = bool(user["demo_mode"])
    run.upgrade(legacy_url, secret=SECRET)
    run.downgrade(legacy_url, "base", secret=SECRET)
    assert {table: by_id(legacy_url, table) for table in tables} == before


def test_as_soon_as_the_marketing_columns_are_back_they_hold_their_values(legacy_url: str) -> None:
    before = by_id(legacy_url, "users")
    run.upgrade(legacy_url, secret=SECRET)
    run.downgrade(legacy_url, "0012", secret=SECRET)
    for key, user in by_id(legacy_url, "users").items():
        for column in ("marketing_opt_in", "countdown_t14_sent_at", "countdown_t7_sent_at", "countdown_t1_sent_at"):
            assert user[column] == before[key][column]


@pytest.mark.parametrize(
    ("state", "flag"),
    [("enabled", True), ("disabling", True), ("enabling", False), ("failed", False), ("disabled", False)],
)
def test_a_demo_state_between_becomes_the_boolean_that_tells_whether_the_demo_is_there(
    migrated_url: str, state: str, flag: bool
) -> None:
    execute(migrated_url, f"UPDATE users SET demo_mode_status = '{state}'")
    run.downgrade(migrated_url, "base", secret=SECRET)
    assert {user["demo_mode"] for user in by_id(migrated_url, "users").values()} == {flag}


@pytest.mark.parametrize(
    ("state", "flag"),
    [
        ("connected", True),
        ("refreshing", True),
        ("disconnecting", True),
        ("connecting", False),
        ("failed", False),
        ("disconnected", False),
    ],
)
def test_a_connections_state_becomes_the_boolean_that_tells_whether_its_tokens_work(
    migrated_url: str, state: str, flag: bool
) -> None:
    execute(migrated_url, f"UPDATE platform_connections SET connection_status = '{state}'")
    run.downgrade(migrated_url, "base", secret=SECRET)
    assert {row["is_active"] for row in by_id(migrated_url, "platform_connections").values()} == {flag}


def test_jobs_events_and_roles_survive_the_way_down_and_up(migrated_url: str) -> None:
    execute(
        migrated_url, f"INSERT INTO background_jobs (id, kind, status) VALUES ('{JOB}', 'demo.enable', 'succeeded')"
    )
    execute(migrated_url, f"INSERT INTO job_attempts (job_id, token, attempt) VALUES ('{JOB}', 1, 1)")
    execute(migrated_url, "INSERT INTO events (name) VALUES ('job.succeeded')")
    execute(migrated_url, "UPDATE users SET role = 'admin' WHERE email = 'vera.tanaka@example.com'")
    schema = schema_of(migrated_url)
    run.downgrade(migrated_url, "base", secret=SECRET)
    run.upgrade(migrated_url, secret=SECRET)
    assert schema_of(migrated_url) == schema
    for table in ("background_jobs", "job_attempts", "events"):
        assert execute(migrated_url, f"SELECT FROM {table}") == 1
    assert execute(migrated_url, "SELECT FROM users WHERE role = 'admin'") == 1


def test_going_back_is_refused_while_a_job_is_active(migrated_url: str) -> None:
    execute(migrated_url, f"INSERT INTO background_jobs (id, kind) VALUES ('{JOB}', 'demo.enable')")
    with pytest.raises(Unusable, match="1 job is queued or running"):
        run.downgrade(migrated_url, "base", secret=SECRET)
    assert run.check(migrated_url) == []


def test_going_back_is_refused_before_anything_changes_when_tokens_cannot_be_read(migrated_url: str) -> None:
    with pytest.raises(Unusable, match=r"encrypted with key .* which does not belong to the current secret key"):
        run.downgrade(migrated_url, "base", secret="another secret")
    assert run.check(migrated_url) == []


def test_a_revision_that_does_not_exist_is_named_with_those_that_do(empty_database_url: str) -> None:
    with pytest.raises(Unusable, match=r"There is no revision 'x'\. Known: base, 0001"):
        run.downgrade(empty_database_url, "x", secret=SECRET)
