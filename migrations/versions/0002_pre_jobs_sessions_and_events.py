"""Pre: the new tables. Old code does not see them.

A table that a downgrade has left, because it held rows, is taken up again.
To add a table: one call in `upgrade`, its indexes in INDEXES, its name in TABLES.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from migrations import ddl

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: In the order in which they can be dropped.
TABLES = (
    "idempotency_keys",
    "sign_in_links",
    "user_sessions",
    "events",
    "workers",
    "job_attempts",
    "background_jobs",
)

LIVE = "status IN ('queued', 'running')"
INDEXES = {
    "ix_background_jobs_newest": "background_jobs (created_at, id)",
    "ix_background_jobs_user": "background_jobs (user_id, created_at, id)",
    "ix_background_jobs_connection": "background_jobs (connection_id) WHERE connection_id IS NOT NULL",
    "ix_background_jobs_kind": "background_jobs (kind, created_at, id)",
    "ix_background_jobs_due": "background_jobs (queue, priority, run_at) WHERE status = 'queued'",
    "ix_background_jobs_running": "background_jobs (worker_id) WHERE status = 'running'",
    "ix_background_jobs_live": f"background_jobs (status, queue) WHERE {LIVE}",
    "ix_background_jobs_attention": "background_jobs (status, created_at, id) WHERE status <> 'succeeded'",
    "ix_workers_alive": "workers (heartbeat_at) WHERE stopped_at IS NULL AND lost_at IS NULL",
    "ix_events_job": "events (job_id, id) WHERE job_id IS NOT NULL",
    "ix_events_user": "events (user_id, id) WHERE user_id IS NOT NULL",
    "ix_events_actor": "events (actor_id, id) WHERE actor_id IS NOT NULL",
    "ix_user_sessions_user_id": "user_sessions (user_id)",
    "ix_sign_in_links_user_id": "sign_in_links (user_id)",
}
UNIQUE_INDEXES = {
    "uq_background_jobs_one_active": (
        f"background_jobs (machine, coalesce(connection_id, user_id)) WHERE machine IS NOT NULL AND {LIVE}"
    ),
}


def moment(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def moment_now(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def text(name: str, *, default: str | None = None, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text(), server_default=default, nullable=nullable)


def number(name: str, default: str | None = None, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Integer(), server_default=default, nullable=nullable)


def large_number(name: str, default: str | None = None) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=False)


def uuid(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def state(name: str, default: str) -> sa.Column:
    return sa.Column(name, sa.String(32), server_default=default, nullable=False)


def json(name: str) -> sa.Column:
    return sa.Column(name, JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)


def upgrade() -> None:
    """Make the tables, then their indexes."""
    make_background_jobs()
    make_job_attempts()
    make_workers()
    make_events()
    make_user_sessions()
    make_sign_in_links()
    make_idempotency_keys()
    for name, on in INDEXES.items():
        ddl.replace_index(name, on)
    for name, on in UNIQUE_INDEXES.items():
        ddl.replace_index(name, on, unique=True)


def downgrade() -> None:
    """Drop what is empty; tables with rows stay, and old code does not look at them."""
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


def make_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        moment_now("at"),
        text("name"),
        uuid("actor_id"),
        text("actor", default="engine"),
        text("via", default="engine"),
        uuid("user_id"),
        uuid("connection_id"),
        uuid("job_id"),
        text("reason", nullable=True),
        json("data"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        if_not_exists=True,
    )


def make_user_sessions() -> None:
    op.create_table(
        "user_sessions",
        uuid("id", nullable=False),
        uuid("user_id", nullable=False),
        text("token_hash"),
        text("user_agent", default=""),
        text("ip", default=""),
        moment_now("created_at"),
        moment_now("last_seen_at"),
        moment("expires_at", nullable=False),
        moment("revoked_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id"), ondelete="CASCADE"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_sessions_token_hash")),
        if_not_exists=True,
    )


def make_sign_in_links() -> None:
    op.create_table(
        "sign_in_links",
        text("token_hash"),
        uuid("user_id", nullable=False),
        moment_now("created_at"),
        moment("expires_at", nullable=False),
        moment("used_at"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_links")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_in_links_user_id"), ondelete="CASCADE"),
        if_not_exists=True,
    )


def make_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        uuid("actor_id", nullable=False),
        text("key"),
        text("fingerprint"),
        sa.Column("answer", JSONB(), nullable=False),
        moment_now("created_at"),
        sa.PrimaryKeyConstraint("actor_id", "key", name=op.f("pk_idempotency_keys")),
        if_not_exists=True,
    )
