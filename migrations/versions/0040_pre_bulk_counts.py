"""Pre: what the set of a bulk action consisted of when it was frozen. Sets of before, and of old code, do not say."""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE bulk_actions ADD COLUMN IF NOT EXISTS consists_of jsonb NOT NULL DEFAULT '{}'::jsonb")


def downgrade() -> None:
    """Remove it."""
    op.execute("ALTER TABLE bulk_actions DROP COLUMN IF EXISTS consists_of")
