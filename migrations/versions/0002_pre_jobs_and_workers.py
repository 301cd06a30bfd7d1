"""Pre: background jobs, their attempts, and workers. Old code does not use them.

A table with rows that a downgrade has kept is reused.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations import ddl
from migrations.columns import json, large_number, moment, moment_now, number, state, text, uuid

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: In the order in which they can be dropped.
TABLES = ("workers", "job_attempts", "background_jobs")

LIVE = "status IN ('queued', 'running')"
ENDED_BADLY = "status IN ('failed', 'cancelled')"
ERROR_WORDS = (
    "to_tsvector('simple', translate("
    "coalesce(error_type, '') || ' ' || coalesce(error_message, '') || ' ' || "
    "regexp_replace(coalesce(error_type, ''), '([a-z0-9])([A-Z])', '\\1 \\2', 'g'), "
    "'_-./@&=?+~#:', '            '))"
)
INDEXES = {
    "ix_background_jobs_newest": "background_jobs (created_at, id)",
    "ix_background_jobs_user": "background_jobs (user_id, created_at, id)",
    "ix_background_jobs_connection": "background_jobs (connection_id) WHERE connection_id IS NOT NULL",
    "ix_background_jobs_kind": "background_jobs (kind, queue, created_at, id)",
    "ix_background_jobs_due": "background_jobs (queue, priority, run_at) WHERE status = 'queued'",
    "ix_background_jobs_running": "background_jobs (worker_id) WHERE status = 'running'",
    "ix_background_jobs_live": f"background_jobs (status, queue, kind, created_at, id) WHERE {LIVE}",
    "ix_background_jobs_ended_badly": f"background_jobs (status, queue, kind, created_at, id) INCLUDE (user_id) WHERE {ENDED_BADLY}",
    "ix_background_jobs_attention": "background_jobs (status, created_at, id) INCLUDE (user_id) WHERE status <> 'succeeded'",
    "ix_background_jobs_fingerprint": (
        "background_jobs (error_fingerprint, created_at, id) INCLUDE (user_id) WHERE error_fingerprint IS NOT NULL"
    ),
    "ix_background_jobs_erred": "background_jobs (created_at, id) WHERE error_type IS NOT NULL",
    "ix_background_jobs_error_words": f"background_jobs USING gin (({ERROR_WORDS})) WHERE error_type IS NOT NULL",
    "ix_background_jobs_retry_of": "background_jobs (retry_of) WHERE retry_of IS NOT NULL",
    "ix_workers_alive": "workers (heartbeat_at) WHERE stopped_at IS NULL AND lost_at IS NULL",
}
ONE_ACTIVE = f"background_jobs (machine, coalesce(connection_id, user_id)) WHERE machine IS NOT NULL AND {LIVE}"


def upgrade() -> None:
    """Create the tables, then their indexes."""
    make_background_jobs()
    make_job_attempts()
    make_workers()
    for name, on in INDEXES.items():
        ddl.replace_index(name, on)
    ddl.replace_index("uq_background_jobs_one_active", ONE_ACTIVE, unique=True)


def downgrade() -> None:
    """Drop empty tables; tables with rows stay, and old code ignores them."""
    for table in TABLES:
        ddl.drop_table_unless_used(table)


def make_background_jobs() -> None:
    op.create_table(
        "background_jobs",
        uuid("id", nullable=False),
        text("kind"),
        text("queue", default="default"),
        number("priority", "0"),
        state("status", "queued"),
        text("machine", nullable=True),
        text("came_from", nullable=True),
        uuid("user_id"),
        uuid("connection_id"),
        json("args"),
        large_number("progress_done", "0"),
        large_number("progress_total", "0"),
        text("progress_message", default=""),
        number("attempt", "0"),
        number("max_attempts", "3"),
        large_number("token", "0"),
        uuid("worker_id"),
        moment_now("run_at"),
        moment("deadline_at"),
        moment("cancel_requested_at"),
        text("error_type", nullable=True),
        text("error_message", nullable=True),
        text("error_traceback", nullable=True),
        text("error_fingerprint", nullable=True),
        sa.Column("result", JSONB(), nullable=True),
        uuid("retry_of"),
        uuid("schedule_id"),
        uuid("requested_by"),
        text("reason", nullable=True),
        moment_now("created_at"),
        moment("started_at"),
        moment("finished_at"),
        moment_now("updated_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_background_jobs")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_background_jobs_user_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["platform_connections.id"],
            name=op.f("fk_background_jobs_connection_id"),
            ondelete="SET NULL",
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_background_jobs_status")
        ),
        postgresql_with={"fillfactor": "85", "autovacuum_vacuum_scale_factor": "0.02"},
        if_not_exists=True,
    )


def make_job_attempts() -> None:
    op.create_table(
        "job_attempts",
        uuid("job_id", nullable=False),
        large_number("token"),
        number("attempt"),
        uuid("worker_id"),
        moment_now("started_at"),
        moment("finished_at"),
        state("outcome", "running"),
        text("error_type", nullable=True),
        text("error_message", nullable=True),
        text("error_traceback", nullable=True),
        sa.PrimaryKeyConstraint("job_id", "token", name=op.f("pk_job_attempts")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["background_jobs.id"], name=op.f("fk_job_attempts_job_id"), ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "outcome IN ('running', 'succeeded', 'error', 'cancelled', 'lost', 'handed_back')",
            name=op.f("ck_job_attempts_outcome"),
        ),
        if_not_exists=True,
    )


def make_workers() -> None:
    op.create_table(
        "workers",
        uuid("id", nullable=False),
        text("host"),
        number("pid"),
        number("threads"),
        sa.Column("queues", ARRAY(sa.Text()), nullable=False),
        text("version", default=""),
        number("memory_mb", nullable=True),
        moment_now("started_at"),
        moment_now("heartbeat_at"),
        moment("stopped_at"),
        moment("lost_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
        if_not_exists=True,
    )
