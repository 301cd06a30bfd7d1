"""Bulk actions: one command on a frozen set of rows, and what became of each of them."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Json, Moment, new_id, one_of, text_enum

#: One that nobody starts is kept so long: it has done nothing, and is mostly a dialog that somebody has left.
UNSTARTED_KEPT: Final = timedelta(days=1)
#: SQL for those that nobody has ever started: they wait for it, or were discarded.
NEVER_STARTED: Final = "(started_at IS NULL AND status IN ('ready', 'aborted'))"


def noun_of(command: str) -> str:
    """Return what a command is done to: a job, a connection or a user."""
    subject = command.partition(".")[0]
    return subject if subject in ("job", "connection") else "user"


class BulkStatus(StrEnum):
    """ready -> running -> done; or aborted by a person; or stopped, because too few of its first rows went well."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    ABORTED = "aborted"
    STOPPED = "stopped"


class RowOutcome(StrEnum):
    """What became of one row: done; or left as it was, with the reason; or tried without success."""

    APPLIED = "applied"
    SKIPPED = "skipped"
    FAILED = "failed"


_ZERO: Any = {"server_default": "0"}
_OBJECT: Any = {"server_default": sa.text("'{}'::jsonb")}


class BulkAction(SQLModel, table=True):
    """A command, the set that it is for, who wants it, and how far it is."""

    __tablename__ = "bulk_actions"
    __table_args__ = (
        one_of("status", BulkStatus),
        sa.Index("ix_bulk_actions_newest", "created_at", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    #: The command that each row is the target of.
    command: str = Field(sa_type=sa.Text)
    #: The command's input; once it has ended, without secrets.
    args: dict[str, Any] = Field(default_factory=dict, sa_type=Json, sa_column_kwargs=_OBJECT)
    reason: str | None = Field(default=None, sa_type=sa.Text)
    #: The filter that the set came from, as the parameters of its page; empty: the rows were named one by one.
    filter: dict[str, Any] = Field(default_factory=dict, sa_type=Json, sa_column_kwargs=_OBJECT)
    #: Of jobs, when the set was frozen: their numbers by `status` and `kind`, and of `users`; when the `first` and the
    #: `last` of them were created.
    consists_of: dict[str, Any] = Field(default_factory=dict, sa_type=Json, sa_column_kwargs=_OBJECT)
    status: BulkStatus = Field(
        default=BulkStatus.READY, sa_type=text_enum(BulkStatus), sa_column_kwargs={"server_default": "ready"}
    )
    total: int = Field(default=0, sa_column_kwargs=_ZERO)
    applied: int = Field(default=0, sa_column_kwargs=_ZERO)
    skipped: int = Field(default=0, sa_column_kwargs=_ZERO)
    failed: int = Field(default=0, sa_column_kwargs=_ZERO)
    #: Rows per second at most; None: as fast as it goes.
    per_second: int | None = None
    #: So many rows first; it goes on only if at least `canary_percent` of the jobs that they start succeed.
    canary: int | None = None
    canary_percent: int = Field(default=100, sa_column_kwargs={"server_default": "100"})
    #: Why it was stopped, or cannot go on; empty: nothing to say.
    note: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    #: Its present job, or its last one.
    job_id: UUID | None = None
    #: The bulk action whose applied rows this one undoes, or whose failed ones it tries again.
    undoes: UUID | None = None
    repeats: UUID | None = None
    #: Who wants it; None: somebody at the command line.
    created_by: UUID | None = None
    actor: str = Field(sa_type=sa.Text)
    via: str = Field(sa_type=sa.Text)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    started_at: datetime | None = Field(default=None, sa_type=Moment)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)

    @property
    def is_discarded(self) -> bool:
        """Whether a person has ended it before anybody started it."""
        return self.status is BulkStatus.ABORTED and self.started_at is None

    @property
    def tried(self) -> int:
        """How many rows the command was done to, or tried on without success."""
        return self.applied + self.failed

    @property
    def looked_at(self) -> int:
        """How many rows have an outcome; they have it in the order of the set."""
        return self.applied + self.skipped + self.failed

    @property
    def not_tried(self) -> int:
        """How many rows have no outcome; they are the last ones of the set."""
        return self.total - self.looked_at

    @property
    def began_at(self) -> datetime:
        """When somebody started it; until then, when it was prepared."""
        return self.started_at or self.created_at


class BulkRow(SQLModel, table=True):
    """One row of the set. It has no foreign keys: they would double the time to freeze a set."""

    __tablename__ = "bulk_rows"
    __table_args__ = (
        one_of("outcome", RowOutcome),
        # Whether a job is in a set, or was started by it: filters of jobs ask for both.
        sa.Index("ix_bulk_rows_target", "bulk_id", "target"),
        sa.Index("ix_bulk_rows_job", "bulk_id", "job_id", postgresql_where=sa.text("job_id IS NOT NULL")),
    )

    bulk_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    target: UUID
    #: None: it has not been its turn yet.
    outcome: RowOutcome | None = Field(default=None, sa_type=text_enum(RowOutcome))
    why: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    #: The job that it has started.
    job_id: UUID | None = None
