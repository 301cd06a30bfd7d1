"""A link for the customer, to send to them: what only they can do, they do there."""

from nicegui import ui

from core.settings import settings
from ui.components.base.button import PLAIN, button, say


def owner_link(path: str, *, label: str = "Copy link for the customer", look: str = PLAIN) -> ui.button:
    """Offer the whole address of one of the customer's pages, to copy."""
    base = settings().public_url or str(ui.context.client.request.base_url)
    address = f"{base.rstrip('/')}{path}"

    def copy() -> None:
        ui.clipboard.write(address)
        say("Copied. Send it to the customer: they sign in there and press Connect themselves.")

    element = button(label, copy, look=look, icon="content_copy")
    element.props["data-address"] = address
    return element
