"""Secrets that are shown once: a dialog with the secret, a copy button and one way out."""

from nicegui import ui

from ui.components.base.box import box, text
from ui.components.base.button import PLAIN, PRIMARY, button, say


async def show_once(title: str, about: str, secret: str) -> None:
    """Show a secret until the person confirms that they saved it; Escape or a click outside does not close it."""
    stays_open = "persistent transition-show=none transition-hide=none"
    with ui.dialog().props(stays_open) as dialog, ui.card().classes("dialog"):
        dialog.props["aria-label"] = title
        text(title, tag="h2").style("font-size: 15px")
        text(about, "muted", tag="p")
        text(secret, "secret mono", tag="pre").props("tabindex=0")

        def copy() -> None:
            ui.clipboard.write(secret)
            say("Copied.")

        with box("actions"):
            button("Copy", copy, look=PLAIN, icon="content_copy")
            button("I have saved it", lambda: dialog.submit(None), look=PRIMARY)
    await dialog
    if not dialog.is_deleted:  # the person may have left the page with it open
        dialog.delete()
