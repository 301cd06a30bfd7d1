"""Asking before something is done: what will happen, to how many, what is skipped, and why it is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui

from ui.components.box import box, text
from ui.components.button import DANGER, PLAIN, PRIMARY, button


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a title, what follows from a yes, the word on the button, and whether a reason may be given."""

    title: str
    consequences: Sequence[str]
    yes: str
    asks_reason: bool = False
    takes_away: bool = False


@dataclass(frozen=True, slots=True)
class Yes:
    """The person agreed; `reason` is what they wrote, if anything."""

    reason: str | None


async def confirm(question: Question) -> Yes | None:
    """Ask, and return the agreement, or None when the person thought better of it (also by Escape)."""
    with ui.dialog().props("transition-show=none transition-hide=none") as dialog, ui.card().classes("dialog"):
        dialog.props["aria-label"] = question.title
        text(question.title, tag="h2").style("font-size: 15px")
        for words in question.consequences:
            text(words, "muted", tag="p")
        reason = _reason() if question.asks_reason else None
        with box("actions"):
            button("Keep as it is", lambda: dialog.submit(None), look=PLAIN).props("autofocus")
            look = DANGER if question.takes_away else PRIMARY
            button(question.yes, lambda: dialog.submit(Yes(reason.value or None if reason else None)), look=look)
    answer: Yes | None = await dialog
    dialog.delete()
    return answer


def _reason() -> ui.textarea:
    with box("labelled"):
        text("Reason (optional, kept in the history)", tag="label")
        return ui.textarea().props('outlined dense maxlength=500 aria-label="Reason"').classes("field area")
