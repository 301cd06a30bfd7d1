"""Pre: an attempt is inserted once, when it ends; the running one is in its job's row. Fewer index entries per job.

Old code inserts attempts with its claims, and updates them: new code finds and updates those, too. Its lists of
running jobs sort them.
"""

from alembic import op

from migrations import ddl

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BY_TIME = "background_jobs (status, created_at, id) INCLUDE (user_id) WHERE "
NEW = {
    "ix_background_jobs_user": "background_jobs (user_id, created_at, id) WHERE user_id IS NOT NULL",
    "ix_background_jobs_attention": f"{BY_TIME} status IN ('queued', 'failed', 'cancelled')",
}
OLD = {
    "ix_background_jobs_user": "background_jobs (user_id, created_at, id)",
    "ix_background_jobs_attention": f"{BY_TIME} status <> 'succeeded'",
    "ix_background_jobs_running": "background_jobs (worker_id) WHERE status = 'running'",
}


def upgrade() -> None:
    """Add the time of the claim, copy it from the attempts that run now, and leave running jobs out of indexes."""
    ddl.ensure_empty_columns("background_jobs", {"claimed_at": "timestamptz"})
    op.execute(
        """UPDATE background_jobs j SET claimed_at = a.started_at FROM job_attempts a
        WHERE j.status = 'running' AND a.job_id = j.id AND a.token = j.token AND a.outcome = 'running'"""
    )
    for name, on in NEW.items():
        ddl.replace_index(name, on)
    op.execute("DROP INDEX IF EXISTS ix_background_jobs_running")


def downgrade() -> None:
    """Insert the attempts that run now: old code updates them when they end. Bring the indexes back."""
    for name, on in OLD.items():
        ddl.replace_index(name, on)
    op.execute(
        """INSERT INTO job_attempts (job_id, token, attempt, worker_id, started_at, outcome)
        SELECT id, token, attempt, worker_id, coalesce(claimed_at, started_at, now()), 'running'
        FROM background_jobs WHERE status = 'running' ON CONFLICT DO NOTHING"""
    )
    op.execute("ALTER TABLE background_jobs DROP COLUMN IF EXISTS claimed_at")
