"""Edit and retry: the same work again, with other arguments; the history has both."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlmodel import Session

from core.actor import Actor
from core.audit.record import record
from core.errors import Invalid
from core.jobs.request import Accepted
from core.jobs.retry import Changes, retry
from core.models import BackgroundJob
from core.operation import Form
from core.redact import HIDDEN, is_secret


class EditForm(Form):
    """The arguments of a job that its retry is to have with other values."""

    args: dict[str, Any] = Field(title="Arguments", description="Only those that change.")


def edit_and_retry(
    session: Session, job_id: UUID, changes: Changes, actor: Actor, reason: str | None = None
) -> Accepted:
    """Retry with other arguments, and note what they were. Raises as `retry`, and Invalid where nothing changes."""
    before = session.get(BackgroundJob, job_id)
    args = before.args if before and isinstance(before.args, dict) else {}
    changed = {name: value for name, value in changes.items() if _is_change(name, value, args)}
    if before and not changed:
        raise Invalid("No argument has another value; use Retry.", {"args": "Change at least one."})
    accepted = retry(session, job_id, actor, reason, changed)
    was = {name: args.get(name) for name in changed}
    owner = {"user_id": before.user_id, "connection_id": before.connection_id} if before else {}
    record(session, actor, "job.edited", job_id=accepted.id, reason=reason, was=was, now=changed, **owner)
    return accepted


def _is_change(name: str, value: Any, args: Mapping[str, Any]) -> bool:
    """Tell whether an argument gets another value. Of a hidden one nothing is compared: the answer would tell it."""
    if is_secret(name):
        return bool(value != HIDDEN)  # copied from where it is shown, it means the old one
    return name not in args or bool(args[name] != value)
