"""Undoing a change that the audit log has, by the command that takes it back."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field
from sqlmodel import Session

from core.audit.search import AuditLine, line_of
from core.audit.taken_back import sentence_after_undo
from core.audit.undoing import changed_by, inverse_of
from core.commands.command import REASON_LIMIT, Command, Invocation, form_of
from core.errors import Invalid, NotAllowed, NotFound, NotPermitted
from core.models import Event, Role
from core.operation import Form
from core.wording import shortened

_LARGEST: Final = 2**63 - 1
#: What an earlier undo has added to a reason; the second: one of an earlier release.
_OF_UNDO: Final = re.compile(r"(?:^| \()(?:entry \d+ of the audit log was undone|undo of #\d+).*", re.DOTALL)


class UndoForm(Form):
    """The entry of the audit log to take back."""

    event: int = Field(ge=1, le=_LARGEST, description="The number of the entry.")


def undo_command(acts: Mapping[str, Command]) -> Command:
    """Return the command; `acts` are all others by name, complete when it is first used."""

    def undo(session: Session, call: Invocation) -> dict[str, Any]:
        assert isinstance(call.form, UndoForm)
        event = session.get(Event, call.form.event)
        if event is None or event.via == "engine":
            raise NotFound(f"The audit log has no entry #{call.form.event}.")
        line = line_of(event, None)
        inverse, newest = inverse_of(line), changed_by(session, line)
        if inverse is None:
            raise NotAllowed(f"#{line.id} cannot be undone: nothing takes it back.")
        if newest != line.id:
            by = f"by #{newest}" if newest else "or lies too far back"
            raise NotAllowed(f"#{line.id} cannot be undone: the same was changed again since, {by}.")
        if not inverse.still_stands(session):
            raise NotAllowed(f"#{line.id} cannot be undone: it is no longer as this entry has left it.")
        command = acts[inverse.command]
        if not call.actor.may(command.role):
            message = f"{command.label} needs the role {command.role}; you are {call.actor.role}."
            raise NotPermitted(message, role=command.role.value)
        if command.needs_reason and not call.reason:
            raise Invalid(f"{command.label} needs a reason.", {"reason": "Say why in a few words."})
        form = form_of(command, inverse.args)
        answer = command.act(session, Invocation(call.actor, inverse.target, form, _reason(line, call.reason), None))
        holds = sentence_after_undo(session, line, inverse)
        return {"undone": call.form.event, "command": command.name, **answer, "holds": holds}

    return Command(name="event.undo", label="Undo", role=Role.SUPPORT, form=UndoForm, act=undo, by_token=False)


def _reason(line: AuditLine, given: str | None) -> str:
    """Return the reason of an undo: first why it was so before, as that holds again; the number stays findable."""
    undo = f"entry {line.id} of the audit log was undone{f': {given}' if given else ''}"
    before = line.data.get("was_because")
    before = _OF_UNDO.sub("", before).strip() if isinstance(before, str) else ""
    if not before:
        return shortened(undo, REASON_LIMIT - 1)
    return f"{shortened(before, REASON_LIMIT // 2 - 3)} ({shortened(undo, REASON_LIMIT // 2 - 3)})"
