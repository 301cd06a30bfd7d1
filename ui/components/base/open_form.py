"""A dialog with fields, which stays open while what was filled in does not fit."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from core.errors import Refused
from ui.components.base.box import box, text
from ui.components.base.button import PRIMARY, button

#: What is shown once the dialog is closed, such as a link that is shown once.
Then = Callable[[], Awaitable[None]]
#: Does what the form is for; raises Refused when it cannot be done so.
Act = Callable[[], Awaitable[Then | None]]


def open_form(title: str, yes: str, draw: Callable[[], Act]) -> None:
    """Open a dialog; `draw` draws its fields and returns what the button `yes` does."""
    with ui.dialog().props("transition-show=none transition-hide=none") as dialog, ui.card().classes("dialog wide"):
        dialog.props["aria-label"] = title
        text(title, tag="h2").style("font-size: 15px")
        with box("fields vbox"):
            act = draw()
        wrong = text("", "wrongbox").props("role=alert")
        wrong.set_visibility(False)

        async def submit() -> None:
            try:
                then = await act()
            except Refused as refusal:
                wrong.set_text(str(refusal))
                wrong.set_visibility(True)
                return
            dialog.close()
            if then:
                await then()

        with box("actions"):
            button("Close", dialog.close)
            button(yes, submit, look=PRIMARY)
    dialog.on("hide", dialog.delete)
    dialog.open()
