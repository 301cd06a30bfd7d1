"""Seals: the audit log's hash chain, one link for each event that a person caused."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.append_only import keep_append_only
from core.models.columns import Moment


class AuditSeal(SQLModel, table=True):
    """One link: the keyed digest of an event, and the hash that ties it to all links before it."""

    __tablename__ = "audit_seals"

    #: 1, 2, 3 without gaps.
    position: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    #: No foreign key: the seal of a deleted event is what tells that it was there.
    event_id: int = Field(sa_type=sa.BigInteger, unique=True)
    #: The event's transaction, as it was when it was sealed.
    txid: int = Field(sa_type=sa.BigInteger)
    #: HMAC of what the event says.
    digest: str = Field(sa_type=sa.Text)
    #: HMAC of this link and of the hash before it.
    hash: str = Field(sa_type=sa.Text)
    #: Which key made them, so that older links verify after the key was changed.
    key_id: str = Field(sa_type=sa.Text)
    sealed_at: datetime = Field(sa_type=Moment)


keep_append_only(SQLModel.metadata.tables["audit_seals"])
