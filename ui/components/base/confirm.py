"""Confirmation before an action: what it will do, to how many, what it skips, and the reason for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nicegui import ui

from ui.components.base.box import box, text
from ui.components.base.button import DANGER, PLAIN, PRIMARY, button, sends

#: The prop with the name that the gateway has for a field.
FIELD_NAME: Final = "data-field"


@dataclass(frozen=True, slots=True)
class Question:
    """A question: title, consequences, label of the confirming button, and whether to ask for a reason."""

    title: str
    consequences: Sequence[str]
    yes: str
    asks_reason: bool = False
    #: The person must give a reason, because others are affected.
    needs_reason: bool = False
    takes_away: bool = False


@dataclass(frozen=True, slots=True)
class Yes:
    """The person agreed; `reason` is what they wrote, or None."""

    reason: str | None


async def confirm(question: Question) -> Yes | None:
    """Ask, and return the agreement, or None if the person goes back (also with Escape)."""
    with ui.dialog().props("transition-show=none transition-hide=none") as dialog, ui.card().classes("dialog"):
        dialog.props["aria-label"] = question.title
        text(question.title, tag="h2").style("font-size: 15px")
        for consequence in question.consequences:
            text(consequence, "muted", tag="p")
        reason = ReasonField(needed=question.needs_reason) if question.asks_reason or question.needs_reason else None

        def agree() -> None:
            if reason is None or reason.is_enough():
                dialog.submit(Yes(reason.value if reason else None))

        with box("actions"):
            back = button("Go back", lambda: dialog.submit(None), look=PLAIN)
            sends(button(question.yes, agree, look=DANGER if question.takes_away else PRIMARY))
        if not question.needs_reason:
            back.props("autofocus")
    answer: Yes | None = await dialog
    if not dialog.is_deleted:  # the person may have left the page with the question open
        dialog.delete()
    return answer


class ReasonField:
    """A field for the reason of an action; the history keeps it."""

    def __init__(self, *, needed: bool = False) -> None:
        self._needed = needed
        with box("labelled"):
            text(f"Reason ({'required' if needed else 'optional'}; kept in the history)", tag="label")
            self._field = (
                ui.textarea().props('outlined dense rows=2 maxlength=500 aria-label="Reason"').classes("field area")
            )
            self._error = text("", "wrong").props("role=alert")
        self._field.props[FIELD_NAME] = "reason"
        if needed:
            self._field.props("autofocus aria-required=true")

    @property
    def value(self) -> str | None:
        """The reason, or None if the field is blank."""
        return (self._field.value or "").strip() or None

    def is_enough(self) -> bool:
        """Return whether a needed reason is there; if not, say so beside the field."""
        missing = self._needed and self.value is None
        self._error.set_text(
            "Give a reason in a few words. The history keeps it, and others will read it." if missing else ""
        )
        mark_fault(self._field, self._error, is_wrong=missing)
        if missing:
            lead_to(self._field)
        return not missing


def lead_to(field: ui.element) -> None:
    """Give a field the focus."""
    ui.run_javascript(f"leadToFault('{field.html_id}')")


def mark_fault(field: ui.element, error: ui.element, *, is_wrong: bool) -> None:
    """Tell screen readers whether a field's value was refused, and where the reason stands."""
    marks = {"aria-invalid": "true", "aria-describedby": error.html_id}
    for name, value in marks.items():
        if is_wrong:
            field.props[name] = value
        else:
            field.props.pop(name, None)
    field.update()
