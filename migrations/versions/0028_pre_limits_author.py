"""Pre: a kind's limits say who set them, when and why, as a pause does. Old code writes none of it."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_COLUMNS = {"limited_at": "timestamptz", "limited_by": "text", "limited_reason": "text"}


def upgrade() -> None:
    """Add the columns, and fill them from the newest event of each limited kind."""
    for name, kind in _COLUMNS.items():
        op.execute(f"ALTER TABLE job_kinds ADD COLUMN IF NOT EXISTS {name} {kind}")
    op.execute("""
        UPDATE job_kinds k SET limited_at = e.at, limited_by = e.actor, limited_reason = e.reason
        FROM (SELECT DISTINCT ON (data ->> 'name') data ->> 'name' AS kind, at, actor, reason
              FROM events WHERE name = 'kind.limited' ORDER BY data ->> 'name', id DESC) e
        WHERE e.kind = k.kind
          AND coalesce(k.max_running, k.max_per_worker, k.rate_count) IS NOT NULL
    """)


def downgrade() -> None:
    """Remove them."""
    for name in _COLUMNS:
        op.execute(f"ALTER TABLE job_kinds DROP COLUMN IF EXISTS {name}")
