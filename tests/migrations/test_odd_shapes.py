"""Odd databases: tables that can be carried over are; the others are reported before anything is changed."""

import psycopg
import pytest

from core.errors import Unusable
from migrations import revisions, run
from migrations.finishing import KEPT
from migrations.legacy import shape
from tests.migrations.refusals import DEMO_USERS, OMAR, VERA, refusal, statuses
from tests.migrations.schema import SECRET, Schema, by_id, execute, rows, schema_of


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param(
            (
                "ALTER TABLE users ADD COLUMN demo_mode_status varchar(32)",
                "ALTER TABLE platform_connections ADD COLUMN is_demo boolean",
                "CREATE INDEX ix_users_demo_attention ON users (name)",
            ),
            marks=pytest.mark.slow,
        ),
        (
            "ALTER TABLE users ADD COLUMN demo_mode_status text NOT NULL DEFAULT 'disabled'",
            "ALTER TABLE users ADD COLUMN role text DEFAULT 'member', ADD COLUMN disabled_at timestamptz",
            "ALTER TABLE platform_connections ADD COLUMN connection_status varchar(20) DEFAULT 'disconnected'",
            "ALTER TABLE users ADD CONSTRAINT ck_users_role CHECK (email <> '')",
        ),
    ],
    ids=["without defaults", "with defaults"],
)
def test_a_column_that_is_there_already_is_taken_over(
    legacy_url: str, schema_at_head: Schema, columns: tuple[str, ...]
) -> None:
    execute(legacy_url, *columns)
    run.finish(legacy_url, secret=SECRET)
    assert schema_of(legacy_url) == schema_at_head
    assert statuses(legacy_url) == {"enabled": DEMO_USERS, "disabled": 240 - DEMO_USERS}


def test_a_column_of_another_type_is_named_with_both_types(legacy_url: str) -> None:
    execute(legacy_url, "ALTER TABLE users ADD COLUMN demo_mode_status integer")
    assert "users.demo_mode_status is integer, which cannot be migrated; text or character varying can" in refusal(
        legacy_url
    )


def test_an_unknown_revision_is_named(legacy_url: str) -> None:
    execute(
        legacy_url,
        "CREATE TABLE unstuck_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO unstuck_version VALUES ('f00dfeed')",
    )
    assert "unstuck_version says 'f00dfeed', which this program does not know" in refusal(legacy_url)


def test_two_revisions_at_once_are_named(migrated_url: str) -> None:
    execute(migrated_url, "INSERT INTO unstuck_version VALUES ('0002')")
    assert f"unstuck_version holds 2 rows: 0002, {revisions.head()}." in refusal(migrated_url)


@pytest.mark.parametrize(
    ("missing", "there"), [("interactions", "users and platform_connections are"), ("platform_connections", "users is")]
)
def test_a_missing_table_is_not_made_up(legacy_url: str, missing: str, there: str) -> None:
    execute(legacy_url, f"DROP TABLE {missing}, interactions")
    assert f"{there} there, {missing}" in refusal(legacy_url)


def test_columns_and_tables_of_others_are_left_alone(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ADD COLUMN shoe_size integer DEFAULT 42",
        "CREATE TABLE newsletter (id int PRIMARY KEY, user_id uuid REFERENCES users)",
        f"INSERT INTO newsletter VALUES (1, '{VERA}')",
    )
    run.finish(legacy_url, secret=SECRET)
    assert {user["shoe_size"] for user in by_id(legacy_url, "users").values()} == {42}
    assert len(by_id(legacy_url, "newsletter")) == 1
    assert run.check(legacy_url) == []


def test_another_programs_users_table_is_recognised(empty_database_url: str) -> None:
    execute(empty_database_url, "CREATE TABLE users (id serial PRIMARY KEY, login text)")
    message = refusal(empty_database_url)
    assert "belongs to another product: users has id and login." in message
    assert shape.ELSEWHERE in message


def test_a_taken_table_name_is_reported(legacy_url: str) -> None:
    execute(legacy_url, "CREATE TABLE events (id bigint PRIMARY KEY, title text)")
    assert "There is a table events already, and it is not Unstuck's" in refusal(legacy_url)


def test_a_missing_column_is_named_with_the_statement_that_adds_it(legacy_url: str) -> None:
    execute(legacy_url, "ALTER TABLE platform_connections DROP COLUMN platform")
    message = refusal(legacy_url)
    assert "platform_connections has no column platform." in message
    assert "ALTER TABLE platform_connections ADD COLUMN platform text" in message


def test_a_missing_foreign_key_and_other_names_are_put_right(legacy_url: str, schema_at_head: Schema) -> None:
    execute(
        legacy_url,
        "ALTER TABLE interactions DROP CONSTRAINT interactions_user_id_fkey",
        'ALTER TABLE users RENAME CONSTRAINT users_pkey TO "Users PK"',
        "DROP INDEX ix_users_email",
    )
    run.finish(legacy_url, secret=SECRET)
    assert schema_of(legacy_url) == schema_at_head


def test_every_oddity_is_reported_at_once(legacy_url: str) -> None:
    execute(
        legacy_url,
        f"UPDATE users SET email = 'Vera.TANAKA@example.com' WHERE id = '{OMAR}'",
        "ALTER TABLE platform_connections ADD COLUMN connection_status integer",
        "ALTER TABLE platform_connections DROP COLUMN platform",
        "ALTER TABLE interactions ALTER COLUMN kind TYPE text",
        "UPDATE interactions SET kind = 'a kind of more than 16 letters'",
        "DROP INDEX IF EXISTS ix_interactions_user_id",
    )
    message = refusal(legacy_url)
    for part in (
        "with different case",
        "connection_status is integer",
        "no column platform",
        "1142 rows of interactions",
    ):
        assert part in message


def test_an_altered_schema_at_head_is_found(migrated_url: str) -> None:
    execute(
        migrated_url,
        "ALTER TABLE users DROP COLUMN demo_preset",
        "DROP TABLE sign_in_links",
        "DROP INDEX uq_background_jobs_one_active",
    )
    (finding,) = run.check(migrated_url)
    for part in ("users.demo_preset is missing", "table sign_in_links is missing", "uq_background_jobs_one_active"):
        assert part in finding.detail


def test_pending_work_is_a_finding_with_its_steps(legacy_url: str) -> None:
    run.upgrade(legacy_url, secret=SECRET, to="0010")
    finding, kept = run.check(legacy_url)
    assert kept.title == KEPT
    ahead = [revision.id for revision in revisions.between("0010", revisions.head())]
    assert finding.detail == f"The database is at 0010, head is {revisions.head()}: {len(ahead)} pending."
    assert [row["revision"] for row in finding.rows] == ahead


def test_a_secret_is_asked_for_before_anything_is_changed(legacy_url: str) -> None:
    before = schema_of(legacy_url)
    with pytest.raises(Unusable, match="set UNSTUCK_SECRET_KEY"):
        run.upgrade(legacy_url, secret="")
    assert schema_of(legacy_url) == before


def test_the_sql_of_the_legacy_database_stops_before_tokens_it_cannot_encrypt(legacy_url: str) -> None:
    tokens = rows(legacy_url, "SELECT id, access_token FROM platform_connections ORDER BY id")
    with (
        psycopg.connect(legacy_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.RaiseException, match=r"run python main\.py migrate"),
    ):
        connection.execute(run.sql(legacy_url, to_finish=True))
    assert rows(legacy_url, "SELECT id, access_token FROM platform_connections ORDER BY id") == tokens
