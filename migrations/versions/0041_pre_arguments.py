"""Pre: jobs are found by their arguments, and by how little they took or waited. Old code uses the second as before.

The index of arguments is written as a job ends, and by those alone that have any.
"""

from alembic import op

from migrations import ddl

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TOOK = "(finished_at - started_at)"
WAITED = "(started_at - CASE WHEN run_at <= started_at THEN run_at ELSE created_at END)"
HAS_ARGUMENTS = "status IN ('succeeded', 'failed', 'cancelled') AND args <> '{}'::jsonb"


def upgrade() -> None:
    """Add an index, and make one of block ranges again with a second column."""
    of = f"(finished_at, {TOOK}, {WAITED}) WITH (pages_per_range = 16, autosummarize = on)"
    ddl.replace_index("ix_background_jobs_finished", f"background_jobs USING brin {of}")
    arguments = f"background_jobs USING gin (args jsonb_path_ops) WHERE {HAS_ARGUMENTS}"
    ddl.replace_index("ix_background_jobs_arguments", arguments)


def downgrade() -> None:
    """Drop the one, and make the other again as it was."""
    op.execute("DROP INDEX IF EXISTS ix_background_jobs_arguments")
    by_end = "background_jobs USING brin (finished_at) WITH (pages_per_range = 32, autosummarize = on)"
    ddl.replace_index("ix_background_jobs_finished", by_end)
