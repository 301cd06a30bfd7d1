"""Pre: figures of finished jobs, which outlive these, and the schedule that writes them. Old code knows nothing of them.

Old code deletes old jobs without a look at the figures: what it deletes before the first run of the schedule has none.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations import ddl
from migrations.columns import large_number, moment, number, text

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

NAME, KIND, CRON = "add up finished jobs", "analytics.roll_up", "*/15 * * * *"
_COUNTS = (
    *("succeeded", "failed", "cancelled", "lost"),
    *("retries", "retries_helped", "repeated", "repeated_helped"),
)
_HISTOGRAMS = ("wait", "run")


def upgrade() -> None:
    """Create the tables, and add the schedule once: a person who removes it does not find it back."""
    make_job_rollups()
    make_job_rollup_states()
    op.execute(f"""
        INSERT INTO schedules (id, name, kind, cron, missed, next_due_at)
        SELECT gen_random_uuid(), '{NAME}', '{KIND}', '{CRON}', 'once', now()
        WHERE NOT EXISTS (SELECT FROM schedules WHERE kind = '{KIND}') ON CONFLICT (name) DO NOTHING
    """)


def downgrade() -> None:
    """Remove the schedule as it was added, and empty tables; tables with rows stay, and old code ignores them."""
    op.execute(
        f"DELETE FROM schedules WHERE name = '{NAME}' AND kind = '{KIND}' AND cron = '{CRON}' "
        "AND created_by = 'engine' AND paused_at IS NULL"
    )
    for table in ("job_rollups", "job_rollup_states"):
        ddl.drop_table_unless_used(table)


def make_job_rollups() -> None:
    op.create_table(
        "job_rollups",
        sa.Column("grain", sa.SmallInteger(), nullable=False),
        moment("starts_at", nullable=False),
        *(text(name) for name in ("kind", "queue", "version")),
        *(number(name, "0") for name in _COUNTS),
        *(large_number(f"{name}_ms", "0") for name in _HISTOGRAMS),
        *(
            sa.Column(f"{name}_{part}", ARRAY(of_type), server_default="{}", nullable=False)
            for name in _HISTOGRAMS
            for part, of_type in (("bins", sa.SmallInteger()), ("counts", sa.Integer()))
        ),
        sa.PrimaryKeyConstraint("grain", "starts_at", "kind", "queue", "version", name="pk_job_rollups"),
        if_not_exists=True,
    )
    included = "kind, queue, version, succeeded, failed, cancelled"
    ddl.replace_index("ix_job_rollups_outcomes", f"job_rollups (grain, starts_at) INCLUDE ({included})")


def make_job_rollup_states() -> None:
    op.create_table(
        "job_rollup_states",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        *(moment(name) for name in ("since", "until", "written_at", "gone_before")),
        sa.CheckConstraint("id = 1", name=op.f("ck_job_rollup_states_one_row")),
        sa.PrimaryKeyConstraint("id", name="pk_job_rollup_states"),
        if_not_exists=True,
    )
