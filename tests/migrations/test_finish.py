"""What the legacy product needs stays for weeks, in step, and goes when a person says so; nothing else waits for it."""

from uuid import uuid4

import pytest

from core import schema
from core.errors import Unusable
from migrations import finishing, revisions, run
from migrations.legacy import facts
from tests.migrations.schema import SECRET, Schema, by_id, connected, execute, rows, schema_of
from tests.repeats import mostly_slow

VERA = "19f9919c-895f-47b3-a6b9-4c7f9118bb16"
NAMES = [f"{table}.{column}" for table, columns in finishing.COLUMNS.items() for column in columns]


def kept(url: str) -> list[str]:
    """Return the columns of the legacy product that are there."""
    with connected(url) as connection:
        columns = finishing.kept(facts.read(connection))
    return [f"{table}.{column}" for table, names in columns.items() for column in names]


def test_migrate_stops_before_the_drops_and_the_program_fits(kept_url: str) -> None:
    assert kept(kept_url) == NAMES
    with connected(kept_url) as connection:
        assert schema.revision_of(connection) == revisions.head()
        assert schema.refusal(connection) is None


def test_what_is_kept_is_said_with_its_end(kept_url: str) -> None:
    [checked] = run.check(kept_url, secret=SECRET)
    [warned] = run.upgrade(kept_url, secret=SECRET).warnings
    assert checked == warned
    assert "users.demo_mode, users.marketing_opt_in" in checked.detail
    assert "migrate --finish" in checked.remedy


@pytest.mark.parametrize("status", mostly_slow(["switching", "enabled", "disabling"], fast=1))
def test_at_head_the_boolean_follows_the_state_and_the_state_the_boolean(kept_url: str, status: str) -> None:
    execute(kept_url, f"UPDATE users SET demo_mode_status = 'failed' WHERE id = '{VERA}'")
    assert not one(kept_url)["demo_mode"]
    execute(kept_url, f"UPDATE users SET demo_mode_status = '{status}' WHERE id = '{VERA}'")
    assert one(kept_url)["demo_mode"]
    execute(kept_url, f"UPDATE users SET demo_mode = false WHERE id = '{VERA}'")
    assert one(kept_url)["demo_mode_status"] == "disabled"


def one(url: str) -> dict[str, object]:
    return next(row for row in rows(url, "SELECT * FROM users") if str(row["id"]) == VERA)


def test_a_user_whom_the_legacy_product_adds_at_head_is_complete_after_the_finish(kept_url: str) -> None:
    new = uuid4()
    execute(kept_url, f"INSERT INTO users (id, email, demo_mode) VALUES ('{new}', 'new@example.com', true)")
    run.finish(kept_url, secret=SECRET)
    assert by_id(kept_url, "users")[new]["demo_mode_status"] == "enabled"
    assert len(rows(kept_url, f"SELECT FROM marketing_campaigns WHERE user_id = '{new}'")) == 1


def test_the_finish_ends_as_a_new_database_is_and_is_done_once(kept_url: str, schema_at_head: Schema) -> None:
    assert run.finish(kept_url, secret=SECRET).steps == (f"{', '.join(NAMES)} dropped",)
    assert schema_of(kept_url) == schema_at_head
    assert (kept(kept_url), run.check(kept_url, secret=SECRET)) == ([], [])
    assert run.finish(kept_url, secret=SECRET).steps == ()


def test_the_script_of_the_finish_does_the_same(kept_url: str, schema_at_head: Schema) -> None:
    assert run.sql(kept_url) == ""
    with connected(kept_url) as connection:
        connection.connection.driver_connection.autocommit = True
        connection.connection.driver_connection.execute(run.sql(kept_url, to_finish=True))
    assert schema_of(kept_url) == schema_at_head


def test_what_stands_in_the_way_of_the_finish_does_not_stop_the_migration(between_url: str) -> None:
    execute(between_url, "CREATE VIEW demos AS SELECT id FROM users WHERE demo_mode")
    said = [finding for finding in run.upgrade(between_url, secret=SECRET).warnings if "view demos" in finding.detail]
    assert [finding.blocks for finding in said] == [False]
    with pytest.raises(Unusable, match=r"The view demos depends on users\.demo_mode, which `migrate --finish` moves"):
        run.finish(between_url, secret=SECRET)
    assert kept(between_url)


def test_a_database_that_was_empty_keeps_nothing_even_if_its_migration_was_interrupted(empty_database_url: str) -> None:
    run.upgrade(empty_database_url, secret=SECRET, to="0010")
    run.upgrade(empty_database_url, secret=SECRET)
    assert (kept(empty_database_url), run.check(empty_database_url, secret=SECRET)) == ([], [])


@pytest.mark.slow
def test_a_database_that_an_earlier_release_finished_half_goes_on(between_url: str) -> None:
    run.upgrade(between_url, secret=SECRET, to="0011")
    execute(
        between_url,
        "DROP TRIGGER users_demo_mode_in_step ON users",
        "DROP FUNCTION users_demo_mode_in_step()",
        "ALTER TABLE users DROP COLUMN demo_mode",
    )
    run.upgrade(between_url, secret=SECRET)
    assert kept(between_url) == NAMES[1:]
    run.downgrade(between_url, "0010", secret=SECRET)
    assert kept(between_url) == NAMES
    assert one(between_url)["demo_mode"]
