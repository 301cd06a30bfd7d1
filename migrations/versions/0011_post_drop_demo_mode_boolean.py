"""Post: users.demo_mode goes; demo_mode_status has said it since 0005."""

from alembic import op

from migrations import ddl

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ON = ("enabled", "disabling")


def upgrade() -> None:
    """Let go of the boolean, then drop it."""
    ddl.drop_sync_trigger("users", "demo_mode", "demo_mode_status", off="disabled")
    op.execute("ALTER TABLE users DROP COLUMN demo_mode")


def downgrade() -> None:
    """Enabled and disabling become true: the demo's rows are still there; everything else becomes false."""
    op.execute("ALTER TABLE users ADD COLUMN demo_mode boolean DEFAULT false")
    op.execute(f"UPDATE users SET demo_mode = true WHERE demo_mode_status IN ({ddl.quoted(ON)})")
    ddl.add_sync_trigger("users", "demo_mode", "demo_mode_status", on=ON, off="disabled")
