"""Pre: copies demo_mode and is_active into the state columns, and keeps both in sync from here on.

True becomes enabled or connected; false and NULL become disabled or disconnected. A state without
a boolean equivalent (enabling, failed, ...) was set by new code and stays.
"""

from alembic import op

from migrations import ddl

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Copy the booleans, then keep both in sync."""
    op.execute(
        f"""UPDATE users SET demo_mode_status = 'enabled'
        WHERE demo_mode_status = 'disabled' AND {ddl.is_true("demo_mode")}"""
    )
    op.execute(
        f"""UPDATE platform_connections SET connection_status = 'connected'
        WHERE connection_status = 'disconnected' AND {ddl.is_true("is_active")}"""
    )
    ddl.add_sync_trigger("users", "demo_mode", "demo_mode_status", on=("enabled", "switching", "disabling"), off="disabled")
    ddl.add_sync_trigger(
        "platform_connections",
        "is_active",
        "connection_status",
        on=("connected", "refreshing", "disconnecting"),
        off="disconnected",
    )


def downgrade() -> None:
    """Drop the sync triggers; the booleans already match the states as far as possible."""
    ddl.drop_sync_trigger("platform_connections", "is_active", "connection_status", off="disconnected")
    ddl.drop_sync_trigger("users", "demo_mode", "demo_mode_status", off="disabled")
