"""Seals: the audit log's hash chain, with one link per event that a person caused."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.append_only import keep_append_only, keep_new
from core.models.columns import Moment


class AuditSeal(SQLModel, table=True):
    """One link: the keyed digest of an event, and the hash that ties it to all links before it."""

    __tablename__ = "audit_seals"

    #: 1, 2, 3 without gaps.
    position: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    #: No foreign key: the seal of a deleted event proves that the event existed.
    event_id: int = Field(sa_type=sa.BigInteger, unique=True)
    #: The event's transaction at the time of sealing.
    txid: int = Field(sa_type=sa.BigInteger)
    #: HMAC of the event's content.
    digest: str = Field(sa_type=sa.Text)
    #: HMAC of this link and the previous hash.
    hash: str = Field(sa_type=sa.Text)
    #: The id of the key, so that older links can be verified after a key rotation.
    key_id: str = Field(sa_type=sa.Text)
    sealed_at: datetime = Field(sa_type=Moment)


keep_append_only(
    SQLModel.metadata.tables["audit_seals"],
    unless="EXISTS (SELECT FROM audit_checkpoints c WHERE gone.position <= c.position)",
    exception="archived seals",
)
keep_new(
    SQLModel.metadata.tables["audit_seals"],
    unless="position > greatest(0, (SELECT max(c.position) FROM audit_checkpoints c))",
    message="INSERT refused: a seal has a position after all archived ones",
)
