"""Post: platform_connections.is_active goes; connection_status has said it since 0005."""

from alembic import op

from migrations import ddl

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ON = ("connected", "refreshing", "disconnecting")


def upgrade() -> None:
    """Let go of the boolean, then drop it."""
    ddl.drop_sync_trigger("platform_connections", "is_active", "connection_status", off="disconnected")
    op.execute("ALTER TABLE platform_connections DROP COLUMN is_active")


def downgrade() -> None:
    """Connected, refreshing and disconnecting become true: their tokens still work; everything else becomes false."""
    op.execute("ALTER TABLE platform_connections ADD COLUMN is_active boolean DEFAULT true")
    op.execute(f"UPDATE platform_connections SET is_active = connection_status IN ({ddl.quoted(ON)})")
    ddl.add_sync_trigger("platform_connections", "is_active", "connection_status", on=ON, off="disconnected")
