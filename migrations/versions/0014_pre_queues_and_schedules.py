"""Pre: operators' controls of queues and kinds, counters of finished jobs, schedules and their ticks.

Jobs that finished earlier are counted once, here.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations import ddl
from migrations.columns import json, moment, moment_now, number, text, uuid

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

#: In the order in which they can be dropped.
TABLES = ("schedule_ticks", "schedules", "job_counters", "job_kinds", "queues")

COUNT_ALL = """
    INSERT INTO job_counters (hour, kind, queue, status, shard, jobs, ran_seconds)
    SELECT date_trunc('hour', finished_at, 'UTC'), kind, queue, status, 0, count(*),
           coalesce(sum(extract(epoch FROM finished_at - started_at)), 0)
    FROM background_jobs WHERE finished_at IS NOT NULL GROUP BY 1, 2, 3, 4
"""


def upgrade() -> None:
    """Create the tables and count finished jobs."""
    make_queues()
    make_job_counters()
    make_schedules()
    make_schedule_ticks()
    op.execute(COUNT_ALL)


def downgrade() -> None:
    """Drop empty tables and the counters, which can be rebuilt; the rest stays, and old code ignores it."""
    op.execute("DELETE FROM job_counters")
    for table in TABLES:
        ddl.drop_table_unless_used(table)


def make_queues() -> None:
    op.create_table(
        "queues", text("name"), *pause(), sa.PrimaryKeyConstraint("name", name="pk_queues"), if_not_exists=True
    )
    op.create_table(
        "job_kinds",
        text("kind"),
        *pause(),
        *(number(name, nullable=True) for name in ("max_running", "max_per_worker", "rate_count", "rate_seconds")),
        sa.Column("rate_left", sa.Float(), server_default="0", nullable=False),
        moment("rate_at"),
        sa.PrimaryKeyConstraint("kind", name="pk_job_kinds"),
        if_not_exists=True,
    )


def pause() -> tuple[sa.Column[Any], ...]:
    return moment("paused_at"), text("paused_by", nullable=True), text("paused_reason", nullable=True)


def make_job_counters() -> None:
    op.create_table(
        "job_counters",
        moment("hour", nullable=False),
        text("kind"),
        text("queue"),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("ran_seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "kind", "queue", "status", "shard", name="pk_job_counters"),
        if_not_exists=True,
    )


def make_schedules() -> None:
    op.create_table(
        "schedules",
        uuid("id", nullable=False),
        text("name"),
        text("kind"),
        json("args"),
        uuid("target_id"),
        text("cron", nullable=True),
        moment("at"),
        text("timezone", default="UTC"),
        text("missed", default="skip"),
        moment("next_due_at"),
        moment("paused_at"),
        text("paused_by", nullable=True),
        text("paused_reason", nullable=True),
        moment_now("created_at"),
        text("created_by", default="engine"),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
        sa.UniqueConstraint("name", name="uq_schedules_name"),
        sa.CheckConstraint("missed IN ('skip', 'once')", name=op.f("ck_schedules_missed")),
        sa.CheckConstraint("(cron IS NULL) <> (at IS NULL)", name=op.f("ck_schedules_cron_or_at")),
        if_not_exists=True,
    )
    ddl.replace_index("ix_schedules_due", "schedules (next_due_at) WHERE paused_at IS NULL")


def make_schedule_ticks() -> None:
    op.create_table(
        "schedule_ticks",
        uuid("schedule_id", nullable=False),
        moment("due_at", nullable=False),
        moment_now("fired_at"),
        text("outcome"),
        uuid("job_id"),
        text("detail", nullable=True),
        sa.PrimaryKeyConstraint("schedule_id", "due_at", name="pk_schedule_ticks"),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name="fk_schedule_ticks_schedule_id", ondelete="CASCADE"
        ),
        if_not_exists=True,
    )
