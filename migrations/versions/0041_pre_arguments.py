"""Pre: jobs are found by their arguments, and by how little they took or waited.

Both indexes are written as a job ends, the first by those alone that have arguments.
"""

from alembic import op

from migrations import ddl

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TOOK = "(finished_at - started_at)"
WAITED = "(started_at - CASE WHEN run_at <= started_at THEN run_at ELSE created_at END)"
ENDED = "status IN ('succeeded', 'failed', 'cancelled')"


def upgrade() -> None:
    """Add the indexes."""
    spans = f"({TOOK}, {WAITED}) WITH (pages_per_range = 32, autosummarize = on) WHERE {ENDED}"
    ddl.replace_index("ix_background_jobs_spans", f"background_jobs USING brin {spans}")
    arguments = f"(args jsonb_path_ops) WHERE {ENDED} AND args <> '{{}}'::jsonb"
    ddl.replace_index("ix_background_jobs_arguments", f"background_jobs USING gin {arguments}")


def downgrade() -> None:
    """Drop the indexes."""
    for name in ("spans", "arguments"):
        op.execute(f"DROP INDEX IF EXISTS ix_background_jobs_{name}")
