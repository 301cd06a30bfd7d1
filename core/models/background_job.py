"""Jobs and their attempts: the rows that the engine works on."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Json, Moment, new_id, one_of, text_enum


class JobStatus(StrEnum):
    """queued -> running -> succeeded, failed or cancelled.

    From running back to queued: automatic retry, release, rescue. From queued to cancelled: at once.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: A job in one of these states never changes again; an operator's retry is a new job.
TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class AttemptOutcome(StrEnum):
    """How one attempt of a job ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    ERROR = "error"
    CANCELLED = "cancelled"
    LOST = "lost"
    HANDED_BACK = "handed_back"


#: The error type of an attempt whose worker was lost, or whose step took too long.
WORKER_LOST: Final = "WorkerLost"

_LIVE = "status IN ('queued', 'running')"
_ENDED_BADLY = "status IN ('failed', 'cancelled')"
_WAITS_OR_ENDED_BADLY = "status IN ('queued', 'failed', 'cancelled')"
ENDED = "status IN ('succeeded', 'failed', 'cancelled')"
#: The words of an error, for search: addresses, paths and CamelCase are split, so that `unavailable` finds
#: ProviderUnavailable.
ERROR_WORDS = (
    "to_tsvector('simple', translate("
    "coalesce(error_type, '') || ' ' || coalesce(error_message, '') || ' ' || "
    "regexp_replace(coalesce(error_type, ''), '([a-z0-9])([A-Z])', '\\1 \\2', 'g'), "
    "'_-./@&=?+~#:', '            '))"
)


#: The words of a reason, split as those of an error.
REASON_WORDS = "to_tsvector('simple', translate(reason, '_-./@&=?+~#:', '            '))"
#: How long an ended job's work lasted, and how long it was due before that; an attempt that follows another changes
#: `run_at`, and then the time counts from the request.
TOOK = "(finished_at - started_at)"
WAITED = "(started_at - CASE WHEN run_at <= started_at THEN run_at ELSE created_at END)"
#: The ended jobs that are searched by these times, by their attempts, and by who requested them.
LONG_WORK = f"{TOOK} >= interval '1 second'"
LONG_WAIT = f"{WAITED} >= interval '1 minute'"
TRIED_AGAIN = "attempt > 1"
HAS_ARGUMENTS = f"{ENDED} AND args <> '{{}}'::jsonb"
FOR_OTHERS = "requested_by IS NOT NULL AND requested_by IS DISTINCT FROM user_id"
_BY_TIME = ("created_at", "id")
_BLOCKS: Final[Any] = {
    "postgresql_using": "brin",
    "postgresql_with": {"pages_per_range": 32, "autosummarize": "on"},
}


class BackgroundJob(SQLModel, table=True):
    """One background job. `token` fences its writes: only the holder of the current token can change a running job."""

    __tablename__ = "background_jobs"
    __table_args__ = (
        one_of("status", JobStatus),
        sa.Index("ix_background_jobs_newest", "created_at", "id", postgresql_where=sa.text("status <> 'running'")),
        sa.Index("ix_background_jobs_user", "user_id", *_BY_TIME, postgresql_where=sa.text("user_id IS NOT NULL")),
        sa.Index(
            "ix_background_jobs_connection", "connection_id", postgresql_where=sa.text("connection_id IS NOT NULL")
        ),
        sa.Index("ix_background_jobs_kind", "kind", "queue", "created_at", "id", postgresql_where=sa.text(ENDED)),
        sa.Index(
            "ix_background_jobs_due", "queue", "priority", "run_at", "id", postgresql_where=sa.text("status = 'queued'")
        ),
        sa.Index(
            "ix_background_jobs_live",
            "status",
            "queue",
            "kind",
            "created_at",
            "id",
            postgresql_where=sa.text(_LIVE),
        ),
        sa.Index(
            "ix_background_jobs_ended_badly",
            "status",
            "queue",
            "kind",
            "created_at",
            "id",
            postgresql_include=["user_id"],
            postgresql_where=sa.text(_ENDED_BADLY),
        ),
        sa.Index(
            "ix_background_jobs_attention",
            "status",
            "created_at",
            "id",
            postgresql_include=["user_id"],
            postgresql_where=sa.text(_WAITS_OR_ENDED_BADLY),
        ),
        sa.Index(
            "ix_background_jobs_fingerprint",
            "error_fingerprint",
            "created_at",
            "id",
            postgresql_include=["user_id"],
            postgresql_where=sa.text("error_fingerprint IS NOT NULL"),
        ),
        # An error's failures of a time, and since a decision; only a job that fails is written into it.
        sa.Index(
            "ix_background_jobs_failures",
            "error_fingerprint",
            "finished_at",
            postgresql_where=sa.text("status = 'failed' AND error_fingerprint IS NOT NULL"),
        ),
        sa.Index(
            "ix_background_jobs_error_words",
            sa.text(f"({ERROR_WORDS})"),
            postgresql_using="gin",
            postgresql_where=sa.text("error_type IS NOT NULL"),
        ),
        # Jobs end about as they come, so that few blocks have those of a day.
        sa.Index("ix_background_jobs_finished", "finished_at", **_BLOCKS),
        # And few have what took or waited unusually little. Only of ended jobs: until then times may be infinite.
        sa.Index("ix_background_jobs_spans", *map(sa.text, (TOOK, WAITED)), **_BLOCKS, postgresql_where=sa.text(ENDED)),
        # Written once, as a job with arguments ends.
        sa.Index(
            "ix_background_jobs_arguments",
            "args",
            postgresql_using="gin",
            postgresql_ops={"args": "jsonb_path_ops"},
            postgresql_where=sa.text(HAS_ARGUMENTS),
        ),
        sa.Index("ix_background_jobs_took", sa.text(TOOK), postgresql_where=sa.text(f"{ENDED} AND {LONG_WORK}")),
        sa.Index("ix_background_jobs_waited", sa.text(WAITED), postgresql_where=sa.text(f"{ENDED} AND {LONG_WAIT}")),
        sa.Index(
            "ix_background_jobs_attempts",
            "created_at",
            "id",
            postgresql_include=["attempt"],
            postgresql_where=sa.text(f"{ENDED} AND {TRIED_AGAIN}"),
        ),
        sa.Index("ix_background_jobs_requested_by", "requested_by", *_BY_TIME, postgresql_where=sa.text(FOR_OTHERS)),
        sa.Index(
            "ix_background_jobs_reason_words",
            sa.text(f"({REASON_WORDS})"),
            postgresql_using="gin",
            postgresql_where=sa.text("reason IS NOT NULL"),
        ),
        sa.Index("ix_background_jobs_retry_of", "retry_of", postgresql_where=sa.text("retry_of IS NOT NULL")),
        sa.Index(
            "uq_background_jobs_one_active",
            "machine",
            sa.text("coalesce(connection_id, user_id)"),
            unique=True,
            postgresql_where=sa.text(f"machine IS NOT NULL AND {_LIVE}"),
        ),
        {"postgresql_with": {"fillfactor": "85", "autovacuum_vacuum_scale_factor": "0.02"}},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: str = Field(sa_type=sa.Text)
    queue: str = Field(default="default", sa_type=sa.Text, sa_column_kwargs={"server_default": "default"})
    #: Lower numbers run first.
    priority: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    status: JobStatus = Field(
        default=JobStatus.QUEUED, sa_type=text_enum(JobStatus), sa_column_kwargs={"server_default": "queued"}
    )
    #: The state machine it moves, as table.column; None for a task. One active job per row and machine.
    machine: str | None = Field(default=None, sa_type=sa.Text)
    #: The row's state before the request; it returns there if the job is cancelled before it begins.
    came_from: str | None = Field(default=None, sa_type=sa.Text)
    user_id: UUID | None = Field(default=None, foreign_key="users.id", ondelete="SET NULL")
    connection_id: UUID | None = Field(default=None, foreign_key="platform_connections.id", ondelete="SET NULL")
    args: dict[str, Any] = Field(
        default_factory=dict, sa_type=Json, sa_column_kwargs={"server_default": sa.text("'{}'::jsonb")}
    )
    progress_done: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    progress_total: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    progress_message: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    attempt: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    max_attempts: int = Field(default=3, sa_column_kwargs={"server_default": "3"})
    token: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    worker_id: UUID | None = None
    run_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    #: While running: the time by which the next checkpoint is due.
    deadline_at: datetime | None = Field(default=None, sa_type=Moment)
    cancel_requested_at: datetime | None = Field(default=None, sa_type=Moment)
    error_type: str | None = Field(default=None, sa_type=sa.Text)
    error_message: str | None = Field(default=None, sa_type=sa.Text)
    error_traceback: str | None = Field(default=None, sa_type=sa.Text)
    error_fingerprint: str | None = Field(default=None, sa_type=sa.Text)
    result: dict[str, Any] | None = Field(default=None, sa_type=Json)
    retry_of: UUID | None = None
    schedule_id: UUID | None = None
    #: The person who requested it; None for a schedule or the program.
    requested_by: UUID | None = None
    reason: str | None = Field(default=None, sa_type=sa.Text)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    #: When its first claim was; None again if it lost its worker, or was cancelled, before its work began.
    started_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When its present or last attempt began.
    claimed_at: datetime | None = Field(default=None, sa_type=Moment)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)
    updated_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)

    @property
    def has_begun(self) -> bool:
        """Whether its work may have changed anything; a planned job may have been claimed without that."""
        return self.token > 0 and self.started_at is not None


class JobAttempt(SQLModel, table=True):
    """One claim of a job by a worker, and its outcome. Its key includes the claim's token.

    It is inserted when the attempt ends. An attempt that runs or has succeeded is in its job's row, and has none
    (`core.job_list.attempts` lists both).
    """

    __tablename__ = "job_attempts"
    __table_args__ = (one_of("outcome", AttemptOutcome),)

    job_id: UUID = Field(foreign_key="background_jobs.id", ondelete="CASCADE", primary_key=True)
    token: int = Field(sa_type=sa.BigInteger, primary_key=True)
    attempt: int
    worker_id: UUID | None = None
    started_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)
    outcome: AttemptOutcome = Field(
        default=AttemptOutcome.RUNNING,
        sa_type=text_enum(AttemptOutcome),
        sa_column_kwargs={"server_default": "running"},
    )
    error_type: str | None = Field(default=None, sa_type=sa.Text)
    error_message: str | None = Field(default=None, sa_type=sa.Text)
    error_traceback: str | None = Field(default=None, sa_type=sa.Text)
