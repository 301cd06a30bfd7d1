"""A job's arguments with secrets hidden, and the button that lets an admin reveal them."""

import json
from typing import Any
from uuid import UUID

from nicegui import ui

from core.errors import Refused
from core.models import Role
from core.redact import redacted
from ui import access
from ui.components.base.box import box, text
from ui.components.base.button import button, refuse_with
from ui.components.base.confirm import Question, confirm

QUESTION = Question(
    "Reveal the arguments?",
    (
        "Secrets in them, such as tokens, stay visible until you leave this page.",
        "The audit log records that you saw them.",
    ),
    "Reveal",
    asks_reason=True,
)


def draw_arguments(job_id: UUID, arguments: dict[str, Any]) -> None:
    """Draw a job's arguments with secrets hidden; admins get a button that reveals them."""
    shown = redacted(arguments)
    with box(tag="section"):
        text("Arguments", tag="h2")
        label = text(as_text(shown), "code", tag="pre")
        if shown != arguments and access.me().may(Role.ADMIN):
            _draw_button(job_id, label)


def _draw_button(job_id: UUID, label: ui.label) -> None:
    async def reveal() -> None:
        agreement = await confirm(QUESTION)
        if agreement is None:
            return
        try:
            answer = await access.perform("job.reveal", job_id, reason=agreement.reason)
        except Refused as refusal:
            refuse_with(refusal)
            return
        label.set_text(as_text(answer["args"]))
        element.delete()

    with box("actions"):
        element = button("Reveal", reveal, icon="visibility")


def as_text(values: Any) -> str:
    """Return values as readable JSON."""
    return json.dumps(values, indent=2, ensure_ascii=False, default=str)
