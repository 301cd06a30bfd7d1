"""Pre: workers that a person has made quiet, or asked to stop. Old code asks none, and its workers follow no order."""

from alembic import op

revision = "0037"
down_revision = "0034"
branch_labels = None
depends_on = None

#: The columns and their types.
COLUMNS = {
    "quiet_queues": "text[] NOT NULL DEFAULT '{}'::text[]",
    "quiet_at": "timestamptz",
    "quiet_by": "text",
    "quiet_reason": "text",
    "stop_at": "timestamptz",
}


def upgrade() -> None:
    """Add the columns."""
    for name, of_type in COLUMNS.items():
        op.execute(f"ALTER TABLE workers ADD COLUMN IF NOT EXISTS {name} {of_type}")


def downgrade() -> None:
    """Remove them: a quiet worker of new code serves its queues again once it registers anew."""
    op.execute("UPDATE workers SET queues = quiet_queues WHERE quiet_at IS NOT NULL AND stopped_at IS NULL")
    for name in COLUMNS:
        op.execute(f"ALTER TABLE workers DROP COLUMN IF EXISTS {name}")
