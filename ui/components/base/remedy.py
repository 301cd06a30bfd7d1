"""The one recommended remedy of a diagnosis, as a button with its effect."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from core.commands.registry import COMMANDS
from core.diagnosis.answer import Remedy
from ui import access
from ui.components.base.box import box, text
from ui.components.base.button import PRIMARY, button, say
from ui.components.base.command_button import limit_to_role

#: What a person reads after pressing a remedy.
_OUTCOMES: Final[Mapping[str, str]] = {
    "job.retry": "Retry queued.",
    "job.cancel": "Cancel requested.",
    "queue.resume": "Queue resumed.",
    "kind.resume": "Kind resumed.",
    "user.repair": "Marked failed. You can retry or dismiss now.",
}


def draw_remedy(remedy: Remedy | None, after: Callable[[], Awaitable[None]]) -> None:
    """Draw the remedy, if it is a command; `after` runs once it has succeeded."""
    if remedy is None or remedy.command not in COMMANDS:
        return

    async def press() -> None:
        answer = await access.perform(remedy.command, remedy.target, remedy.args)
        say(_OUTCOMES.get(remedy.command, f"{remedy.label} requested."), answer.get("job_id"))
        await after()

    with box("remedy"):
        limit_to_role(button(remedy.label, press, look=PRIMARY, icon="healing"), remedy.command)
        text(remedy.effect)
