"""Buttons, and what happens when one is pressed: once, with an answer for the person."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from nicegui import Client, ui

from core.errors import AlreadyActive, Refused

#: A button's look: the one thing to do, a thing that takes away, one among many, a mere icon.
PRIMARY: Final = "primary"
DANGER: Final = "danger"
PLAIN: Final = ""
QUIET: Final = "quiet"

Pressed = Callable[[], Awaitable[Any] | Any]


def button(words: str, pressed: Pressed, *, look: str = PLAIN, icon: str | None = None) -> ui.button:
    """Return a button that ignores further presses until the first one is done."""
    made = ui.button(words, icon=icon, color=None).classes(f"btn {look}")
    made.props('unelevated no-caps no-wrap :ripple="false"')
    return made.on_click(lambda: _once(made, pressed))


def icon_button(icon: str, name: str, pressed: Pressed) -> ui.button:
    """Return a button that is only an icon; `name` is what it is called aloud and on hover."""
    made = button("", pressed, look=f"{QUIET} icon", icon=icon)
    made.props["aria-label"] = name
    return made.tooltip(name)


def forbid(made: ui.button, why: str) -> ui.button:
    """Make a button say why it cannot be pressed; it stays reachable, so that the reason can be read and heard."""
    made.props["aria-disabled"] = "true"
    made.props["aria-description"] = why
    return made.tooltip(why)


async def _once(made: ui.button, pressed: Pressed) -> None:
    if made.props.get("aria-disabled"):
        refuse(made.props["aria-description"])
        return
    if not made.enabled:
        return
    made.disable()
    try:
        await attempt(made.client, pressed)
    finally:
        if not made.is_deleted:
            made.enable()


async def attempt(client: Client, act: Pressed) -> None:
    """Do it on this page, and tell the person when it is refused."""
    # What is done may redraw the part in which it was asked for; toasts and dialogs belong to the page.
    with client:
        try:
            answer = act()
            if inspect.isawaitable(answer):
                await answer
        except Refused as refusal:
            refuse_with(refusal)


def say(words: str, job_id: object = None) -> None:
    """Tell the person that something was done; with a link to the job that does it."""
    _toast(words, "ok", job_id)


def refuse(words: str, job_id: object = None) -> None:
    """Tell the person that something was not done, and why."""
    _toast(words, "bad", job_id)


def refuse_with(refusal: Refused) -> None:
    """Tell the person why something was refused; with a link to the job that is in the way."""
    refuse(str(refusal), refusal.job_id if isinstance(refusal, AlreadyActive) else None)


def _toast(words: str, tone: str, job_id: object) -> None:
    options: dict[str, Any] = {"classes": f"toast-{tone}", "timeout": 6000, "progress": False}
    if job_id is not None:
        # The handler is JavaScript: only a UUID's own digits may reach it.
        url = f"/jobs/{UUID(str(job_id))}"
        options["actions"] = [{"label": "Open job", ":handler": f"() => emitEvent('sub_pages_navigate', '{url}')"}]
    ui.notify(words, position="bottom-right", textColor="toast", **options)
