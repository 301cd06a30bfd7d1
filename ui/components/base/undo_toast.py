"""The message after a change that can be taken back: its button Undo does so, while it is shown."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from nicegui import Client, ui
from nicegui.events import GenericEventArguments

from ui import access
from ui.components.base.button import ToastButton, attempt, say, toast

#: Seconds for which Undo is offered here; the audit log offers it later, too.
OFFERED: Final = 10
#: Seconds more in which a press may arrive: a message stays while it is pointed at.
LATE: Final = 60
#: In a page's storage: what follows the undo of each entry that this page has offered, by the entry.
_OFFERS: Final = "undo_offers"
_EVENT: Final = "undo_entry"
_WHY: Final = "right after it was done"

After = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class _Offer:
    """What follows when something is taken back, and until when, by the monotonic clock."""

    after: After
    until: float


def listen() -> None:
    """Let this page's messages take things back."""
    client = ui.context.client

    async def press(event: GenericEventArguments) -> None:
        entry = event.args if type(event.args) is int else 0
        offer = _offers(client).pop(entry, None)
        if offer:
            await attempt(client, lambda: _undo(entry, offer))

    ui.on(_EVENT, press)


def say_undoable(message: str, entry: int | None, after: After, job_id: object = None) -> None:
    """Show a success; `entry`: the audit log's entry to take back, None: nothing can be; `after` follows that."""
    if entry is None:
        say(message, job_id)
        return
    _offers(ui.context.client)[entry] = _Offer(after, time.monotonic() + OFFERED + LATE)
    toast(message, "ok", job_id, [ToastButton("Undo", _EVENT, entry, key="z")], seconds=OFFERED)


def _offers(client: Client) -> dict[int, _Offer]:
    """Return what this page still offers, by the entry."""
    offers: dict[int, _Offer] = client.storage.setdefault(_OFFERS, {})
    for entry in [entry for entry, offer in offers.items() if offer.until < time.monotonic()]:
        del offers[entry]
    return offers


async def _undo(entry: int, offer: _Offer) -> None:
    answer = await access.perform("event.undo", None, {"event": entry}, reason=_WHY)
    say(answer["holds"])
    await offer.after()
