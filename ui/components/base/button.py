"""Buttons: each acts once per press and tells the person the outcome."""

import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from nicegui import Client, ui

from core.errors import AlreadyActive, Refused
from core.models import Role
from ui import access
from ui.components.base.box import dressed

#: A button's look: the primary action, a destructive action, a plain one, an icon only.
PRIMARY: Final = "primary"
DANGER: Final = "danger"
PLAIN: Final = ""
QUIET: Final = "quiet"

_PROPS: Final = {"unelevated": True, "no-caps": True, "no-wrap": True, "ripple": False}

Pressed = Callable[[], Awaitable[Any] | Any]


@dataclass(frozen=True, slots=True)
class ToastButton:
    """A button of a message: the event of the page that a press of it causes, and what that is about."""

    label: str
    event: str
    about: str | int
    #: The key that presses it, while the message is shown.
    key: str = ""


def button(label: str, pressed: Pressed, *, look: str = PLAIN, icon: str | None = None) -> ui.button:
    """Return a button that ignores further presses until the first one has finished."""
    element = dressed(ui.button(label, icon=icon, color=None), f"btn {look}", _PROPS)
    return element.on_click(lambda: _once(element, pressed))


def icon_button(icon: str, name: str, pressed: Pressed) -> ui.button:
    """Return an icon-only button; `name` is its accessible name and tooltip."""
    element = button("", pressed, look=f"{QUIET} icon", icon=icon)
    return dressed(element, props={"aria-label": name, "title": name})


def sends(element: ui.button) -> ui.button:
    """Let a dialog's button be pressed from its fields, too (assets/dialogs.js)."""
    return dressed(element, props={"data-send": True})


def forbid(element: ui.button, why: str) -> ui.button:
    """Make a button explain why it cannot be pressed; it stays focusable, so that people can read the reason."""
    element.props["aria-disabled"] = "true"
    element.props["aria-description"] = why
    with element:  # beside it: above or below would cover another row
        ui.tooltip(why).props('anchor="center left" self="center right" :offset="[8, 0]"')
    return element


async def _once(element: ui.button, pressed: Pressed) -> None:
    if element.props.get("aria-disabled"):
        refuse(element.props["aria-description"])
        return
    if element.props.get("aria-busy") or not element.enabled:
        return
    # Not disabled: it would lose the focus, and a dialog that it opens would not give it back.
    element.props["aria-busy"] = "true"
    try:
        await attempt(element.client, pressed)
    finally:
        if not element.is_deleted:
            del element.props["aria-busy"]


async def attempt(client: Client, act: Pressed) -> None:
    """Run `act` on this page, and tell the person if it is refused."""
    # The action may redraw the part that contains its button; toasts and dialogs belong to the page.
    with client:
        try:
            answer = act()
            # Closing a dialog returns it, and awaiting one opens it again.
            if inspect.isawaitable(answer) and not isinstance(answer, ui.element):
                await answer
        except Refused as refusal:
            refuse_with(refusal)


def say(message: str, job_id: object = None) -> None:
    """Show a success message, with a link to the job if there is one."""
    toast(message, "ok", job_id)


def refuse(message: str, job_id: object = None) -> None:
    """Show why something was not done."""
    toast(message, "bad", job_id)


def refuse_with(refusal: Refused) -> None:
    """Show why the gateway refused, with a link to the active job if there is one; customers read their own words."""
    person = access.viewer_of(ui.context.client)
    if refusal.customer and person and not person.may(Role.VIEWER):
        toast(refusal.customer, "note", None)
        return
    refuse(str(refusal), refusal.job_id if isinstance(refusal, AlreadyActive) else None)


def toast(message: str, tone: str, job_id: object, actions: Sequence[ToastButton] = (), *, seconds: float = 6) -> None:
    """Show a message at the edge for some seconds, with a link to a job, and buttons."""
    if job_id is not None:
        actions = [ToastButton("View job", "sub_pages_navigate", f"/jobs/{UUID(str(job_id))}"), *actions]
    look = {"classes": f"toast-{tone}", "position": "bottom-right", "textColor": "toast", "group": False}
    options = {"message": message, "timeout": 1000 * seconds, **look, "actions": [asdict(each) for each in actions]}
    # A function, which an action needs, cannot be sent to NiceGUI's `notify`.
    ui.run_javascript(f"showToast({json.dumps(options)})")
