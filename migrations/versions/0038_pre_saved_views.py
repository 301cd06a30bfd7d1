"""Pre: views of the list of jobs that people save. Old code knows nothing of them."""

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import moment_now, text, uuid

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "saved_views",
        uuid("id", nullable=False),
        text("name"),
        text("filter", default=""),
        text("sort", default="-created_at"),
        uuid("owner_id"),
        text("saved_by", default=""),
        moment_now("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_saved_views"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_saved_views_owner_id", ondelete="CASCADE"),
        if_not_exists=True,
    )
    ddl.replace_index("uq_saved_views_own", "saved_views (owner_id, name) WHERE owner_id IS NOT NULL", unique=True)
    ddl.replace_index("uq_saved_views_shared", "saved_views (name) WHERE owner_id IS NULL", unique=True)


def downgrade() -> None:
    """Drop the empty table; one with rows stays, and old code ignores it."""
    ddl.drop_table_unless_used("saved_views")
