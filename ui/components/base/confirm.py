"""Asking before something is done: what will happen, to how many, what is skipped, and why it is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui

from ui.components.base.box import box, text
from ui.components.base.button import DANGER, PLAIN, PRIMARY, button


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a title, what follows from a yes, the word on the button, and whether a reason is given."""

    title: str
    consequences: Sequence[str]
    yes: str
    asks_reason: bool = False
    #: A yes without a reason is none; for what others will have to live with.
    needs_reason: bool = False
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
        reason = ReasonField(needed=question.needs_reason) if question.asks_reason or question.needs_reason else None

        def agree() -> None:
            if reason is None or reason.is_enough():
                dialog.submit(Yes(reason.value if reason else None))

        with box("actions"):
            keep = button("Keep as it is", lambda: dialog.submit(None), look=PLAIN)
            button(question.yes, agree, look=DANGER if question.takes_away else PRIMARY)
        if not question.needs_reason:
            keep.props("autofocus")
    answer: Yes | None = await dialog
    if not dialog.is_deleted:  # the page may have been left with the question open
        dialog.delete()
    return answer


class ReasonField:
    """A field for why something is done; it is kept in the history."""

    def __init__(self, *, needed: bool = False) -> None:
        self._needed = needed
        with box("labelled"):
            text("Reason" if needed else "Reason (optional, kept in the history)", tag="label")
            self._field = (
                ui.textarea().props('outlined dense rows=2 maxlength=500 aria-label="Reason"').classes("field area")
            )
            self._wrong = text("", "wrong").props("role=alert")
        if needed:
            self._field.props("autofocus")

    @property
    def value(self) -> str | None:
        """What was written, or None."""
        return (self._field.value or "").strip() or None

    def is_enough(self) -> bool:
        """Tell whether there is a reason where one is needed; if not, say so beside the field."""
        missing = self._needed and self.value is None
        self._wrong.set_text("Say why in a few words: it is kept, and others will read it." if missing else "")
        return not missing
