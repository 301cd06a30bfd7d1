"""Consents under way: a creator was sent to a provider, and has not come back yet."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id


class Consent(SQLModel, table=True):
    """One visit to a provider's consent page. Of its state, only the SHA-256 is stored; its verifier is encrypted."""

    __tablename__ = "consents"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    state_hash: str = Field(sa_type=sa.Text, unique=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    connection_id: UUID = Field(foreign_key="platform_connections.id", ondelete="CASCADE", index=True)
    #: The session in which it began; the provider's answer counts in no other.
    session_id: UUID | None = None
    #: The secret of PKCE (RFC 7636) that belongs to the code.
    verifier: str = Field(sa_type=sa.Text)
    #: Where the provider sends the creator back to; the exchange has to name the same (RFC 6749, 4.1.3).
    return_address: str = Field(sa_type=sa.Text)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
    expires_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)
