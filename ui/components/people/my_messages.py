"""What the signed-in person is told by e-mail: one switch for each topic."""

from dataclasses import asdict
from typing import Final
from uuid import UUID

from nicegui import ui

from core.messages.preferences import PreferenceForm, Preferences, preferences_of
from ui import access
from ui.components.base.box import box, keep_ticking
from ui.components.base.button import attempt, say

#: Seconds after which the switches follow what was chosen elsewhere.
LOOK: Final = 3.0


class MyMessages:
    """The switches, as the database has them: the link in a message may have moved one since."""

    def __init__(self, user_id: UUID) -> None:
        self._user_id = user_id
        self._chosen = asdict(Preferences())
        self._box = box("part vbox")
        with self._box:
            self._switches = {name: self._draw_switch(name) for name in self._chosen}

    async def begin(self) -> None:
        """Show what is chosen, and keep it fresh."""
        await self.refresh()
        keep_ticking(self._box, self.refresh, seconds=LOOK)

    async def refresh(self) -> None:
        """Read what is chosen, and move the switches."""
        before = self._chosen
        chosen = asdict(await access.load(preferences_of, self._user_id))
        if self._chosen is not before:
            return  # a switch was moved while this was read
        self._chosen = chosen
        for name, is_on in self._chosen.items():
            self._switches[name].value = is_on

    def _draw_switch(self, name: str) -> ui.switch:
        switch = ui.switch(PreferenceForm.model_fields[name].title or "", value=self._chosen[name])
        return switch.on_value_change(lambda: attempt(switch.client, lambda: self._choose(name)))

    async def _choose(self, name: str) -> None:
        is_on = bool(self._switches[name].value)
        if is_on == self._chosen[name]:
            return  # a refresh has moved it
        self._chosen = self._chosen | {name: is_on}
        await access.perform("message.preferences", self._user_id, {name: is_on})
        say("You are told by e-mail." if is_on else "You get no more of these messages.")
