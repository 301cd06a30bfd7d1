"""Post: drops users.demo_mode; demo_mode_status holds its content since 0005."""

from alembic import op

from migrations import ddl

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ON = ("enabled", "disabling")


def upgrade() -> None:
    """Drop the sync trigger, then the boolean."""
    ddl.drop_sync_trigger("users", "demo_mode", "demo_mode_status", off="disabled")
    op.execute("ALTER TABLE users DROP COLUMN demo_mode")


def downgrade() -> None:
    """Enabled and disabling become true, because the demo's rows still exist; all other states become false."""
    op.execute("ALTER TABLE users ADD COLUMN demo_mode boolean DEFAULT false")
    op.execute(f"UPDATE users SET demo_mode = true WHERE demo_mode_status IN ({ddl.quoted(ON)})")
    ddl.add_sync_trigger("users", "demo_mode", "demo_mode_status", on=ON, off="disabled")
