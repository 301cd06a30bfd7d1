"""Column types and defaults that all tables share."""

from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

import sqlalchemy as sa
import uuid_utils.compat
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

StateT = TypeVar("StateT", bound=StrEnum)

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: Every time is stored with its zone, in UTC.
Moment = sa.DateTime(timezone=True)
#: The key under which JSON appears that another program stored, and that is no object.
NO_OBJECT: Final = "(not an object)"


class JsonObject(sa.TypeDecorator[dict[str, Any]]):
    """A column of JSON objects; anything else in it reads as an object with one key."""

    impl = JSONB
    cache_ok = True
    #: A None is stored as JSON's null, as JSONB does.
    should_evaluate_none = True

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Compare as JSONB does."""
        return self.impl_instance.coerce_compared_value(op, value)

    def process_result_value(self, value: Any, dialect: Any) -> dict[str, Any] | None:
        """Return the stored object."""
        return value if value is None or isinstance(value, dict) else {NO_OBJECT: value}


class EnumText(sa.TypeDecorator[StrEnum]):
    """A text column that reads as one of `states`.

    A value of another release reads as a state that equals none of them: its row is shown, and no code acts on it.
    """

    impl = sa.String(32)
    cache_ok = True

    def __init__(self, states: type[StrEnum]) -> None:
        super().__init__()
        self.states = states

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """Return the text to store."""
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Any) -> StrEnum | None:
        """Return the state."""
        if value is None:
            return None
        known = self.states._value2member_map_.get(value)
        return known if isinstance(known, StrEnum) else unknown_state(self.states, value)


def unknown_state(states: type[StateT], value: str) -> StateT:
    """Return a value that is not among `states` as one more of them."""
    state = str.__new__(states, value)
    state._name_ = value
    state._value_ = value
    return state


Json = JsonObject


def new_id() -> UUID:
    """Return a UUIDv7: unique and ordered by time, so that new rows are adjacent in the index."""
    return uuid_utils.compat.uuid7()


def text_enum(states: type[StrEnum]) -> Any:
    """Return a text column type that reads as `states`; a check constraint of the table limits its values."""
    return EnumText(states)


def one_of(column: str, states: type[StrEnum]) -> sa.CheckConstraint:
    """Return the check constraint that `column` holds one of `states`."""
    values = ", ".join(f"'{state.value}'" for state in states)
    return sa.CheckConstraint(f"{column} IN ({values})", name=column)


#: The database sets the creation time, so that rows inserted by hand have one too.
CREATED: dict[str, Any] = {"server_default": sa.text("now()"), "nullable": False}
