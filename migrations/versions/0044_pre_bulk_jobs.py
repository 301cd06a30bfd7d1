"""Pre: jobs are found by the bulk action whose set they are in, or that has started them."""

from alembic import op

from migrations import ddl

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    ddl.replace_index("ix_bulk_rows_target", "bulk_rows (bulk_id, target)")
    ddl.replace_index("ix_bulk_rows_job", "bulk_rows (bulk_id, job_id) WHERE job_id IS NOT NULL")


def downgrade() -> None:
    """Drop the indexes."""
    for name in ("target", "job"):
        op.execute(f"DROP INDEX IF EXISTS ix_bulk_rows_{name}")
