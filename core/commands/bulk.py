"""Commands on bulk actions: prepare, start, abort, undo and repeat. Each row is then a command of its own.

Who prepares or starts one needs the right to its command, and is asked for it again at each row.
"""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from core.actor import Actor
from core.bulk import control, frozen
from core.bulk.preview import preview
from core.commands.command import Command, Invocation, form_of, target_of
from core.errors import Invalid, NotPermitted
from core.models import BulkAction, Role
from core.operation import NoForm
from core.wording import cited


class BulkCommands:
    """The commands; `acts` are those that can be done to many, by name, and are complete when the first one is used."""

    def __init__(self, acts: Mapping[str, Command]) -> None:
        self._acts = acts

    def prepare(self, session: Session, call: Invocation) -> dict[str, Any]:
        """Freeze a set, and say what is in it."""
        assert isinstance(call.form, frozen.BulkForm)
        command = self._act(call.form.action)
        if call.form.filter is not None and not command.name.startswith("job."):
            raise Invalid(f"{command.label} is not for jobs: name its rows by ids.", {"ids": "Give ids."})
        _check_right(command, call.actor)
        form_of(command, call.form.args)
        control.check_canary(command.name, call.form.canary)
        bulk = frozen.freeze(session, call.form, call.actor, call.reason)
        return answer(session, bulk)

    def start(self, session: Session, call: Invocation) -> dict[str, Any]:
        """Start it, or go on with it."""
        assert isinstance(call.form, control.StartForm)
        bulk = control.locked(session, target_of(call))
        command = self._act(bulk.command)
        _check_right(command, call.actor)
        if command.needs_reason and not (call.reason or bulk.reason):
            raise Invalid(f"{command.label} needs a reason.", {"reason": "Say why in a few words."})
        return state(control.start(session, bulk.id, call.form, call.actor, call.reason))

    def _act(self, name: str) -> Command:
        if command := self._acts.get(name):
            return command
        known = ", ".join(sorted(self._acts))
        message = f"{cited(name)} cannot be done to many; these can: {known}."
        raise Invalid(message, {"action": f"Use one of {known}."})


def _check_right(command: Command, actor: Actor) -> None:
    if not actor.may(command.role):
        raise NotPermitted(
            f"{command.label} of many needs the role {command.role}; you are {actor.role}.", role=command.role.value
        )


def _abort(session: Session, call: Invocation) -> dict[str, Any]:
    return state(control.abort(session, target_of(call), call.actor, call.reason))


def _undo(session: Session, call: Invocation) -> dict[str, Any]:
    return answer(session, control.undo(session, target_of(call), call.actor, call.reason))


def _repeat(session: Session, call: Invocation) -> dict[str, Any]:
    return answer(session, control.repeat(session, target_of(call), call.actor, call.reason))


def state(bulk: BulkAction) -> dict[str, Any]:
    """Return how a bulk action stands."""
    return {"id": str(bulk.id), "status": bulk.status.value, "job_id": bulk.job_id and str(bulk.job_id)}


def answer(session: Session, bulk: BulkAction) -> dict[str, Any]:
    """Return what a prepared bulk action would do."""
    seen = preview(session, bulk)
    by = {"status": dict(seen.by_status), "kind": dict(seen.by_kind), "users": seen.users}
    known = {"looked_at": seen.looked_at, "done_by_kind": dict(seen.done_by_kind), "skipped": dict(seen.skipped)}
    return {**state(bulk), "count": bulk.total, "to_do": seen.to_do, "by": by, **known}


def bulk_commands(acts: Mapping[str, Command]) -> tuple[Command, ...]:
    """Return the commands for these acts."""
    of = BulkCommands(acts)
    return (
        Command(
            name="bulk.prepare", label="Prepare a bulk action", role=Role.SUPPORT, form=frozen.BulkForm, act=of.prepare
        ),
        Command(
            name="bulk.start", label="Start a bulk action", role=Role.SUPPORT, form=control.StartForm, act=of.start
        ),
        Command(name="bulk.abort", label="Abort a bulk action", role=Role.SUPPORT, form=NoForm, act=_abort),
        Command(name="bulk.undo", label="Undo a bulk action", role=Role.SUPPORT, form=NoForm, act=_undo),
        Command(name="bulk.repeat", label="Retry what failed", role=Role.SUPPORT, form=NoForm, act=_repeat),
    )
