"""Commands on the list of jobs as people want to see it: save and remove a view, keep the columns."""

from typing import Any

from sqlmodel import Session

from core.commands.command import Command, Invocation, target_of
from core.job_list import columns, views
from core.job_list.addresses import address_of
from core.models import Role
from core.operation import NoForm


def _save(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, views.ViewForm)
    row = views.save(session, call.form, call.actor)
    return {
        "id": str(row.id),
        "name": row.name,
        "filter": row.filter,
        "href": address_of(row.filter, row.sort, row.columns),
    }


def _remove(session: Session, call: Invocation) -> dict[str, Any]:
    views.remove(session, target_of(call), call.actor)
    return {"id": str(call.target)}


def _keep_columns(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, columns.ColumnsForm)
    columns.keep(session, call.form, call.actor)
    return call.form.model_dump(mode="json")


VIEWS = (
    Command(name="view.save", label="Save view", role=Role.VIEWER, form=views.ViewForm, act=_save),
    Command(name="view.remove", label="Remove view", role=Role.VIEWER, form=NoForm, act=_remove),
    Command(name="columns.keep", label="Keep columns", role=Role.VIEWER, form=columns.ColumnsForm, act=_keep_columns),
)
