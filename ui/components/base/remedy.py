"""The one recommended remedy of a diagnosis, as a button with what pressing it does."""

from collections.abc import Awaitable, Callable

from core.commands.registry import COMMANDS
from core.diagnosis.context import Remedy
from ui import access
from ui.components.base.box import box, text
from ui.components.base.button import PRIMARY, button, say
from ui.components.base.command_button import only_for


def draw_remedy(remedy: Remedy | None, after: Callable[[], Awaitable[None]]) -> None:
    """Draw the remedy, if there is one that can be pressed; `after` shows what became of it."""
    if remedy is None or remedy.command not in COMMANDS:
        return

    async def press() -> None:
        answer = await access.perform(remedy.command, remedy.target, remedy.args)
        say(f"{remedy.label}: done.", answer.get("job_id"))
        await after()

    with box("remedy"):
        only_for(button(remedy.label, press, look=PRIMARY, icon="healing"), remedy.command)
        text(remedy.effect)
