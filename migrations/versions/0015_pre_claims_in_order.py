"""Pre: what is due lies in the index in the order in which it is claimed; an index that nothing used is gone."""

from alembic import op

from migrations import ddl

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

DUE = "background_jobs (queue, priority, run_at{more}) WHERE status = 'queued'"
ERRED = "background_jobs (created_at, id) WHERE error_type IS NOT NULL"


def upgrade() -> None:
    """Put the id into the order, so that a crowd that is due at the same moment is not sorted for each claim."""
    ddl.replace_index("ix_background_jobs_due", DUE.format(more=", id"))
    op.drop_index("ix_background_jobs_erred", "background_jobs", if_exists=True)


def downgrade() -> None:
    """Make the indexes as they were."""
    ddl.replace_index("ix_background_jobs_due", DUE.format(more=""))
    ddl.replace_index("ix_background_jobs_erred", ERRED)
