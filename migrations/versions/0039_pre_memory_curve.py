"""Pre: how much memory a worker has used over the last day. Workers of old code leave it empty."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE workers ADD COLUMN IF NOT EXISTS memory_curve integer[] NOT NULL DEFAULT '{}'::integer[]")


def downgrade() -> None:
    """Remove it."""
    op.execute("ALTER TABLE workers DROP COLUMN IF EXISTS memory_curve")
