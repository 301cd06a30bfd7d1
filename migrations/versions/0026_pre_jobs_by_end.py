"""Pre: jobs are found by when they ended. A block range index, because jobs end about as they come: a few pages in all.

Old code does not use it.
"""

from alembic import op

from migrations import ddl

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    by_end = "background_jobs USING brin (finished_at) WITH (pages_per_range = 32, autosummarize = on)"
    ddl.replace_index("ix_background_jobs_finished", by_end)


def downgrade() -> None:
    """Remove the index."""
    op.execute("DROP INDEX IF EXISTS ix_background_jobs_finished")
