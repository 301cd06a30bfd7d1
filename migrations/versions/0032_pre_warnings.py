"""Pre: a person's "no" to warnings is apart from their "no" to being told what is done; connections by their age.

Old code writes one "no" for both.
"""

from alembic import op

from migrations import ddl

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, filled from what has been said no to so far, and the index."""
    ddl.ensure_empty_columns("message_preferences", {"warnings_off_at": "timestamptz"})
    op.execute("UPDATE message_preferences SET warnings_off_at = unsubscribed_at WHERE unsubscribed_at IS NOT NULL")
    ddl.replace_index("ix_platform_connections_newest", "platform_connections (created_at, id)")


def downgrade() -> None:
    """Remove both; who wants no warnings is not warned by old code either."""
    op.execute("DROP INDEX IF EXISTS ix_platform_connections_newest")
    op.execute("""
        UPDATE message_preferences SET unsubscribed_at = warnings_off_at
        WHERE unsubscribed_at IS NULL AND warnings_off_at IS NOT NULL
    """)
    op.execute("ALTER TABLE message_preferences DROP COLUMN IF EXISTS warnings_off_at")
