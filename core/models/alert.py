"""Alerts: what is wrong for long enough to be told, since when, and what people do not want to hear for a while."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id


class Alert(SQLModel, table=True):
    """One time that something was wrong: from when it was first seen until it is over."""

    __tablename__ = "alerts"
    __table_args__ = (
        sa.Index("uq_alerts_one_open", "rule", "subject", unique=True, postgresql_where=sa.text("over_at IS NULL")),
        sa.Index("ix_alerts_newest", "found_at", "id"),
        sa.Index("ix_alerts_told", "rule", "subject", "told_at", postgresql_where=sa.text("told_at IS NOT NULL")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    #: The rule; core/alerts/rules.py has them.
    rule: str = Field(sa_type=sa.Text)
    #: What the rule found it for: a queue, a schedule, an error; empty: the rule knows one thing alone.
    subject: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    #: What is wrong and how much of it, when it was last seen; no period at the end.
    sentence: str = Field(sa_type=sa.Text)
    #: Where the console shows it.
    href: str = Field(sa_type=sa.Text)
    #: When it began, as far as that is known.
    since: datetime = Field(sa_type=Moment)
    found_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    #: When it had been so for as long as its rule wants; None: not yet, and nobody has heard of it.
    raised_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When people were told.
    told_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Since when it has not been found any more.
    missing_since: datetime | None = Field(default=None, sa_type=Moment)
    over_at: datetime | None = Field(default=None, sa_type=Moment)


class AlertSnooze(SQLModel, table=True):
    """What nobody wants to be told for a while: one subject of one rule, however often it comes."""

    __tablename__ = "alert_snoozes"

    rule: str = Field(sa_type=sa.Text, primary_key=True)
    subject: str = Field(default="", sa_type=sa.Text, primary_key=True)
    until: datetime = Field(sa_type=Moment)
    snoozed_by: str = Field(sa_type=sa.Text)
    reason: str | None = Field(default=None, sa_type=sa.Text)


class SharedRound(SQLModel, table=True):
    """Something that one process at a time does for all: when it was last done, and what it has looked at."""

    __tablename__ = "shared_rounds"

    name: str = Field(sa_type=sa.Text, primary_key=True)
    done_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Up to when all that was written has been looked at.
    looked_until: datetime | None = Field(default=None, sa_type=Moment)
    #: A later look, and the transaction id that none which was open then can have: once all of those have ended, it
    #: counts.
    seen_at: datetime | None = Field(default=None, sa_type=Moment)
    seen_xmax: int | None = Field(default=None, sa_type=sa.BigInteger)
