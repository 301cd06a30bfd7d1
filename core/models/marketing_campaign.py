"""A user's marketing data; moved out of `users`."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id


class MarketingCampaign(SQLModel, table=True):
    """One user's consent, and the times of the countdown e-mails sent to them."""

    __tablename__ = "marketing_campaigns"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", unique=True)
    marketing_opt_in: bool | None = Field(default=True, sa_column_kwargs={"server_default": sa.true()})
    countdown_t14_sent_at: datetime | None = Field(default=None, sa_type=Moment)
    countdown_t7_sent_at: datetime | None = Field(default=None, sa_type=Moment)
    countdown_t1_sent_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
