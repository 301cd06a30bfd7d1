"""What people have beside a password: tokens for their scripts."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id, one_of, text_enum


class Scope(StrEnum):
    """What a token is good for; never more than its person's role."""

    READ = "read"
    WRITE = "write"


class PersonalToken(SQLModel, table=True):
    """A person's key for their scripts. Only the SHA-256 of it is stored."""

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
    """The secret from which a person's phone makes codes (TOTP, RFC 6238), encrypted; on once a code confirmed it."""

    __tablename__ = "second_factors"

    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", primary_key=True)
    secret: str = Field(sa_type=sa.Text)
    #: The half minute of the last code that was taken: it and those before it are not taken again.
    last_step: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": "0"})
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    locked_until: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    confirmed_at: datetime | None = Field(default=None, sa_type=Moment)


class RecoveryCode(SQLModel, table=True):
    """A code for who has lost the phone; good once. Only a SHA-256 of it is stored."""

    __tablename__ = "recovery_codes"

    code_hash: str = Field(sa_type=sa.Text, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class PendingSignIn(SQLModel, table=True):
    """Somebody who has proved one factor and owes the code: good for that alone, for minutes. Not a session."""

    __tablename__ = "pending_sign_ins"

    token_hash: str = Field(sa_type=sa.Text, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    expires_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class SpentState(SQLModel, table=True):
    """A sign-in by a provider that has come back, so that it does so once. Only the SHA-256 of its state is stored."""

    __tablename__ = "spent_states"

    state_hash: str = Field(sa_type=sa.Text, primary_key=True)
    expires_at: datetime = Field(sa_type=Moment)
