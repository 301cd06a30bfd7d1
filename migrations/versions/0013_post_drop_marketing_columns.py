"""Post: the marketing columns of users go; marketing_campaigns has held them since 0006."""

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
    """Copy the users whom old code has signed up since, then drop."""
    ddl.in_utc()
    op.execute(marketing.COPY)
    ddl.drop_trigger("users_marketing_in_step", "users")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE users DROP COLUMN {column}")


def downgrade() -> None:
    """Put the columns back into users, with their values."""
    ddl.in_utc()
    for column, definition in COLUMNS.items():
        op.execute(f"ALTER TABLE users ADD COLUMN {column} {definition}")
    op.execute(marketing.PUT_BACK)
    op.execute(marketing.FOLLOW)
    op.execute(marketing.TRIGGER)
