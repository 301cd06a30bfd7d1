"""A running attempt moves into its job's row with 0024, and back; a successful one with 0025."""

from datetime import UTC, datetime

import pytest

from migrations import run
from tests.migrations.schema import SECRET, execute, rows

JOB, WORKER = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
BEGAN = datetime(2026, 11, 20, 3, tzinfo=UTC)
ENDED = datetime(2026, 11, 20, 4, tzinfo=UTC)


def test_a_running_attempt_is_kept_on_the_way_down_and_up(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No way down begins while a job runs; one that is claimed a moment after that look is carried nevertheless."""
    monkeypatch.setattr(run.checks, "cannot_go_back", lambda *_: [])
    execute(
        migrated_url,
        "INSERT INTO background_jobs (id, kind, status, token, attempt, worker_id, claimed_at) "
        f"VALUES ('{JOB}', 'demo.enable', 'running', 7, 2, '{WORKER}', '{BEGAN}')",
        f"INSERT INTO job_attempts (job_id, token, attempt, outcome) VALUES ('{JOB}', 6, 1, 'lost')",
    )
    run.downgrade(migrated_url, "0023", secret=SECRET)
    lost, running = rows(migrated_url, "SELECT * FROM job_attempts ORDER BY token")
    assert (lost["token"], lost["outcome"]) == (6, "lost")
    assert (running["token"], running["attempt"], running["outcome"]) == (7, 2, "running")
    assert (str(running["worker_id"]), running["started_at"]) == (WORKER, BEGAN)
    execute(migrated_url, "UPDATE job_attempts SET started_at = started_at + interval '1 s' WHERE token = 7")
    run.finish(migrated_url, secret=SECRET)
    [job] = rows(migrated_url, "SELECT claimed_at FROM background_jobs")
    assert (job["claimed_at"] - BEGAN).total_seconds() == 1


def test_the_attempt_of_a_success_is_inserted_on_the_way_down(migrated_url: str) -> None:
    execute(
        migrated_url,
        "INSERT INTO background_jobs (id, kind, status, token, attempt, worker_id, claimed_at, finished_at) "
        f"VALUES ('{JOB}', 'demo.enable', 'succeeded', 7, 2, '{WORKER}', '{BEGAN}', '{ENDED}')",
        f"INSERT INTO job_attempts (job_id, token, attempt, outcome) VALUES ('{JOB}', 6, 1, 'lost')",
    )
    run.downgrade(migrated_url, "0024", secret=SECRET)
    lost, succeeded = rows(migrated_url, "SELECT * FROM job_attempts ORDER BY token")
    assert (lost["token"], lost["outcome"]) == (6, "lost")
    assert (succeeded["token"], succeeded["attempt"], succeeded["outcome"]) == (7, 2, "succeeded")
    assert (str(succeeded["worker_id"]), succeeded["started_at"], succeeded["finished_at"]) == (WORKER, BEGAN, ENDED)
