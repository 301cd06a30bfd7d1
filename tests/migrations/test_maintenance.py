"""Every row that named upkeep names maintenance; the sealed log keeps the old name."""

from migrations import run
from tests.migrations.schema import SECRET, execute, rows

JOB = "00000000-0000-7000-8000-000000000001"
KIND, QUEUE = "upkeep.delete_old_jobs", "upkeep"
HOUR = "2026-11-20 03:00:00+00"


def written_before(url: str, kind: str, queue: str) -> None:
    """Write the rows that the previous release would have left: a job, its events, counters, a schedule, pauses."""
    execute(
        url,
        "INSERT INTO background_jobs (id, kind, queue, status, finished_at) "
        f"VALUES ('{JOB}', '{kind}', '{queue}', 'succeeded', now())",
        "INSERT INTO events (name, via, job_id, data) VALUES "
        f"""('job.requested', 'engine', '{JOB}', '{{"kind": "{kind}", "args": {{}}}}'),
            ('job.requested', 'console', '{JOB}', '{{"kind": "{kind}", "args": {{}}}}')""",
        "INSERT INTO job_counters (hour, kind, queue, status, shard, jobs, ran_seconds) "
        f"VALUES ('{HOUR}', '{kind}', '{queue}', 'succeeded', 0, 3, 1.5)",
        "INSERT INTO schedules (id, name, kind, cron, args) "
        f"""VALUES ('{JOB}', 'nightly', '{kind}', '0 3 * * *', '{{"days": 9, "kind": "{queue}.expire_sessions"}}')""",
        f"INSERT INTO queues (name, paused_at, paused_by) VALUES ('{queue}', now(), 'ana')",
        f"INSERT INTO job_kinds (kind, max_running) VALUES ('{kind}', 2)",
    )


def names(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Return every name that the tables hold."""
    queries = {
        "jobs": "SELECT kind, queue FROM background_jobs",
        "events": "SELECT via, data ->> 'kind' FROM events WHERE name = 'job.requested' ORDER BY id",
        "counters": "SELECT kind, queue, jobs FROM job_counters",
        "schedules": "SELECT kind, args ->> 'kind' AS limited_to, args ->> 'days' AS days FROM schedules "
        "WHERE name = 'nightly'",
        "queues": "SELECT name, paused_by FROM queues",
        "kinds": "SELECT kind, max_running FROM job_kinds",
    }
    return {part: [tuple(row.values()) for row in rows(url, query)] for part, query in queries.items()}


def expected(kind: str, queue: str, sealed: str) -> dict[str, list[tuple[object, ...]]]:
    return {
        "jobs": [(kind, queue)],
        "events": [("engine", kind), ("console", sealed)],
        "counters": [(kind, queue, 3)],
        "schedules": [(kind, f"{queue}.expire_sessions", "9")],
        "queues": [(queue, "ana")],
        "kinds": [(kind, 2)],
    }


def test_every_row_that_names_upkeep_names_maintenance_afterwards_and_upkeep_again_on_the_way_back(
    migrated_url: str,
) -> None:
    run.downgrade(migrated_url, "0018", secret=SECRET)
    written_before(migrated_url, KIND, QUEUE)
    run.finish(migrated_url, secret=SECRET)
    assert names(migrated_url) == expected("maintenance.delete_old_jobs", "maintenance", sealed=KIND)
    run.downgrade(migrated_url, "0018", secret=SECRET)
    assert names(migrated_url) == expected(KIND, QUEUE, sealed=KIND)


def test_counters_of_both_names_are_added_together(migrated_url: str) -> None:
    run.downgrade(migrated_url, "0018", secret=SECRET)
    written_before(migrated_url, KIND, QUEUE)
    execute(
        migrated_url,
        "INSERT INTO job_counters (hour, kind, queue, status, shard, jobs, ran_seconds) "
        f"VALUES ('{HOUR}', 'maintenance.delete_old_jobs', 'maintenance', 'succeeded', 0, 4, 1)",
    )
    run.finish(migrated_url, secret=SECRET)
    assert names(migrated_url)["counters"] == [("maintenance.delete_old_jobs", "maintenance", 7)]


def test_a_pause_stays_in_force_beside_an_empty_row_of_the_new_name(migrated_url: str) -> None:
    run.downgrade(migrated_url, "0018", secret=SECRET)
    written_before(migrated_url, KIND, QUEUE)
    execute(migrated_url, "INSERT INTO queues (name) VALUES ('maintenance')")
    run.finish(migrated_url, secret=SECRET)
    assert names(migrated_url)["queues"] == [("maintenance", "ana")]


def test_the_log_is_append_only_again_after_the_names_have_changed(migrated_url: str) -> None:
    enabled = rows(migrated_url, "SELECT tgenabled FROM pg_trigger WHERE tgname = 'events_append_only'")
    assert enabled == [{"tgenabled": "O"}]
