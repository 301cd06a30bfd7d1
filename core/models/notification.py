"""Messages that leave the program, what is known of the ways they take, and what people want to be told."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Json, Moment, new_id, one_of, text_enum


class NotificationStatus(StrEnum):
    """waiting -> sent; or failed, after which a person may let it wait again; or dropped: it is not wanted any more."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


class Notification(SQLModel, table=True):
    """One message, written in the transaction of what it tells, and sent later, once or more often."""

    __tablename__ = "notifications"
    __table_args__ = (
        one_of("status", NotificationStatus),
        sa.Index("ix_notifications_due", "channel", "next_at", "id", postgresql_where=sa.text("status = 'waiting'")),
        sa.Index(
            "ix_notifications_way",
            "channel",
            "address",
            "next_at",
            "id",
            postgresql_where=sa.text("status = 'waiting' AND address <> ''"),
        ),
        sa.Index("ix_notifications_newest", "created_at", "id"),
        sa.Index(
            "ix_notifications_open",
            "status",
            "created_at",
            "id",
            postgresql_where=sa.text("status IN ('waiting', 'failed')"),
        ),
        sa.Index("ix_notifications_sender", "sender_id", postgresql_where=sa.text("sender_id IS NOT NULL")),
        sa.Index("ix_notifications_user_id", "user_id", postgresql_where=sa.text("user_id IS NOT NULL")),
        sa.Index(
            "uq_notifications_dedupe_key",
            "dedupe_key",
            unique=True,
            postgresql_where=sa.text("dedupe_key IS NOT NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    #: The Message-ID, the same however often it is sent.
    message_id: str = Field(sa_type=sa.Text, unique=True)
    #: How it leaves; core/messages/channels.py has them.
    channel: str = Field(sa_type=sa.Text)
    template: str = Field(sa_type=sa.Text)
    user_id: UUID | None = Field(default=None, foreign_key="users.id", ondelete="SET NULL")
    #: Empty: the user's, as it is when the message is sent.
    address: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    #: What the template fills in.
    data: dict[str, Any] = Field(
        default_factory=dict, sa_type=Json, sa_column_kwargs={"server_default": sa.text("'{}'::jsonb")}
    )
    #: A second message with this key is the same one; None again once a day has passed.
    dedupe_key: str | None = Field(default=None, sa_type=sa.Text)
    status: NotificationStatus = Field(
        default=NotificationStatus.WAITING,
        sa_type=text_enum(NotificationStatus),
        sa_column_kwargs={"server_default": "waiting"},
    )
    #: How often a server was asked to take it.
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    #: While it waits: when it is due. While it is being sent, this is when its sender is presumed dead.
    next_at: datetime | None = Field(default=None, sa_type=Moment)
    #: From when on it fails instead of waiting any longer.
    give_up_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The job that is sending it.
    sender_id: UUID | None = None
    #: Why it waits, failed or was dropped, in an operator's words.
    error: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    #: The job that it is about.
    job_id: UUID | None = None
    #: The person who wrote it or sent it again; None: the program.
    requested_by: UUID | None = None
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    sent_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When it was sent, failed or was dropped.
    finished_at: datetime | None = Field(default=None, sa_type=Moment)


class NotificationChannel(SQLModel, table=True):
    """What the last sender found of a way out: whether it takes messages, and if not, why and since when."""

    __tablename__ = "notification_channels"

    channel: str = Field(sa_type=sa.Text, primary_key=True)
    #: The way that was set then, without secrets; with another one, a refusal says nothing.
    way: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    #: Why it takes no message, in an operator's words; empty: it does.
    refusal: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    refused_at: datetime | None = Field(default=None, sa_type=Moment)
    #: How often in a row it has refused.
    refusals: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    #: When it is tried again.
    next_at: datetime | None = Field(default=None, sa_type=Moment)
    accepted_at: datetime | None = Field(default=None, sa_type=Moment)


class MessagePreference(SQLModel, table=True):
    """What one person wants to be told by e-mail; a person without a row wants warnings alone."""

    __tablename__ = "message_preferences"

    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", primary_key=True)
    #: Each time when work for them has ended.
    email_when_done: bool = Field(default=False, sa_column_kwargs={"server_default": sa.text("false")})
    #: When they said no to that: what was asked for before is not sent any more.
    unsubscribed_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When they said no to warnings of what has stopped working and waits for them.
    warnings_off_at: datetime | None = Field(default=None, sa_type=Moment)
    #: As `updated_at`; another time or none: a release that knew one "no" for both has written last.
    topics_at: datetime | None = Field(default=None, sa_type=Moment)
    updated_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
