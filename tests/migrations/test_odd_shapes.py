"""Odd databases: what can be carried over is, what cannot is told with its rows, before anything is changed."""

import psycopg
import pytest

from core.errors import Unusable
from migrations import revisions, run
from tests.migrations.schema import SECRET, Schema, by_id, execute, rows, schema_of

VERA, OMAR = "19f9919c-895f-47b3-a6b9-4c7f9118bb16", "3898d190-f9eb-4acc-8cb1-e29c658cda14"
DEMO_USERS = 38


def refusal(url: str) -> str:
    """Return what upgrade says when it refuses, having seen that it changed nothing and that check says the same."""
    before = schema_of(url), by_id(url, "users")
    with pytest.raises(Unusable) as refused:
        run.upgrade(url, secret=SECRET)
    assert (schema_of(url), by_id(url, "users")) == before
    found = [str(finding) for finding in run.check(url, secret=SECRET) if finding.blocks]
    assert "\n".join(found) == str(refused.value)
    return str(refused.value)


def statuses(url: str) -> dict[str, int]:
    counted = rows(url, "SELECT demo_mode_status AS status, count(*) AS users FROM users GROUP BY 1")
    return {row["status"]: row["users"] for row in counted}


@pytest.mark.parametrize(
    "column",
    [
        "ALTER TABLE users ADD COLUMN demo_mode_status varchar(32)",
        "ALTER TABLE users ADD COLUMN demo_mode_status text NOT NULL DEFAULT 'disabled'",
        "ALTER TABLE users ADD COLUMN role text DEFAULT 'member', ADD COLUMN disabled_at timestamptz",
        "ALTER TABLE platform_connections ADD COLUMN connection_status varchar(20) DEFAULT 'disconnected'",
        "ALTER TABLE platform_connections ADD COLUMN is_demo boolean",
        "CREATE INDEX ix_users_demo_attention ON users (name)",
        "ALTER TABLE users ADD CONSTRAINT ck_users_role CHECK (email <> '')",
    ],
)
def test_a_column_that_is_there_already_is_taken_over(legacy_url: str, schema_at_head: Schema, column: str) -> None:
    execute(legacy_url, column)
    run.upgrade(legacy_url, secret=SECRET)
    assert schema_of(legacy_url) == schema_at_head
    assert statuses(legacy_url) == {"enabled": DEMO_USERS, "disabled": 240 - DEMO_USERS}


def test_a_status_that_half_a_migration_has_copied_already_is_kept(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ADD COLUMN demo_mode_status varchar(32)",
        "UPDATE users SET demo_mode_status = 'enabled' WHERE demo_mode",
        f"UPDATE users SET demo_mode_status = 'failed' WHERE id = '{VERA}'",
    )
    run.upgrade(legacy_url, secret=SECRET)
    assert statuses(legacy_url) == {"enabled": DEMO_USERS - 1, "failed": 1, "disabled": 240 - DEMO_USERS}


def test_a_column_of_another_type_is_named_with_both_types(legacy_url: str) -> None:
    execute(legacy_url, "ALTER TABLE users ADD COLUMN demo_mode_status integer")
    assert "users.demo_mode_status is integer, which cannot be carried over; text or character varying can" in refusal(
        legacy_url
    )


def test_a_status_and_a_boolean_that_contradict_each_other_are_shown(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ADD COLUMN demo_mode_status varchar(32)",
        f"UPDATE users SET demo_mode_status = 'enabled' WHERE id = '{OMAR}'",
    )
    assert "1 rows of users have demo_mode_status 'enabled' and a demo_mode that says no" in refusal(legacy_url)
    assert run.check(legacy_url)[0].rows[0]["id"] == OMAR


def test_a_state_that_does_not_exist_is_shown(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ADD COLUMN demo_mode_status text",
        f"UPDATE users SET demo_mode_status = 'pending' WHERE id = '{OMAR}'",
    )
    assert "1 rows of users have a demo_mode_status that does not exist: 'pending'" in refusal(legacy_url)


