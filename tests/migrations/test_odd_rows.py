"""Odd rows: rows that can be carried over are; the others are reported before anything is changed."""

import pytest

from migrations import run
from tests.migrations.refusals import DEMO_USERS, OMAR, VERA, refusal, statuses
from tests.migrations.schema import SECRET, Schema, by_id, execute, schema_of
from tests.repeats import mostly_slow


@pytest.mark.slow
def test_a_status_that_half_a_migration_has_copied_already_is_kept(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ADD COLUMN demo_mode_status varchar(32)",
        "UPDATE users SET demo_mode_status = 'enabled' WHERE demo_mode",
        f"UPDATE users SET demo_mode_status = 'failed' WHERE id = '{VERA}'",
    )
    run.finish(legacy_url, secret=SECRET)
    assert statuses(legacy_url) == {"enabled": DEMO_USERS - 1, "failed": 1, "disabled": 240 - DEMO_USERS}


def test_a_status_and_a_boolean_that_contradict_each_other_are_shown(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ADD COLUMN demo_mode_status varchar(32)",
        f"UPDATE users SET demo_mode_status = 'enabled' WHERE id = '{OMAR}'",
    )
    assert "1 row of users with demo_mode_status 'enabled' and a demo_mode that says no" in refusal(legacy_url)
    assert run.check(legacy_url)[0].rows[0]["id"] == OMAR


def test_a_state_that_does_not_exist_is_shown(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ADD COLUMN demo_mode_status text",
        f"UPDATE users SET demo_mode_status = 'pending' WHERE id = '{OMAR}'",
    )
    assert "1 row of users with a demo_mode_status that does not exist: 'pending'" in refusal(legacy_url)


@pytest.mark.parametrize(
    ("of_type", "using"),
    mostly_slow(
        [
            ("text", "CASE WHEN demo_mode THEN ' T ' WHEN NOT demo_mode THEN 'false' END"),
            ("integer", "demo_mode::int"),
            ("text", "CASE WHEN demo_mode THEN 'yes' WHEN NOT demo_mode THEN '' END"),
            ("varchar(5)", "CASE WHEN demo_mode THEN '1' ELSE '0' END"),
            ("smallint", "demo_mode::int::smallint"),
        ],
        fast=1,
    ),
)
def test_demo_mode_as_text_or_number_is_carried_over(
    legacy_url: str, schema_at_head: Schema, of_type: str, using: str
) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ALTER COLUMN demo_mode DROP DEFAULT",
        f"ALTER TABLE users ALTER COLUMN demo_mode TYPE {of_type} USING {using}",
    )
    run.finish(legacy_url, secret=SECRET)
    assert statuses(legacy_url) == {"enabled": DEMO_USERS, "disabled": 240 - DEMO_USERS}
    assert schema_of(legacy_url) == schema_at_head


def test_a_demo_mode_that_is_neither_yes_nor_no_is_shown_with_its_values(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ALTER COLUMN demo_mode DROP DEFAULT",
        "ALTER TABLE users ALTER COLUMN demo_mode TYPE integer USING demo_mode::int",
        f"UPDATE users SET demo_mode = 7 WHERE id = '{VERA}'",
    )
    assert "users.demo_mode has values that are neither yes nor no: '7'" in refusal(legacy_url)
    assert run.check(legacy_url)[0].rows == ({"value": "7", "rows": 1},)


def test_emails_equal_but_for_case_are_shown_with_their_users(legacy_url: str) -> None:
    execute(legacy_url, f"UPDATE users SET email = 'Vera.TANAKA@example.com' WHERE id = '{OMAR}'")
    message = refusal(legacy_url)
    assert f"2 users have the e-mail address vera.tanaka@example.com with different case: {VERA}, {OMAR}." in message
    assert f"    id {OMAR}, email Vera.TANAKA@example.com" in message.splitlines()


def test_users_without_an_email_are_shown(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE users ALTER COLUMN email DROP NOT NULL",
        f"UPDATE users SET email = NULL WHERE id IN ('{OMAR}', '{VERA}')",
    )
    assert "2 rows of users without email." in refusal(legacy_url)


def test_users_in_demo_mode_without_a_demo_stay_enabled_and_are_reported(legacy_url: str) -> None:
    execute(legacy_url, f"DELETE FROM interactions WHERE user_id = '{VERA}' AND is_demo")
    report = run.finish(legacy_url, secret=SECRET)
    (empty,) = [finding for finding in report.warnings if finding.title == "Demo mode without a demo"]
    assert VERA in [row["id"] for row in empty.rows]
    assert by_id(legacy_url, "users").popitem()
    assert statuses(legacy_url)["enabled"] == DEMO_USERS


def test_rows_without_a_creation_time_get_one_and_are_reported(legacy_url: str) -> None:
    execute(legacy_url, f"UPDATE users SET created_at = NULL WHERE id = '{VERA}'")
    report = run.finish(legacy_url, secret=SECRET)
    assert [w.rows for w in report.warnings if w.title == "No creation time"] == [({"id": VERA},)]


def test_rows_without_an_owner_are_shown(legacy_url: str) -> None:
    execute(
        legacy_url,
        "ALTER TABLE interactions DROP CONSTRAINT interactions_user_id_fkey",
        "ALTER TABLE platform_connections DROP CONSTRAINT platform_connections_user_id_fkey",
        f"DELETE FROM users WHERE id = '{VERA}'",
    )
    message = refusal(legacy_url)
    assert "rows of interactions with a user_id that does not exist in users." in message
    assert "1 row of platform_connections with a user_id that does not exist in users." in message


def test_tokens_of_another_secret_are_reported(migrated_url: str) -> None:
    (finding,) = run.check(migrated_url, secret="another secret")
    assert "encrypted with key" in finding.detail
    assert not finding.blocks
