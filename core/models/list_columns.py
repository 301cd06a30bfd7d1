"""The columns of the list of jobs as a person arranged them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment


class ListColumns(SQLModel, table=True):
    """One person's columns, in their order; who has no row has those that everyone begins with."""

    __tablename__ = "list_columns"

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    #: As core.job_list.columns.ColumnsForm has them.
    columns: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs={"nullable": False})
    changed_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
