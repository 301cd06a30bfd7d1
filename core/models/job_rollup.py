"""Figures of finished jobs by time, kind, queue and version: they outlive the jobs that they count."""

from datetime import datetime
from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from core.models.columns import Moment


class Grain(IntEnum):
    """How many minutes a bucket of time has; hours and days are those of UTC, weeks begin on Thursdays as 1970 did."""

    FINE = 5
    HOUR = 60
    DAY = 24 * 60
    WEEK = 7 * 24 * 60


_COUNT: dict[str, Any] = {"server_default": "0"}
_EMPTY: dict[str, Any] = {"server_default": sa.text("'{}'")}


class JobRollup(SQLModel, table=True):
    """Jobs of one kind, queue and version that finished in one bucket of time. Written as a whole.

    Times are histograms: bin numbers, in order, and how many jobs each has (core/analytics/histogram.py).
    """

    __tablename__ = "job_rollups"
    __table_args__ = (
        # So that outcomes by hour are read without the histograms.
        sa.Index(
            "ix_job_rollups_outcomes",
            "grain",
            "starts_at",
            postgresql_include=["kind", "queue", "version", "succeeded", "failed", "cancelled"],
        ),
    )

    #: Minutes: one of Grain.
    grain: int = Field(sa_type=sa.SmallInteger, primary_key=True)
    starts_at: datetime = Field(sa_type=Moment, primary_key=True)
    kind: str = Field(sa_type=sa.Text, primary_key=True)
    queue: str = Field(sa_type=sa.Text, primary_key=True)
    #: Of the worker that ran the last attempt; empty if none did, or if it is no longer on record.
    version: str = Field(sa_type=sa.Text, primary_key=True)
    succeeded: int = Field(default=0, sa_column_kwargs=_COUNT)
    failed: int = Field(default=0, sa_column_kwargs=_COUNT)
    cancelled: int = Field(default=0, sa_column_kwargs=_COUNT)
    #: Failed because their worker was lost; `failed` has them, too.
    lost: int = Field(default=0, sa_column_kwargs=_COUNT)
    #: Jobs that repeat another one, by a person's wish, and those of them that succeeded.
    retries: int = Field(default=0, sa_column_kwargs=_COUNT)
    retries_helped: int = Field(default=0, sa_column_kwargs=_COUNT)
    #: Jobs with more than one attempt, and those of them that succeeded.
    repeated: int = Field(default=0, sa_column_kwargs=_COUNT)
    repeated_helped: int = Field(default=0, sa_column_kwargs=_COUNT)
    #: Milliseconds of all jobs together; whole ones, so that their sum is the same in any order.
    wait_ms: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs=_COUNT)
    run_ms: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs=_COUNT)
    wait_bins: list[int] = Field(default_factory=list, sa_type=ARRAY(sa.SmallInteger), sa_column_kwargs=_EMPTY)
    wait_counts: list[int] = Field(default_factory=list, sa_type=ARRAY(sa.Integer), sa_column_kwargs=_EMPTY)
    run_bins: list[int] = Field(default_factory=list, sa_type=ARRAY(sa.SmallInteger), sa_column_kwargs=_EMPTY)
    run_counts: list[int] = Field(default_factory=list, sa_type=ARRAY(sa.Integer), sa_column_kwargs=_EMPTY)


class RollupState(SQLModel, table=True):
    """How far the figures reach: one row, locked by whoever writes buckets."""

    __tablename__ = "job_rollup_states"
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, sa_column=sa.Column(sa.SmallInteger, primary_key=True, autoincrement=False))
    #: The first bucket's beginning, and the last one's end; None: there is none yet.
    since: datetime | None = Field(default=None, sa_type=Moment)
    until: datetime | None = Field(default=None, sa_type=Moment)
    #: When a bucket was last written.
    written_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Jobs that finished before may have been deleted: buckets from before are kept as they are.
    gone_before: datetime | None = Field(default=None, sa_type=Moment)
