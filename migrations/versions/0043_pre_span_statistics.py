"""Pre: how long ended jobs took and waited is sampled, so that the planner knows how few match a filter by it.

It takes no statistics from partial indexes, and expects a third of all jobs without. Older servers refuse infinite
times in a sample, which jobs that have not ended may have; there, such filters are complete and slower.
"""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_SAMPLED = {
    "took": "(finished_at - started_at)",
    "waited": "(started_at - CASE WHEN run_at <= started_at THEN run_at ELSE created_at END)",
}


def upgrade() -> None:
    """Sample them from now on, and once now."""
    sampled = "\n".join(
        f"CREATE STATISTICS IF NOT EXISTS st_background_jobs_{name} ON {span} FROM background_jobs;"
        for name, span in _SAMPLED.items()
    )
    op.execute(
        f"DO $$ BEGIN IF current_setting('server_version_num')::int >= 170000 THEN\n{sampled}\n"
        "ANALYZE background_jobs; END IF; END $$"
    )


def downgrade() -> None:
    """Sample them no longer."""
    for name in _SAMPLED:
        op.execute(f"DROP STATISTICS IF EXISTS st_background_jobs_{name}")
