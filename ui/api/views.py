"""The list of jobs as people want to see it: views to list, save and remove, and a person's own columns."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from core.job_list import columns, views
from core.job_list.views import ViewLine
from core.models import Role
from ui.api.deps import Caller, Key, do, read

router = APIRouter(prefix="/api", tags=["jobs"])


class ViewSaved(BaseModel):
    """A view by its id, with its filter in the order of the language, and its list in the console."""

    id: UUID
    name: str
    filter: str
    href: str


class ViewRemoved(BaseModel):
    """The id of a view that is gone."""

    id: UUID


@router.get("/views")
def list_views(caller: Caller) -> list[ViewLine]:
    """List the views that everyone has, one's own, and the shared ones."""
    return read(caller, Role.VIEWER, lambda session, actor: views.views_of(session, actor.id))


@router.post("/views")
def save_view(body: views.ViewForm, caller: Caller, key: Key = None) -> ViewSaved:
    """Save a filter and an order under a name; one's own view with this name is replaced."""
    return ViewSaved(**do(caller, "view.save", None, body.model_dump(mode="json"), key=key))


@router.post("/views/{view_id}/remove")
def remove_view(view_id: UUID, caller: Caller, key: Key = None) -> ViewRemoved:
    """Remove a view of one's own, or as an admin a shared one."""
    return ViewRemoved(**do(caller, "view.remove", view_id, key=key))


@router.get("/me/columns")
def list_columns(caller: Caller) -> columns.ColumnsForm:
    """List the columns of the list of jobs as one has arranged them; none: those that everyone begins with."""
    kept = read(caller, Role.VIEWER, lambda session, actor: columns.columns_of(session, actor.id))
    return columns.ColumnsForm(columns=kept)


@router.post("/me/columns")
def keep_columns(body: columns.ColumnsForm, caller: Caller, key: Key = None) -> columns.ColumnsForm:
    """Keep one's own columns of the list of jobs, in place of those before; none: as everyone begins."""
    return columns.ColumnsForm(**do(caller, "columns.keep", None, body.model_dump(mode="json"), key=key))
