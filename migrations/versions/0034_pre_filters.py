"""Pre: jobs are found by how long they took and waited, their attempts, who requested them and why."""

from alembic import op

from migrations import ddl

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

ENDED = "status IN ('succeeded', 'failed', 'cancelled')"
TOOK = "(finished_at - started_at)"
WAITED = "(started_at - CASE WHEN run_at <= started_at THEN run_at ELSE created_at END)"
REASON_WORDS = "(to_tsvector('simple', translate(reason, '_-./@&=?+~#:', '            ')))"
INDEXES = {
    "took": f"({TOOK}) WHERE {ENDED} AND {TOOK} >= interval '1 second'",
    "waited": f"({WAITED}) WHERE {ENDED} AND {WAITED} >= interval '1 minute'",
    "attempts": f"(created_at, id) INCLUDE (attempt) WHERE {ENDED} AND attempt > 1",
    "requested_by": (
        "(requested_by, created_at, id) WHERE requested_by IS NOT NULL AND requested_by IS DISTINCT FROM user_id"
    ),
}


def upgrade() -> None:
    """Create the indexes; each holds few of the jobs."""
    for name, of in INDEXES.items():
        ddl.replace_index(f"ix_background_jobs_{name}", f"background_jobs {of}")
    ddl.replace_index(
        "ix_background_jobs_reason_words", f"background_jobs USING gin ({REASON_WORDS}) WHERE reason IS NOT NULL"
    )


def downgrade() -> None:
    """Drop the indexes."""
    for name in (*INDEXES, "reason_words"):
        op.execute(f"DROP INDEX IF EXISTS ix_background_jobs_{name}")
