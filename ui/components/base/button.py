"""Buttons: each acts once per press and tells the person the outcome."""

import inspect
from collections.abc import Awaitable, Callable
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


def button(label: str, pressed: Pressed, *, look: str = PLAIN, icon: str | None = None) -> ui.button:
    """Return a button that ignores further presses until the first one has finished."""
    element = dressed(ui.button(label, icon=icon, color=None), f"btn {look}", _PROPS)
    return element.on_click(lambda: _once(element, pressed))


def icon_button(icon: str, name: str, pressed: Pressed) -> ui.button:
    """Return an icon-only button; `name` is its accessible name and tooltip."""
    element = button("", pressed, look=f"{QUIET} icon", icon=icon)
    return dressed(element, props={"aria-label": name, "title": name})


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
    if not element.enabled:
        return
    element.disable()
    try:
        await attempt(element.client, pressed)
    finally:
        if not element.is_deleted:
            element.enable()


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
    _toast(message, "ok", job_id)


def refuse(message: str, job_id: object = None) -> None:
    """Show why something was not done."""
    _toast(message, "bad", job_id)


def refuse_with(refusal: Refused) -> None:
    """Show why the gateway refused, with a link to the active job if there is one; customers read their own words."""
    person = access.viewer_of(ui.context.client)
    if refusal.customer and person and not person.may(Role.VIEWER):
        _toast(refusal.customer, "note", None)
        return
    refuse(str(refusal), refusal.job_id if isinstance(refusal, AlreadyActive) else None)


def _toast(message: str, tone: str, job_id: object) -> None:
    options: dict[str, Any] = {"classes": f"toast-{tone}", "timeout": 6000, "progress": False}
    if job_id is not None:
        # The handler is JavaScript: only the digits of a UUID may reach it.
        url = f"/jobs/{UUID(str(job_id))}"
        options["actions"] = [{"label": "View job", ":handler": f"() => emitEvent('sub_pages_navigate', '{url}')"}]
    ui.notify(message, position="bottom-right", textColor="toast", **options)
