"""Views of the list of jobs that people have saved: a filter, an order and perhaps columns under a name."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from core import clock
from core.models.columns import CREATED, Moment, new_id

NO_COLUMNS: Final[dict[str, Any]] = {"server_default": sa.text("'[]'::jsonb"), "nullable": False}


class SavedView(SQLModel, table=True):
    """One view: of a person, or shared by all; a shared one has the name of who saved it, and no owner."""

    __tablename__ = "saved_views"
    __table_args__ = (
        sa.Index(
            "uq_saved_views_own", "owner_id", "name", unique=True, postgresql_where=sa.text("owner_id IS NOT NULL")
        ),
        sa.Index("uq_saved_views_shared", "name", unique=True, postgresql_where=sa.text("owner_id IS NULL")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(sa_type=sa.Text)
    #: In the filter language; empty: all jobs.
    filter: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    #: As the list has it: `-created_at`.
    sort: str = Field(default="-created_at", sa_type=sa.Text, sa_column_kwargs={"server_default": "-created_at"})
    #: Names of the columns that it shows, in this order; empty: as each person has them.
    columns: list[str] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs=NO_COLUMNS)
    owner_id: UUID | None = Field(default=None, foreign_key="users.id", ondelete="CASCADE")
    saved_by: str = Field(default="", sa_type=sa.Text, sa_column_kwargs={"server_default": ""})
    created_at: datetime = Field(default_factory=clock.now, sa_type=Moment, sa_column_kwargs=CREATED)
