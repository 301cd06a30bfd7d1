"""Sign-in sessions and one-time sign-in links."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id


class UserSession(SQLModel, table=True):
    """One sign-in in one browser. Only the SHA-256 of the cookie's token is stored."""

    __tablename__ = "user_sessions"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    token_hash: str = Field(sa_type=sa.Text, unique=True)
    user_agent: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    ip: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    last_seen_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    expires_at: datetime = Field(sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)


class SignInLink(SQLModel, table=True):
    """A one-time link that signs one person in. Only the SHA-256 of its token is stored."""

    __tablename__ = "sign_in_links"

    token_hash: str = Field(sa_type=sa.Text, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    expires_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)