@pytest.mark.parametrize(
    ("of_type", "using"),
    [
        ("text", "CASE WHEN demo_mode THEN 'yes' WHEN NOT demo_mode THEN '' END"),
        ("text", "CASE WHEN demo_mode THEN ' T ' WHEN NOT demo_mode THEN 'false' END"),
        ("varchar(5)", "CASE WHEN demo_mode THEN '1' ELSE '0' END"),
        ("integer", "demo_mode::int"),
        ("smallint", "demo_mode::int::smallint"),
    ],
)
def test_demo_mode_as_text_or_number_is_carried_over(
    legacy_url: str, schema_at_head: Schema, of_type: str, using: str
) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ALTER COLUMN demo_mode DROP DEFAULT",
        f"ALTER TABLE users ALTER COLUMN demo_mode TYPE {of_type} USING {using}",
    )
    run.upgrade(legacy_url, secret=SECRET)
    assert statuses(legacy_url) == {"enabled": DEMO_USERS, "disabled": 240 - DEMO_USERS}
    assert schema_of(legacy_url) == schema_at_head


def test_a_demo_mode_that_is_neither_yes_nor_no_is_shown_with_its_values(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ALTER COLUMN demo_mode DROP DEFAULT",
        "ALTER TABLE users ALTER COLUMN demo_mode TYPE integer USING demo_mode::int",
        f"UPDATE users SET demo_mode = 7 WHERE id = '{VERA}'",
    )
    assert "users.demo_mode holds 1 values that are neither yes nor no: '7'" in refusal(legacy_url)
    assert run.check(legacy_url)[0].rows == ({"value": "7", "rows": 1},)


def test_emails_equal_but_for_case_are_shown_with_their_users(legacy_url: str) -> None:
    execute(legacy_url, f"UPDATE users SET email = 'Vera.TANAKA@example.com' WHERE id = '{OMAR}'")
    said = refusal(legacy_url)
    assert f"2 users share the e-mail vera.tanaka@example.com but for case: {VERA}, {OMAR}." in said
    assert said.endswith("then run migrate again.")


def test_users_without_an_email_are_shown(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ALTER COLUMN email DROP NOT NULL",
        f"UPDATE users SET email = NULL WHERE id IN ('{OMAR}', '{VERA}')",
    )
    assert "2 rows of users have no email." in refusal(legacy_url)


def test_users_in_demo_mode_without_a_demo_stay_enabled_and_are_told_of(legacy_url: str) -> None:
    execute(legacy_url, f"DELETE FROM interactions WHERE user_id = '{VERA}' AND is_demo")
    report = run.upgrade(legacy_url, secret=SECRET)
    (empty,) = [finding for finding in report.warnings if finding.title == "Demo mode without a demo"]
    assert VERA in [row["id"] for row in empty.rows]
    assert by_id(legacy_url, "users").popitem()
    assert statuses(legacy_url)["enabled"] == DEMO_USERS


def test_rows_without_a_creation_time_get_one_and_are_told_of(legacy_url: str) -> None:
    execute(legacy_url, f"UPDATE users SET created_at = NULL WHERE id = '{VERA}'")
    report = run.upgrade(legacy_url, secret=SECRET)
    assert [w.rows for w in report.warnings if w.title == "No creation time"] == [({"id": VERA},)]


def test_a_revision_nobody_knows_is_named(legacy_url: str) -> None:
    execute(
        legacy_url,
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('f00dfeed')",
    )
    assert "alembic_version says 'f00dfeed', which this program does not know" in refusal(legacy_url)


def test_two_revisions_at_once_are_named(migrated_url: str) -> None:
    execute(migrated_url, "INSERT INTO alembic_version VALUES ('0002')")
    assert f"alembic_version holds 2 rows: 0002, {revisions.head()}." in refusal(migrated_url)


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
    run.upgrade(legacy_url, secret=SECRET)
    assert {user["shoe_size"] for user in by_id(legacy_url, "users").values()} == {42}
    assert len(by_id(legacy_url, "newsletter")) == 1
    assert run.check(legacy_url) == []


