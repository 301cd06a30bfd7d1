"""Interactions: comments, messages, mentions that a creator received."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id


class Interaction(SQLModel, table=True):
    """One thing that someone said to a creator; `is_demo` marks what demo mode generated."""

    __tablename__ = "interactions"
    __table_args__ = (
        sa.Index("ix_interactions_user_id_created_at", "user_id", "created_at"),
        sa.Index("ix_interactions_demo", "user_id", postgresql_where=sa.text("is_demo")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    connection_id: UUID | None = Field(
        default=None, foreign_key="platform_connections.id", ondelete="SET NULL", index=True
    )
    kind: str = Field(sa_type=sa.String(16))
    author: str | None = Field(default=None, sa_type=sa.Text)
    body: str | None = Field(default=None, sa_type=sa.Text)
    sentiment: str | None = Field(default=None, sa_type=sa.String(16))
    is_demo: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
