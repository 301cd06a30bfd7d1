"""Post: a success has no attempt of its own, and live jobs are in fewer indexes.

Old code would list jobs without these indexes, by reading and sorting the table; it shows no attempt of a success that
new code has written.
"""

from alembic import op

from migrations import ddl

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

BY_KIND = "background_jobs (kind, queue, created_at, id)"
BY_TIME = "background_jobs (created_at, id)"
NEW = {
    "ix_background_jobs_kind": f"{BY_KIND} WHERE status IN ('succeeded', 'failed', 'cancelled')",
    "ix_background_jobs_newest": f"{BY_TIME} WHERE status <> 'running'",
}
OLD = {
    "ix_background_jobs_kind": BY_KIND,
    "ix_background_jobs_newest": BY_TIME,
}


def upgrade() -> None:
    """Leave jobs out of two indexes while they are in `ix_background_jobs_live`, which lists read beside these."""
    for name, on in NEW.items():
        ddl.replace_index(name, on)


def downgrade() -> None:
    """Bring the indexes back, and insert the attempts of successes, which old code reads from their rows."""
    for name, on in OLD.items():
        ddl.replace_index(name, on)
    op.execute(
        """INSERT INTO job_attempts (job_id, token, attempt, worker_id, started_at, finished_at, outcome)
        SELECT id, token, attempt, worker_id, claimed_at, finished_at, 'succeeded'
        FROM background_jobs WHERE status = 'succeeded' AND claimed_at IS NOT NULL ON CONFLICT DO NOTHING"""
    )
