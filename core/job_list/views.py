"""Views of the list of jobs: the ones that everyone has, and those that people save, for themselves or for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field, StringConstraints, field_validator
from sqlmodel import Session, col, select

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.errors import Invalid, NotAllowed, NotFound, NotPermitted
from core.job_list.addresses import address_of
from core.job_list.columns import ShownColumns
from core.job_list.filters import JobFilter
from core.job_list.language import LONGEST
from core.job_list.orders import NEWEST_FIRST, Sort
from core.models import Role, SavedView
from core.operation import Form
from core.wording import cited, with_visible_marks

#: Views of one person, and shared ones, at most.
MOST: Final = 50
#: What everyone has, by name, in the filter language.
BUILT_IN: Final[Mapping[str, str]] = {
    "Running": "status:running",
    "Failed, unhandled": "situation:failed",
    "Without maintenance": "-kind:connection.refresh,connections.* -queue:maintenance",
    "Waiting for longer than a minute": "status:queued waited:>1m",
    "Slow: took more than a minute": "took:>1m",
    "Tried again": "attempt:>1",
}


_ONE_AT_A_TIME: Final = sa.text("SELECT pg_advisory_xact_lock(hashtext('unstuck.saved_views'))")


class ViewForm(Form):
    """A view to save; one with this name is replaced."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    filter: str = Field(default="", max_length=LONGEST, description="In the filter language; empty: all jobs.")
    sort: Sort = NEWEST_FIRST
    columns: ShownColumns = Field(default_factory=list, description="In their order; empty: as each person has them.")
    is_shared: bool = Field(default=False, title="For everyone", description="All operators see it then.")

    @field_validator("name")
    @classmethod
    def _is_readable(cls, name: str) -> str:
        if not name.isprintable() or with_visible_marks(name) != name:
            raise ValueError("Use characters that can be seen, on one line.")
        return name


@dataclass(frozen=True, slots=True)
class ViewLine:
    """A view as it is offered; one that everyone has from the start has no id."""

    name: str
    filter: str
    #: Its list, as an address of the console.
    href: str
    id: UUID | None = None
    is_shared: bool = True
    saved_by: str = ""


def views_of(session: Session, owner_id: UUID | None) -> list[ViewLine]:
    """Return a person's views and the shared ones by name, after those that everyone has."""
    own = col(SavedView.owner_id).is_(None) | (col(SavedView.owner_id) == owner_id)
    saved = session.exec(select(SavedView).where(own).order_by(col(SavedView.name)).limit(2 * MOST)).all()
    return [
        *(ViewLine(name, text, address_of(text)) for name, text in BUILT_IN.items()),
        *(_line(row) for row in saved),
    ]


def save(session: Session, form: ViewForm, actor: Actor) -> SavedView:
    """Save a view under its name. Raises NotAFilter, Invalid, NotPermitted (shared, by who is no admin), NotAllowed."""
    if form.is_shared and not actor.may(Role.ADMIN):
        raise NotPermitted(f"Sharing a view needs the role admin; you are {actor.role}.", role=Role.ADMIN.value)
    if form.name.casefold() in {name.casefold() for name in BUILT_IN}:
        raise Invalid(f"{cited(form.name)} is there already; use another name.", {"name": "Use another name."})
    if not form.is_shared and actor.id is None:
        raise Invalid("Without a sign-in, a view can only be shared.", {"is_shared": "Share it."})
    text, owner_id = JobFilter.from_text(form.filter).to_text(), None if form.is_shared else actor.id
    session.execute(_ONE_AT_A_TIME)  # two of one name, or beyond the limit, in the same moment
    same = select(SavedView).where(col(SavedView.owner_id).is_not_distinct_from(owner_id))
    row = session.exec(same.where(col(SavedView.name) == form.name).with_for_update()).first()
    if row is None:
        _check_number(session.exec(same.limit(MOST)).all())
        row = SavedView(name=form.name, owner_id=owner_id)
    row.filter, row.sort, row.columns = text, form.sort, list(form.columns)
    row.saved_by, row.created_at = actor.name, clock.db_now()
    session.add(row)
    record(session, actor, "view.saved", view=form.name, filter=text, shared=form.is_shared)
    session.flush()
    session.refresh(row)
    return row


def remove(session: Session, view_id: UUID, actor: Actor) -> None:
    """Remove a view of one's own; a shared one takes an admin. Raises NotFound, NotPermitted."""
    row = session.get(SavedView, view_id, with_for_update=True)
    is_shared = row is not None and row.owner_id is None
    if row is None or not (is_shared or row.owner_id == actor.id):
        raise NotFound(f"There is no view with id {view_id}, or it is another person's.")
    if is_shared and not actor.may(Role.ADMIN):
        raise NotPermitted(f"Removing a shared view needs the role admin; you are {actor.role}.", role=Role.ADMIN.value)
    record(session, actor, "view.removed", view=row.name, filter=row.filter, shared=is_shared)
    session.delete(row)
    session.flush()


def _line(row: SavedView) -> ViewLine:
    return ViewLine(
        row.name,
        row.filter,
        address_of(row.filter, row.sort, row.columns),
        row.id,
        row.owner_id is None,
        saved_by=row.saved_by,
    )


def _check_number(rows: Sequence[SavedView]) -> None:
    if len(rows) >= MOST:
        raise NotAllowed(f"There are {MOST} views already; remove one first.")
