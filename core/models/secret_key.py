"""The id of the secret key that this database belongs to; a process with another key is refused."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.columns import Moment


class SecretKeyId(SQLModel, table=True):
    """The one row that names the key; it is derived from the key, and does not help to find it."""

    __tablename__ = "secret_key_ids"
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, sa_column=sa.Column(sa.SmallInteger, primary_key=True, autoincrement=False))
    key_id: str = Field(sa_type=sa.Text)
    noted_at: datetime = Field(sa_type=Moment)
