"""Column types and defaults that all tables share."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import uuid_utils.compat
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: Every time is stored with its zone, in UTC.
Moment = sa.DateTime(timezone=True)
Json = JSONB


def new_id() -> UUID:
    """Return a UUIDv7: unique and ordered by time, so that new rows are adjacent in the index."""
    return uuid_utils.compat.uuid7()


def text_enum(states: type[StrEnum]) -> Any:
    """Return a text column type that reads as `states`; a check constraint of the table limits its values."""
    return sa.Enum(states, native_enum=False, values_callable=lambda e: [m.value for m in e], length=32)


def one_of(column: str, states: type[StrEnum]) -> sa.CheckConstraint:
    """Return the check constraint that `column` holds one of `states`."""
    values = ", ".join(f"'{state.value}'" for state in states)
    return sa.CheckConstraint(f"{column} IN ({values})", name=column)


#: The database sets the creation time, so that rows inserted by hand have one too.
CREATED: dict[str, Any] = {"server_default": sa.text("now()"), "nullable": False}
