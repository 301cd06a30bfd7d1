"""Pre: the index of due jobs gets the order in which jobs are claimed; an unused index is dropped."""

from alembic import op

from migrations import ddl

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

DUE = "background_jobs (queue, priority, run_at{more}) WHERE status = 'queued'"
ERRED = "background_jobs (created_at, id) WHERE error_type IS NOT NULL"


def upgrade() -> None:
    """Add the id to the index, so that many jobs due at the same moment are not sorted for each claim."""
    ddl.replace_index("ix_background_jobs_due", DUE.format(more=", id"))
    op.drop_index("ix_background_jobs_erred", "background_jobs", if_exists=True)


def downgrade() -> None:
    """Restore the former indexes."""
    ddl.replace_index("ix_background_jobs_due", DUE.format(more=""))
    ddl.replace_index("ix_background_jobs_erred", ERRED)
