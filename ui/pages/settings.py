"""One's own settings: the password, which replaces sign-in links."""

from typing import Final

from nicegui import ui

from core import auth
from core.models import Role
from ui import access
from ui.components.box import box, text
from ui.components.button import PRIMARY, button, say
from ui.frame import home_frame

PATH: Final = "/settings"


async def draw() -> None:
    """Draw the settings of whoever is signed in."""
    has_password = await access.load(auth.has_password, access.me())
    with home_frame(PATH):
        text("Settings", tag="h1")
        with box("card-big").style("max-width: 520px"):
            text("Password", tag="h2")
            text("With a password you sign in without a link. At least 12 characters; a few words are best.", "muted")
            _password_form(has_password=has_password)


def _password_form(*, has_password: bool) -> None:
    current = _secret("Present password", "current-password") if has_password else None
    new = _secret("New password", "new-password")

    async def change() -> None:
        given = {"password": new.value or "", "current": current.value if current else None}
        await access.perform("password.change", None, given)
        for field in (current, new):
            if field:
                field.value = ""
        say("Your password is changed. Your other sessions have ended.")

    with box("actions"):
        button("Change password", change, look=PRIMARY)


def _secret(title: str, purpose: str) -> ui.input:
    with box("labelled"):
        text(title, tag="label")
        field = ui.input(password=True, password_toggle_button=True).classes("field")
        field.props(f'outlined dense autocomplete={purpose} aria-label="{title}"')
    return field


def declare() -> None:
    """Declare the page, for everybody who is signed in."""
    access.page(PATH, role=Role.MEMBER, title="Settings · Unstuck")(draw)
