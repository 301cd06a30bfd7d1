"""The audit checkpoint: up to where the audit log has moved to archive files, and where its chain goes on."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.append_only import keep_forward
from core.models.columns import Moment


class AuditCheckpoint(SQLModel, table=True):
    """The one row about the last archived link; without it, nothing is archived."""

    __tablename__ = "audit_checkpoints"
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, sa_column=sa.Column(sa.SmallInteger, primary_key=True, autoincrement=False))
    #: The last archived link, as in its seal.
    position: int = Field(sa_type=sa.BigInteger)
    event_id: int = Field(sa_type=sa.BigInteger)
    txid: int = Field(sa_type=sa.BigInteger)
    hash: str = Field(sa_type=sa.Text)
    #: When the newest entry that is in archive files was.
    before: datetime = Field(sa_type=Moment)
    #: The name of the archive file that ends with the link.
    file: str = Field(sa_type=sa.Text)
    #: HMAC of this row: only a process with the secret key moves the beginning of the chain.
    proof: str = Field(sa_type=sa.Text)
    key_id: str = Field(sa_type=sa.Text)


keep_forward(
    SQLModel.metadata.tables["audit_checkpoints"],
    refused="new.position <= old.position",
    message="UPDATE refused: the checkpoint of the audit log only moves forward",
)
