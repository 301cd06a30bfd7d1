"""Edit and retry: the same work again, with other arguments; the history has both."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError
from sqlmodel import Session

from core.actor import Actor
from core.audit.record import record
from core.errors import Invalid
from core.jobs.request import Accepted
from core.jobs.retry import Changes, retry
from core.models import BackgroundJob
from core.operation import Form
from core.operations import BY_NAME
from core.redact import HIDDEN, is_secret


class EditForm(Form):
    """The arguments of a job that its retry is to have with other values."""

    args: dict[str, Any] = Field(title="Arguments", description="Only those that change.")


def edit_and_retry(
    session: Session,
    job_id: UUID,
    changes: Changes,
    actor: Actor,
    reason: str | None = None,
    *,
    once: bool = False,
) -> Accepted:
    """Retry with other arguments, and note what they were; `once` as in `retry`.

    Raises as `retry`, and Invalid where nothing changes; one of many that has these values already is retried as it is.
    """
    before = session.get(BackgroundJob, job_id)
    args = before.args if before and isinstance(before.args, dict) else {}
    kind = BY_NAME.get(before.kind) if before else None
    changed = changes_of(kind.form if kind else None, args, changes)
    if before and not changed and not once:
        raise Invalid("No argument has another value; use Retry.", {"args": "Change at least one."})
    accepted = retry(session, job_id, actor, reason, changed, once=once)
    if not changed:
        return accepted
    was = {name: args.get(name) for name in changed}
    owner = {"user_id": before.user_id, "connection_id": before.connection_id} if before else {}
    record(session, actor, "job.edited", job_id=accepted.id, reason=reason, was=was, now=changed, **owner)
    return accepted


def changes_of(form: type[BaseModel] | None, args: Mapping[str, Any], given: Changes) -> dict[str, Any]:
    """Return which of these arguments get another value, as the kind's form reads both: "5" is no other than 5.

    Of a hidden one nothing is compared: the answer would tell it. Copied from where it is shown, it means the old one.
    """
    hidden = {name: value for name, value in given.items() if is_secret(name) and value != HIDDEN}
    others = {name: value for name, value in given.items() if not is_secret(name)}
    old, new = _read(form, args), _read(form, {**args, **others})
    if old is None or new is None:  # what does not fit is said by the retry
        changed = {name: value for name, value in others.items() if name not in args or args[name] != value}
    else:
        # A form may leave out what has its usual value.
        changed = {name: new.get(name, value) for name, value in others.items() if old.get(name) != new.get(name)}
    return changed | hidden


def _read(form: type[BaseModel] | None, args: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return arguments as a form reads and writes them; None: they do not fit."""
    try:
        return form.model_validate(dict(args)).model_dump(mode="json") if form else None
    except ValidationError:
        return None
