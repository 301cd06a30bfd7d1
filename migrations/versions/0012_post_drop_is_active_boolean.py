"""Post: drops platform_connections.is_active; connection_status holds its content since 0005."""

from alembic import op

from migrations import ddl

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ON = ("connected", "refreshing", "disconnecting")


def upgrade() -> None:
    """Drop the sync trigger, then the boolean."""
    ddl.drop_sync_trigger("platform_connections", "is_active", "connection_status", off="disconnected")
    op.execute("ALTER TABLE platform_connections DROP COLUMN is_active")


def downgrade() -> None:
    """Connected, refreshing and disconnecting become true, because their tokens still work; all others become false."""
    op.execute("ALTER TABLE platform_connections ADD COLUMN is_active boolean DEFAULT true")
    op.execute(f"UPDATE platform_connections SET is_active = connection_status IN ({ddl.quoted(ON)})")
    ddl.add_sync_trigger("platform_connections", "is_active", "connection_status", on=ON, off="disconnected")
