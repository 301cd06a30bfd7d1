"""Pre: an attempt is inserted once, when it ends; the running one is in its job's row.

Old code inserts attempts with its claims, and updates them: new code finds and updates those, too.
"""

from alembic import op

from migrations import ddl

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the time of the claim, and copy it from the attempts that run now."""
    ddl.ensure_empty_columns("background_jobs", {"claimed_at": "timestamptz"})
    op.execute(
        """UPDATE background_jobs j SET claimed_at = a.started_at FROM job_attempts a
        WHERE j.status = 'running' AND a.job_id = j.id AND a.token = j.token AND a.outcome = 'running'"""
    )


def downgrade() -> None:
    """Insert the attempts that run now: old code updates them when they end."""
    op.execute(
        """INSERT INTO job_attempts (job_id, token, attempt, worker_id, started_at, outcome)
        SELECT id, token, attempt, worker_id, coalesce(claimed_at, started_at, now()), 'running'
        FROM background_jobs WHERE status = 'running' ON CONFLICT DO NOTHING"""
    )
    op.execute("ALTER TABLE background_jobs DROP COLUMN IF EXISTS claimed_at")
