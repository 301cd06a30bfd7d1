"""What a command asks before it acts, wherever its button stands: each command asks the same everywhere."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlmodel import Session

from core.commands.registry import COMMANDS
from core.models import BackgroundJob
from core.operation import Operation
from core.operations import BY_NAME
from core.queues.resuming import Noun, load_resumption
from ui import access
from ui.components.base.confirm import Question

_RESUMED: Final[Mapping[str, Noun]] = {"queue.resume": "queue", "kind.resume": "kind"}


async def question_before(
    command: str, target: UUID | None, args: Mapping[str, Any], *, label: str, effect: str = ""
) -> Question | None:
    """Return the question to ask before a command, or None if it acts at once.

    `label` is its button's; `effect` says what the command does here, where the caller knows more than the command.
    """
    kind = BY_NAME.get(command)
    effects = [effect] if effect else []
    if isinstance(kind, Operation):
        question = question_of(kind)
        if question is None:
            return None
        title = question.title if label == kind.label else f"{label}?"
        return replace(question, title=title, consequences=effects or question.consequences, yes=label)
    if command in _RESUMED:
        return await _resuming(_RESUMED[command], str(args.get("name", "")))
    if command == "job.cancel":
        title, yes = ("Cancel this job?", "Cancel the job") if label == "Cancel" else (f"{label}?", label)
        return Question(title, effects, yes, asks_reason=True, takes_away=True)
    if command == "user.repair":
        return Question(f"{label}?", effects, label, asks_reason=True)
    needs_reason = COMMANDS[command].needs_reason
    if command == "job.retry" and target is not None:
        needs_reason = await access.load(_retry_needs_reason, target)
    return Question(f"{label}?", effects, label, needs_reason=True) if needs_reason else None


def question_of(operation: Operation[Any, Any]) -> Question | None:
    """Return an operation's question, or None if it has none and needs no reason."""
    if operation.confirm is None and not operation.needs_reason:
        return None
    title, _, rest = (operation.confirm or f"{operation.label}?").partition("? ")
    return Question(
        f"{title}?" if rest else title,
        [rest] if rest else [],
        operation.label,
        needs_reason=operation.needs_reason,
        takes_away=operation.confirm is not None,
    )


def retrying_needs_reason(kind_name: str) -> bool:
    """Tell whether a retry of this kind of job needs a reason: a task that needs one at its start."""
    kind = BY_NAME.get(kind_name)
    return kind is not None and not isinstance(kind, Operation) and kind.needs_reason


def _retry_needs_reason(session: Session, job_id: UUID) -> bool:
    job = session.get(BackgroundJob, job_id)
    return job is not None and retrying_needs_reason(job.kind)


async def _resuming(noun: Noun, name: str) -> Question | None:
    loaded = await access.load(load_resumption, noun, name)
    if loaded is None:
        return None  # the gateway says that it is not paused
    resumption, now = loaded
    return Question(f"Resume the {noun} {name}?", resumption.sentences(now), "Resume", asks_reason=True)
