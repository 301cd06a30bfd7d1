"""A job's arguments as everybody sees them, and the button by which an admin sees what is hidden in them."""

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
    ("What is hidden in them, such as tokens, is shown on this screen until you leave it.", "That you saw it is kept."),
    "Reveal",
    asks_reason=True,
)


def draw_arguments(job_id: UUID, arguments: dict[str, Any]) -> None:
    """Draw a job's arguments with their secrets hidden; with a way to see them for who may."""
    shown = redacted(arguments)
    with box(tag="section"):
        text("Arguments", tag="h2")
        written = text(as_text(shown), "code", tag="pre")
        if shown != arguments and access.me().may(Role.ADMIN):
            _draw_button(job_id, written)


def _draw_button(job_id: UUID, written: ui.label) -> None:
    async def reveal() -> None:
        yes = await confirm(QUESTION)
        if yes is None:
            return
        try:
            answer = await access.perform("job.reveal", job_id, reason=yes.reason)
        except Refused as refusal:
            refuse_with(refusal)
            return
        written.set_text(as_text(answer["args"]))
        made.delete()

    with box("actions"):
        made = button("Reveal", reveal, icon="visibility")


def as_text(values: Any) -> str:
    """Return values as people read them."""
    return json.dumps(values, indent=2, ensure_ascii=False, default=str)
