"""Pre: the columns of the list of jobs, of each person and of views. Old code knows nothing of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations import ddl
from migrations.columns import moment_now, uuid

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and add the column."""
    op.create_table(
        "list_columns",
        uuid("user_id", nullable=False),
        sa.Column("columns", JSONB(), nullable=False),
        moment_now("changed_at"),
        sa.PrimaryKeyConstraint("user_id", name="pk_list_columns"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_list_columns_user_id", ondelete="CASCADE"),
        if_not_exists=True,
    )
    op.execute("ALTER TABLE saved_views ADD COLUMN IF NOT EXISTS columns jsonb NOT NULL DEFAULT '[]'::jsonb")


def downgrade() -> None:
    """Drop the column and the table if nothing is in them; else they stay, and old code ignores them."""
    ddl.drop_column_unless_used("saved_views", "columns", "'[]'::jsonb")
    ddl.drop_table_unless_used("list_columns")
