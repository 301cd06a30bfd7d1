"""Pre: a person's "no" to warnings is apart from their "no" to being told what is done; connections by their age.

Old code writes one "no" for both, and `updated_at` alone: where `topics_at` is another time, it has written last.
"""

from alembic import op

from migrations import ddl

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_COLUMNS = ("warnings_off_at", "topics_at")


def upgrade() -> None:
    """Add the columns, empty as old code leaves them, and the index."""
    ddl.ensure_empty_columns("message_preferences", dict.fromkeys(_COLUMNS, "timestamptz"))
    ddl.replace_index("ix_platform_connections_newest", "platform_connections (created_at, id)")


def downgrade() -> None:
    """Remove them; who wants no warnings is not warned by old code either."""
    op.execute("DROP INDEX IF EXISTS ix_platform_connections_newest")
    op.execute("""
        UPDATE message_preferences SET unsubscribed_at = warnings_off_at
        WHERE unsubscribed_at IS NULL AND warnings_off_at IS NOT NULL
    """)
    for column in _COLUMNS:
        op.execute(f"ALTER TABLE message_preferences DROP COLUMN IF EXISTS {column}")
