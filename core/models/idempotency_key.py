"""Stored answers, so that a repeated request gets the same answer."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Json, Moment


class IdempotencyKey(SQLModel, table=True):
    """The answer to one person's request with an Idempotency-Key."""

    __tablename__ = "idempotency_keys"

    actor_id: UUID = Field(primary_key=True)
    key: str = Field(sa_type=sa.Text, primary_key=True)
    #: SHA-256 of command and arguments: the same key with a different request is refused.
    fingerprint: str = Field(sa_type=sa.Text)
    answer: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
