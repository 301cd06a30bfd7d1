"""A dialog with fields; it stays open until its input is accepted."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from core.errors import Invalid, Refused
from ui.components.base.box import box, text
from ui.components.base.button import PRIMARY, button, sends
from ui.components.base.confirm import FIELD_NAME, lead_to, mark_fault

#: Runs after the dialog has closed, for example to show a one-time link.
Then = Callable[[], Awaitable[None]]
#: Performs the form's action; raises Refused if the input is not accepted.
Act = Callable[[], Awaitable[Then | None]]


def open_form(title: str, submit_label: str, draw: Callable[[], Act]) -> ui.button:
    """Open a dialog and return its submit button; `draw` draws its fields and returns the action of that."""
    with ui.dialog().props("transition-show=none transition-hide=none") as dialog, ui.card().classes("dialog wide"):
        dialog.props["aria-label"] = title
        text(title, tag="h2").style("font-size: 15px")
        with box("fields vbox"):
            act = draw()
        if not any("autofocus" in each.props for each in dialog.descendants()):
            for field in [each for each in dialog.descendants() if FIELD_NAME in each.props][:1]:
                field.props["autofocus"] = True
        error = text("", "wrongbox").props("role=alert")
        error.set_visibility(False)

        async def submit() -> None:
            try:
                then = await act()
            except Refused as refusal:
                error.set_text(str(refusal))
                error.set_visibility(True)
                _lead_to_fault(dialog, error, refusal)
                return
            dialog.close()
            if then:
                await then()

        with box("actions"):
            button("Go back", dialog.close)
            send = sends(button(submit_label, submit, look=PRIMARY))
    dialog.on("hide", dialog.delete)
    dialog.open()
    return send


def _lead_to_fault(dialog: ui.dialog, error: ui.element, refusal: Refused) -> None:
    """Mark the fields that do not fit, and go to the first of them."""
    names = refusal.fields if isinstance(refusal, Invalid) else ()
    fields = [each for each in dialog.descendants() if FIELD_NAME in each.props]
    wrong = [field for field in fields if field.props[FIELD_NAME] in names]
    for field in fields:
        mark_fault(field, error, is_wrong=field in wrong)
    if wrong:
        lead_to(wrong[0])
