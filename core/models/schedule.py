"""Schedules and their ticks: jobs requested at set times, and each time at which a schedule was due."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Json, Moment, new_id

#: Seconds after which a due schedule is late: schedulers look once a second.
LATE: Final = 60


class Schedule(SQLModel, table=True):
    """A job to request at set times: repeatedly by cron, or once."""

    __tablename__ = "schedules"
    __table_args__ = (
        sa.CheckConstraint("missed IN ('skip', 'once')", name="missed"),
        sa.CheckConstraint("(cron IS NULL) <> (at IS NULL)", name="cron_or_at"),
        sa.Index("ix_schedules_due", "next_due_at", postgresql_where=sa.text("paused_at IS NULL")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(sa_type=sa.Text, unique=True)
    kind: str = Field(sa_type=sa.Text)
    args: dict[str, Any] = Field(
        default_factory=dict, sa_type=Json, sa_column_kwargs={"server_default": sa.text("'{}'::jsonb")}
    )
    #: The user or connection of an operation; None for tasks.
    target_id: UUID | None = None
    cron: str | None = Field(default=None, sa_type=sa.Text)
    at: datetime | None = Field(default=None, sa_type=Moment)
    timezone: str = Field(default="UTC", sa_type=sa.Text, sa_column_kwargs={"server_default": "UTC"})
    #: How to treat ticks missed while no scheduler ran: skip them, or run once. Never a burst.
    missed: str = Field(default="skip", sa_type=sa.Text, sa_column_kwargs={"server_default": "skip"})
    next_due_at: datetime | None = Field(default=None, sa_type=Moment)
    paused_at: datetime | None = Field(default=None, sa_type=Moment)
    paused_by: str | None = Field(default=None, sa_type=sa.Text)
    paused_reason: str | None = Field(default=None, sa_type=sa.Text)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    created_by: str = Field(default="engine", sa_type=sa.Text, sa_column_kwargs={"server_default": "engine"})


class ScheduleTick(SQLModel, table=True):
    """One time at which a schedule was due, and its outcome. The primary key ensures that it fires once."""

    __tablename__ = "schedule_ticks"

    schedule_id: UUID = Field(foreign_key="schedules.id", ondelete="CASCADE", primary_key=True)
    due_at: datetime = Field(sa_type=Moment, primary_key=True)
    fired_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    #: fired, missed, or refused.
    outcome: str = Field(sa_type=sa.Text)
    job_id: UUID | None = None
    #: The reason of a refusal, or the number of missed ticks.
    detail: str | None = Field(default=None, sa_type=sa.Text)
