"""What a person reads after a command on a job, from its answer: others may have been faster."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from core.models import JobStatus
from core.wording import counted

Answer = Mapping[str, Any]


def cancel_outcome(answer: Answer) -> str:
    """Return what became of a cancel."""
    if answer["already"]:
        return "It had been asked to stop already."
    if answer["status"] == JobStatus.RUNNING:
        return "Cancel requested."
    return "Cancelled." if answer["status"] == JobStatus.CANCELLED else f"It ended as {answer['status']}."


def start_outcome(answer: Answer) -> str:
    """Return what became of Start now."""
    return "It was due already." if answer["already"] else "It is due now."


def resend_outcome(answer: Answer) -> str:
    """Return what became of Resend: a message that is due leaves only if there is a way out."""
    return answer.get("why") or "The message is due now."


def undo_outcome(answer: Answer) -> str:
    """Return what holds after an undo."""
    return str(answer["holds"])


#: The outcome of each command whose answer decides it.
OUTCOMES: Final[Mapping[str, Callable[[Answer], str]]] = {
    "job.cancel": cancel_outcome,
    "job.start_now": start_outcome,
    "message.resend": resend_outcome,
    "event.undo": undo_outcome,
}


def cancel_outcomes(answers: Sequence[Answer]) -> str:
    """Return what became of several cancels: 2 jobs: Cancelled. 1 job: It had been asked to stop already."""
    numbers = Counter(map(cancel_outcome, answers))
    return " ".join(f"{counted(number, 'job')}: {outcome}" for outcome, number in numbers.items())
