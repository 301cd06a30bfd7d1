"""Post: platform_connections.is_active is not needed any more; `migrate --finish` drops it.

connection_status holds its content since 0005.
"""

from migrations import ddl

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ON = ("connected", "refreshing", "disconnecting")


def upgrade() -> None:
    """Leave the boolean: until `migrate --finish`, a trigger keeps it in step."""


def downgrade() -> None:
    """Connected, refreshing and disconnecting become true, because their tokens still work; all others become false."""
    ddl.ensure_flag("platform_connections", "is_active", default="true")
    ddl.set_flag("platform_connections", "is_active", "connection_status", on=ON)
    ddl.add_sync_trigger("platform_connections", "is_active", "connection_status", on=ON, off="disconnected")
