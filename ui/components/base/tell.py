"""Telling the admins: a message that is ready to send, and who they are."""

from collections.abc import Sequence

from nicegui import ui

from ui.components.base.box import box, text
from ui.components.base.button import PLAIN, PRIMARY, button, say


async def tell(message: str, admins: Sequence[str]) -> None:
    """Show the message and the admins' names, and copy it on request."""
    with ui.dialog().props("transition-show=none transition-hide=none") as dialog, ui.card().classes("dialog"):
        dialog.props["aria-label"] = "Tell the admins"
        text("Tell the admins", tag="h2").style("font-size: 15px")
        about = f"Only admins can change this: {', '.join(admins)}." if admins else "Only admins can change this."
        text(about, "muted", tag="p")
        text(message, "secret", tag="pre").props("tabindex=0")

        def copy() -> None:
            ui.clipboard.write(message)
            say("Copied.")

        with box("actions"):
            button("Close", lambda: dialog.submit(None), look=PLAIN)
            button("Copy the message", copy, look=PRIMARY, icon="content_copy")
    await dialog
    if not dialog.is_deleted:  # the person may have left the page with it open
        dialog.delete()
