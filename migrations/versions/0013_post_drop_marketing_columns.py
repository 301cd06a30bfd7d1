"""Post: drops the marketing columns of users; marketing_campaigns holds their content since 0006."""

from alembic import op

from migrations import ddl, marketing

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = {
    "marketing_opt_in": "boolean DEFAULT true",
    "countdown_t14_sent_at": "timestamp",
    "countdown_t7_sent_at": "timestamp",
    "countdown_t1_sent_at": "timestamp",
}


def upgrade() -> None:
    """Copy users added by old code in the meantime, then drop the columns."""
    ddl.in_utc()
    op.execute(marketing.COPY)
    ddl.drop_trigger("users_marketing_in_step", "users")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE users DROP COLUMN {column}")


def downgrade() -> None:
    """Restore the columns of users, with their values."""
    ddl.in_utc()
    for column, definition in COLUMNS.items():
        op.execute(f"ALTER TABLE users ADD COLUMN {column} {definition}")
    op.execute(marketing.PUT_BACK)
    op.execute(marketing.FOLLOW)
    op.execute(marketing.TRIGGER)
