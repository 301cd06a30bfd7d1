"""Commands on views of the list of jobs: save and remove."""

from typing import Any

from sqlmodel import Session

from core.commands.command import Command, Invocation, target_of
from core.job_list import views
from core.models import Role
from core.operation import NoForm


def _save(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, views.ViewForm)
    row = views.save(session, call.form, call.actor)
    return {"id": str(row.id), "name": row.name, "filter": row.filter, "href": views.address_of(row.filter, row.sort)}


def _remove(session: Session, call: Invocation) -> dict[str, Any]:
    views.remove(session, target_of(call), call.actor)
    return {"id": str(call.target)}


VIEWS = (
    Command(name="view.save", label="Save view", role=Role.VIEWER, form=views.ViewForm, act=_save),
    Command(name="view.remove", label="Remove view", role=Role.VIEWER, form=NoForm, act=_remove),
)
