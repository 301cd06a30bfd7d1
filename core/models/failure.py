"""What people have decided of an error that jobs fail with, who takes care of it, and their notes on it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id, one_of, text_enum


class FailureDecision(StrEnum):
    """open -> ignored or resolved -> open. What is so now follows from it and from the failures since."""

    OPEN = "open"
    IGNORED = "ignored"
    RESOLVED = "resolved"


class FailureState(SQLModel, table=True):
    """The last decision on an error, and its owner; an error without a row is open, and nobody's."""

    __tablename__ = "failure_states"
    __table_args__ = (
        one_of("decision", FailureDecision),
        sa.Index("ix_failure_states_owner_id", "owner_id", postgresql_where=sa.text("owner_id IS NOT NULL")),
    )

    fingerprint: str = Field(sa_type=sa.Text, primary_key=True)
    decision: FailureDecision = Field(
        default=FailureDecision.OPEN,
        sa_type=text_enum(FailureDecision),
        sa_column_kwargs={"server_default": "open"},
    )
    #: When it was decided: failures that finished later count.
    decided_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    decided_by: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    reason: str | None = Field(default=None, sa_type=sa.Text)
    #: Ignored until this time, so many further failures, or more than so many within an hour; all None: for good.
    until: datetime | None = Field(default=None, sa_type=Moment)
    until_count: int | None = None
    until_per_hour: int | None = None
    #: Resolved in this version.
    version: str | None = Field(default=None, sa_type=sa.Text)
    #: With `version`: the other versions that workers had run until then, whose failures say nothing against it.
    old_versions: list[str] | None = Field(default=None, sa_type=ARRAY(sa.Text))
    #: The operator who takes care of it.
    owner_id: UUID | None = Field(default=None, foreign_key="users.id", ondelete="SET NULL")


class FailureNote(SQLModel, table=True):
    """A note on an error. It is never changed."""

    __tablename__ = "failure_notes"
    __table_args__ = (sa.Index("ix_failure_notes_error", "fingerprint", "created_at", "id"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    fingerprint: str = Field(sa_type=sa.Text)
    text: str = Field(sa_type=sa.Text)
    author: str = Field(sa_type=sa.Text)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
