"""Pre: a worker's heartbeat names the threads of its process that have not come round."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; old code leaves it empty."""
    op.execute("ALTER TABLE workers ADD COLUMN IF NOT EXISTS stalled text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE workers DROP COLUMN IF EXISTS stalled")
