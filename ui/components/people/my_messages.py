"""What the signed-in person is told by e-mail: one switch for each topic."""

from dataclasses import asdict
from uuid import UUID

from nicegui import ui

from core.messages.preferences import PreferenceForm, Preferences, preferences_of
from ui import access
from ui.components.base.box import Part
from ui.components.base.button import attempt, say


class MyMessages:
    """The switches, as the database has them."""

    def __init__(self, user_id: UUID) -> None:
        self._user_id = user_id
        self._part: Part[Preferences] = Part(self._draw, "part vbox")

    async def begin(self) -> None:
        """Show what is chosen."""
        self._part.show(await access.load(preferences_of, self._user_id), key=object())

    def _draw(self, chosen: Preferences) -> None:
        for name, is_on in asdict(chosen).items():
            self._draw_switch(name, is_on=is_on)

    def _draw_switch(self, name: str, *, is_on: bool) -> None:
        switch = ui.switch(PreferenceForm.model_fields[name].title or "", value=is_on)
        switch.on_value_change(lambda: attempt(switch.client, lambda: self._choose(name, is_on=bool(switch.value))))

    async def _choose(self, name: str, *, is_on: bool) -> None:
        await access.perform("message.preferences", self._user_id, {name: is_on})
        say("You are told by e-mail." if is_on else "You get no more of these messages.")
