"""Credentials besides the password: personal tokens, second factors, recovery codes, and unfinished sign-ins."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id, one_of, text_enum


class Scope(StrEnum):
    """The rights of a token; they never exceed its owner's role."""

    READ = "read"
    WRITE = "write"


class PersonalToken(SQLModel, table=True):
    """A person's API token for their scripts. Only its SHA-256 is stored."""

    __tablename__ = "personal_tokens"
    __table_args__ = (one_of("scope", Scope),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    name: str = Field(sa_type=sa.Text)
    token_hash: str = Field(sa_type=sa.Text, unique=True)
    scope: Scope = Field(sa_type=text_enum(Scope))
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    expires_at: datetime = Field(sa_type=Moment)
    last_used_at: datetime | None = Field(default=None, sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)


class SecondFactor(SQLModel, table=True):
    """The encrypted secret of a person's TOTP app (RFC 6238); active after a first code has confirmed it."""

    __tablename__ = "second_factors"

    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", primary_key=True)
    secret: str = Field(sa_type=sa.Text)
    #: The 30-second step of the last accepted code; this step and earlier ones are not accepted again.
    last_step: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    locked_until: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    confirmed_at: datetime | None = Field(default=None, sa_type=Moment)


class RecoveryCode(SQLModel, table=True):
    """A one-time code for a person who has lost their phone. Only its SHA-256 is stored."""

    __tablename__ = "recovery_codes"

    code_hash: str = Field(sa_type=sa.Text, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class PendingSignIn(SQLModel, table=True):
    """A sign-in that still needs the second factor; valid for a few minutes, and only for that. Not a session."""

    __tablename__ = "pending_sign_ins"

    token_hash: str = Field(sa_type=sa.Text, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    expires_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class SpentState(SQLModel, table=True):
    """The state of a used provider sign-in, so that it cannot be replayed. Only its SHA-256 is stored."""

    __tablename__ = "spent_states"

    state_hash: str = Field(sa_type=sa.Text, primary_key=True)
    expires_at: datetime = Field(sa_type=Moment)
