"""Migrating down keeps the data, and migrating up again finds it."""

from typing import Any

import pytest

from core.errors import Unusable
from migrations import revisions, run
from tests.migrations.schema import SECRET, Schema, by_id, execute, rows, schema_of

JOB = "00000000-0000-7000-8000-000000000001"


#: What going down and up writes anew: tokens are encrypted again, campaigns made again.
WRITTEN_ANEW = {
    "platform_connections": "{access_token,refresh_token,refresh_at}",
    "marketing_campaigns": "{id,created_at}",
}
#: Adds the columns of states, which hold their defaults until 0005 carries the booleans over.
FILLED_BY_THE_NEXT = "0004"


@pytest.mark.slow
def test_down_to_any_revision_and_up_again_keeps_every_row_and_value(kept_url: str) -> None:
    """Down and up, one revision at a time: on its way up the database is everywhere as it was on its way down."""
    names = ["base", *[revision.id for revision in revisions.path()]]
    going_down = {names[-1]: picture(kept_url)}
    for name in names[-2::-1]:
        run.downgrade(kept_url, name, secret=SECRET)
        going_down[name] = picture(kept_url)
        if name == FILLED_BY_THE_NEXT:
            run.upgrade(kept_url, secret=SECRET, to=(above := names[names.index(name) + 1]))
            assert picture(kept_url) == going_down[above]
            run.downgrade(kept_url, name, secret=SECRET)
    for name in names[1:]:
        run.upgrade(kept_url, secret=SECRET, to=name)
        schema, values = picture(kept_url)
        assert schema == going_down[name][0], name
        assert values == going_down[name][1] or name == FILLED_BY_THE_NEXT, name


def picture(url: str) -> tuple[Schema, dict[str, list[str]]]:
    """Return the schema, and the rows of the legacy product's tables and what came from them."""
    tables = ("users", "interactions", "platform_connections", "marketing_campaigns")
    return schema_of(url), {table: shown_rows(url, table) for table in tables}


def shown_rows(url: str, table: str) -> list[str]:
    if not rows(url, f"SELECT FROM pg_tables WHERE tablename = '{table}'"):
        return []
    query = f"SELECT (to_jsonb(t) - '{WRITTEN_ANEW.get(table, '{}')}'::text[])::text AS row FROM {table} t ORDER BY 1"
    return [row["row"] for row in rows(url, query)]


def test_down_to_the_legacy_shape_gives_the_legacy_rows_back(legacy_url: str, returned_url: str) -> None:
    tables = ("users", "platform_connections", "interactions")
    before = {table: by_id(legacy_url, table) for table in tables}
    for user in before["users"].values():
        # False means the same as NULL here: a status cannot distinguish them.
        user["demo_mode"] = bool(user["demo_mode"])
    assert {table: by_id(returned_url, table) for table in tables} == before


def test_as_soon_as_the_marketing_columns_are_back_they_hold_their_values(legacy_url: str, migrated_url: str) -> None:
    before = by_id(legacy_url, "users")
    run.downgrade(migrated_url, "0012", secret=SECRET)
    for key, user in by_id(migrated_url, "users").items():
        for column in ("marketing_opt_in", "countdown_t14_sent_at", "countdown_t7_sent_at", "countdown_t1_sent_at"):
            assert user[column] == before[key][column]


def test_a_demo_state_between_becomes_the_boolean_that_tells_whether_the_demo_is_there(migrated_url: str) -> None:
    flags = {"enabled": True, "disabling": True, "enabling": False, "failed": False, "disabled": False}
    states = spread(migrated_url, "users", "demo_mode_status", list(flags))
    run.downgrade(migrated_url, "base", secret=SECRET)
    demo_modes = {key: user["demo_mode"] for key, user in by_id(migrated_url, "users").items()}
    assert demo_modes == {key: flags[state] for key, state in states.items()}


def test_a_connections_state_becomes_the_boolean_that_tells_whether_its_tokens_work(migrated_url: str) -> None:
    on, off = ("connected", "refreshing", "disconnecting"), ("connecting", "failed", "disconnected")
    states = spread(migrated_url, "platform_connections", "connection_status", [*on, *off])
    run.downgrade(migrated_url, "base", secret=SECRET)
    active = {key: row["is_active"] for key, row in by_id(migrated_url, "platform_connections").items()}
    assert active == {key: state in on for key, state in states.items()}


def spread(url: str, table: str, column: str, states: list[str]) -> dict[Any, str]:
    """Set the rows' states in turn, and return the state of each."""
    numbered = f"SELECT id, 1 + row_number() OVER (ORDER BY id) % {len(states)} AS number FROM {table}"
    state = f"('{{{','.join(states)}}}'::text[])[number]"
    execute(url, f"UPDATE {table} t SET {column} = {state} FROM ({numbered}) n WHERE n.id = t.id")
    by_key = {key: row[column] for key, row in by_id(url, table).items()}
    assert set(by_key.values()) == set(states)
    return by_key


def test_jobs_events_and_roles_survive_the_way_down_and_up(migrated_url: str) -> None:
    execute(
        migrated_url, f"INSERT INTO background_jobs (id, kind, status) VALUES ('{JOB}', 'demo.enable', 'succeeded')"
    )
    execute(migrated_url, f"INSERT INTO job_attempts (job_id, token, attempt) VALUES ('{JOB}', 1, 1)")
    execute(migrated_url, "INSERT INTO events (name) VALUES ('job.succeeded')")
    execute(migrated_url, f"INSERT INTO workers (id, host, pid, threads, queues) VALUES ('{JOB}', 'x', 1, 8, '{{}}')")
    execute(migrated_url, "UPDATE users SET role = 'admin' WHERE email = 'vera.tanaka@example.com'")
    schema = schema_of(migrated_url)
    run.downgrade(migrated_url, "base", secret=SECRET)
    run.finish(migrated_url, secret=SECRET)
    assert schema_of(migrated_url) == schema
    for table in ("background_jobs", "job_attempts", "events", "workers"):
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


def test_what_a_person_arranged_in_the_list_of_jobs_comes_back(migrated_url: str) -> None:
    view = "INSERT INTO saved_views (id, name, columns) VALUES (gen_random_uuid(), 'v', '[\"kind\"]')"
    execute(migrated_url, view)
    execute(migrated_url, "INSERT INTO list_columns (user_id, columns) SELECT id, '[{}]' FROM users LIMIT 1")
    run.downgrade(migrated_url, "0041", secret=SECRET)
    run.upgrade(migrated_url, secret=SECRET)
    assert rows(migrated_url, "SELECT columns FROM saved_views") == [{"columns": ["kind"]}]
    assert rows(migrated_url, "SELECT columns FROM list_columns") == [{"columns": [{}]}]
