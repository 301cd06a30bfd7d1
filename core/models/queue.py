"""Queues and kinds of jobs as operators steer them: paused with a reason, limited in number and rate."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.columns import Moment


class Queue(SQLModel, table=True):
    """A queue that somebody has touched; one without a row runs freely."""

    __tablename__ = "queues"

    name: str = Field(sa_type=sa.Text, primary_key=True)
    paused_at: datetime | None = Field(default=None, sa_type=Moment)
    paused_by: str | None = Field(default=None, sa_type=sa.Text)
    paused_reason: str | None = Field(default=None, sa_type=sa.Text)


class JobKind(SQLModel, table=True):
    """A kind of job that somebody has touched; one without a row runs freely. Empty limits do not limit."""

    __tablename__ = "job_kinds"

    kind: str = Field(sa_type=sa.Text, primary_key=True)
    paused_at: datetime | None = Field(default=None, sa_type=Moment)
    paused_by: str | None = Field(default=None, sa_type=sa.Text)
    paused_reason: str | None = Field(default=None, sa_type=sa.Text)
    #: Jobs of the kind that run at once, in all and in one worker process.
    max_running: int | None = None
    max_per_worker: int | None = None
    #: Starts within a period of so many seconds, at the most.
    rate_count: int | None = None
    rate_seconds: int | None = None
    #: Starts that are still free in the bucket, as of rate_at.
    rate_left: float = Field(default=0, sa_column_kwargs={"server_default": "0"})
    rate_at: datetime | None = Field(default=None, sa_type=Moment)


class JobCounter(SQLModel, table=True):
    """How many jobs ended in one hour, by kind, queue and status; kept in the transaction of the ending.

    Spread over `shard`s, so that endings do not wait for each other.
    """

    __tablename__ = "job_counters"

    hour: datetime = Field(sa_type=Moment, primary_key=True)
    kind: str = Field(sa_type=sa.Text, primary_key=True)
    queue: str = Field(sa_type=sa.Text, primary_key=True)
    status: str = Field(sa_type=sa.String(32), primary_key=True)
    shard: int = Field(sa_type=sa.SmallInteger, primary_key=True)
    jobs: int = Field(sa_type=sa.BigInteger)
    #: Seconds from the first start to the end, added up; of jobs that never started: none.
    ran_seconds: float
