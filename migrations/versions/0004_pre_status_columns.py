"""Pre: state columns beside the booleans. Old code does not write them and gets their defaults.

Columns left by a half-applied migration are reused.
"""

from alembic import op

from migrations import ddl

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROLES = ("member", "viewer", "support", "admin")
DEMO_STATES = ("disabled", "enabling", "enabled", "disabling", "failed")
CONNECTION_STATES = ("disconnected", "connecting", "connected", "refreshing", "disconnecting", "failed")


def upgrade() -> None:
    """Add the columns, their checks and their index."""
    ddl.in_utc()
    ddl.ensure_column("users", "role", "varchar(32)", default="'member'")
    ddl.ensure_column("users", "demo_mode_status", "varchar(32)", default="'disabled'")
    ddl.ensure_column("users", "demo_preset", "text")
    ddl.ensure_column("users", "disabled_at", "timestamptz")
    ddl.ensure_column("platform_connections", "connection_status", "varchar(32)", default="'disconnected'")
    ddl.ensure_column("platform_connections", "is_demo", "boolean", default="false")
    ddl.replace_check("users", "role", ROLES)
    ddl.replace_check("users", "demo_mode_status", DEMO_STATES)
    ddl.replace_check("platform_connections", "connection_status", CONNECTION_STATES)
    ddl.replace_index(
        "ix_users_demo_attention",
        "users (demo_mode_status) WHERE demo_mode_status IN ('enabling', 'disabling', 'failed')",
    )


def downgrade() -> None:
    """Drop the state columns, whose content the booleans hold; drop other columns only if they hold just defaults."""
    op.execute("ALTER TABLE users DROP COLUMN demo_mode_status")
    op.execute("ALTER TABLE platform_connections DROP COLUMN connection_status")
    ddl.drop_column_unless_used("users", "role", "'member'")
    ddl.drop_column_unless_used("users", "demo_preset", "NULL")
    ddl.drop_column_unless_used("users", "disabled_at", "NULL")
    ddl.drop_column_unless_used("platform_connections", "is_demo", "false")
