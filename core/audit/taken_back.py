"""What holds once a change was taken back, in a sentence."""

from collections.abc import Mapping
from typing import Final

from sqlmodel import Session

from core.audit.search import AuditLine
from core.audit.undoing import Inverse
from core.models import User

#: By the command that takes the change back.
_SENTENCES: Final[Mapping[str, str]] = {
    "queue.resume": "Queue {name} runs again.",
    "queue.pause": "Queue {name} is paused again.",
    "kind.resume": "Kind {name} runs again.",
    "kind.pause": "Kind {name} is paused again.",
    "kind.limit": "Kind {name} has its earlier limits again.",
    "schedule.resume": "Schedule {name} runs again.",
    "schedule.pause": "Schedule {name} is paused again.",
    "worker.resume": "The worker starts jobs again.",
    "operator.enable": "{person} can sign in again.",
    "operator.disable": "{person} is disabled again.",
    "operator.role": "{person} is {role} again.",
    "failure.reopen": "The error is open again.",
    "job.reschedule": "The job has its earlier time again.",
}


def sentence_after_undo(session: Session, line: AuditLine, inverse: Inverse) -> str:
    """Return what holds now that `inverse` took back what the entry `line` says."""
    person = session.get(User, inverse.target) if inverse.command.startswith("operator.") else None
    known = {"person": person.email if person else "The person", "name": str(line.data.get("name") or "")}
    sentence = _SENTENCES.get(inverse.command, f"Entry {line.id} of the audit log was taken back.")
    return " ".join(sentence.format(**known, role=inverse.args.get("role", "")).split())
