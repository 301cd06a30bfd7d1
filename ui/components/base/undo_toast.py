"""The message after a change that can be taken back: its button Undo does so, while it is shown."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from ui import access
from ui.components.base.button import ToastButton, attempt, say, toast

#: Seconds for which Undo is offered here; the audit log offers it later, too.
OFFERED: Final = 10
#: In a page's storage: what follows the undo of each entry that this page has offered, by the entry.
_OFFERS: Final = "undo_offers"
_EVENT: Final = "undo_entry"
_WHY: Final = "taken back at once"

After = Callable[[], Awaitable[Any]]


def listen() -> None:
    """Let this page's messages take things back."""
    client = ui.context.client

    async def press(event: GenericEventArguments) -> None:
        after = client.storage.get(_OFFERS, {}).pop(event.args, None) if isinstance(event.args, int) else None
        if after:
            await attempt(client, lambda: _undo(event.args, after))

    ui.on(_EVENT, press)


def say_undoable(message: str, entry: int | None, after: After, job_id: object = None) -> None:
    """Show a success; `entry`: the audit log's entry to take back, None: nothing can be; `after` follows that."""
    if entry is None:
        say(message, job_id)
        return
    ui.context.client.storage.setdefault(_OFFERS, {})[entry] = after
    toast(message, "ok", job_id, [ToastButton("Undo", _EVENT, entry)], seconds=OFFERED)


async def _undo(entry: int, after: After) -> None:
    await access.perform("event.undo", None, {"event": entry}, reason=_WHY)
    say("Taken back.")
    await after()
