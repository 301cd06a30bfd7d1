"""Operators' controls of queues and kinds: pauses with a reason, limits on number and rate; and job counters."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.columns import Moment


class Queue(SQLModel, table=True):
    """A queue with operator settings; a queue without a row has none."""

    __tablename__ = "queues"

    name: str = Field(sa_type=sa.Text, primary_key=True)
    paused_at: datetime | None = Field(default=None, sa_type=Moment)
    paused_by: str | None = Field(default=None, sa_type=sa.Text)
    paused_reason: str | None = Field(default=None, sa_type=sa.Text)


class JobKind(SQLModel, table=True):
    """A kind of job with operator settings; a kind without a row has none. None means no limit."""

    __tablename__ = "job_kinds"

    kind: str = Field(sa_type=sa.Text, primary_key=True)
    paused_at: datetime | None = Field(default=None, sa_type=Moment)
    paused_by: str | None = Field(default=None, sa_type=sa.Text)
    paused_reason: str | None = Field(default=None, sa_type=sa.Text)
    #: Maximum running jobs of the kind, in total and per worker process.
    max_running: int | None = None
    max_per_worker: int | None = None
    #: Maximum number of starts (rate_count) in a period of rate_seconds.
    rate_count: int | None = None
    rate_seconds: int | None = None
    #: Starts left in the token bucket, as of rate_at.
    rate_left: float = Field(default=0, sa_column_kwargs={"server_default": "0"})
    rate_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Who set the limits, when and why; a kind without limits has none.
    limited_at: datetime | None = Field(default=None, sa_type=Moment)
    limited_by: str | None = Field(default=None, sa_type=sa.Text)
    limited_reason: str | None = Field(default=None, sa_type=sa.Text)


class JobCounter(SQLModel, table=True):
    """The number of jobs finished in one hour, by kind, queue and status; updated as each job finishes.

    Spread over several `shard`s, so that finishing jobs do not wait for each other.
    """

    __tablename__ = "job_counters"

    hour: datetime = Field(sa_type=Moment, primary_key=True)
    kind: str = Field(sa_type=sa.Text, primary_key=True)
    queue: str = Field(sa_type=sa.Text, primary_key=True)
    status: str = Field(sa_type=sa.String(32), primary_key=True)
    shard: int = Field(sa_type=sa.SmallInteger, primary_key=True)
    jobs: int = Field(sa_type=sa.BigInteger)
    #: Sum of the seconds from first start to finish; jobs that never started add nothing.
    ran_seconds: float
