"""Pre: demo mode can be `switching` from one creator to another. Old code displays the state but never sets it."""

from alembic import op

from migrations import ddl

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BEFORE = ("disabled", "enabling", "enabled", "disabling", "failed")
STATES = ("disabled", "enabling", "enabled", "switching", "disabling", "failed")
INDEX = "users (demo_mode_status) WHERE demo_mode_status {attention}"


def upgrade() -> None:
    """Allow the state, and index every state but on and off, so that future states are included."""
    ddl.replace_check("users", "demo_mode_status", STATES)
    ddl.replace_index("ix_users_demo_attention", INDEX.format(attention="NOT IN ('disabled', 'enabled')"))


def downgrade() -> None:
    """Move users who are still switching to failed, where old code offers Retry and Dismiss."""
    op.execute("UPDATE users SET demo_mode_status = 'failed' WHERE demo_mode_status = 'switching'")
    ddl.replace_check("users", "demo_mode_status", BEFORE)
    ddl.replace_index("ix_users_demo_attention", INDEX.format(attention="IN ('enabling', 'disabling', 'failed')"))
