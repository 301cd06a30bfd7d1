"""One's own settings: the password, which replaces sign-in links, and where one is signed in."""

from typing import Final

from nicegui import ui

from core.models import Role
from core.people import passwords
from ui import access
from ui.components.base.box import Part, box, text
from ui.components.base.button import PRIMARY, button, say
from ui.components.people.my_factor import MyFactor
from ui.components.people.my_tokens import MyTokens
from ui.components.people.open_sessions import OpenSessions
from ui.frame import home_frame

PATH: Final = "/settings"


async def draw() -> None:
    """Draw the settings of whoever is signed in."""
    me = access.me()
    assert me.id is not None, "who sees a page is a person"
    has_password = await access.load(passwords.has_password, me)
    with home_frame(PATH):
        text("Settings", tag="h1")
        with _card(
            "Password", "You sign in with it instead of a link. At least 12 characters; a few unrelated words are best."
        ):
            PasswordFields().show(has_password=has_password)
        with _card("Second factor", "Whenever you sign in, a code from your phone as well: passwords get guessed."):
            await MyFactor(me.id).begin()
        with _card("Where you are signed in", "End what you do not know, and change your password then."):
            await OpenSessions(me, me.id).begin()
        with _card("Tokens", "They let your scripts in, as “Authorization: Bearer”, for what you may do and no more."):
            await MyTokens(me.id).begin()


def _card(title: str, about: str) -> ui.element:
    """Return a box for one thing that can be set, with what it is for."""
    made = box("card-big narrow", "section")
    made.props["aria-label"] = title
    with made:
        text(title, tag="h2")
        text(about, "muted")
    return made


class PasswordFields:
    """The fields of a new password; who has one already proves it by the present one."""

    def __init__(self) -> None:
        self._part: Part[bool] = Part(self._draw, "part")

    def show(self, *, has_password: bool) -> None:
        """Draw the fields, empty."""
        self._part.show(has_password, key=object())

    def _draw(self, has_password: bool) -> None:  # noqa: FBT001 - what the part shows
        current = _secret("Present password", "current-password") if has_password else None
        new = _secret("New password", "new-password")

        async def change() -> None:
            given = {"password": new.value or "", "current": current.value if current else None}
            await access.perform("password.change", None, given)
            self.show(has_password=True)
            say("Your password is changed. Your other sessions have ended.")

        with box("actions"):
            button("Change password" if has_password else "Set password", change, look=PRIMARY)


def _secret(title: str, purpose: str) -> ui.input:
    with box("labelled"):
        text(title, tag="label")
        field = ui.input(password=True, password_toggle_button=True).classes("field")
        field.props(f'outlined dense autocomplete={purpose} aria-label="{title}"')
    return field


def declare() -> None:
    """Declare the page, for everybody who is signed in."""
    access.page(PATH, role=Role.MEMBER, title="Settings · Unstuck")(draw)
