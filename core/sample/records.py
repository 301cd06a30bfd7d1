"""What is kept beside the jobs of the sample: counters, and attempts and events of the newest jobs."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from core.jobs.failure import WORKER_GONE
from core.models import WORKER_LOST


def write(connection: Connection) -> None:
    """Count the jobs of this transaction, and add attempts and events of the newest."""
    for statement in (_COUNTERS, _ATTEMPTS, _EVENTS, _FIGURES_ANEW):
        connection.execute(statement)


def analyze(engine: Engine) -> None:
    """Update the planner's statistics, and let it read indexes alone."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("SET statement_timeout = 0"))
        connection.execute(sa.text("VACUUM ANALYZE background_jobs, users, events, job_attempts"))
        connection.execute(sa.text("RESET statement_timeout"))


# As core/jobs/fence.py counts them.
_COUNTERS: Final = sa.text("""
    INSERT INTO job_counters AS c (hour, kind, queue, status, shard, jobs, ran_seconds)
    SELECT date_trunc('hour', finished_at, 'UTC') AS hour, kind, queue, status, 0, count(*),
        coalesce(sum(extract(epoch FROM finished_at - started_at)), 0)
    FROM background_jobs WHERE xmin = pg_current_xact_id()::xid GROUP BY hour, kind, queue, status
    ON CONFLICT (hour, kind, queue, status, shard)
    DO UPDATE SET jobs = c.jobs + excluded.jobs, ran_seconds = c.ran_seconds + excluded.ran_seconds
""")

# Figures are added up from the first job on, also where they had reached until now without it.
_FIGURES_ANEW: Final = sa.text("DELETE FROM job_rollup_states")

# Only of the newest 4,000 jobs: operators look no further back, and a million jobs would have five million of them.
# All attempts but the last ended in an error that passed, and were followed by a pause, or lost their worker. Code that
# gives up is not tried again, so that what came before was another error.
_NEWEST: Final = f"""
    WITH newest AS (
        SELECT *, (finished_at - started_at) / nullif(attempt, 0) AS took FROM background_jobs
        WHERE xmin = pg_current_xact_id()::xid ORDER BY created_at DESC LIMIT 4000
    ), attempts AS (
        SELECT *, number < attempt AS passed, started_at + (number - 1) * took AS since, started_at + number * took
            - CASE WHEN number < attempt THEN took / 2 ELSE '0' END AS until, CASE
            WHEN number < attempt AND error_type = '{WORKER_LOST}' THEN '{WORKER_GONE.message}'
            WHEN number = attempt OR error_type <> 'GiveUp' THEN error_message
            ELSE 'The demo service answered 503; it is overloaded or being deployed.' END AS message,
            CASE WHEN number = attempt OR error_type <> 'GiveUp' THEN error_type ELSE 'TryAgain' END AS type
        FROM newest CROSS JOIN LATERAL generate_series(1, attempt) number
    )
"""  # noqa: S608 - constants of this program

_ATTEMPTS: Final = sa.text(f"""{_NEWEST}
    INSERT INTO job_attempts (job_id, token, attempt, worker_id, started_at, finished_at, outcome, error_type,
        error_message, error_traceback)
    SELECT id, number, number, worker_id, since, until, CASE WHEN type = '{WORKER_LOST}' THEN 'lost'
        WHEN passed OR status = 'failed' THEN 'error' ELSE status END, type, message,
        CASE WHEN type = error_type THEN error_traceback END
    FROM attempts WHERE passed OR status <> 'succeeded'
""")  # noqa: S608 - constants of this program

# In the order of their times: their ids tell the order.
_EVENTS: Final = sa.text(f"""{_NEWEST}
    INSERT INTO events (at, name, actor_id, actor, via, user_id, job_id, reason, data)
    SELECT at, e.name, CASE WHEN by_person THEN requested_by END, CASE WHEN NOT by_person THEN 'engine'
            ELSE coalesce(u.email, 'maria@support.example.com') END, CASE WHEN NOT by_person THEN 'engine'
            WHEN requested_by = user_id THEN 'api' ELSE 'console' END, user_id, job_id,
        CASE WHEN by_person THEN reason END, jsonb_strip_nulls(data)
    FROM (
        SELECT id AS job_id, created_at AS at, 'job.requested' AS name, user_id, requested_by, reason,
            user_id IS NOT NULL AS by_person,
            jsonb_build_object('kind', kind, 'args', args, 'retry_of', retry_of) AS data FROM newest
        UNION ALL SELECT id, until, CASE type WHEN '{WORKER_LOST}' THEN 'job.rescued' ELSE 'job.retrying' END, user_id,
            requested_by, reason, false, jsonb_build_object('attempt', number, 'error', message, 'moved_on',
            CASE type WHEN '{WORKER_LOST}' THEN false END) FROM attempts WHERE passed
        UNION ALL SELECT id, finished_at, 'job.' || status, user_id, requested_by, reason, status = 'cancelled',
            jsonb_build_object('error', error_message) FROM newest
    ) e LEFT JOIN users u ON u.id = requested_by ORDER BY at
""")  # noqa: S608 - constants of this program
