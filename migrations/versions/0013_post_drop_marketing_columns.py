"""Post: the marketing columns of users are not needed any more; `migrate --finish` drops them.

marketing_campaigns holds their content since 0006.
"""

from alembic import op

from migrations import ddl, marketing

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Copy users added by old code in the meantime; until `migrate --finish`, a trigger copies their changes."""
    ddl.in_utc()
    op.execute(marketing.COPY)


def downgrade() -> None:
    """Restore the columns of users, with their values."""
    ddl.in_utc()
    ddl.ensure_empty_columns("users", marketing.COLUMNS)
    op.execute(marketing.PUT_BACK)
    op.execute(marketing.FOLLOW)
    op.execute(marketing.TRIGGER)
