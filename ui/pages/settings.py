"""The signed-in person's settings: password, second factor, messages, sessions and tokens."""

from contextlib import nullcontext
from typing import Final

from nicegui import ui

from core.actor import Actor
from core.models import Role
from core.people import passwords
from core.settings import settings
from ui import access
from ui.components.base.box import Part, box, text
from ui.components.base.button import PRIMARY, button, say
from ui.components.people.my_factor import MyFactor
from ui.components.people.my_messages import MyMessages
from ui.components.people.my_tokens import MyTokens
from ui.components.people.open_sessions import OpenSessions

#: What people are told by e-mail, beside the switches.
MESSAGES: Final = (
    "Only what took a while is worth an e-mail. A connection needs you when its platform has ended our access, or when "
    "it could not be connected. Trouble is what has hit you and others; our support writes of it."
)
#: The same where messages have links; without a public address they have none.
_STOPS: Final = "Each message has a link that stops both."


async def draw() -> None:
    """Draw the settings of the signed-in person."""
    me = access.me()
    assert me.id is not None, "a page is shown to a person only"
    has_password = await access.load(passwords.has_password, me)
    inside = box("screen padded") if me.may(Role.VIEWER) else nullcontext()
    with inside, box("settings"):
        text("Settings", tag="h1")
        await _draw_cards(me, has_password=has_password)


async def _draw_cards(me: Actor, *, has_password: bool) -> None:
    assert me.id is not None, "a page is shown to a person only"
    with _card(
        "Password",
        "Sign in with it instead of a link. Use at least 12 characters; a few unrelated words work best.",
    ):
        PasswordFields().show(has_password=has_password)
    with _card("Second factor", "Adds a code from your phone to each sign-in, in case someone learns your password."):
        await MyFactor(me.id).begin()
    with _card("Messages", f"{MESSAGES} {_STOPS}" if settings().public_url else MESSAGES):
        await MyMessages(me.id).begin()
    with _card("Where you are signed in", "Don't recognise one? End it and change your password."):
        await OpenSessions(me, me.id).begin()
    with _card("Tokens", "For your scripts, sent as “Authorization: Bearer”. A token can do at most what you can do."):
        await MyTokens(me.id).begin()


def _card(title: str, about: str) -> ui.element:
    """Return a card for one setting, with its purpose."""
    element = box("card-big narrow", "section")
    element.props["aria-label"] = title
    with element:
        text(title, tag="h2")
        text(about, "muted")
    return element


class PasswordFields:
    """The fields of a new password; a person who has one must enter it as well."""

    def __init__(self) -> None:
        self._part: Part[bool] = Part(self._draw, "part")

    def show(self, *, has_password: bool) -> None:
        """Draw the fields, empty."""
        self._part.show(has_password, key=object())

    def _draw(self, has_password: bool) -> None:  # noqa: FBT001 - what the part shows
        current = _secret("Current password", "current-password") if has_password else None
        new = _secret("New password", "new-password")

        async def change() -> None:
            values = {"password": new.value or "", "current": current.value if current else None}
            await access.perform("password.change", None, values)
            self.show(has_password=True)
            say("Password changed. Your other sessions have ended." if current else "Password set.")

        with box("actions"):
            button("Change password" if has_password else "Set password", change, look=PRIMARY)


def _secret(title: str, purpose: str) -> ui.input:
    with box("labelled"):
        text(title, tag="label")
        field = ui.input(password=True, password_toggle_button=True).classes("field")
        field.props(f'outlined dense autocomplete={purpose} aria-label="{title}"')
    return field
