"""Revocations: what a provider has issued, and the program gives up, until the provider has taken it back."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id


class IssuedKind(StrEnum):
    """What is to be revoked; a code is presented once more, which ends what it has brought (RFC 6749, 4.1.2)."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a word, no secret
    ACCESS_TOKEN = "access_token"  # noqa: S105 - as above
    CODE = "code"


class TokenRevocation(SQLModel, table=True):
    """One token or code that is owed a revocation, or was; its secret is encrypted, and empty once it has ended.

    It outlives its connection and user: access at a provider does not end with their rows.
    """

    __tablename__ = "token_revocations"
    __table_args__ = (
        sa.Index("ix_token_revocations_owed", "next_at", postgresql_where=sa.text("finished_at IS NULL")),
        sa.Index(
            "ix_token_revocations_connection_id",
            "connection_id",
            postgresql_where=sa.text("connection_id IS NOT NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    platform: str = Field(sa_type=sa.Text)
    connection_id: UUID | None = None
    user_id: UUID | None = None
    kind: str = Field(sa_type=sa.Text)
    secret: str = Field(sa_type=sa.Text)
    #: Of a code: the encrypted secret of PKCE that belongs to it, and where the creator was sent back to.
    verifier: str | None = Field(default=None, sa_type=sa.Text)
    return_address: str | None = Field(default=None, sa_type=sa.Text)
    #: Why it is given up, for people.
    reason: str = Field(sa_type=sa.Text)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    next_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    #: What the provider answered to the last attempt; None: nothing is wrong.
    error: str | None = Field(default=None, sa_type=sa.Text)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)
