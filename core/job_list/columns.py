"""The columns of the list of jobs: which there are, and as a person arranged them."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Final, Literal, get_args
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationError
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.errors import Invalid
from core.models import ListColumns
from core.operation import Form

ColumnName = Literal[
    "label", "kind", "user_email", "attempt", "queue", "created_at", "started_at", "waited", "duration", "worker",
    "error",
]  # fmt: skip
COLUMN_NAMES: Final[tuple[ColumnName, ...]] = get_args(ColumnName)


#: Pixels of a column at most, as in grid/columns.js.
WIDEST: Final = 4_000


def _each_once(names: list[ColumnName]) -> list[ColumnName]:
    return list(dict.fromkeys(names))


#: Columns that are shown, in this order; empty: as each person has them.
ShownColumns = Annotated[list[ColumnName], AfterValidator(_each_once)]


class KeptColumn(Form):
    """One column: its place is its place in the list."""

    name: ColumnName
    width: int = Field(ge=1, le=WIDEST, description="Pixels.")
    hide: bool = False
    flex: int | None = Field(default=None, ge=1, le=1, description="It takes the width that the others leave.")


def _of_one_name_each(columns: list[KeptColumn]) -> list[KeptColumn]:
    if len({each.name for each in columns}) < len(columns):
        raise ValueError("Name each column once.")
    return columns


class ColumnsForm(Form):
    """Columns in their order, those that it does not name behind them; empty: those that everyone begins with."""

    columns: Annotated[list[KeptColumn], AfterValidator(_of_one_name_each)] = Field(
        default_factory=list, max_length=len(COLUMN_NAMES)
    )


def columns_of(session: Session, user_id: UUID | None) -> list[KeptColumn]:
    """Return a person's columns, without what this release cannot read; empty: those that everyone begins with."""
    row = session.get(ListColumns, user_id) if user_id else None
    return list(_readable(row.columns)) if row and isinstance(row.columns, list) else []


def _readable(stored: list[Any]) -> Iterator[KeptColumn]:
    for each in stored:
        with suppress(ValidationError):
            yield KeptColumn.model_validate(each)


def keep(session: Session, form: ColumnsForm, actor: Actor) -> None:
    """Keep a person's columns, in place of those before. Raises Invalid for who has not signed in."""
    if actor.id is None:
        raise Invalid("Columns are kept for a person who has signed in.")
    if form.columns == columns_of(session, actor.id):
        return
    record(session, actor, "columns.kept", shown=[each.name for each in form.columns if not each.hide])
    if not form.columns:
        session.execute(delete(ListColumns).where(col(ListColumns.user_id) == actor.id))
        return
    values = {"columns": [column.model_dump() for column in form.columns], "changed_at": clock.db_now()}
    kept = insert(ListColumns).values(user_id=actor.id, **values)
    session.execute(kept.on_conflict_do_update(index_elements=["user_id"], set_=values))
