"""Worker processes and their heartbeats."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id


class Worker(SQLModel, table=True):
    """One run of a worker process, with a new id at every start. It keeps its jobs as long as its heartbeat lasts."""

    __tablename__ = "workers"
    __table_args__ = (
        sa.Index(
            "ix_workers_alive", "heartbeat_at", postgresql_where=sa.text("stopped_at IS NULL AND lost_at IS NULL")
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    host: str = Field(sa_type=sa.Text)
    pid: int
    threads: int
    queues: list[str] = Field(default_factory=list, sa_type=ARRAY(sa.Text))
    version: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    #: What the process that started it knows it by; a worker that was started by hand has none.
    launch: UUID | None = None
    #: Its own lease, in seconds; a worker of an earlier release did not say.
    lease_seconds: float | None = None
    memory_mb: int | None = None
    #: The most of each quarter of an hour, in MB, over the last day at most; the last one is of the present quarter.
    memory_curve: list[int] = Field(
        default_factory=list, sa_type=ARRAY(sa.Integer), sa_column_kwargs={"server_default": sa.text("'{}'::integer[]")}
    )
    #: Its threads that have not come round for a minute, besides those that run jobs.
    stalled: list[str] = Field(
        default_factory=list, sa_type=ARRAY(sa.Text), sa_column_kwargs={"server_default": sa.text("'{}'::text[]")}
    )
    #: Its queues while it is quiet, and `queues` is empty: since when, by whom, and why.
    quiet_queues: list[str] = Field(
        default_factory=list, sa_type=ARRAY(sa.Text), sa_column_kwargs={"server_default": sa.text("'{}'::text[]")}
    )
    quiet_at: datetime | None = Field(default=None, sa_type=Moment)
    quiet_by: str | None = Field(default=None, sa_type=sa.Text)
    quiet_reason: str | None = Field(default=None, sa_type=sa.Text)
    #: When a person asked it to stop.
    stop_at: datetime | None = Field(default=None, sa_type=Moment)
    started_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    heartbeat_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    #: When it shut down cleanly.
    stopped_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When it was presumed dead, after silence for longer than the lease; jobs that it had are taken from it.
    lost_at: datetime | None = Field(default=None, sa_type=Moment)
