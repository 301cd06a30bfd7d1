"""Post: users.demo_mode is not needed any more; `migrate --finish` drops it.

demo_mode_status holds its content since 0005.
"""

from migrations import ddl

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ON = ("enabled", "switching", "disabling")


def upgrade() -> None:
    """Leave the boolean: until `migrate --finish`, a trigger keeps it in step."""


def downgrade() -> None:
    """Enabled and disabling become true, because the demo's rows still exist; all other states become false."""
    ddl.ensure_flag("users", "demo_mode", default="false")
    ddl.set_flag("users", "demo_mode", "demo_mode_status", on=ON)
    ddl.add_sync_trigger("users", "demo_mode", "demo_mode_status", on=ON, off="disabled")
