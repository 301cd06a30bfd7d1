"""What the signed-in person is told by e-mail: one switch."""

from uuid import UUID

from nicegui import ui

from core.messages import preferences
from core.messages.preferences import PreferenceForm
from ui import access
from ui.components.base.box import Part
from ui.components.base.button import attempt, say


class MyMessages:
    """The switch, as the database has it."""

    def __init__(self, user_id: UUID) -> None:
        self._user_id = user_id
        self._part: Part[bool] = Part(self._draw, "part")

    async def begin(self) -> None:
        """Show what is chosen."""
        self._show(is_on=await access.load(preferences.is_on, self._user_id))

    def _show(self, *, is_on: bool) -> None:
        self._part.show(is_on, key=object())

    def _draw(self, is_on: bool) -> None:  # noqa: FBT001 - what the part shows
        title = PreferenceForm.model_fields["email_when_done"].title or ""
        switch = ui.switch(title, value=is_on)
        switch.on_value_change(lambda: attempt(switch.client, lambda: self._choose(is_on=bool(switch.value))))

    async def _choose(self, *, is_on: bool) -> None:
        await access.perform("message.preferences", self._user_id, {"email_when_done": is_on})
        say("You are told by e-mail." if is_on else "You get no more of these messages.")