def test_somebody_elses_users_table_is_recognised(empty_database_url: str) -> None:
    execute(empty_database_url, "CREATE TABLE users (id serial PRIMARY KEY, login text)")
    said = refusal(empty_database_url)
    assert "There is a table users that is not Unstuck's: it has id and login." in said
    assert "Point DATABASE_URL at another database" in said


def test_a_taken_table_name_is_told(legacy_url: str) -> None:
    execute(legacy_url, "CREATE TABLE events (id bigint PRIMARY KEY, title text)")
    assert "There is a events already, and it is not Unstuck's" in refusal(legacy_url)


def test_a_missing_column_is_named_with_the_statement_that_adds_it(legacy_url: str) -> None:
    execute(legacy_url, "ALTER TABLE users DROP COLUMN marketing_opt_in")
    assert "users has no column marketing_opt_in." in refusal(legacy_url)


def test_rows_that_belong_to_nobody_are_shown(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE interactions DROP CONSTRAINT interactions_user_id_fkey",
        "ALTER TABLE platform_connections DROP CONSTRAINT platform_connections_user_id_fkey",
        f"DELETE FROM users WHERE id = '{VERA}'",
    )
    said = refusal(legacy_url)
    assert "rows of interactions have a user_id that is not in users." in said
    assert "rows of platform_connections have a user_id that is not in users." in said


def test_a_missing_foreign_key_and_other_names_are_put_right(legacy_url: str, schema_at_head: Schema) -> None:
    execute(
        legacy_url,
        "ALTER TABLE interactions DROP CONSTRAINT interactions_user_id_fkey",
        'ALTER TABLE users RENAME CONSTRAINT users_pkey TO "Users PK"',
        "DROP INDEX ix_users_email",
    )
    run.upgrade(legacy_url, secret=SECRET)
    assert schema_of(legacy_url) == schema_at_head


def test_everything_odd_is_told_at_once(legacy_url: str) -> None:
    execute(
        legacy_url,
        f"UPDATE users SET email = 'Vera.TANAKA@example.com' WHERE id = '{OMAR}'",
        "ALTER TABLE platform_connections ADD COLUMN connection_status integer",
        "ALTER TABLE interactions DROP COLUMN author",
        "ALTER TABLE interactions ALTER COLUMN kind TYPE text",
        "UPDATE interactions SET kind = 'a kind of more than 16 letters'",
        "DROP INDEX IF EXISTS ix_interactions_user_id",
    )
    said = refusal(legacy_url)
    for part in ("but for case", "connection_status is integer", "no column author", "1142 rows of interactions"):
        assert part in said


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


def test_tokens_of_another_secret_are_told_of(migrated_url: str) -> None:
    (finding,) = run.check(migrated_url, secret="another secret")
    assert "were encrypted with key" in finding.detail
    assert not finding.blocks


def test_what_is_still_to_do_is_a_finding_with_its_steps(legacy_url: str) -> None:
    run.upgrade(legacy_url, secret=SECRET, to="0010")
    (finding,) = run.check(legacy_url)
    ahead = [revision.id for revision in revisions.between("0010", revisions.head())]
    assert finding.detail == f"The database is at 0010, head is {revisions.head()}: {len(ahead)} to apply."
    assert [row["revision"] for row in finding.rows] == ahead


def test_a_secret_is_asked_for_before_anything_is_changed(legacy_url: str) -> None:
    before = schema_of(legacy_url)
    with pytest.raises(Unusable, match="set UNSTUCK_SECRET_KEY"):
        run.upgrade(legacy_url, secret="")
    assert schema_of(legacy_url) == before


def test_the_sql_of_the_legacy_database_stops_before_tokens_it_cannot_encrypt(legacy_url: str) -> None:
    with (
        psycopg.connect(legacy_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.RaiseException, match=r"run python main\.py migrate"),
    ):
        connection.execute(run.sql(legacy_url))
    run.upgrade(legacy_url, secret=SECRET)
    assert run.check(legacy_url) == []
